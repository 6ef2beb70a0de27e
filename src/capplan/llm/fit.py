"""Does it fit: memory as the engine counts it at its start, and what the GPU can compute with.

vLLM takes a share of the memory, loads the weights, runs once with as many tokens and sequences as it will
ever have at a time, and keeps the rest for the KV cache (vllm/v1/worker/gpu_worker.py). Others do the like.
"""

from __future__ import annotations

from functools import reduce
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.llm.architecture import PRECISIONS, Architecture, Precision, weight_bytes
from capplan.llm.hardware import Engine, Gpu
from capplan.llm.layers import Span
from capplan.llm.settings import Accounting, EngineSettings, Told
from capplan.llm.speculation import Speculation
from capplan.llm.spread import Parallelism, stages_of

_SPREAD = 0.002
"""Of a GPU's memory, how much less room than estimated start-up logs report at most."""


class Memory(NamedTuple):
    """Where the memory of one replica goes, bytes over all its GPUs; floats, or arrays over configurations.

    weights: as they are held, once. room: what the engine has left for the KV cache, below zero where it does
    not start. full_kv, window_kv: of a token of context in the layers that see all of it, and in those that
    keep ``window`` tokens; copies of the KV cache on several GPUs included. state: of a sequence of any
    length. ranks: that each have an equal part of the room for their own sequences.
    """

    total: Any
    weights: Any
    room: Any
    full_kv: Any
    window_kv: Any
    window: Any
    state: Any
    ranks: Any = 1.0

    def sequence(self, tokens: Floats) -> Floats:
        """Return the KV cache of a sequence of ``tokens``."""
        context = self.full_kv * tokens + self.window_kv * np.minimum(tokens, self.window)
        size: Floats = context + self.state
        return size

    def longest(self, sequences: Floats) -> Floats:
        """Return the tokens that each of so many sequences has room for, 10⁹ for a state alone."""
        each = self.sure / sequences - self.state
        beyond = (each - self.window_kv * self.window) / np.maximum(self.full_kv, 1e-9)
        within = each / np.maximum(self.full_kv + self.window_kv, 1e-9)
        most: Floats = np.minimum(np.where(within < self.window, within, beyond), 1e9)
        return most

    @property
    def sure(self) -> Any:
        """What is left of the room if logs differ from it as far as they do."""
        return self.room - _SPREAD * self.total

    @property
    def usable(self) -> Any:
        """What the engine has for weights and KV cache."""
        return self.weights + self.room

    def missing(self, tokens: Floats) -> Floats:
        """Return how much is missing for the weights and one sequence, 0 if they fit."""
        lack: Floats = np.maximum(self.sequence(tokens) - self.sure / self.ranks, 0.0)
        return lack


def settings_of(
    told: Told, model: Architecture, precision: Precision, gpu: Gpu, engine: Engine
) -> EngineSettings:
    """Return what the engine runs with; the KV cache is as narrow as the weights unless it is told.

    Told ``auto``, engines follow a checkpoint that says how its cache is quantised.
    """
    usual, accounting = engine.on(gpu), engine.accounting
    tokens = _first(told.batched_tokens, accounting.card(gpu.memory_bytes)[0], usual.chunk_tokens)
    sequences = _first(told.sequences, accounting.sequences, np.minimum(usual.max_sequences, tokens))
    if accounting.states_alone and model.has_states:
        sequences = np.minimum(sequences, 1.0)
    published = model.stored_at(precision.name)
    auto = (published and published.kv_bytes) or 2.0
    alike = precision.kv_bytes if "fp8" in gpu.peaks else 2.0
    kinds = {None: min(alike, auto), "auto": auto, "fp8": 1.0}
    return EngineSettings(
        memory_share=_first(told.memory_share, accounting.share_of(tokens, gpu.memory_bytes)),
        batched_tokens=tokens,
        sequences=sequences,
        kv_bytes=kinds[told.kv_cache],
        hybrid=accounting.hybrid if told.hybrid is None else told.hybrid,
        prefix_cache=_first(told.prefix_cache, caches_prefixes(model, accounting)),
    )


