"""What a plan says of its engine: in the component, or of the server that manifests start."""

from __future__ import annotations

import re

from capplan.components.llm.replica import vllm_of
from capplan.errors import InputError, Problem
from capplan.llm.settings import Told
from capplan.plan.llm import Llm

_TAG = re.compile(r":v?(\d+(?:\.\d+){1,3})\b")


def told_of(llm: Llm) -> Told:
    """Return what the engine is told."""
    server = vllm_of(llm)
    said = {} if server is None else {field: getattr(server, field) for field in server.model_fields_set}
    fields = {
        "memory_share": "gpu_memory_utilization",
        "batched_tokens": "max_num_batched_tokens",
        "sequences": "max_num_seqs",
        "kv_cache": "kv_cache_dtype",
        "hybrid": "hybrid_cache",
    }
    own = {ours: getattr(llm, theirs) for ours, theirs in fields.items()}
    needs_cache = True if _some(llm.prefix_cache_hit_rate) else None
    return Told(
        **{ours: said.get(fields[ours]) if value is None else value for ours, value in own.items()},
        prefix_cache=needs_cache if llm.prefix_cache is None else llm.prefix_cache,
        stored=server is not None and server.quantization != "fp8",
    )


def _some(share: object) -> bool:
    return bool(share > 0) if isinstance(share, float) else True


def version_of(llm: Llm, where: str) -> str | None:
    """Return the version of the engine: the plan's, or that of its image; InputError if they differ."""
    image = None if llm.workload is None else llm.workload.image
    tag = _TAG.search(image or "")
    if llm.engine_version is None:
        return tag and tag[1]
    if tag and tag[1] != llm.engine_version.removeprefix("v"):
        what = f"{llm.engine_version}, but workload.image is {image}"
        raise InputError(Problem(where, what, "Give the version of the image."))
    return llm.engine_version
