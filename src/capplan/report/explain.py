"""Where a number comes from: formula, inputs with their place in the plan, price with its source."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.arrays import hourly_max, in_scenario
from capplan.capacity.limits import Limit
from capplan.capacity.response import Promise
from capplan.capacity.sizing import Sizing
from capplan.components.base import Component
from capplan.errors import InputError, Problem, nearest
from capplan.estimate import Estimate
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Lines, Outline
from capplan.report.grounds import grounds_blocks
from capplan.report.table import Column, Table
from capplan.report.tables import item
from capplan.report.view import LineView, view

ALL = "all"
CANDIDATES = "candidates"


def explain_blocks(estimate: Estimate, name: str) -> Iterator[Block]:
    """Yield the derivation of every figure of the component ``name``, or of all."""
    if name == CANDIDATES:
        yield from _candidates(estimate)
        return
    known = {component.name: component for component in estimate.components}
    if name != ALL and name not in known:
        raise InputError(Problem("--explain", f"no component '{name}'", nearest(name, known)))
    for component in known.values() if name == ALL else [known[name]]:
        yield Outline(list(_component(estimate, component)))
    yield from grounds_blocks(estimate, None if name == ALL else name)


def _candidates(estimate: Estimate) -> Iterator[Block]:
    """Yield for each machine that capplan chose all that it looked at, and what rules each out."""
    if not estimate.context.candidates:
        open_ends = "No service or node pool has `machine: auto` or a list of families."
        yield Lines((f"capplan has no machine to choose. {open_ends}",), indent="")
    columns = [Column("Machine"), Column("vCPU", right=True), Column("GiB", right=True)]
    columns += [Column("USD/h", right=True), Column("met", right=True), Column("plan USD/mo", right=True)]
    columns.append(Column("Reason"))
    for component, candidates in estimate.context.candidates.items():
        rows = [
            [
                c.name,
                *(numbers.quantity(size) for size in (c.vcpu, c.memory_gib)),
                "" if c.usd_per_hour is None else numbers.unit_price(c.usd_per_hour),
                "" if c.met is None else f"{c.met:.1%}",
                "" if c.cost is None else numbers.money(c.cost),
                c.reason or "chosen",
            ]
            for c in candidates
        ]
        yield Table(columns, rows, f"{component}: candidates")


def _component(estimate: Estimate, component: Component) -> Iterator[str]:
    place = estimate.file.places.where(component.path)
    yield f"{component.name}: {component.platform} in {component.region} ({place})"
    if component.rps is not None:
        yield from _load(estimate, component)
    if component.sizing is not None:
        yield from _instances(estimate, component.sizing)
    if component.pick is not None:
        yield f"  tier or machine: {component.pick.name(0)}"
    for measure in component.measures:
        bound = "" if measure.has is None else f", has {numbers.quantity(in_scenario(measure.has, 0))}"
        needs = numbers.quantity(in_scenario(measure.needs, 0))
        yield f"  {measure.name}: {measure.formula} = {needs} {_units(needs, measure.unit)}".rstrip() + bound
    lines = [line for line in view(estimate).lines if line.component == component.name]
    if lines:
        yield "  monthly cost, expected"
    for line in lines:
        yield from _line(line)


def _load(estimate: Estimate, component: Component) -> Iterator[str]:
    load = estimate.load
    per_entry = in_scenario(load.per_entry[component.name], 0)
    average = in_scenario(load.average(component.name), 0)
    peak = in_scenario(hourly_max(load.rps(component.name)), 0)
    yield (
        f"  load: {numbers.rate(in_scenario(load.average_rps, 0))} requests/s enter on average × "
        f"{numbers.quantity(per_entry)} for each = {numbers.rate(average)}/s; "
        f"{numbers.rate(peak)}/s in the busiest hour ({load.profile})"
    )


def _instances(estimate: Estimate, sizing: Sizing) -> Iterator[str]:
    needed = numbers.count(in_scenario(sizing.peak, 0))
    yield f"  instances in the busiest hour: {needed}, bound by {sizing.binding()}"
    for limit in sizing.limits:
        yield from _limit(estimate, limit, in_scenario(sizing.constraints[limit.name], 0))
    for name, count in sizing.constraints.items():
        if name not in {limit.name for limit in sizing.limits}:
            yield f"    {name}: {numbers.count(in_scenario(count, 0))}"
    if sizing.ceiling is not None:
        yield f"    max: {numbers.count(in_scenario(sizing.ceiling, 0))}"
    if sizing.promise is not None:
        yield from _promise(sizing.promise)


def _promise(promise: Promise) -> Iterator[str]:
    """Yield what the latency constraint rests on."""
    for share, target in promise.targets.items():
        bare = numbers.quantity(1000 * in_scenario(promise.bare(share), 0))
        wanted = numbers.quantity(1000 * in_scenario(target, 0))
        yield f"      p{100 * share:.0f} in {wanted} ms; the work alone takes {bare} ms"
    for station in promise.stations:
        law = "shared by all requests" if station.shared else "taken in order of arrival (Erlang C, Kimura)"
        places = numbers.quantity(in_scenario(station.servers, 0))
        time = numbers.quantity(1000 * in_scenario(station.service_time_s, 0))
        kind = _units(places, "cores" if station.shared else "places")
        variety = numbers.quantity(in_scenario(station.cs2, 0))
        yield f"      {places} {kind} an instance, {law}; {time} ms of work for each request, cs2 {variety}"


def _units(shown: str, plural: str) -> str:
    """Return the singular beside one: of cores and connections, not of requests/s or vCPU."""
    return plural.removesuffix("s") if shown == "1" and "/" not in plural else plural


def _limit(estimate: Estimate, limit: Limit, count: float) -> Iterator[str]:
    rate = numbers.rate(in_scenario(limit.rps_per_instance, 0))
    yield f"    {limit.name}: {counted(count, 'instance')}; one carries {limit.formula} = {rate}/s"
    for symbol, given in limit.inputs.items():
        value = numbers.quantity(in_scenario(given.value, 0))
        unit = f" {given.unit}" if given.unit else ""
        place = estimate.file.places.where(given.path.split("."))
        mark = estimate.file.sources.get(tuple(given.path.split(".")))
        yield f"      {symbol} = {value}{unit} ← {given.path} ({place}{f'; {mark}' if mark else ''})"


def _line(line: LineView) -> Iterator[str]:
    cost = numbers.money(line.cost.expected if line.cost else None)
    price = numbers.unit_price(line.unit_price)
    used = f"{numbers.quantity(line.quantity)} {line.unit}"
    yield f"    {item(line)}: {line.formula} = {used} × {price} = {cost}"
    dated = f", as of {line.as_of}" if line.as_of else ""
    yield f"      {line.status} price in {line.region}: {line.source}{dated}"
