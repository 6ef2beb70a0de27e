"""A quick look: one model on one kind of GPU, at every precision and number of GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.llm.anatomy import decode_parts
from capplan.llm.architecture import PRECISIONS, Architecture, Precision
from capplan.llm.capacity import Carried, TokenPromise, carried, one_request
from capplan.llm.confidence import Confidence, confidence_of
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts
from capplan.llm.fit import Memory
from capplan.llm.flags import file_of, flags_of, longest, options_of
from capplan.llm.hardware import Engine, Gpu
from capplan.llm.lengths import MISSED, RequestLengths
from capplan.llm.serving import Served, decode_step, first_token, prompt_time, time_per_token
from capplan.llm.settings import Told
from capplan.llm.speculation import Speculation
from capplan.llm.spread import Parallelism

COUNTS = (1.0, 2.0, 4.0, 8.0)
STAGES = (2.0, 3.0, 4.0)
"""Machines that the layers are divided over where one holds too little."""


class RequestShape(NamedTuple):
    """Tokens of a request on average, the share of its input in a prefix cache, and what users were promised.

    lengths: how they spread around the means, if that is known.
    """

    inputs: Floats
    outputs: Floats
    cached: float = 0.0
    promise: TokenPromise = TokenPromise()
    lengths: RequestLengths | None = None

    def longest(self, missed: float = MISSED) -> float:
        """Return the tokens of the longest request but for the share ``missed`` that need not be served."""
        if self.lengths is None:
            return float(np.max(self.inputs + self.outputs))
        return float(np.max(self.lengths.longest(self.inputs, self.outputs, missed)))

    def too_long(self, configuration: Configuration) -> str:
        """Say that too many of the requests are longer than model or engine take; empty if they are not."""
        said = configuration.too_long(self.longest())
        if not said or self.lengths is None:
            return said
        most = f"{float(np.min(configuration.longest())):,.0f} tokens"
        return f"{self.beyond(configuration):.1%} of the requests have more than {most}"

    def beyond(self, configuration: Configuration) -> float:
        """Return the share of the requests that are too long for a configuration."""
        if self.lengths is None:
            return 0.0
        return self.lengths.beyond(self.inputs, self.outputs, configuration.longest())


class Look(NamedTuple):
    """One configuration: where its memory goes, and how fast it is.

    hindrance: why it cannot run, empty where it can. users: at which the promise is kept; speeds are those of
    one user alone (alone_…) and of each with so many. usable_gb, weights_gb: over all GPUs.
    step_s: where the time of a step goes that only decodes, for so many users. flags: what the engine has to
    be told for it. plain: what it does without speculation, if it speculates.
    beyond: share of the requests that are too long for it.
    """

    configuration: Configuration
    hindrance: str
    usable_gb: float
    weights_gb: float
    kv_kb_per_token: float
    sequences: float
    users: float
    alone_tokens_per_s: float
    alone_ttft_s: float
    tpot_s: float
    ttft_s: float
    requests_per_s: float
    tokens_per_s: float
    step_s: Mapping[str, float]
    flags: Sequence[str]
    confidence: Confidence
    plain: Look | None = None
    beyond: float = 0.0


_NOTHING, _PLAIN = Told(), Parallelism()


def configurations(
    model: Architecture,
    gpus: Iterable[Gpu],
    precisions: Sequence[Precision] | None,
    counts: Iterable[float],
    engine: Engine,
    told: Told = _NOTHING,
    spread: Parallelism = _PLAIN,
    speculation: Speculation | None = None,
) -> list[Configuration]:
    """Return every combination; without ``precisions`` those that make sense for the model and the GPU."""
    found = []
    for gpu in gpus:
        said = [PRECISIONS[name] for name in told.precisions]
        for precision in precisions or said or sensible(model, gpu):
            one = Configuration(model, precision, gpu, 1.0, engine, told, spread=spread)
            found += [one._replace(tensor_parallel=n, speculation=speculation) for n in counts]
    return found


def sensible(model: Architecture, gpu: Gpu) -> list[Precision]:
    """Return the precisions worth a look: 16 bit as bf16 where there is bf16, MXFP4 where published in it."""
    wide = "bf16" if "bf16" in gpu.peaks else "fp16"
    names = [wide, *(name for name in ("fp8", "fp4") if name in gpu.peaks), "int8", "int4"]
    if model.stored_at("mxfp4"):
        names.append("mxfp4")
    if "fp8" in gpu.peaks:
        names.remove("int8")  # the same size, and no engine is faster with it
    kinds = (PRECISIONS[name] for name in names)
    return [kind for kind in kinds if kind.minimum <= gpu.compute_capability]


def _hindered(configuration: Configuration, why: str, memory: Memory, kilobytes: float) -> Look:
    """Return the look of a configuration that cannot run."""
    unknown = float("nan")
    return Look(
        configuration=configuration,
        hindrance=why,
        usable_gb=float(memory.usable) / 1e9,
        weights_gb=float(memory.weights) / 1e9,
        kv_kb_per_token=kilobytes,
        sequences=0.0,
        users=0.0,
        alone_tokens_per_s=unknown,
        alone_ttft_s=unknown,
        tpot_s=unknown,
        ttft_s=unknown,
        requests_per_s=0.0,
        tokens_per_s=0.0,
        step_s={},
        flags=(),
        confidence=confidence_of(configuration),
    )


def look(configuration: Configuration, asked: RequestShape, facts: LlmFacts) -> Look:
    """Return what ``configuration`` does with the requests that are ``asked``."""
    memory = configuration.memory()
    beyond = asked.beyond(configuration)
    too_long = asked.too_long(configuration)
    hindrance = too_long or "; ".join(configuration.obstacles())
    kilobytes = float(memory.full_kv + memory.window_kv) / 1e3
    if hindrance:
        return _hindered(configuration, hindrance, memory, kilobytes)._replace(beyond=beyond)
    served = configuration.served(facts, asked.inputs, asked.outputs, asked.cached, asked.lengths)
    does = carried(served, memory, configuration.max_sequences, asked.promise)
    users, rate = float(does.users), float(does.rate)
    missing = float(memory.missing(one_request(served))) / 1e9
    mean, _ = first_token(served, rate, max(users, 1.0))
    found = Look(
        configuration=configuration,
        hindrance=_hindrance(does, missing, served, asked),
        usable_gb=float(memory.usable) / 1e9,
        weights_gb=float(memory.weights) / 1e9,
        kv_kb_per_token=kilobytes,
        sequences=float(does.room),
        users=users,
        alone_tokens_per_s=float(served.emitted / decode_step(served, 1.0)),
        alone_ttft_s=float(prompt_time(served) + served.reached.first_token_s),
        tpot_s=float(time_per_token(served, max(users, 1.0))),
        ttft_s=float(mean),
        requests_per_s=rate,
        tokens_per_s=float(rate * asked.outputs),
        flags=_flags(configuration, asked),
        step_s={name: float(part) for name, part in decode_parts(served, max(users, 1.0)).items()},
        confidence=confidence_of(configuration),
        plain=configuration.speculation and look(configuration._replace(speculation=None), asked, facts),
        beyond=beyond,
    )
    if configuration.is_timed:
        return found
    hidden = float("nan")
    return found._replace(
        hindrance=found.hindrance or UNTIMED, alone_tokens_per_s=hidden, alone_ttft_s=hidden
    )


UNTIMED = "speed unknown: calibrate"
"""What is said of engines that nobody has measured."""


def _flags(configuration: Configuration, asked: RequestShape) -> list[str]:
    known = None if asked.lengths is None else asked.longest(0.0)
    length = longest(configuration, float(asked.inputs + asked.outputs), known)
    most = float(np.min(configuration.max_sequences))
    options, engine = options_of(configuration, length, most), configuration.engine.name
    file = file_of(engine, options)
    return [*flags_of(engine, options), *([f"--extra_llm_api_options=FILE with {file}"] if file else [])]


def _hindrance(does: Carried, missing_gb: float, served: Served, asked: RequestShape) -> str:
    promise = asked.promise
    if does.room < 1:
        of = "" if asked.lengths is None else f" of {asked.longest():,.0f} tokens"
        return f"does not fit: {missing_gb:.1f} GB short for weights and one sequence{of}"
    if does.tpot_users < 1:
        alone = 1e3 * float(time_per_token(served, 1.0))
        return f"TPOT {alone:.0f} ms with one user, above the promised {1e3 * float(promise.tpot_s):.0f} ms"
    if does.ttft_users <= 0:
        return f"TTFT above {float(promise.ttft_s):.2g} s with one user"
    return ""
