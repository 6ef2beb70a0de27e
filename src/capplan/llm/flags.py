"""What an engine has to be told to run as estimated: names of settings, and how engines spell them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from capplan.llm.fit import caches_prefixes

if TYPE_CHECKING:
    from capplan.llm.configuration import Configuration

_LONGEST = 4.0
"""Longest request ÷ mean request: what the server accepts where nothing is said."""

_SPELLED: Mapping[str, Mapping[str, str]] = {
    "vllm": {
        "served_model_name": "--served-model-name={}",
        "tensor_parallel": "--tensor-parallel-size={}",
        "pipeline_parallel": "--pipeline-parallel-size={}",
        "data_parallel": "--data-parallel-size={}",
        "expert_parallel": "--enable-expert-parallel",
        "all2all_backend": "--all2all-backend={}",
        "machines": "--nnodes={}",
        "dtype": "--dtype={}",
        "gpu_memory_utilization": "--gpu-memory-utilization={}",
        "quantization": "--quantization={}",
        "kv_cache_dtype": "--kv-cache-dtype={}",
        "max_model_len": "--max-model-len={}",
        "max_num_seqs": "--max-num-seqs={}",
        "max_num_batched_tokens": "--max-num-batched-tokens={}",
        "chunked_prefill": "--enable-chunked-prefill",
        "no chunked_prefill": "--no-enable-chunked-prefill",
        "prefix_cache": "--enable-prefix-caching",
        "no prefix_cache": "--no-enable-prefix-caching",
        "no hybrid_cache": "--disable-hybrid-kv-cache-manager",
        "speculative_config": "--speculative-config={}",
    },
    "sglang": {
        "served_model_name": "--served-model-name={}",
        "tensor_parallel": "--tp-size={}",
        "pipeline_parallel": "--pp-size={}",
        "data_parallel": "--dp-size={}",
        "own_attention": "--enable-dp-attention",
        "expert_ranks": "--ep-size={}",
        "all2all_backend": "--moe-a2a-backend=deepep",
        "machines": "--nnodes={}",
        "dtype": "--dtype={}",
        "gpu_memory_utilization": "--mem-fraction-static={}",
        "quantization": "--quantization={}",
        "kv_cache_dtype": "--kv-cache-dtype={}_e4m3",
        "max_model_len": "--context-length={}",
        "max_num_seqs": "--max-running-requests={}",
        "max_num_batched_tokens": "--chunked-prefill-size={}",
        "no prefix_cache": "--disable-radix-cache",
        "no hybrid_cache": "--disable-hybrid-swa-memory",
        "speculative_method": "--speculative-algorithm={}",
        "speculative_model": "--speculative-draft-model-path={}",
        "speculative_steps": "--speculative-num-steps={}",
        "speculative_choices": "--speculative-eagle-topk={}",
        "speculative_tokens": "--speculative-num-draft-tokens={}",
    },
    "tensorrt-llm": {
        "tensor_parallel": "--tp_size={}",
        "pipeline_parallel": "--pp_size={}",
        "expert_ranks": "--ep_size={}",
        "gpu_memory_utilization": "--kv_cache_free_gpu_memory_fraction={}",
        "max_model_len": "--max_seq_len={}",
        "max_num_seqs": "--max_batch_size={}",
        "max_num_batched_tokens": "--max_num_tokens={}",
    },
    "tgi": {
        "tensor_parallel": "--num-shard={}",
        "gpu_memory_utilization": "--cuda-memory-fraction={}",
        "quantization": "--quantize={}",
        "kv_cache_dtype": "--kv-cache-dtype={}_e4m3fn",
        "max_model_len": "--max-total-tokens={}",
        "max_num_seqs": "--max-concurrent-requests={}",
        "max_num_batched_tokens": "--max-batch-prefill-tokens={}",
        "no prefix_cache": "--prefix-caching=false",
        "speculative_steps": "--speculate={}",
    },
    "ollama": {
        "max_num_seqs": "OLLAMA_NUM_PARALLEL={}",
        "max_model_len": "OLLAMA_CONTEXT_LENGTH={}",
    },
}

RANKS: Mapping[str, tuple[str, ...]] = {
    "vllm": ("--node-rank=$(LWS_WORKER_INDEX)", "--master-addr=$(LWS_LEADER_ADDRESS)"),
    "sglang": ("--node-rank=$(LWS_WORKER_INDEX)", "--dist-init-addr=$(LWS_LEADER_ADDRESS):20000"),
}
"""How pods of a replica on several machines find each other, by what a LeaderWorkerSet tells them."""


_IN_FILE: Mapping[str, str] = {
    "gpu_memory_utilization": "free_gpu_memory_fraction: {}",
    "kv_cache_dtype": "dtype: {}",
    "no prefix_cache": "enable_block_reuse: false",
}
"""What TensorRT-LLM reads of its KV cache from a file; the file replaces the flag of its share."""


class Server(NamedTuple):
    """How an engine is started in a container: its image at a version, its command, and its health endpoint.

    model, port: how it is told which model to serve, and where.
    """

    image: str
    command: tuple[str, ...]
    model: str
    port: str = "--port={}"
    host: str = "--host=0.0.0.0"
    health: str = "/health"


_TGI = "ghcr.io/huggingface/text-generation-inference:{}"
_SGLANG = ("python3", "-m", "sglang.launch_server")
SERVERS: Mapping[str, Server] = {
    "vllm": Server("vllm/vllm-openai:v{}", (), "--model={}"),
    "sglang": Server("lmsysorg/sglang:v{}", _SGLANG, "--model-path={}"),
    "tensorrt-llm": Server("nvcr.io/nvidia/tensorrt-llm/release:{}", ("trtllm-serve", "serve"), "{}"),
    # Without it the launcher binds to $HOSTNAME, which is the pod's name.
    "tgi": Server(_TGI, (), "--model-id={}", host="--hostname=0.0.0.0"),
    "ollama": Server("ollama/ollama:{}", ("/bin/sh", "-c"), "{}", health="/"),
}
"""Engines that manifests can start."""


def options_of(one: Configuration, length: float, sequences: float) -> dict[str, Any]:
    """Return what the engine of ``one`` is to be told, by vLLM's names: all that decides its memory.

    length: longest request in tokens; sequences: most of them at once.
    """
    ranks = one.spread.data
    settings, accounting = one.settings, one.engine.accounting
    windows = any(group.window for group in one.model.groups)
    by_itself = caches_prefixes(one.model, accounting)
    return {
        **_parallel(one),
        "gpu_memory_utilization": math.floor(_one(settings.memory_share) * 1000) / 1000,
        "kv_cache_dtype": "fp8" if settings.kv_bytes == 1 else None,
        "max_model_len": int(length),
        "max_num_seqs": int(sequences if one.engine.name == "sglang" else math.ceil(sequences / ranks)),
        "max_num_batched_tokens": int(_one(settings.batched_tokens)),
        "chunked_prefill": True if accounting.whole else None,
        "prefix_cache": _if_other(settings.prefix_cache, accounting.prefix_cache, by_itself),
        "hybrid_cache": _if_other(settings.hybrid, accounting.hybrid) if windows else None,
        **_speculative(one),
    }


def _speculative(one: Configuration) -> dict[str, Any]:
    """Return what an engine is told of drafting; SGLang counts the model's own token of a step as well."""
    said = one.speculation
    if said is None:
        return {}
    method, tokens = one.engine.accounting.speculates[said.method][1], int(_one(said.tokens))
    if one.engine.name == "vllm":
        model = {"model": said.checkpoint} if said.checkpoint else {}
        config = json.dumps({"method": method, **model, "num_speculative_tokens": tokens})
        return {"speculative_config": config}
    looked_up = said.method == "ngram"
    return {
        "speculative_method": method,
        "speculative_model": said.checkpoint or None,
        "speculative_steps": None if looked_up and one.engine.name == "sglang" else tokens,
        "speculative_choices": None if looked_up else 1,
        "speculative_tokens": tokens + 1,
    }


