"""LLM serving, for people and for scripts: a quick look, and the ranking of a plan's options."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from capplan.arrays import in_scenario
from capplan.components.base import Component
from capplan.components.llm.disaggregated import TOGETHER
from capplan.components.llm.options import ServingOption
from capplan.estimate import Estimate
from capplan.llm.confidence import HELD, Confidence, Level, range_of
from capplan.llm.lengths import RequestLengths
from capplan.llm.look import Look, RequestShape
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Heading, Lines, Report
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.speculation import gains, plain_document, plain_tpot, slower
from capplan.report.table import Column, Table

Priced = tuple[Look, tuple[str, float] | None]
"""A look, and the cheapest machine for a replica with its USD per hour."""

_LOOK = (
    Column("Precision"),
    Column("GPUs"),
    Column("GB", right=True),
    Column("Users", right=True),
    Column("Alone", right=True),
    Column("TTFT", right=True),
    Column("TPOT", right=True),
    Column("tok/s", right=True),
    Column("USD/1M", right=True),
    Column("Confidence"),
)

_LOOKED = "GB: size of the weights. USERS: requests at once that fit in the KV cache and keep the promised "
"speed. ALONE: tokens/s of a single request. TTFT and TPOT (ms), TOK/S: with that many users. USD/1M: cost "
"of a million output tokens of an always full replica, on demand."

_UNABLE = (Column("Cannot serve"), Column("Why", shrinks=True))


def look_report(
    title: str, asked: RequestShape, looks: Sequence[Priced], shown: Sequence[Priced], more: str
) -> Report:
    """Return looks for scripts; for people those ``shown``, and what to add."""
    return Report(partial(_look_blocks, title, shown, more), partial(_looks_document, asked, looks))


def _look_blocks(title: str, looks: Sequence[Priced], more: str) -> Iterator[Block]:
    """Yield what fits with its speed, the cheapest first, what does not with the reason, and what to add."""
    able = sorted((priced for priced in looks if not priced[0].hindrance), key=_cost_of_look)
    yield Heading(title, indent="")
    if able:
        yield Table(_LOOK, [_look_cells(*priced) for priced in able], keys=2)
        yield _said(_LOOKED)
        yield from map(_said, _confidence([one.confidence for one, _ in able]))
        yield from map(_said, _machines(able))
        yield from map(_said, gains(able[0][0]))
        yield from map(_said, _needed(able))
    unable = [[one.configuration.brief(), one.hindrance] for one, _ in looks if one.hindrance]
    if unable:
        yield Table(_UNABLE, unable)
    if more:
        yield _said(more)


def _said(sentence: str) -> Lines:
    return Lines((sentence,), indent="")


def cheapest_of_each_gpu(looks: Sequence[Priced]) -> list[Priced]:
    """Return of each GPU the configuration with the cheapest tokens, or the fastest where nobody sells it."""
    found: dict[str, Priced] = {}
    for priced in sorted((priced for priced in looks if not priced[0].hindrance), key=_cost_of_look):
        found.setdefault(priced[0].configuration.gpu.name, priced)
    return list(found.values())


def _cost_of_look(priced: Priced) -> tuple[float, float]:
    one, machine = priced
    return math.inf if machine is None else _per_million(one, machine[1]), -one.tokens_per_s


def _look_cells(one: Look, machine: tuple[str, float] | None) -> list[str]:
    c = one.configuration
    return [
        c.precision.name,
        c.hardware(),
        f"{one.weights_gb:.1f}",
        numbers.count(one.users),
        f"{one.alone_tokens_per_s:,.0f}",
        _ms(one.ttft_s),
        _ms(one.tpot_s),
        f"{one.tokens_per_s:,.0f}",
        "–" if machine is None else f"{_per_million(one, machine[1]):.2f}",
        one.confidence.level,
    ]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:,.0f}" if seconds >= 0.01 else f"{1e3 * seconds:.1f}"


def _per_million(one: Look, usd_per_hour: float) -> float:
    """Return USD for a million output tokens of a replica that is always full."""
    return usd_per_hour / (one.tokens_per_s * 3600) * 1e6


def _needed(able: Sequence[Priced]) -> Iterator[str]:
    """Yield the flags of the cheapest: without them the engine starts otherwise, or not at all."""
    first = able[0][0]
    if first.flags:
        others = "" if len(able) == 1 else " Those of the others: --format json."
        engine = first.configuration.engine
        what = f"{first.configuration.brief()} needs {engine.name} {engine.accounting.version} with"
        flags = (shlex.quote(flag) if '"' in flag else flag for flag in first.flags)
        yield f"{what} {' '.join(flags)}.{others}"


def _machines(able: Sequence[Priced]) -> Iterator[str]:
    """Yield the machines that the prices are those of."""
    machines = dict.fromkeys(f"{machine[0]} {machine[1]:.4g}" for _, machine in able if machine)
    if machines:
        yield f"Cheapest machines, USD an hour for a replica: {', '.join(machines)}."


def _confidence(found: Sequence[Confidence]) -> Iterator[str]:
    """Yield what each class of confidence stands for, and why something has it."""
    levels: tuple[Level, ...] = ("high", "medium", "low")
    for level in levels:
        (low, high), (early, late) = range_of(level, "tpot"), range_of(level, "ttft")
        of_level = [confidence for confidence in found if confidence.level == level]
        reasons = dict.fromkeys(reason for confidence in of_level for reason in confidence.reasons)
        because = f": {'; '.join(_first(reasons))}" if reasons else ""
        if of_level:
            speeds = f"×{low:.2g}…×{high:.3g}, TTFT ×{early:.2g}…×{late:.2g}"
            yield f"{level}: {HELD[level]} speeds are within {speeds}{because}."


def _first(reasons: Iterable[str]) -> list[str]:
    """Return the first of the reasons, and how many there are besides."""
    shown, more = [*reasons][:_MOST_REASONS], len([*reasons]) - _MOST_REASONS
    return [*shown, f"{more} more"] if more > 0 else shown


_MOST_REASONS = 4


def _looks_document(asked: RequestShape, looks: Sequence[Priced]) -> dict[str, Any]:
    """Return the looks as scripts read them."""
    return {
        "schema_version": SCHEMA_VERSION,
        "input_tokens": asked.inputs,
        "output_tokens": asked.outputs,
        "lengths": None if asked.lengths is None else _lengths_document(asked, asked.lengths),
        "configurations": [_look_document(*priced) for priced in looks],
    }


def _lengths_document(asked: RequestShape, lengths: RequestLengths) -> dict[str, Any]:
    return {
        "recorded": lengths.requests or None,
        "p99_tokens": asked.longest(),
        "longest_tokens": asked.longest(0.0),
        "repeated_input_share": lengths.reusable,
    }


def _look_document(one: Look, machine: tuple[str, float] | None) -> dict[str, Any]:
    c = one.configuration
    able, level = not one.hindrance, one.confidence.level
    return {
        "model": c.model.name,
        "precision": c.precision.name,
        "gpu": c.gpu.name,
        **c.sizes(),
        "engine": c.engine.name,
        "fits": one.sequences >= 1,
        "reason": one.hindrance or None,
        "weights_gb": one.weights_gb,
        "usable_gb": one.usable_gb,
        "kv_kb_per_token": one.kv_kb_per_token,
        "sequences": one.sequences,
        "too_long_share": one.beyond,
        "engine_version": c.engine.accounting.version,
        "flags": list(one.flags),
        "users": one.users,
        "single_stream": {
            "tokens_per_s": numbers.finite(one.alone_tokens_per_s),
            "ttft_ms": _milliseconds(one.alone_ttft_s),
        },
        "ttft_ms": _milliseconds(one.ttft_s) if able else None,
        "tpot_ms": _milliseconds(one.tpot_s) if able else None,
        "step_ms": {name: 1e3 * seconds for name, seconds in one.step_s.items()} if able else None,
        "requests_per_s": one.requests_per_s if able else None,
        "tokens_per_s": one.tokens_per_s if able else None,
        "confidence": level,
        "confidence_reasons": list(one.confidence.reasons),
        "range": _ranges(level),
        **plain_document(one),
        "machine": None if machine is None else machine[0],
        "usd_per_hour": None if machine is None else machine[1],
        "usd_per_1m_output_tokens": _per_million(one, machine[1]) if machine and able else None,
    }


def _ranges(level: Level) -> dict[str, list[float]]:
    return {"tpot": list(range_of(level, "tpot")), "ttft": list(range_of(level, "ttft"))}


def _milliseconds(seconds: float) -> float | None:
    return numbers.finite(1e3 * seconds)


_OPTION = (
    Column("Precision"),
    Column("GPUs"),
    Column("Machines"),
    Column("USD/month", right=True),
    Column("Cost", right=True),
    Column("Confidence"),
    Column("TTFT", right=True),
    Column("TPOT", right=True),
)

_BOUGHT = {"on_demand": "", "commit_1y": " 1y", "commit_3y": " 3y", "as_planned": ""}

_RANKED = "MACHINES: number at the peak; spot, committed for 1 or 3 years, or otherwise bought as in the "
"plan or on demand. USD/MONTH: the machines without the API. COST: relative to the first. TTFT (95 % of "
"the requests) and TPOT: ms in the busiest hour."


def ranking_report(
    served: Mapping[str, ServedView],
    options: Mapping[str, Sequence[ServingOption]],
    taken: Mapping[str, ServingOption | None],
) -> Report:
    """Return the ranking of every component; taken: what `auto` would take, bought as the plan buys."""
    return Report(partial(_rankings, served, options, taken), partial(_ranking_document, served, options))


def _rankings(
    served: Mapping[str, ServedView],
    options: Mapping[str, Sequence[ServingOption]],
    taken: Mapping[str, ServingOption | None],
) -> Iterator[Block]:
    for name, found in options.items():
        yield Heading(served_line(served[name]), indent="")
        yield from _ranking(found, taken[name], served[name].prefill_peak is not None)


def _ranking(
    options: Sequence[ServingOption], taken: ServingOption | None, disaggregated: bool
) -> Iterator[Block]:
    """Yield options by monthly cost, what their columns mean, and what cannot serve with the reason."""
    able = [option for option in options if option.feasible]
    unable = [[option.configuration.brief(), option.lost] for option in options if not option.feasible]
    if able:
        least = able[0].usd_per_month or 1.0
        yield Table(_OPTION, [_option_cells(option, least) for option in able], keys=2)
        yield _said(_RANKED)
        yield from map(_said, slower(able))
        yield from map(_said, _confidence([option.confidence for option in able]))
    if unable:
        yield Table(_UNABLE, unable)
    if taken is not None:
        auto = (
            "Options are not disaggregated; of them, auto would choose" if disaggregated else "auto chooses"
        )
        yield _said(f"{auto} {_brief(taken)}: {numbers.money(taken.usd_per_month)} USD a month.")


def _option_cells(option: ServingOption, least: float) -> list[str]:
    c, offer = option.configuration, option.offer
    bought = _BOUGHT.get(option.bought, f" {option.bought}")
    return [
        c.precision.name,
        c.hardware(),
        "" if offer is None else f"{option.machines:,.0f} × {offer.machine.name}{bought}",
        f"{option.usd_per_month or 0.0:,.0f}",
        f"×{(option.usd_per_month or 0.0) / least:.3g}",
        option.confidence.level,
        _ms(option.ttft_p95_s),
        _ms(option.tpot_s),
    ]


def _brief(option: ServingOption) -> str:
    machine = "" if option.offer is None else f", {option.machines:,.0f} × {option.offer.name}"
    return f"{option.configuration.brief()}{machine}, {option.bought.replace('_', ' ')}"


def option_document(option: ServingOption) -> dict[str, Any]:
    """Return an option as scripts read it."""
    c = option.configuration
    return {
        "precision": c.precision.name,
        "gpu": c.gpu.name,
        **c.sizes(),
        "provider": None if option.offer is None else option.offer.provider,
        "machine": None if option.offer is None else option.offer.name,
        "rate": option.bought or None,
        "replicas_peak": option.replicas if option.offer else None,
        "tpot_ms": _milliseconds(option.tpot_s),
        "ttft_p95_ms": _milliseconds(option.ttft_p95_s),
        **plain_tpot(option),
        "monthly_cost": option.usd_per_month,
        "confidence": option.confidence.level,
        "confidence_reasons": list(option.confidence.reasons),
        "range": _ranges(option.confidence.level),
        "reason": option.lost or None,
    }


class ServedView(NamedTuple):
    """What an LLM component of a plan does and costs; None where something is unknown.

    tokens: output tokens a month. local: what the component costs, API included. prefill_peak: replicas that
    only read prompts. usd_per_month_together: what it would cost if the others read the prompts too.
    """

    name: str
    model: str
    replicas_peak: float | None
    replicas_average: float | None
    replicas_by_hour: list[float]
    utilization: float | None
    tokens_per_month: float
    usd_per_month: float
    usd_per_1m_output_tokens: float | None
    usd_per_conversation: float | None
    prefill_peak: float | None = None
    usd_per_month_together: float | None = None


def served(estimate: Estimate) -> dict[str, ServedView]:
    """Return every LLM component of an estimate with one scenario."""
    return {
        component.name: _served(estimate, component)
        for component in estimate.components
        if component.kind == "llm"
    }


def _served(estimate: Estimate, component: Component) -> ServedView:
    made = [in_scenario(number) for number in component.units.values()]
    million_tokens, thousand_conversations = made or (0.0, 0.0)
    usd = in_scenario(estimate.cost_with_parts(component).expected)
    sizing, busy = component.sizing, component.utilization
    prefill = [c.sizing for c in estimate.components if c.name in component.parts and c.sizing is not None]
    together = [in_scenario(m.needs) for m in component.measures if m.name == TOGETHER]
    unable = any(finding.severity == "error" for finding in component.findings)
    return ServedView(
        name=component.name,
        model=estimate.plan.llm[component.name].model,
        replicas_peak=(None if unable else 0.0) if sizing is None else in_scenario(sizing.peak),
        replicas_average=(None if unable else 0.0) if sizing is None else float(sizing.running[0].mean()),
        replicas_by_hour=[] if sizing is None else sizing.running[0].tolist(),
        utilization=None if busy is None else in_scenario(busy),
        tokens_per_month=1e6 * million_tokens,
        usd_per_month=usd,
        usd_per_1m_output_tokens=usd / million_tokens if million_tokens else None,
        usd_per_conversation=usd / thousand_conversations / 1e3 if thousand_conversations else None,
        prefill_peak=in_scenario(prefill[0].peak) if prefill else None,
        usd_per_month_together=together[0] if together else None,
    )


def served_line(one: ServedView) -> str:
    """Return what a component of the plan costs now, in a line."""
    replicas = "cannot serve" if one.replicas_peak is None else counted(one.replicas_peak, "replica")
    each = [
        f"${one.usd_per_1m_output_tokens:,.2f} per million output tokens"
        if one.usd_per_1m_output_tokens
        else "",
        f"${one.usd_per_conversation:,.4f} per conversation" if one.usd_per_conversation else "",
    ]
    busy = "" if one.utilization is None else f"{100 * one.utilization:.0f} % utilization"
    if one.prefill_peak is not None:
        replicas = f"{replicas} that decode and {one.prefill_peak:,.0f} that read prompts"
    title = f"{one.name}, {one.model}: {replicas} at the peak"
    said = [title, busy, f"${one.usd_per_month:,.2f} a month", *each]
    if one.usd_per_month_together is not None:
        said.append(f"${one.usd_per_month_together:,.2f} if it were not disaggregated")
    return ", ".join(part for part in said if part)


def _ranking_document(
    served: Mapping[str, ServedView], options: Mapping[str, Sequence[ServingOption]]
) -> dict[str, Any]:
    """Return the ranking of every component as scripts read it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "components": {
            name: {**served[name]._asdict(), "options": [option_document(option) for option in found]}
            for name, found in options.items()
        },
    }
