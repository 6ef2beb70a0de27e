"""What a plan says of its engine: in the component, or of the server that manifests start."""

from __future__ import annotations

import re

from capplan.components.llm.replica import vllm_of
from capplan.errors import InputError, Problem
from capplan.llm.facts import named_precisions
from capplan.llm.flags import SERVERS, TOLD
from capplan.llm.settings import Told
from capplan.llm.spread import Parallelism
from capplan.plan.llm import Llm

_TAG = re.compile(r":v?(\d+(?:\.\d+){1,3})\b")


def told_of(llm: Llm) -> Told:
    """Return what the engine is told."""
    server = vllm_of(llm)
    said = {} if server is None else {field: getattr(server, field) for field in server.model_fields_set}
    own = {ours: getattr(llm, theirs) for ours, theirs in TOLD.items()}
    told = {ours: said.get(TOLD[ours]) if value is None else value for ours, value in own.items()}
    if told["prefix_cache"] is None and _some(llm.prefix_cache_hit_rate):
        told["prefix_cache"] = True
    named = named_precisions(llm.model if server is None else server.model)
    quantised = said.get("quantization")
    return Told(
        **told,
        stored=bool(named) if server is None else quantised != "fp8",
        precisions=_READS.get(str(quantised), named),
        longest=said.get("max_model_len"),
    )


def spread_of(llm: Llm) -> Parallelism:
    """Return how a replica is spread over GPUs besides tensor parallelism."""
    said = None if llm.network_gbit_per_s is None else float(llm.network_gbit_per_s)
    return Parallelism(float(llm.pipeline_parallel), float(llm.data_parallel), llm.expert_parallel, said)


_READS = {"fp8": ("fp8",), "awq": ("int4",), "gptq": ("int4", "int8"), "bitsandbytes": ("int4", "int8")}
"""Precisions of the weights that vLLM quantises, or is told to read."""


def _some(share: object) -> bool:
    return bool(share > 0) if isinstance(share, float) else True


def version_of(llm: Llm, where: str) -> str | None:
    """Return the version of the engine: the plan's, or that of its image; InputError if they differ."""
    image = (llm.workload and llm.workload.image) or ""
    tag, name = _TAG.search(image), image.partition("@")[0].partition(":")[0]
    known = next((one for one, server in SERVERS.items() if server.image.partition(":")[0] == name), None)
    if known not in (None, llm.engine):
        what = f"engine is {llm.engine}, but workload.image is that of {known}: {image}"
        raise InputError(Problem(where, what, f"Set engine: {known}, or leave the image out."))
    if known and not tag and llm.engine_version is None:
        what = f"workload.image names no version of {known}: {image}"
        raise InputError(Problem(where, what, "Set engine_version to that of the image."))
    if llm.engine_version is None:
        return tag and tag[1]
    if tag and tag[1] != llm.engine_version.removeprefix("v"):
        what = f"{llm.engine_version}, but workload.image is {image}"
        raise InputError(Problem(where, what, "Give the version of the image."))
    return llm.engine_version
