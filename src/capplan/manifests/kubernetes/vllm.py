"""vLLM in a pod: its arguments, its environment, and the disks for weights and shared memory."""

from __future__ import annotations

from typing import Any

from capplan.arrays import Floats
from capplan.errors import InputError, Problem
from capplan.llm.flags import RANKS, flags_of
from capplan.manifests.figures import number
from capplan.manifests.quantity import memory
from capplan.manifests.site import Service
from capplan.plan.workload import Vllm

Tree = dict[str, Any]

USER: Tree = {"name": "USER", "value": "vllm"}
"""PyTorch asks for a name, and the pod's user stands in no passwd of the image."""

ENVIRONMENT: list[Tree] = [
    {"name": "HF_HOME", "value": "/models"},
    {"name": "HOME", "value": "/tmp"},
    USER,
]


def arguments_of(service: Service, gpus: int, machines: int) -> list[str]:
    """Return the server's arguments; raise where a copy of the model needs more GPUs than its pods have."""
    vllm = service.workload.vllm
    if vllm is None:
        return []
    shards = int(number(vllm.tensor_parallel * vllm.pipeline_parallel * vllm.data_parallel))
    if shards > max(gpus, 1) * machines:
        raise InputError(_too_many_shards(service.name, shards, gpus))
    several = {"machines": machines} if machines > 1 else {}
    flags = [*flags_of("vllm", _options(vllm) | several), *(RANKS["vllm"] if several else ())]
    return [f"--model={vllm.model}", f"--port={service.workload.port}", *flags]


def _options(vllm: Vllm) -> dict[str, object]:
    """Return the server's options; it decides itself on those that are None."""
    whole = ("max_model_len", "max_num_seqs", "max_num_batched_tokens")
    figures = {name: getattr(vllm, name) for name in whole}
    return {
        "served_model_name": vllm.served_model_name,
        "tensor_parallel": int(number(vllm.tensor_parallel)),
        "pipeline_parallel": _above_one(vllm.pipeline_parallel),
        "data_parallel": _above_one(vllm.data_parallel),
        "expert_parallel": vllm.expert_parallel or None,
        "all2all_backend": vllm.all2all_backend,
        "dtype": vllm.dtype,
        "gpu_memory_utilization": float(number(vllm.gpu_memory_utilization)),
        "quantization": vllm.quantization,
        "kv_cache_dtype": None if vllm.kv_cache_dtype == "auto" else vllm.kv_cache_dtype,
        **{name: None if value is None else int(number(value)) for name, value in figures.items()},
        "chunked_prefill": vllm.chunked_prefill,
        "prefix_cache": vllm.prefix_cache,
        "hybrid_cache": vllm.hybrid_cache,
        "speculative_config": vllm.speculative_config,
    }


def _above_one(count: Floats) -> int | None:
    return int(number(count)) if number(count) > 1 else None


def _too_many_shards(service: str, shards: int, gpus: int) -> Problem:
    where = f"services.{service}.workload.vllm.tensor_parallel"
    return Problem(where, f"needs {shards} GPUs, but a pod has {gpus}", f"Set services.{service}.gpu.")


def volumes_of(vllm: Vllm) -> tuple[list[Tree], list[Tree]]:
    """Return volumes and mounts: shared memory between the processes, and a disk for the weights."""
    shared = {"medium": "Memory", "sizeLimit": memory(number(vllm.shared_memory))}
    storage = {"requests": {"storage": memory(number(vllm.cache))}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": storage}
    volumes: list[Tree] = [
        {"name": "shm", "emptyDir": shared},
        {"name": "models", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}},
    ]
    return volumes, [{"name": "shm", "mountPath": "/dev/shm"}, {"name": "models", "mountPath": "/models"}]