TOLD: Mapping[str, str] = {
    "memory_share": "gpu_memory_utilization",
    "batched_tokens": "max_num_batched_tokens",
    "sequences": "max_num_seqs",
    "kv_cache": "kv_cache_dtype",
    "hybrid": "hybrid_cache",
    "prefix_cache": "prefix_cache",
}
"""Fields of :class:`Told` by vLLM's names."""


def unsaid(one: Configuration) -> list[str]:
    """Return what a user says of the engine that it has no setting for, such as ``hybrid_cache: false``."""
    said = [theirs for ours, theirs in TOLD.items() if getattr(one.told, ours) is not None]
    spelled = {**_SPELLED.get(one.engine.name, {}), **(_IN_FILE if one.engine.name == "tensorrt-llm" else {})}
    if not said or not spelled:
        return []
    options = options_of(one, 1.0, 1.0)
    needed = [name for name in said if options[name] is not None and _key(name, options[name]) not in spelled]
    return [f"{name}: {str(options[name]).lower()}" for name in needed]


def said_again(engine: str, words: Iterable[str]) -> list[str]:
    """Return the words that are flags which :func:`flags_of` writes: an engine takes the last of two."""
    ours = {flag.partition("=")[0] for flag in (*_SPELLED.get(engine, {}).values(), SERVERS[engine].model)}
    return [word for word in words if word.partition("=")[0] in ours]


