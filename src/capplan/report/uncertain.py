"""Uncertain results, for people and for scripts: spreads, tornados, forecasts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.components.checks import UNPRICED
from capplan.cost.lines import Certainty, certainty, is_priced
from capplan.estimate import Estimate
from capplan.findings import Finding
from capplan.plan.bind import Path
from capplan.plan.draws import MAX_SAMPLES
from capplan.quantities import counted
from capplan.report import json_format, numbers
from capplan.report.blocks import Block, Heading, Lines, Sheet
from capplan.report.estimate import estimate_blocks, told
from capplan.report.grounds import measure_blocks, measure_document
from capplan.report.table import Column, Table
from capplan.report.tables import shown_in_unit
from capplan.uncertainty.forecast import Crossing, Forecast
from capplan.uncertainty.measuring import Unmeasured
from capplan.uncertainty.sample import Sample, Spread
from capplan.uncertainty.sensitivity import Bar, Tornado

_BAR = 24
DEFAULT_MEET = 0.95
_LEVELS = ("p5", "p50", "p95")


class Sampled(NamedTuple):
    """An estimate with every number in its middle, and many draws of the same plan."""

    estimate: Estimate
    sample: Sample


class Sensitive(NamedTuple):
    """What moves an estimate; indices are the first-order ones, where they were asked for.

    unmeasured: what to measure next, first what narrows the bill most.
    """

    estimate: Estimate
    tornado: Tornado
    indices: Mapping[Path, float] | None
    unmeasured: Sequence[Unmeasured]


class Forecasted(NamedTuple):
    """An estimate of this month, and the months ahead."""

    estimate: Estimate
    forecast: Forecast


def uncertain_blocks(result: Sampled | Sensitive | Forecasted, verbosity: int) -> Iterator[Block]:
    """Yield the report of a result with a spread."""
    if isinstance(result, Sampled):
        yield from estimate_blocks(result.estimate, verbosity)
        yield from _sampled_blocks(result)
    elif isinstance(result, Sensitive):
        yield from _sensitive_blocks(result)
    else:
        yield from _forecast_blocks(result)


def _sampled_blocks(result: Sampled) -> Iterator[Block]:
    """Yield the tables of inputs and results, p5 to p95."""
    sample = result.sample
    columns = [Column("", shrinks=True), *(Column(level, right=True) for level in _LEVELS)]
    inputs = [
        [".".join(path), *_cells(spread, shown_in_unit(result.estimate.file.plan, path))]
        for path, spread in sample.inputs.items()
    ]
    head = f"{counted(sample.samples, 'draw')}, seed {sample.seed}"
    if sample.samples > MAX_SAMPLES:
        head += ", percentiles within 0.01 %"
    if inputs:
        yield Lines((f"{head}; all uncertain inputs are drawn together",))
        yield Table(columns, inputs, "Inputs")
    else:
        yield Lines((f"{head}: nothing is uncertain",))
    met = f"In {sample.all_met:.1%} of the draws, every component has room to scale and meets its SLO."
    yield Table(columns, list(_result_rows(result)), "Results")
    yield Lines((met,))


def _result_rows(result: Sampled) -> Iterator[list[str]]:
    sample = result.sample
    for component in result.estimate.components:
        name = component.name
        instances, times = sample.instances(name), sample.response_s(name)
        if instances is not None:
            yield [f"{name}, instances at the peak", *_cells(instances, numbers.count)]
            yield from _to_meet(result, name)
        for percentile, spread in (times or {}).items():
            yield [f"{name}, {percentile} ms", *_cells(_scaled(spread, 1000), numbers.quantity)]
        if result.estimate.lines_of(name):
            lines = result.estimate.lines_of(name)
            sure = certainty(lines) if is_priced(lines) else None
            yield [f"{name}, USD a month", *_dollars(sample.component_cost(name), sure)]
    yield ["total, USD a month", *_dollars(sample.cost, _sure(sample))]


def _sure(found: Sample | Forecast | Tornado) -> Certainty | None:
    """Return how sure costs are; None where nothing has a price."""
    return found.certainty if found.priced else None


def _dollars(costs: Sequence[float], sure: Certainty | None) -> list[str]:
    """Return costs with the sign of what they bound."""
    if sure is None:
        return ["unpriced"] * len(costs)
    return [f"{sure.sign} {numbers.money(usd)}".lstrip() for usd in costs]


def _missing(estimate: Estimate, sure: Certainty | None) -> list[Finding]:
    """Return which prices are missing, where any are."""
    complete = sure is not None and sure.complete
    return [] if complete else [f for f in estimate.findings if f.code == UNPRICED.code]


def _to_meet(result: Sampled, name: str) -> Iterator[list[str]]:
    """Yield the instances that meet the share of the scenarios that the plan asks for."""
    share = share_of(result.estimate)
    found = result.sample.instances_to_meet(name, share)
    if found is not None:
        enough = f"{numbers.count(found.instances)} ({found.share:.1%})"
        yield [f"{name}, enough in {share:.0%} of the draws", "", "", enough]


def _cells(spread: Spread, show: Callable[[float], str]) -> list[str]:
    return [show(value) if math.isfinite(value) else "∞" for value in spread]


def _scaled(spread: Spread, factor: float) -> Spread:
    return Spread(*(factor * value for value in spread))


def sampled_document(result: Sampled) -> dict[str, Any]:
    """Return the estimate of the middle, with p5, p50 and p95 beside its figures."""
    sample, document = result.sample, json_format.estimate_document(result.estimate)
    document["monthly_cost"] |= _costs(sample.cost, _sure(sample))
    for name, component in document["components"].items():
        if component["monthly_cost"] is not None:
            component["monthly_cost"] |= _levels(sample.component_cost(name))
        instances, times = sample.instances(name), sample.response_s(name)
        if component["instances"] is not None and instances is not None:
            component["instances"] |= _levels(instances)
            found = sample.instances_to_meet(name, share_of(result.estimate))
            component["to_meet"] = None if found is None else found._asdict()
        if times is not None:
            component["latency_ms_spread"] = {p: _levels(_scaled(s, 1000)) for p, s in times.items()}
        component["share_met"] = sample.met(name)
    document["uncertainty"] = {
        "samples": sample.samples,
        "seed": sample.seed,
        "share_met": sample.all_met,
        "inputs": {".".join(path): _levels(spread) for path, spread in sample.inputs.items()},
    }
    return document


def share_of(estimate: Estimate) -> float:
    """Return the share of the scenarios that the plan wants met."""
    said = estimate.plan.uncertainty
    return DEFAULT_MEET if said is None else float(said.meet)


def _costs(spread: Spread, sure: Certainty | None) -> dict[str, float | None]:
    return dict.fromkeys(_LEVELS) if sure is None else _levels(spread)


def _levels(spread: Spread) -> dict[str, float | None]:
    return {k: v if math.isfinite(v) else None for k, v in zip(_LEVELS, spread, strict=True)}


def _sensitive_blocks(result: Sensitive) -> Iterator[Block]:
    """Yield the tornado, widest bar first."""
    tornado = result.tornado
    numeric = ("low", "high", "USD low", "USD high", "instances", "elasticity")
    columns = [Column("Input", shrinks=True), *(Column(name, right=True) for name in numeric)]
    if result.indices is not None:
        columns.append(Column("explains", right=True))
    columns.append(Column(""))
    widest = max((bar.swing for bar in tornado.bars), default=0.0)
    sure = _sure(tornado)
    cost = "unpriced" if sure is None else f"{_dollars([tornado.cost], sure)[0]} USD a month"
    yield Heading(
        f"{result.estimate.plan.name}: {cost} and "
        f"{counted(tornado.instances, 'instance')} with every input at its middle value; one input "
        "moves at a time"
    )
    yield Table(columns, [_bar_row(bar, result, widest) for bar in tornado.bars])
    yield from measure_blocks(result.unmeasured)
    yield from told(_missing(result.estimate, sure), 0)


def _bar_row(bar: Bar, result: Sensitive, widest: float) -> list[str]:
    indices, sure = result.indices, _sure(result.tornado)
    row = [
        ".".join(bar.path),
        *map(shown_in_unit(result.estimate.file.plan, bar.path), (bar.low, bar.high)),
        *_dollars((bar.cost_low, bar.cost_high), sure),
        f"{numbers.count(bar.instances_low)}–{numbers.count(bar.instances_high)}",
        "" if math.isnan(bar.elasticity) or sure is None or sure.sign else numbers.money(bar.elasticity),
    ]
    if indices is not None:
        row.append(f"{indices.get(bar.path, 0.0):.0%}")
    return [*row, "█" * (round(_BAR * bar.swing / widest) if widest else 0)]


def sensitive_document(result: Sensitive) -> dict[str, Any]:
    """Return the tornado."""
    indices, sure = result.indices, _sure(result.tornado)
    exact, unknown = sure is not None and not sure.sign, {} if sure else dict.fromkeys(_COSTS)
    bars = [
        {
            **bar._asdict(),
            "path": ".".join(bar.path),
            "elasticity": bar.elasticity if exact and math.isfinite(bar.elasticity) else None,
            "swing": bar.swing,
            **unknown,
            **({} if indices is None else {"first_order_index": indices.get(bar.path, 0.0)}),
        }
        for bar in result.tornado.bars
    ]
    return {
        "schema_version": json_format.SCHEMA_VERSION,
        "plan": result.estimate.plan.name,
        "monthly_cost": None if sure is None else result.tornado.cost,
        **json_format.bound_document(sure),
        "instances": result.tornado.instances,
        "sensitivity": bars,
        "measure_next": measure_document(result.unmeasured),
        "warnings": list(map(json_format.finding_document, _missing(result.estimate, sure))),
    }


_COSTS = ("cost_low", "cost_high", "swing")


def _forecast_blocks(result: Forecasted) -> Iterator[Block]:
    """Yield a row a month, and what is crossed when."""
    forecast = result.forecast
    columns = [Column("Month", right=True), *(Column(f"USD {level}", right=True) for level in _LEVELS)]
    columns += [Column(name, right=True, shrinks=True) for name in forecast.instances]
    rows = [
        [
            str(month),
            *_dollars(forecast.cost[month], _sure(forecast)),
            *("/".join(_cells(spreads[month], numbers.count)) for spreads in forecast.instances.values()),
        ]
        for month in forecast.months
    ]
    drawn = f"{counted(forecast.samples, 'draw')}, seed {forecast.seed}"
    yield Heading(f"{result.estimate.plan.name}: {drawn}; instances p5/p50/p95")
    yield Table(columns, rows)
    yield crossings_block(forecast.crossings)
    yield from told(_missing(result.estimate, _sure(forecast)), 0)


def crossings_block(crossings: Sequence[Crossing]) -> Block:
    """Return what is crossed within the horizon, and when."""
    if not crossings:
        return Lines(("No limit is crossed within these months.",))
    columns = [Column("Crossed", shrinks=True), Column("by"), Column("probability", right=True)]
    columns += [Column(f"month {level}", right=True) for level in _LEVELS]
    return Table(columns, [[c.what, c.component, *_crossing(c)] for c in crossings])


def _crossing(found: Crossing) -> list[str]:
    """Return probability and months; of a lower bound of the cost, the least and the latest."""
    if found.probability is None or found.month is None:
        return ["unknown"] * 4
    least, latest = ("", "") if found.complete else ("≥ ", "≤ ")
    months = [latest + month for month in _cells(found.month, numbers.count)]
    return [f"{least}{found.probability:.0%}", *months]


def uncertain_document(result: Sampled | Sensitive | Forecasted) -> dict[str, Any]:
    """Return a result with a spread as scripts read it."""
    if isinstance(result, Sampled):
        return sampled_document(result)
    return sensitive_document(result) if isinstance(result, Sensitive) else forecast_document(result)


def crossed(crossings: Sequence[Crossing]) -> dict[str, Any]:
    """Return what a sweep over months says besides."""
    return {"crossings": crossings_document(crossings)}


def forecast_document(result: Forecasted) -> dict[str, Any]:
    """Return the months, and what is crossed."""
    forecast = result.forecast
    sure = _sure(forecast)
    months = [
        {
            "month": month,
            "monthly_cost": _costs(forecast.cost[month], sure) | json_format.bound_document(sure),
            "instances": {name: _levels(spreads[month]) for name, spreads in forecast.instances.items()},
        }
        for month in forecast.months
    ]
    return {
        "schema_version": json_format.SCHEMA_VERSION,
        "plan": result.estimate.plan.name,
        "uncertainty": {"samples": forecast.samples, "seed": forecast.seed},
        "months": months,
        **crossed(forecast.crossings),
        "warnings": list(map(json_format.finding_document, _missing(result.estimate, sure))),
    }


def crossings_document(crossings: Sequence[Crossing]) -> list[dict[str, Any]]:
    """Return each crossing with its probability by month."""
    return [
        {
            "component": c.component,
            "crossed": c.what,
            "probability": c.probability,
            "month": dict.fromkeys(_LEVELS) if c.month is None else _levels(c.month),
            "probability_by_month": list(c.by),
            "complete": c.complete,
        }
        for c in crossings
    ]


def uncertain_sheet(result: Sampled | Sensitive | Forecasted) -> Sheet:
    """Return the figures as rows."""
    if isinstance(result, Sensitive):
        return Sheet(Bar._fields, ([".".join(bar.path), *bar[1:]] for bar in result.tornado.bars))
    if isinstance(result, Forecasted):
        sure = _sure(result.forecast)
        rows = ((m, _costs(cost, sure).values()) for m, cost in enumerate(result.forecast.cost))
        columns = ("month", *(f"monthly_cost_{level}" for level in _LEVELS))
        return Sheet(columns, ([month, *cost] for month, cost in rows))
    return Sheet(("result", *_LEVELS), _result_rows(result))
