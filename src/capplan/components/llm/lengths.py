"""The lengths of a component's requests: from quantiles in the plan, or from the file that it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from capplan.components.base import Component
from capplan.components.llm import checks as llm_checks
from capplan.components.llm.replica import Replica
from capplan.findings import Finding
from capplan.llm.lengths import APART, Quantiles, RequestLengths, of_quantiles
from capplan.plan.llm import Lengths, Llm
from capplan.plan.model import Plan
from capplan.stdin import is_stdin


def lengths_of(llm: Llm, directory: Path) -> RequestLengths | None:
    """Return how long the component's requests are; None where only their means are said."""
    if llm.lengths is not None:
        from capplan.llm.traces import read_lengths

        return read_lengths(Path(llm.lengths) if is_stdin(llm.lengths) else directory / llm.lengths)
    if llm.input_lengths is None and llm.output_lengths is None:
        return None
    inputs, outputs = _quantiles(llm.input_lengths), _quantiles(llm.output_lengths)
    return of_quantiles(inputs or llm.input_tokens, outputs or llm.output_tokens)


def _quantiles(said: Lengths | None) -> Quantiles | None:
    return None if said is None else (said.p50, said.p90, said.p99)


def with_mean_lengths(plan: Plan, directory: Path) -> Plan:
    """Return the plan with the means of the lengths of requests where it says none."""
    found = {name: _with_means(llm, directory) for name, llm in plan.llm.items()}
    return plan.model_copy(update={"llm": found})


def _with_means(llm: Llm, directory: Path) -> Llm:
    lengths = lengths_of(llm, directory)
    if lengths is None:
        return llm
    means = zip(("input_tokens", "output_tokens"), lengths.means, strict=True)
    return llm.model_copy(update={field: mean for field, mean in means if getattr(llm, field) is None})


def said_in(llm: Llm, part: str) -> str:
    """Return the field that says how long the inputs or outputs of requests are."""
    spread = f"{part}_lengths"
    return "lengths" if llm.lengths else spread if getattr(llm, spread) else f"{part}_tokens"


def longest_of(llm: Llm, lengths: RequestLengths | None) -> float | None:
    """Return the tokens of the longest request, None where only means are said."""
    if lengths is None:
        return None
    return float(np.max(lengths.longest(llm.input_tokens, llm.output_tokens, missed=0.0)))


def length_findings(
    component: Component, llm: Llm, replica: Replica, lengths: RequestLengths | None
) -> Iterator[Finding]:
    """Yield what the plan says otherwise than the lengths do, and the requests that are too long."""
    if lengths is None:
        return
    said = zip(("input", "output"), (llm.input_tokens, llm.output_tokens), lengths.means, strict=True)
    for what, mean, found in said:
        factor = float(np.median(mean / found))
        if abs(factor - 1) > APART:
            message = (
                f"{what}_tokens is {factor:.2g} times the mean of the {what} lengths, so they are scaled"
            )
            yield llm_checks.LLM_LENGTHS.finding(
                component.name, message, f"Correct {what}_tokens, or leave it out."
            )
    most = lengths.reusable
    if most is not None and np.any(llm.prefix_cache_hit_rate > most):
        message = f"prefix_cache_hit_rate is above {most:.0%}, the share of the input that the file repeats"
        yield llm_checks.LLM_LENGTHS.finding(
            component.name, message, f"Set prefix_cache_hit_rate to at most {most:.0%}."
        )
    longest = replica.configuration.longest()
    beyond = lengths.beyond(llm.input_tokens, llm.output_tokens, longest)
    if beyond:
        message = (
            f"{beyond:.1%} of the requests have more than the {float(np.min(longest)):,.0f} tokens that fit"
        )
        yield llm_checks.LLM_LONG_REQUESTS.finding(component.name, message)
