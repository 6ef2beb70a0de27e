"""How far a predicted speed may be off: classes of confidence, and the range that each stands for.

The factors are those of benchmarks/fit_llm.py --leave-out source: in at least 90 % (high) and 75 % (others)
of the measurements, by constants that their whole source had no part in, the speed was within its range.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from capplan.llm.architecture import Precision
from capplan.llm.configuration import Configuration
from capplan.llm.hardware import Gpu

Question = Literal["tpot", "throughput", "ttft"]
Level = Literal["high", "medium", "low"]

_MEASURED = frozenset(
    {
        ("A100-80GB", "16 bit"),
        ("A100-40GB", "16 bit"),
        ("H100-80GB", "16 bit"),
        ("H100-80GB", "8 bit"),
        ("H200", "16 bit"),
        ("H200", "8 bit"),
        ("H200", "mxfp4"),
        ("H100-80GB", "mxfp4"),
        ("GH200", "8 bit"),
        ("B200", "8 bit"),
        ("L40S", "8 bit"),
    }
)
"""GPUs and kinds of precision with more than a handful of measurements."""

_UNTRIED = frozenset({"int8", "fp4"})
"""Precisions whose kernels are taken to be like those of FP8."""

_DIFFERING = frozenset({"H100-80GB"})
"""GPUs of which two sources that measured the like differ."""

_MIXTURES = frozenset({"mixtral-8x7b", "gpt-oss-20b", "gpt-oss-120b"})
"""Models with experts among the measurements of several GPUs. Dense models whose attention sees all of the
context are alike but for their sizes."""

_FACTORS: dict[Level, float] = {"high": 1.4, "medium": 1.75, "low": 2.5}
_FIRST_TOKEN: dict[Level, float] = {"high": 2.6, "medium": 2.8, "low": 4.0}

HELD: dict[Level, str] = {"high": "nine in ten", "medium": "three in four", "low": "three in four"}
"""How many measurements of sources that had no part in a fit were within the range of their class."""


class Confidence(NamedTuple):
    """A class, and why it is not a higher one."""

    level: Level
    reasons: tuple[str, ...] = ()


def confidence_of(configuration: Configuration) -> Confidence:
    """Return how well founded the speed of ``configuration`` is."""
    drafts = configuration.speculation is not None
    if configuration.is_calibrated and not configuration.pool:
        return Confidence("medium", ("measured without speculation",)) if drafts else Confidence("high")
    low, medium = _low(configuration), _medium(configuration)
    if low:
        return Confidence("low", (*low, *medium))
    return Confidence("medium" if medium else "high", medium)


def _low(configuration: Configuration) -> tuple[str, ...]:
    """Return what has not been measured."""
    model, precision, gpu, count, engine = configuration[:5]
    spread = configuration.spread
    small = precision.weight_bytes < 1
    plain = model.experts == 1 and all(group.kind == "full" for group in model.groups)
    found = {
        "no measurement of prefill and decode on separate replicas": configuration.pool != "",
        f"stages of layers were not measured, {spread.pipeline:g} of them": spread.pipeline > 1,
        "ranks of attention were not measured, and their load is taken to be even": spread.data > 1,
        "experts on GPUs of their own were not measured, and routing is taken to be random, not skewed": (
            spread.experts
        ),
        "no measurement of an engine that speculates": configuration.speculation is not None,
        f"no engine was measured on {gpu.name}": gpu.unmeasured,
        f"few measurements of {gpu.family} GPUs, and none of prompts at 4 bit": gpu.compute_capability < 8.0,
        f"all-reduce of {count:g} GPUs over PCIe": count > 1 and not gpu.peer_to_peer,
        f"{model.name} is not among the measurements": not plain and model.name not in _MIXTURES,
        f"loaded {gpu.name}s of one lab are 1.5 times as slow as others": gpu.name in _DIFFERING
        and engine.name in ("vllm", "sglang")
        and precision.alike != "mxfp4",
        f"few measurements of weights below 8 bit on {gpu.name} with {engine.name}": small
        and not (_is_measured(precision, gpu) and engine.name in ("vllm", "tensorrt-llm")),
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _medium(configuration: Configuration) -> tuple[str, ...]:
    """Return what has been measured by one source only, or differs between sources."""
    model, precision, gpu, count, engine = configuration[:5]
    known = gpu.compute_capability >= 8.0 and not gpu.unmeasured
    measured = _is_measured(precision, gpu)
    found = {
        f"{precision.name} on {gpu.name} is not among the measurements": known and not measured,
        "few measurements of this engine": engine.name in ("sglang", "other"),
        "servers differ in how their GPUs reach each other": count > 1 and gpu.peer_to_peer,
        "few measurements of models with experts": model.experts > 1,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _is_measured(precision: Precision, gpu: Gpu) -> bool:
    return precision.name not in _UNTRIED and (gpu.name, precision.alike) in _MEASURED


def range_of(level: Level, question: Question) -> tuple[float, float]:
    """Return the factors that a prediction is multiplied with for the ends of its range."""
    factor = _FIRST_TOKEN[level] if question == "ttft" else _FACTORS[level]
    return 1 / factor, factor
