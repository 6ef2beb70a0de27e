"""How far a predicted speed may be off: classes of confidence, and the range that each stands for.

The classes are those of the measurements that the constants were fitted to; the factors cover at least
80 % of the measurements of pairs of model and GPU that had no part in the fit.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from capplan.llm.configuration import Configuration

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

_MODELS = frozenset(
    {
        "llama-2-7b",
        "llama-2-13b",
        "llama-2-70b",
        "llama-3.1-8b",
        "llama-3.1-70b",
        "llama-3.1-405b",
        "mistral-7b",
        "mixtral-8x7b",
        "qwen3-32b",
        "gpt-oss-120b",
        "falcon-180b",
    }
)
"""Models among the measurements."""

_FACTORS: dict[Level, float] = {"high": 1.33, "medium": 1.5, "low": 2.0}


class Confidence(NamedTuple):
    """A class, and why it is not a higher one."""

    level: Level
    reasons: tuple[str, ...] = ()


def confidence_of(configuration: Configuration) -> Confidence:
    """Return how well founded the speed of ``configuration`` is."""
    model, precision, gpu, count, engine = configuration[:5]
    if (gpu.name, precision.alike, count) in model.measured:
        return Confidence("high")  # by the user, who has calibrated the constants with it
    low, medium = [], []
    if gpu.compute_capability < 8.0:
        low.append(f"few measurements of {gpu.family} GPUs, and none of prompts at 4 bit")
    elif (gpu.name, precision.alike) not in _MEASURED:
        medium.append(f"{precision.name} on {gpu.name} is not among the measurements")
    if count > 1 and not gpu.peer_to_peer:
        low.append(f"all-reduce of {count:g} GPUs over PCIe")
    if model.name not in _MODELS:
        low.append(f"{model.name} is not among the measurements")
    if engine.name in ("sglang", "other"):
        medium.append("few measurements of this engine")
    if low:
        return Confidence("low", (*low, *medium))
    return Confidence("medium" if medium else "high", tuple(medium))


def range_of(level: Level, question: Question) -> tuple[float, float]:
    """Return the factors that a prediction is multiplied with for the ends of its range."""
    factor = _FACTORS[level]
    if question == "ttft":
        factor = factor**2
    return 1 / factor, factor