def caches_prefixes(model: Architecture, accounting: Accounting) -> bool:
    """Return whether the engine caches prefixes by itself; states are another matter than keys and values."""
    return accounting.prefix_cache and (accounting.states_prefix or not model.has_states)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def memory_of(
    model: Architecture,
    precision: Precision,
    gpu: Gpu,
    tensor_parallel: float,
    accounting: Accounting,
    settings: EngineSettings,
    spread: Parallelism,
) -> Memory:
    """Return where the memory of ``tensor_parallel`` of the ``gpu`` goes, times stages and ranks.

    Every stage holds the KV cache of its layers for all sequences, so the stage with the least room decides:
    it has to hold its part of the cache.
    """
    cache = model.held(settings.kv_bytes, tensor_parallel)
    chunked = any(group.chunked for group in model.groups)
    kept = settings.hybrid and (accounting.chunked or not chunked)
    gpus = tensor_parallel * spread.data
    rooms = []
    for stage in stages_of(model, spread.pipeline):
        room = _room(stage, precision, gpu, tensor_parallel, accounting, settings, spread)
        part = stage.held(settings.kv_bytes, tensor_parallel).of(_CONTEXT)
        rooms.append(gpus * room * (cache.of(_CONTEXT) / part if part else 1.0))
    return Memory(
        total=spread.pipeline * gpus * gpu.memory_bytes,
        weights=held_bytes(model, precision),
        room=reduce(np.minimum, rooms),
        full_kv=cache.full + (0.0 if kept else cache.bounded),
        window_kv=cache.bounded if kept else 0.0,
        window=cache.tokens,
        state=cache.fixed,
        ranks=spread.data,
    )


_CONTEXT = 4096.0
"""Tokens of a sequence by which the caches of stages are compared."""


def _room(
    stage: Architecture,
    precision: Precision,
    gpu: Gpu,
    tensor_parallel: float,
    accounting: Accounting,
    settings: EngineSettings,
    spread: Parallelism,
) -> Any:
    """Return what a GPU has left for the KV cache: it holds a slice of the weights that a rank shares.

    Of the experts it holds a slice of each, over all ranks, or whole ones: the fullest GPU decides.
    """
    holders = tensor_parallel * spread.data
    slices = 1.0 if spread.experts else holders
    alone = holders * spread.pipeline == 1
    outside = (accounting.own if alone else accounting.linked) + accounting.graphs
    static = accounting.counts == "static"
    peak = 0.0 if static else profiled_bytes(stage, precision, slices, accounting, settings)
    beside = sliced_bytes(stage, precision, tensor_parallel, spread) + peak + outside
    if accounting.counts == "free":
        return settings.memory_share * (gpu.memory_bytes - beside)
    return settings.memory_share * gpu.memory_bytes - beside


def sliced_bytes(
    stage: Architecture, precision: Precision, tensor_parallel: float, spread: Parallelism
) -> float:
    """Return the bytes of the weights on the fullest GPU."""
    holders = tensor_parallel * spread.data
    share = ceil(stage.experts / holders) / stage.experts if spread.experts else 1 / holders
    weights = held_bytes(stage, precision) / tensor_parallel
    if share != 1 / tensor_parallel:
        weights -= _expert_bytes(stage, precision) * (1 / tensor_parallel - share)
    return weights


def with_drafts(own: Memory, said: Speculation, cache: Span | None, weights: Floats, taken: Floats) -> Memory:
    """Return the memory of an engine that speculates: weights and cache of what drafts, room for the drafts.

    cache: of a layer that drafts, None where nothing is computed; engines keep all of its context. A state
    is kept for each token that may be refused. taken: bytes of the room that weights take, on all GPUs.
    """
    some, none = np.minimum(said.tokens, 1.0), Span(0.0, 0.0, 0.0)
    layers, cache = some * said.layers, cache or none
    full = own.full_kv + layers * (cache.full + cache.bounded)
    drafts = said.tokens * (full + own.window_kv)
    return own._replace(
        weights=own.weights + weights,
        room=own.room - taken,
        full_kv=full,
        state=own.state * (1.0 + said.tokens) + layers * cache.fixed + drafts,
    )


def _expert_bytes(model: Architecture, precision: Precision) -> float:
    """Return the bytes of the experts that tokens are routed to."""
    stored = model.stored_at(precision.name)
    each = stored.experts if stored else precision.weight_bytes
    padding = held_bytes(model, precision) - weight_bytes(model, precision)
    return each * model.parts()["experts"] + padding


