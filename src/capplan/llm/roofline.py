"""The time of one engine step: bytes over bandwidth, operations over rate, and what neither explains.

The roofline (Williams, Waterman and Patterson 2009) of a transformer step as in LLM-Viewer and Vidur, with
two changes: moving weights and multiplying with them overlap smoothly (their p-norm, not the larger), and a
GEMM of n tokens reaches n / (n + half_tokens) of its rate. Everything broadcasts over configurations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Floats
from capplan.llm.architecture import EMBEDDING_BYTES, Architecture, Precision
from capplan.llm.hardware import Efficiency, Gpu
from capplan.llm.spread import Apart, Parallelism, apart_of, fullest, share_of

Tuple = TypeVar("Tuple", bound=NamedTuple)

ACTIVATION_BYTES = 2.0
"""Between matrix products values are wide, whatever the weights are."""


class Work(NamedTuple):
    """What a step of one replica costs at the hardware's peaks, in seconds of each GPU.

    Fields are floats, or arrays over configurations. common_read, expert_read: all weights once; common_flop,
    expert_flop: one token; head_read, head_flop: the output layer, which only answers pass; kv_full,
    kv_window: one token of context; attention: one token times one of context; one_shot, two_shot: a token's
    all-reduces where each GPU reads the others' whole messages, or a part of each and then the sums; hops:
    all-reduces in a step. moved: what a token's layers move between their matrix products. apart: what there
    is besides tensor parallelism, None for nothing.
    """

    common_read: Any
    expert_read: Any
    experts: Any
    experts_per_token: Any
    common_flop: Any
    expert_flop: Any
    head_read: Any
    head_flop: Any
    kv_full: Any
    kv_window: Any
    attention_full: Any
    attention_window: Any
    window: Any
    hops: Any
    one_shot: Any
    two_shot: Any
    layers: Any
    moved: Any
    apart: Apart | None = None


def work_of(
    model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float, spread: Parallelism
) -> Work:
    """Return what a step costs on ``tensor_parallel`` of the ``gpu`` for each stage and rank.

    A step passes all stages, one after the other. Ranks share the experts, which all of their tokens reach;
    each of them has all other weights, and the tokens of its own requests.
    """
    bandwidth = tensor_parallel * gpu.bytes_per_s
    wide = tensor_parallel * gpu.wide
    compute = wide if precision.peak == "fp16" else tensor_parallel * gpu.peaks[precision.peak]
    experts = model.expert_layers * model.expert_parameters
    cache, seen = model.read(precision.kv_bytes, tensor_parallel), model.attended()
    reduced = 2 * model.layers - (model.expert_layers if spread.data > 1 else 0.0)
    hops = 0.0 if tensor_parallel == 1 else reduced
    message = hops * 2 * model.hidden / gpu.link_bytes_per_s
    common_peak = wide if precision.common_bytes == 2 else compute
    return Work(
        common_read=model.common_parameters * precision.common_bytes / bandwidth,
        expert_read=experts * model.experts * precision.weight_bytes / (spread.data * bandwidth),
        experts=model.experts,
        experts_per_token=model.experts_per_token,
        common_flop=2 * model.common_parameters / common_peak,
        expert_flop=2 * experts * model.experts_per_token / (spread.data * compute),
        head_read=EMBEDDING_BYTES * model.head_parameters / bandwidth,
        head_flop=2 * model.head_parameters / wide,
        kv_full=cache.full / bandwidth,
        kv_window=cache.bounded / bandwidth,
        attention_full=seen.full / wide,
        attention_window=seen.bounded / wide,
        window=cache.tokens,
        hops=hops,
        one_shot=message * (tensor_parallel - 1),
        two_shot=message * 2 * (tensor_parallel - 1) / tensor_parallel,
        layers=model.layers,
        moved=ACTIVATION_BYTES * model.moved(tensor_parallel) / gpu.bytes_per_s,
        apart=None if spread.is_plain else apart_of(model, precision, gpu, tensor_parallel, spread),
    )


def stacked(items: Sequence[Tuple]) -> Tuple:
    """Return one tuple of arrays from many tuples of floats, and of what is spread or not."""
    kind: Any = type(items[0])
    return kind(*(_column(values) for values in zip(*items, strict=True)))  # type: ignore[no-any-return]


def _column(values: Sequence[Any]) -> Any:
    if all(value is None for value in values):
        return None
    kind: Any = next((type(value) for value in values if isinstance(value, tuple)), None)
    if kind is not None:
        return stacked([value or kind() for value in values])
    return np.array(values, dtype=float)


def taken(items: Any, which: NDArray[np.int64]) -> Any:
    """Return the tuple of arrays, and of tuples of them, with the elements at ``which``."""
    if isinstance(items, tuple):
        return type(items)(*(taken(each, which) for each in items))
    return None if items is None else items[which]


def step_time(
    work: Work,
    reached: Efficiency,
    decodes: Floats,
    context: Floats,
    prefill: Floats = 0.0,
    prefill_context: Floats = 0.0,
    prompts: Floats = 1.0,
    each: Floats = 1.0,
) -> Floats:
    """Return the seconds of a step that decodes ``decodes`` sequences and reads ``prefill`` prompt tokens.

    context: mean tokens of context of a decode; prefill_context: mean tokens that a prompt token attends to;
    prompts: that the tokens are of, each read by one rank. All ranks wait for the one with most to do.
    each: tokens of a decode, which read the KV cache of their sequence together.
    A step with a prompt runs outside CUDA graphs: it takes at least what the host needs to launch it.
    """
    everyones = decodes * each + prefill
    if work.apart is not None:
        decodes = share_of(decodes, work.apart.ranks)
        prefill = prefill * np.maximum(1 / work.apart.ranks, 1 / np.maximum(prompts, 1.0))
    tokens = decodes * each + prefill
    kv = work.kv_full * context + work.kv_window * np.minimum(context, work.window)
    seen = work.attention_full * prefill_context
    seen = seen + work.attention_window * np.minimum(prefill_context, work.window)
    overhead = work.layers * reached.layer_s + reached.step_s + reached.sequence_s * decodes
    time = (
        _gemm_time(work, reached, tokens, everyones)
        + head_time(work, reached, decodes * each)
        + decodes * kv / reached.kv
        + prefill * seen / reached.mfu_attention
        + tokens * work.moved * reached.passes
        + _reduce_time(work, reached, tokens)
        + (0.0 if work.apart is None else _exchange_time(work.apart, reached, tokens))
        + overhead
    )
    launches = np.minimum(prefill, 1.0) * work.layers * reached.prefill_layer_s
    return _smooth_max(time, launches, reached.overlap)


def head_time(work: Work, reached: Efficiency, answers: Floats) -> Floats:
    """Return the time of the output layer; a step without decodes still answers the prompt that it ends."""
    tokens = np.maximum(answers, 1.0) + reached.half_tokens
    return _smooth_max(
        work.head_read / reached.weights, work.head_flop * tokens / reached.mfu, reached.overlap
    )


def _reduce_time(work: Work, reached: Efficiency, tokens: Floats) -> Floats:
    """Return the time of the all-reduces, each in the quicker of two ways.

    In one shot a GPU reads all messages whole; in two it waits for the others twice, and reads less.
    """
    one = work.hops * reached.hop_s + work.one_shot * tokens / reached.link
    two = work.hops * reached.hop_s * reached.second_shot + work.two_shot * tokens / reached.link
    time: Floats = np.minimum(one, two)
    return time


def _exchange_time(apart: Apart, reached: Efficiency, tokens: Floats) -> Floats:
    """Return the time of what GPUs send each other besides all-reduces, within machines and between them."""
    near = apart.hops * reached.hop_s + apart.near * tokens / reached.link
    far = apart.far_hops * reached.far_hop_s + apart.far * tokens / reached.far
    time: Floats = near + far
    return time


def _gemm_time(work: Work, reached: Efficiency, tokens: Floats, everyones: Floats) -> Floats:
    """Return the time of the matrix products; of the experts only those that a token is routed to are read.

    With uniform routing n tokens touch E·(1 − (1 − K/E)ⁿ) of E experts, each a product of its own. Where they
    are spread whole over GPUs, the one with most decides: of what is read, and of what is multiplied.
    """
    touched = 1.0 - (1.0 - work.experts_per_token / work.experts) ** everyones
    if work.apart is not None:
        holders = work.apart.holders
        routed = np.maximum(everyones * work.experts_per_token / holders, 1e-12)
        touched = fullest(touched, 1.0, touched * (1.0 - touched) * holders / work.experts, holders)
        everyones = everyones * fullest(1.0, holders, 1.0 / routed, holders)
    each = touched * work.experts / work.experts_per_token
    common = _smooth_max(
        work.common_read / reached.weights,
        work.common_flop * (tokens + reached.half_tokens) / reached.mfu,
        reached.overlap,
    )
    experts = _smooth_max(
        touched * work.expert_read / reached.experts,
        work.expert_flop * (everyones + reached.expert_tokens * each) / reached.mfu_experts,
        reached.overlap,
    )
    return common + experts


def _smooth_max(one: Floats, other: Floats, power: Floats) -> Floats:
    """Return the p-norm of two times that overlap; the larger for a high ``power``."""
    larger = np.maximum(one, other)
    ratio = np.minimum(one, other) / np.maximum(larger, 1e-30)
    smooth: Floats = larger * (1.0 + ratio**power) ** (1.0 / power)
    return smooth
