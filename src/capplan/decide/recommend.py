"""What to change, and how far each component is from its next boundary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from capplan.capacity.sizing import Sizing
from capplan.catalog.catalog import Catalog
from capplan.components.base import Component
from capplan.components.checks import UNPRICED
from capplan.cost.lines import CostLine
from capplan.cost.meters import Range
from capplan.decide.changes import Change, changes_for
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate, estimate_again
from capplan.findings import Finding
from capplan.plan.overlay import merge, nested
from capplan.plan.read import PlanFile, validate
from capplan.quantities import counted, plain

OTHER_REGIONS = 3
"""Of the regions that cost less, so many are tried."""

MOST_COMPONENTS = 25
"""Changes are tried for the components that cost most, so that the time stays linear in the plan's size."""
LEAST_SAVING_USD = 1.0


class Hint(NamedTuple):
    """A change that saves money and breaks nothing that the estimate can see.

    at_most: whether it saves what stands at its highest, so that the saving may be smaller.
    """

    change: Change
    saving_usd_per_month: float
    at_most: bool = False


class Margin(NamedTuple):
    """Where a component stands: its tier or count, why, and what it takes to leave it.

    growth: how much the load may still grow until ``boundary`` is reached; None where nothing is known.
    """

    component: str
    tier: str
    why: str
    boundary: str
    growth: float | None


class Advice(NamedTuple):
    """What `capplan recommend` says. problems: errors, and which prices are missing."""

    estimate: Estimate
    standings: Sequence[Margin]
    hints: Sequence[Hint]
    problems: Sequence[Finding]


def recommend(file: PlanFile, catalog: Catalog) -> Advice:
    """Return where every component of the plan stands, and the changes that save most, best first."""
    now = estimate(file, catalog)
    hints = [hint for change in _changes(now, catalog) if (hint := _tried(file, catalog, now, change))]
    hints.sort(key=lambda hint: (-hint.saving_usd_per_month, hint.change.component, hint.change.text))
    return Advice(
        estimate=now,
        standings=margins(now),
        hints=_best_of_each(hints),
        problems=[f for f in now.findings if f.severity == "error" or f.code == UNPRICED.code],
    )


def _changes(now: Estimate, catalog: Catalog) -> Iterator[Change]:
    if now.plan.llm:
        from capplan.decide.models import changes_for_model
    # Pods cost what their nodes cost, so they are tried too, as far as there are not too many.
    cost = {c.name: float(now.cost_of(c.name).expected.max()) for c in now.components}
    dearest = sorted(now.components, key=lambda c: -cost[c.name] - (c.billed_with is not None))
    for component in dearest[:MOST_COMPONENTS]:
        if component.kind == "llm":
            yield from changes_for_model(now, component)
        else:
            yield from changes_for(now, component, catalog)
    yield from _other_regions(now, catalog)


def _other_regions(now: Estimate, catalog: Catalog) -> Iterator[Change]:
    """Yield the regions that look cheapest; whether they are is tried like any other change."""
    from capplan.decide.regions import cheaper_regions

    for row in cheaper_regions(now, catalog)[:OTHER_REGIONS]:
        here = now.plan.regions[row.provider]  # type: ignore[index]
        risk = "latency, data residency, and the move itself"
        text = f"{row.region} instead of {here}"
        yield Change(row.provider, "region", ("regions", row.provider), row.region, text, risk)


def _tried(file: PlanFile, catalog: Catalog, now: Estimate, change: Change) -> Hint | None:
    """Return the hint if the change saves money, and adds neither a finding nor an unpriced line."""
    try:
        then = estimate_again(now, _with_change(file, change), catalog)
    except InputError:
        return None
    saving = float((now.total.expected - then.total.expected).max())
    if saving < LEAST_SAVING_USD or _faults(then) - _faults(now) or _falls(_unpriced(then), _unpriced(now)):
        return None
    return Hint(change, saving, _falls(_highest(now), _highest(then)))


def _falls(before: Mapping[tuple[str, str], float], after: Mapping[tuple[str, str], float]) -> bool:
    """Say whether anything is less after than before."""
    return any(after.get(key, 0.0) < amount * (1 - 1e-9) for key, amount in before.items())