_TILE = 256
"""Rows that kernels for MXFP4 pad the experts' matrices to a multiple of: 2,880 become 3,072."""


def held_bytes(model: Architecture, precision: Precision) -> float:
    """Return the bytes of the weights in the GPUs; those of experts in MXFP4 are padded."""
    stored = weight_bytes(model, precision)
    if precision.alike != "mxfp4":
        return stored
    each = precision.weight_bytes if model.stored is None else model.stored.experts
    return stored + each * model.parts()["experts"] * (_TILE * ceil(model.hidden / _TILE) / model.hidden - 1)


def profiled_bytes(
    model: Architecture,
    precision: Precision,
    slices: float,
    accounting: Accounting,
    settings: EngineSettings,
) -> Any:
    """Return the peak of the run that an engine profiles itself with, bytes on each GPU.

    slices: GPUs that each expert, or the feed-forward part, is cut for.

    It samples a token for every sequence at once, from scores of the whole vocabulary on every GPU (vLLM's
    sorts take 38 bytes each, its later kernels 15), beside the hidden states of all tokens; or it peaks in a
    layer. Experts keep a workspace, but for those in MXFP4, whose kernels have none. A model that reads
    images first encodes the largest, and keeps the outcome (vllm gpu_model_runner.py, profile_run).
    """
    tokens = 2.0 * settings.batched_tokens
    inner = model.expert_parameters / (3 * model.hidden) / slices
    several = model.experts > 1
    scores = np.minimum(settings.sequences, settings.batched_tokens) * model.vocabulary
    sampling = accounting.sampler * scores + tokens * model.hidden
    layer = tokens * 3 * (model.hidden + (0.0 if several else inner))
    spread = tokens * model.experts_per_token * (2 * inner + model.hidden)
    keeps = several and precision.alike != "mxfp4"
    text = np.maximum(sampling, layer) + (spread if keeps else 0.0)
    if not model.tower:
        return text
    image = accounting.image_tokens
    encoding = image * _PATCHES * _BYTES_BY_WIDTH * (model.tower / _TOWER) ** 0.5
    return np.maximum(text + 2.0 * image * model.hidden, encoding)


_PATCHES, _BYTES_BY_WIDTH, _TOWER = 4.0, 23.0, 360.0
"""Patches of a token of an image; bytes of a patch in a layer ÷ its width (at 16 bit, four of that and two of
the feed-forward part, 3.7 times as wide); weights of a tower ÷ the square of its width."""


def sequences_that_fit(memory: Memory, tokens: Floats) -> Any:
    """Return how many sequences of ``tokens`` fit beside the weights, a whole number; 0: it does not fit."""
    each = np.floor(np.maximum(memory.sure / memory.ranks, 0.0) / memory.sequence(tokens))
    return memory.ranks * each


def overloaded(
    model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float, engine: Engine
) -> str:
    """Say that the weights at 16 bit, of which the engine makes FP8, do not fit; empty if they do."""
    published = model.stored_at(precision.name) or model.fp8_blocks
    if precision.name != "fp8" or published or engine.accounting.quantises:
        return ""
    loaded, total = weight_bytes(model, PRECISIONS["bf16"]), tensor_parallel * gpu.memory_bytes
    if loaded < total:
        return ""
    what = f"{engine.name} {engine.accounting.version} loads {loaded / 1e9:.0f} GB at 16 bit before it makes"
    return f"{what} FP8 of them: name an FP8 checkpoint, or a later version"


def obstacles(model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float) -> list[str]:
    """Return why the GPU cannot run this at all, memory aside."""
    found = []
    if gpu.compute_capability >= precision.minimum and precision.peak not in gpu.peaks:
        found.append(f"{gpu.name} has no known rate at {precision.peak}")
    elif gpu.compute_capability < precision.minimum:
        what = f"{precision.name} needs compute capability {precision.minimum:g}"
        found.append(f"{what}, but {gpu.name} has {gpu.compute_capability:g}")
    if tensor_parallel > 1 and not gpu.link_bytes_per_s:
        found.append(f"nobody says how fast {gpu.name}s exchange data: give link_gb_per_s")
    undivided = model.undivided(tensor_parallel)
    if undivided:
        found.append(f"{undivided} cannot be divided over {tensor_parallel:g} GPUs")
    return found
