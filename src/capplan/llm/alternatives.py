"""What would fit instead: the nearest configurations that hold a model which does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

import numpy as np

from capplan.arrays import Floats
from capplan.llm.architecture import weight_bytes
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts, find_gpu
from capplan.llm.look import COUNTS, STAGES, sensible
from capplan.llm.spread import Parallelism


def would_fit(asked: Configuration, inputs: Floats, outputs: Floats, facts: LlmFacts) -> str:
    """Say what holds the weights and one request of such tokens; empty where nothing does.

    >>> would_fit(configuration, 1000, 300, facts)  # doctest: +SKIP
    'int4 on 1 × L4, or bf16 on 2 × L4, or bf16 on 1 × A40 would fit'
    """
    changes = (
        _fewer_sequences(asked),
        _fewer_bits(asked),
        _more_gpus(asked),
        _larger_gpus(asked, facts),
    )
    found = [_first_that_fits(tried, inputs, outputs, facts) for tried in changes]
    if not any(found):
        found = [_first_that_fits(_everything(asked, facts), inputs, outputs, facts)]
    named = dict.fromkeys(_named(one, asked) for one in found if one is not None)
    return f"{', or '.join(named)} would fit" if named else ""


def fits(one: Configuration, inputs: Floats, outputs: Floats, facts: LlmFacts) -> bool:
    """Whether it runs, with room for the weights and one request."""
    if one.obstacles() or one.too_long(float(np.max(inputs + outputs))):
        return False
    reached = one.reached(facts)
    return not np.any(one.memory().missing(inputs + reached.growth * outputs))


def _named(one: Configuration, asked: Configuration) -> str:
    more = "" if one.told == asked.told else f" with max_num_seqs {one.told.sequences:g}"
    return one.brief() + more


def _fewer_sequences(asked: Configuration) -> Iterator[Configuration]:
    """Yield what an engine runs that profiles itself with fewer requests at once."""
    most = float(np.min(asked.settings.sequences))
    fewer = (256, 128, 64, 32) if asked.told.sequences is None else ()
    return (asked._replace(told=asked.told._replace(sequences=n)) for n in fewer if n < most)


def _first_that_fits(
    tried: Iterable[Configuration], inputs: Floats, outputs: Floats, facts: LlmFacts
) -> Configuration | None:
    return next((one for one in tried if fits(one, inputs, outputs, facts)), None)


def _size(one: Configuration) -> float:
    return weight_bytes(one.model, one.precision)


def _fewer_bits(asked: Configuration) -> list[Configuration]:
    """Return the other precisions with weights that are no larger, the largest first."""
    kinds = [kind for kind in sensible(asked.model, asked.gpu) if kind != asked.precision]
    others = [asked._replace(precision=kind) for kind in kinds]
    return sorted((one for one in others if _size(one) <= _size(asked)), key=_size, reverse=True)


def _more_gpus(asked: Configuration) -> Iterator[Configuration]:
    """Yield more GPUs of a machine, then machines with eight; how fast they exchange data has to be said."""
    least = asked.tensor_parallel if asked.spread.is_plain else 0.0
    for count in COUNTS:
        if count > least:
            yield asked._replace(tensor_parallel=count, spread=Parallelism())
    if asked.gpu.peer_to_peer and not asked.pool:
        yield from _over_machines(asked)


def _over_machines(asked: Configuration) -> Iterator[Configuration]:
    each = COUNTS[-1]
    spreads = (Parallelism(stages, per_machine=each, network=inf) for stages in STAGES)
    return (asked._replace(tensor_parallel=each, spread=spread) for spread in spreads)


def _larger_gpus(asked: Configuration, facts: LlmFacts) -> list[Configuration]:
    """Return as many larger GPUs, the smallest first, and those last on which nobody measured an engine."""
    gpus = [find_gpu(name, facts) for name in facts["gpus"]]
    larger = [gpu for gpu in gpus if gpu.memory_bytes > asked.gpu.memory_bytes]
    return [
        asked._replace(gpu=gpu) for gpu in sorted(larger, key=lambda gpu: (gpu.unmeasured, gpu.memory_bytes))
    ]


def _everything(asked: Configuration, facts: LlmFacts) -> list[Configuration]:
    """Return whatever makes sense for the model, GPUs with measurements and then the least memory first."""
    every = [
        asked._replace(precision=precision, gpu=gpu, tensor_parallel=count, spread=Parallelism())
        for gpu in (find_gpu(name, facts) for name in facts["gpus"])
        for precision in sensible(asked.model, gpu)
        for count in COUNTS
    ]

    def order(one: Configuration) -> tuple[bool, float, float]:
        return one.gpu.unmeasured, one.tensor_parallel * one.gpu.memory_bytes, -_size(one)

    return sorted(every, key=order)