def _unpriced(found: Estimate) -> dict[tuple[str, str], float]:
    """Return how much is used of what has no price, by component and SKU."""
    return _by_sku((line, line.quantity) for line in found.lines if line.status == "unpriced")


def _highest(found: Estimate) -> dict[tuple[str, str], float]:
    """Return the costs that stand at their highest, by component and SKU."""
    return _by_sku((line, line.cost) for line in found.lines if line.cost and line.status == "bound")


def _by_sku(amounts: Iterable[tuple[CostLine, Range]]) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for line, amount in amounts:
        key = (line.meter.component, line.sku)
        found[key] = found.get(key, 0.0) + float(amount.expected.max())
    return found


def _with_change(file: PlanFile, change: Change) -> PlanFile:
    """Return the plan with the change; all that it does not touch is what was read, and not read again."""
    raw = merge(file.raw, nested(change.path, change.value))
    section, name = change.path[:2]
    read = {key: value for key in raw if key != section and _is_read(value := getattr(file.plan, key, None))}
    parts = getattr(file.plan, section)
    if name in raw[section] and _is_read(parts):
        read[section] = {**parts, name: raw[section][name]}
    return file._replace(plan=validate({**raw, **read}, file.places), raw=raw)


def _is_read(value: object) -> bool:
    """Say whether a part of a plan is a model, or models by name, which are not read a second time."""
    if isinstance(value, Mapping):
        return bool(value) and all(isinstance(part, BaseModel) for part in value.values())
    return isinstance(value, BaseModel)


def _faults(found: Estimate) -> set[tuple[str, str, str]]:
    """Return what a change must not add: findings, and what has no price, which would look like a saving."""
    lacking = {("unpriced", line.meter.component, line.sku) for line in found.lines if line.cost is None}
    return lacking | {
        (f.code, f.subject, "") for f in found.findings if f.severity != "info" and f.code != "unpriced"
    }


def _best_of_each(hints: Sequence[Hint]) -> list[Hint]:
    """Return the hints without those that a better one of the same kind for the same component replaces."""
    seen = set()
    best = []
    for hint in hints:
        key = (hint.change.component, hint.change.kind)
        if key not in seen:
            seen.add(key)
            best.append(hint)
    return best


def margins(estimate: Estimate) -> list[Margin]:
    """Return where every component stands."""
    return [margin for component in estimate.components for margin in _standing(component)]


def _standing(component: Component) -> Iterator[Margin]:
    sizing = component.sizing
    if component.pick is not None and component.kind in ("database", "cache"):
        yield _of_store(component, component.pick.name(0))
    elif component.kind == "service" and sizing is not None and component.peak_rps is not None:
        yield _of_service(component, sizing)
    elif component.kind == "node-pool" and sizing is not None:
        most, room = sizing.ceiling, component.headroom
        boundary = "" if most is None else f"max {counted(float(most.min()), 'node')}"
        growth = None if room is None else float(room.min())
        yield Margin(
            component.name, counted(float(sizing.peak.max()), "node"), sizing.binding(), boundary, growth
        )


def _of_service(component: Component, sizing: Sizing) -> Margin:
    peak = float(sizing.peak.max())
    tier = counted(peak, "instance")
    ends: list[tuple[float, str]] = []
    if component.pick is not None:
        tier = f"{component.pick.name(0)}, {tier}"
        if component.pick.room is not None and np.all(np.isfinite(component.pick.room)):
            ends.append((float(component.pick.room.min()), "the next tier"))
    if component.headroom is not None and sizing.ceiling is not None:
        ends.append((float(component.headroom.min()), f"max {plain(float(sizing.ceiling.min()), 6)}"))
    growth, boundary = min(ends, default=(None, ""))
    return Margin(component.name, tier, sizing.binding(), boundary, growth)


def _of_store(component: Component, machine: str) -> Margin:
    """Return the class of a store, and the need that will outgrow it first."""
    ratios = {
        m.name: float((m.has / np.maximum(m.needs, 1e-12)).min())
        for m in component.measures
        if m.has is not None and m.name in ("cpu", "memory", "connections")
    }
    if not ratios:
        return Margin(component.name, machine, "named in the plan", "", None)
    first = min(ratios, key=lambda name: ratios[name])
    return Margin(component.name, machine, first, f"its {first}", ratios[first] - 1)
