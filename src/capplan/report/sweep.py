"""A sweep as blocks, JSON and CSV: estimated part by part, so that its size costs no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from capplan.arrays import in_scenario
from capplan.components.base import Context
from capplan.estimate import Estimate, estimate_on
from capplan.executors import chosen
from capplan.findings import Finding
from capplan.plan.bind import Path, Scenarios
from capplan.report import numbers, tables
from capplan.report.blocks import Block, Heading, Sheet
from capplan.report.estimate import basis, told
from capplan.report.table import Column, Table
from capplan.report.view import total_view, view

if TYPE_CHECKING:
    from capplan.report.render import Swept

MAX_SHOWN = 20_000
"""Rows of a table that somebody could look at; CSV takes as many scenarios as there may be."""

MAX_HOURLY = 1_000
"""Scenarios whose hours JSON holds one by one."""


def sweep_blocks(swept: Swept, verbosity: int) -> Iterator[Block]:
    """Yield the heading, one row a scenario, and what was found."""
    swept.check(MAX_SHOWN, "a table")
    findings: dict[tuple[str, str], Finding] = {}
    rows: list[list[str]] = []
    for part in swept.parts():
        shows = {path: tables.shown_in_unit(part.file.plan, path) for path in swept.axes}
        rows += (_row(part, shows, scenario) for scenario in range(part.scenarios.count))
        findings = _together(part, findings)
    heading = f"{part.plan.name}: instances in the busiest hour, and cost per month"
    yield Heading(heading, (basis(part),))
    yield Table(_columns(part, swept.axes), rows, keys=len(swept.axes))
    yield from told(list(findings.values()), verbosity)


def _together(part: Estimate, findings: Mapping[tuple[str, str], Finding]) -> dict[tuple[str, str], Finding]:
    """Return what was found so far and in this part; of what is found in several, the first."""
    return {(finding.code, finding.subject): finding for finding in part.findings} | dict(findings)


def _columns(estimate: Estimate, axes: Mapping[Path, Sequence[str]]) -> list[Column]:
    sized = [component for component in estimate.components if component.sizing is not None]
    return [
        *(Column(path[-1], right=True, shrinks=True) for path in axes),
        Column("peak req/s", right=True),
        *(Column(component.name, right=True, shrinks=True) for component in sized),
        *(Column(name, right=True) for name in ("USD min", "expected", "max")),
    ]


def _row(estimate: Estimate, shows: Mapping[Path, Callable[[float], str]], scenario: int) -> list[str]:
    shown = view(estimate, scenario)
    values = [show(float(estimate.scenarios.values[path][scenario])) for path, show in shows.items()]
    peaks = [_peak(c.instances.peak, c.instances.max) for c in shown.components if c.instances is not None]
    return [*values, numbers.rate(shown.peak_rps), *peaks, *tables.costs(shown.total)]


def _peak(peak: float, most: float | None) -> str:
    """Return the instances needed, marked where the maximum does not allow them."""
    return numbers.count(peak) + ("!" if most is not None and peak > most else "")


def sweep_document(swept: Swept) -> dict[str, Any]:
    """Return the sweep as JSON: what varies, and for each scenario what comes out, hour by hour."""
    from capplan.report import json_format

    swept.check(MAX_HOURLY, "JSON")
    findings: dict[tuple[str, str], Finding] = {}
    scenarios: list[dict[str, Any]] = []
    for part in swept.parts():
        scenarios += (json_format.scenario_document(part, index) for index in range(part.scenarios.count))
        findings = _together(part, findings)
    return json_format.sweep_document(part, swept.axes, scenarios, list(findings.values()))


def sweep_sheet(swept: Swept) -> Sheet:
    """Return one row a scenario: the values that vary, instances at the peak, the monthly cost."""
    first = estimate_on(swept.context, swept.scenarios.part(0, 1))
    sized = [component.name for component in first.components if component.sizing is not None]
    columns = [".".join(path) for path in swept.axes] + [f"{name}_peak_instances" for name in sized]
    columns += ["monthly_cost_min", "monthly_cost", "monthly_cost_max", "complete"]
    rows_of = partial(_sheet_part, swept.context, tuple(swept.axes))
    return Sheet(columns, (row for rows in (chosen() or map)(rows_of, swept.divided()) for row in rows))


def _sheet_part(context: Context, axes: Sequence[Path], scenarios: Scenarios) -> list[list[object]]:
    return list(_sheet_rows(estimate_on(context, scenarios), axes))


def _sheet_rows(estimate: Estimate, axes: Sequence[Path]) -> Iterator[list[object]]:
    sized = [component.sizing for component in estimate.components if component.sizing is not None]
    for scenario in range(estimate.scenarios.count):
        cost = total_view(estimate, scenario)
        yield [
            *(float(estimate.scenarios.values[path][scenario]) for path in axes),
            *(in_scenario(sizing.peak, scenario) for sizing in sized),
            *((None, None, None, False) if cost is None else (*cost[:3], cost.certainty.complete)),
        ]