def _key(name: str, value: object) -> str:
    return f"no {name}" if value is False else name


def _parallel(one: Configuration) -> dict[str, Any]:
    """Return how the replica is spread; SGLang counts all GPUs of a stage as tensor parallel.

    Experts are exchanged by DeepEP, as the estimate counts it.
    """
    spread, several = one.spread, one.machines > 1
    holders = int(one.tensor_parallel * spread.data)
    whole = spread.experts and spread.data > 1
    found = {
        "tensor_parallel": holders if one.engine.name == "sglang" else int(one.tensor_parallel),
        "pipeline_parallel": int(spread.pipeline) if spread.pipeline > 1 else None,
        "data_parallel": int(spread.data) if spread.data > 1 else None,
        "own_attention": True if spread.data > 1 else None,
        "expert_parallel": True if spread.experts else None,
        "expert_ranks": holders if spread.experts else None,
        "all2all_backend": ("deepep_low_latency" if several else "deepep_high_throughput") if whole else None,
        "machines": int(one.machines) if several else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _if_other(value: bool, *usual: bool) -> bool | None:
    """Return what has to be said: nothing where the engine does so by itself, with any model."""
    return None if {value} == {*usual} else value


def flags_of(engine: str, options: Mapping[str, Any]) -> list[str]:
    """Return the options as the engine's command line has them; what it has no flag for is left out."""
    return _spelled(_SPELLED.get(engine, {}), options)


def file_of(engine: str, options: Mapping[str, Any]) -> str:
    """Return what an engine reads from a file, for which it has no flag; empty where flags say all."""
    if engine != "tensorrt-llm":
        return ""
    lines, drafts = _spelled(_IN_FILE, options), _drafts_in_file(options)
    said = any(not line.startswith("free") for line in lines)
    cache = [f"kv_cache_config: {{{', '.join(lines)}}}"] if said or drafts else []
    return f"{{{', '.join(cache + drafts)}}}" if drafts else "".join(cache)


def _drafts_in_file(options: Mapping[str, Any]) -> list[str]:
    """Return what TensorRT-LLM reads of drafting; only models that draft in its own graph may overlap."""
    method, tokens = options.get("speculative_method"), options.get("speculative_steps")
    if method is None:
        return []
    model = options.get("speculative_model")
    said = [f"decoding_type: {method}", f"max_draft_len: {tokens}"]
    said += [f"num_nextn_predict_layers: {tokens}"] if method == "MTP" else []
    said += [f"speculative_model_dir: {model}"] if model else []
    alone = ["disable_overlap_scheduler: true"] if method in ("NGram", "DraftTarget") else []
    return [f"speculative_config: {{{', '.join(said)}}}", *alone]


def _spelled(spelled: Mapping[str, str], options: Mapping[str, Any]) -> list[str]:
    found = []
    for name, value in options.items():
        flag = spelled.get(_key(name, value))
        if flag is not None and value is not None:
            found.append(flag.format(f"{value:g}" if isinstance(value, float) else value))
    return found


def longest(one: Configuration, mean: float, known: float | None) -> float:
    """Return the longest request to accept: the longest that is ``known``, or else several times the mean.

    It is as long as model and KV cache allow: no engine starts whose cache is too small for such a request.
    """
    if one.told.longest is not None:
        return one.told.longest
    wanted = math.ceil((_LONGEST * mean if known is None else known) / 1024) * 1024
    return max(1.0, min(wanted, _one(one.longest())))


def _one(value: Any) -> float:
    """Return a number that may be an array over scenarios: its least."""
    return float(np.min(value))
