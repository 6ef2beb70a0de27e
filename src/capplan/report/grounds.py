"""What a bill rests on, for people and for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from capplan.estimate import Estimate
from capplan.report import numbers
from capplan.report.blocks import Block, Lines, Outline
from capplan.report.table import Column, Table

if TYPE_CHECKING:
    from capplan.uncertainty.grounds import Ground, Grounds
    from capplan.uncertainty.measuring import Unmeasured


def assumptions_of(estimate: Estimate) -> Grounds | None:
    """Return what rests on assumptions; None where the plan marks none."""
    if not any(mark.source == "assumed" for mark in estimate.file.sources.values()):
        return None
    from capplan.uncertainty.grounds import grounds_of

    return grounds_of(estimate, assumed_only=True)


_QUICK = 50
"""Most assumed numbers whose effect a report works out unasked: about a twentieth of its time."""


def assumptions_line(estimate: Estimate, verbosity: int) -> Iterator[str]:
    """Yield which share of the cost and how many of the counts rest on assumptions."""
    assumed = sum(mark.source == "assumed" for mark in estimate.file.sources.values())
    if assumed > _QUICK and verbosity <= 0:
        yield f"{assumed} numbers are assumed: --verbose shows what share of the cost rests on them"
        return
    grounds = assumptions_of(estimate)
    if grounds is None:
        return
    share, counts = grounds.share("assumed"), list(grounds.counts.values())
    said = [] if share is None else [f"{share:.0%} of the expected cost"]
    said += [f"{counts.count('assumed')} of {len(counts)} counts"] if counts else []
    if said:
        yield f"{' and '.join(said)} rest on assumptions: see --explain"


def assumptions_document(estimate: Estimate) -> dict[str, Any] | None:
    """Return the same as scripts read it, with the numbers; None where the plan assumes none."""
    grounds = assumptions_of(estimate)
    if grounds is None:
        return None
    return {
        "share": grounds.share("assumed"),
        "counts": [name for name, source in grounds.counts.items() if source == "assumed"],
        "numbers": [_number_document(ground) for ground in grounds.numbers if ground.source == "assumed"],
    }


def _number_document(ground: Ground) -> dict[str, Any]:
    return {
        "path": ".".join(ground.path),
        "value": ground.value,
        "source": ground.source,
        "from": ground.mark.detail if ground.mark else "",
        "components": ground.components,
        "low": ground.low,
        "high": ground.high,
        "cost_low": None if math.isnan(ground.costs[0]) else ground.costs[0],
        "cost_high": None if math.isnan(ground.costs[1]) else ground.costs[1],
    }


def grounds_blocks(estimate: Estimate, component: str | None) -> Iterator[Block]:
    """Yield what the bill, or one component, rests on; nothing where the plan says no source."""
    if not estimate.file.sources:
        return
    from capplan.uncertainty.grounds import grounds_of

    grounds = grounds_of(estimate)
    if component is None:
        yield _by_source(grounds)
    yield from _named(estimate, grounds, component)


def _by_source(grounds: Grounds) -> Table:
    """Return the cost by the weakest source that each part of it rests on."""
    columns = [Column("Weakest source"), Column("USD a month", right=True), Column("share", right=True)]
    usd = {source: cost for source, cost in grounds.usd.items() if cost}
    rows = [[source, numbers.money(cost), f"{grounds.share(source):.0%}"] for source, cost in usd.items()]
    return Table(columns, rows, "What the bill rests on")


def _named(estimate: Estimate, grounds: Grounds, component: str | None) -> Iterator[Block]:
    """Yield the assumed numbers that figures rest on, the weightiest first, and those that nothing varies."""
    rests = [one for one in grounds.heaviest("assumed") if component in (None, *one.components)]
    if rests:
        yield Outline(["Assumed, and USD a month at other values", *(_line(estimate, one) for one in rests)])
    untried = [".".join(path) for path, mark in grounds.untried.items() if mark.source == "assumed"]
    if untried and component is None:
        yield Lines((f"assumed, but not varied: {', '.join(untried)}",))


def _line(estimate: Estimate, ground: Ground) -> str:
    said = f" ({ground.mark.detail})" if ground.mark and ground.mark.detail else ""
    tried = [
        f"{numbers.money(usd)} at {numbers.quantity(value)}"
        for value, usd in zip((ground.low, ground.high), ground.costs, strict=True)
        if not math.isnan(usd)
    ]
    places, path = estimate.file.places, ground.path
    place = places.where(path)
    # One number that stands for several is said above them.
    place = places.where(path[:-1]) if place == "default" else place
    name, value = ".".join(path), numbers.quantity(ground.value)
    return f"  {name} = {value}{said} ({place}): {', '.join(tried)}; {', '.join(ground.components)}"


def measure_blocks(found: Sequence[Unmeasured]) -> Iterator[Block]:
    """Yield what to measure next."""
    if not found:
        return
    columns = [Column("Measure next", shrinks=True), Column("USD uncertain", right=True)]
    columns += [Column("days", right=True), Column("by")]
    rows = [
        [".".join(ground.path), numbers.money(ground.swing), numbers.quantity(days), how]
        for ground, days, how in found[:_MOST]
    ]
    yield Table(columns, rows)


_MOST = 8
"""Most numbers to measure that a report names; JSON has them all."""


def measure_document(found: Sequence[Unmeasured]) -> list[Mapping[str, Any]]:
    """Return what to measure next as scripts read it."""
    return [
        {
            **_number_document(one.ground),
            "uncertain": one.ground.swing,
            "days": one.days,
            "uncertain_per_day": one.usd_per_day,
            "how": one.how,
        }
        for one in found
    ]
