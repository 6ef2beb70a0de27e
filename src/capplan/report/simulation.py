"""A simulation, for people and for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from capplan.autoscale.exact import Exact
from capplan.autoscale.loop import FIXED, WINDOW
from capplan.autoscale.simulation import Outcome, Pace, Simulation
from capplan.quantities import DAY_S
from capplan.report.blocks import Block, Heading, Lines, Report, Sheet, Sparklines
from capplan.report.numbers import money
from capplan.report.table import Column, Table

SCHEMA_VERSION = 1


def report_of(simulation: Simulation, exact: Mapping[str, Exact] = {}) -> Report:
    """Return the report of a simulation, with what was found ``exact`` if anything was."""
    return Report(
        partial(_blocks, simulation, exact),
        partial(simulation_document, simulation, exact),
        {"csv": partial(_sheet, simulation)},
        partial(_charts, simulation),
    )


def _charts(simulation: Simulation) -> Iterator[Block]:
    from capplan.report.simulation_charts import charts

    yield Heading(f"{simulation.estimate.plan.name}: {simulation.load}")
    yield from charts(simulation)


def _blocks(simulation: Simulation, exact: Mapping[str, Exact]) -> Iterator[Block]:
    """Yield the table, the chart of instances, the cost, and what to know."""
    outcomes = simulation.outcomes
    yield Heading(_heading(simulation))
    yield _table(outcomes, simulation.seconds)
    yield Sparklines("Instances over time", {o.subject.name: o.series.wanted.tolist() for o in outcomes})
    yield _costs(simulation)
    yield Lines(list(_notes(simulation)), bullets=True)
    if exact:
        yield _exact(exact)


def _heading(simulation: Simulation) -> str:
    settings = simulation.settings
    kind = "Poisson" if settings.random else "steady"
    days = simulation.seconds / DAY_S
    span = f"{days:g} {'day' if days == 1 else 'days'}" if days >= 1 else _duration(simulation.seconds)
    load = f"{span} of {simulation.load} in ticks of {settings.tick_s:g} s"
    return f"{simulation.estimate.plan.name}: {load}, {kind} arrivals, seed {settings.seed}"


def _table(outcomes: Sequence[Outcome], seconds: float) -> Table:
    columns = (
        Column("service"),
        Column("scaler"),
        Column("instances", right=True),
        Column("utilization", right=True),
        Column("over SLO", right=True),
        Column("rejected", right=True),
        Column("p95 ms", right=True),
        Column("changes", right=True),
        Column("excess", right=True),
    )
    return Table(columns, [_row(outcome, seconds) for outcome in outcomes])


def _row(outcome: Outcome, seconds: float) -> list[str]:
    subject, found = outcome.subject, outcome.figures
    span = f"{found.instances_min:g}/{found.instances_mean:.1f}/{found.instances_max:g}"
    return [
        subject.name,
        subject.scaler_name,
        span,
        percent(found.utilization),
        _duration(found.late_s) if subject.slo else "–",
        percent(found.shed_share),
        _p95(outcome),
        str(found.scale_ups + found.scale_downs),
        percent(found.over_provisioned),
    ]


def _p95(outcome: Outcome) -> str:
    if not outcome.subject.knows_latency:
        return "–"
    found = outcome.figures
    return f"{1000 * found.p95_typical_s:,.0f}/{1000 * found.p95_worst_s:,.0f}"


def percent(share: float) -> str:
    """Return a share as percent; never 0 for something that happened.

    >>> percent(0.123), percent(0.0004), percent(0.0)
    ('12%', '<0.1%', '0%')
    """
    percent = 100 * share
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}%" if 0 < percent < 10 else f"{percent:.0f}%"


def difference(before: float, after: float) -> str:
    """Return what a change saves or costs a month.

    >>> difference(10.0, 7.5), difference(10.0, 12.0)
    ('saves 2.50 a month (25%)', 'costs 2.00 more a month (20%)')
    """
    share = percent(abs(after - before) / before) if before else "0%"
    if after > before:
        return f"costs {money(after - before)} more a month ({share})"
    return f"saves {money(before - after)} a month ({share})"


def _duration(seconds: float) -> str:
    """Return a time in its largest fitting unit.

    >>> _duration(0.0), _duration(45.0), _duration(9480.0)
    ('0', '45 s', '2.6 h')
    """
    for unit_s, unit in ((DAY_S, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.0f} s" if seconds else "0"


def _costs(simulation: Simulation) -> Table:
    costs = simulation.costs
    rows = [
        ["simulated", money(costs.simulated.total)],
        ["with perfect foresight", money(costs.ideal)],
        ["at peak size all the time", money(costs.at_peak)],
    ]
    said = f"Autoscaling {difference(costs.at_peak, costs.simulated.total)} compared with peak size."
    return Table((Column("whole plan"), Column("USD/month", right=True)), rows, foot=(said,))


def _notes(simulation: Simulation) -> Iterator[str]:
    for outcome in simulation.outcomes:
        name, found = outcome.subject.name, outcome.figures
        if outcome.subject.slo and found.late_s:
            share = percent(found.late_share)
            said = outcome.subject.slo
            yield f"WARNING {name}: {share} of the requests arrived while the SLO ({said}) was broken."
        high = outcome.subject.simulated.scaler.high
        if found.instances_max >= high > found.instances_min:
            at_top = float((outcome.series.wanted >= high).mean()) * simulation.seconds
            yield f"WARNING {name}: ran at its maximum of {high} for {_duration(at_top)}."
        if found.shed_share:
            yield f"WARNING {name}: {percent(found.shed_share)} of the requests were not served."
    yield from _lost(simulation)
    yield from _outage(simulation)
    for name in simulation.skipped:
        yield f"INFO {name}: not simulated: {_why_not(simulation, name)}."


def _why_not(simulation: Simulation, name: str) -> str:
    llm = simulation.estimate.plan.llm.get(name)
    if llm is not None and llm.disaggregated is not None:
        return "prefill and decode are on separate replicas; it costs what the estimate says"
    return "its capacity is unknown, or no load arrives"


def _lost(simulation: Simulation) -> Iterator[str]:
    lost = simulation.settings.lost
    if lost is not None:
        when = "at the busiest moment" if lost.from_s is None else f"after {_duration(lost.from_s)}"
        back = f" and serves again after {_duration(lost.until_s)}" if math.isfinite(lost.until_s) else ""
        yield f"INFO sites: {lost.site} is lost {when}{back}; its requests go to the others."


def _outage(simulation: Simulation) -> Iterator[str]:
    """Yield what the autoscalers did that had no measures to go by."""
    settings = simulation.settings
    first, last = (math.ceil(at_s / settings.tick_s) for at_s in settings.blind_s)
    for outcome in simulation.outcomes:
        ran = outcome.series.wanted[first:last]
        if ran.size and outcome.subject.simulated.scaler.kind not in (FIXED, WINDOW):
            counts = f"{ran[0]:g} at first, {ran[-1]:g} at the end"
            yield f"INFO {outcome.subject.name}: instances without measures: {counts}, {ran.max():g} at most."


def _exact(exact: Mapping[str, Exact]) -> Table:
    """Return what was found request by request."""
    columns = [Column("request by request")]
    columns += [Column(name, right=True) for name in ("served", "left", "p50 ms", "p95 ms", "p99 ms")]
    rows = [
        [
            name,
            f"{found.served:,}",
            f"{found.left:,}",
            *("–" if math.isnan(t) else f"{1000 * t:,.0f}" for t in found[3:]),
        ]
        for name, found in exact.items()
    ]
    return Table(columns, rows)


def simulation_document(simulation: Simulation, exact: Mapping[str, Exact] = {}) -> dict[str, Any]:
    """Return the simulation as a JSON document, with what was found ``exact`` if anything was."""
    costs, settings = simulation.costs, simulation.settings
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": simulation.estimate.plan.name,
        "load": simulation.load,
        "seconds": simulation.seconds,
        "tick_s": settings.tick_s,
        "seed": settings.seed,
        "lost_site": settings.lost and settings.lost.site,
        "outage_s": list(settings.blind_s) if any(settings.blind_s) else None,
        "services": {outcome.subject.name: _document(outcome) for outcome in simulation.outcomes},
        "exact": {name: _exact_document(found) for name, found in exact.items()} or None,
        "skipped": list(simulation.skipped),
        "monthly_cost": {
            "simulated": costs.simulated.total,
            "ideal": costs.ideal,
            "at_peak": costs.at_peak,
            "components": dict(costs.simulated.by_component),
        },
    }


def _document(outcome: Outcome) -> dict[str, Any]:
    subject, found = outcome.subject, outcome.figures
    knows = subject.knows_latency
    return {
        "platform": subject.platform,
        "autoscaler": subject.scaler_name,
        "slo": subject.slo or None,
        "instances": {
            "min": found.instances_min,
            "average": found.instances_mean,
            "max": found.instances_max,
            "needed_average": found.needed_mean,
        },
        "utilization": found.utilization,
        "over_provisioned": found.over_provisioned,
        "saved_against_peak": found.against_peak,
        "seconds_over_slo": found.late_s if subject.slo else None,
        "requests_over_slo": found.late_share if subject.slo else None,
        "shed": found.shed_share,
        "p95_ms": {
            "typical": _ms(found.p95_typical_s) if knows else None,
            "worst": _ms(found.p95_worst_s) if knows else None,
        },
        "scale_ups": found.scale_ups,
        "scale_downs": found.scale_downs,
        "rise": _pace(found.rise),
        "fall": _pace(found.fall),
        "climb_s": found.climb_s,
    }


def _pace(pace: Pace) -> dict[str, float | None]:
    turn_s = pace.turn_s if math.isfinite(pace.turn_s) else None
    return {"most_in_a_minute": pace.most, "share_in_a_minute": pace.share, "turn_s": turn_s}


def _exact_document(found: Exact) -> dict[str, Any]:
    times = {"p50": _ms(found.p50_s), "p95": _ms(found.p95_s), "p99": _ms(found.p99_s)}
    return {"served": found.served, "left": found.left, "waiting": found.waiting, "response_ms": times}


def _ms(seconds: float) -> float | None:
    return 1000 * seconds if math.isfinite(seconds) else None


def _sheet(simulation: Simulation) -> Sheet:
    """Return the timelines, a row for each service and tick."""
    columns = ("service", "time_s", *_COUNTS, "wait_ms", "p95_ms", "late")
    return Sheet(columns, (row for o in simulation.outcomes for row in _ticks(o, simulation.settings.tick_s)))


_COUNTS = ("arrivals", "served", "shed", "waiting", "wanted", "ready")


def _ticks(outcome: Outcome, tick_s: float) -> Iterator[list[object]]:
    series = outcome.series
    counts = [getattr(series, column).tolist() for column in _COUNTS]
    times = ((1000 * series.wait_s).tolist(), (1000 * series.p95_s).tolist())
    for tick, row in enumerate(zip(*counts, *times, series.late.tolist(), strict=True)):
        yield [outcome.subject.name, f"{tick * tick_s:g}", *(f"{value:.6g}" for value in row)]
