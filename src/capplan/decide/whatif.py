"""What if: the plan's main drivers at several values, its alternatives and regions, worked out at once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.components.base import Component
from capplan.cost.lines import CostLine
from capplan.decide.questions import volume_of
from capplan.decide.regions import cheaper_regions
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate, context_of
from capplan.many import in_chunks
from capplan.plan.bind import Path, at, grid
from capplan.plan.intervals import BOUNDS, PERCENTILES
from capplan.plan.model import Plan
from capplan.plan.overlay import assignment, full_path
from capplan.plan.read import PlanFile, alternatives_of, read_plan
from capplan.plan.sweep import read_number, read_sweeps
from capplan.uncertainty.moves import numbers_of
from capplan.uncertainty.sensitivity import tornado

PLAN = "plan"
"""The plan itself, among its alternatives."""

_FACTORS = {5: (0.5, 0.75, 1.0, 1.5, 2.0), 7: (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)}
_GRIDS = ((4, 7), (4, 5), (3, 7), (3, 5), (2, 7), (2, 5), (1, 5))
"""Drivers, and values of each: the first that is not too many is taken."""

_MOST_POSITIONS = 6_000
_MOST_FIGURES = 60_000
"""Positions of all alternatives and regions together, and those times components: a second, and 2 MB."""

_MOST_REGIONS = 2
_MOST_VALUES = 50
_LEAST_VALUES = 3


class Slider(NamedTuple):
    """A number of the plan at several values, with their texts, as the plan would write them.

    now: which is the plan's own.
    """

    path: Path
    labels: Sequence[str]
    values: Sequence[float]
    now: int

    @property
    def ends(self) -> str:
        """The least and the highest value as a sweep."""
        return f"{'.'.join(self.path)}={self.labels[0]},{self.labels[-1]}"


class ComponentFigures(NamedTuple):
    """One component at every position; each array has an axis for each slider.

    cost: expected USD a month, NaN where it is unknown. sign: 1 where a price is unknown, 2 where one is at
    its highest, 3 where both hold. peak: instances in the busiest hour. unmet: 1 where they may not run.
    in_nodes: whether nothing is paid but the nodes.
    """

    name: str
    cost: Array
    sign: Array
    peak: Array | None
    unmet: Array | None
    in_nodes: bool


class Variation(NamedTuple):
    """An alternative in a region at every position of the sliders.

    sets: what `--set` must say besides the position. applies: for each slider whether the alternative has
    that number. total: floor, expected and ceiling, NaN where unknown, infinite where nothing bounds it.
    """

    alternative: str
    region: str
    sets: Sequence[str]
    applies: Sequence[bool]
    total: tuple[Array, Array, Array]
    sign: Array
    components: Sequence[ComponentFigures]


class WhatIf(NamedTuple):
    """The sliders, and every alternative in every region."""

    sliders: Sequence[Slider]
    alternatives: Sequence[str]
    regions: Sequence[str]
    variations: Sequence[Variation]


class PlanSource(NamedTuple):
    """Where the plan is, and what was said of it on the command line."""

    plan: FilePath
    sets: Sequence[str]
    books: Sequence[str]
    alternative: str | None


def what_if(source: PlanSource, now: Estimate, catalog: Catalog, vary: Sequence[str]) -> WhatIf:
    """Return the plan at every position: of the sliders in ``vary``, PATH=VALUE,…, or of its main drivers."""
    file = read_plan(source.plan, source.sets, source.alternative, source.books)
    alternatives = [PLAN, *alternatives_of(file)]
    regions = [*_regions(now, catalog)]
    count = len(alternatives) * max(len(regions), 1)
    sliders = [_asked(file, text) for text in vary] or _chosen(file, now, catalog, count)
    read_sweeps(file, [slider.ends for slider in sliders], "--vary")
    positions = math.prod(len(slider.labels) for slider in sliders) * count
    if vary and positions > min(10 * _MOST_POSITIONS, 10 * _MOST_FIGURES // max(1, len(now.components))):
        what = f"{positions:,} positions are too many for a page"
        raise InputError(Problem("--vary", what, "Vary fewer numbers, or give each fewer values."))
    variations = [
        found
        for alternative in alternatives
        for region in regions or [""]
        if (found := _variation(source, catalog, alternative, region, file, sliders)) is not None
    ]
    return WhatIf(sliders, alternatives, regions, variations)


def _regions(now: Estimate, catalog: Catalog) -> Iterator[str]:
    """Yield provider=region of the plan's own region, and the cheapest others; nothing where none is."""
    found = cheaper_regions(now, catalog)[:_MOST_REGIONS]
    providers = dict.fromkeys(row.provider for row in found)
    if len(providers) == 1:
        provider = next(iter(providers))
        yield f"{provider}={now.plan.regions[provider]}"  # type: ignore[index]
        yield from (f"{row.provider}={row.region}" for row in found)


def _asked(file: PlanFile, text: str) -> Slider:
    """Return the slider that ``--vary`` asks for, with the plan's own value among the others."""
    path, texts = assignment(text, "--vary")
    count = texts.count(",") + 1
    if count > _MOST_VALUES:
        what = f"{count:,} values of {path} are too many for a slider; the limit is {_MOST_VALUES}"
        raise InputError(Problem("--vary", what))
    full = full_path(file.raw, path, Plan.model_fields, "--vary")
    own = _text(_raw_at(file.raw, full)) or _default(file, full)
    now = None if own is None else read_number(file, full, own, "--vary")
    sweep = read_sweeps(file, [text], "--vary")
    if own is None or now is None:
        raise InputError(Problem("--vary", f"the plan has no number at {path}", "Set it in the plan."))
    given = dict(zip(sweep.scenarios.values[full].tolist(), sweep.axes[full], strict=True)) | {now: own}
    values = sorted(given)
    ordered = [given[value] for value in values]
    return Slider(full, ordered, values, ordered.index(own))


def _default(file: PlanFile, path: Path) -> str | None:
    """Return what holds where the plan says nothing; None where that is no number."""
    try:
        value = at(file.plan, path)
    except KeyError:
        return None
    return f"{value:.12g}" if isinstance(value, int | float) else None


def _chosen(file: PlanFile, now: Estimate, catalog: Catalog, count: int) -> list[Slider]:
    """Return sliders over the demand and what moves the bill most, as far as there is room."""
    room = min(_MOST_POSITIONS, _MOST_FIGURES // max(1, len(now.components))) // count
    most, steps = next((grid for grid in _GRIDS if grid[1] ** grid[0] <= room), _GRIDS[-1])
    volume, found = volume_of(now.file.plan), list[Slider]()
    paths: list[Path] = [("demand", volume)] if volume else []
    if len(numbers_of(file)) * len(now.components) <= _MOST_FIGURES:
        paths += [bar.path for bar in tornado(file, catalog).bars if bar.swing]
    for path in dict.fromkeys(paths):
        slider = _scaled(file, path, _FACTORS[steps]) if len(found) < most else None
        if slider is not None and _fit(file, [*found, slider]):
            found.append(slider)
    return found


def _fit(file: PlanFile, sliders: Sequence[Slider]) -> bool:
    """Say whether the plan could say all the values together."""
    try:
        read_sweeps(file, [slider.ends for slider in sliders])
    except InputError:
        return False
    return True


def _scaled(file: PlanFile, path: Path, factors: Sequence[float]) -> Slider | None:
    """Return a slider over multiples of the plan's own value; None where too few are possible."""
    own = _text(_raw_at(file.raw, path))
    found = None if own is None else _NUMBER.fullmatch(own)
    if own is None or found is None:
        return None
    before, number, after = found.groups()
    labels = [
        own if factor == 1 else f"{before}{_plain(float(number.replace('_', '')) * factor)}{after}"
        for factor in factors
    ]
    read = {label: value for label in labels if (value := _value(file, path, label)) is not None}
    labels, values = list(read), list(read.values())
    return Slider(path, labels, values, labels.index(own)) if len(labels) >= _LEAST_VALUES else None


_NUMBER = re.compile(r"([^\d.,-]*)(\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?)([^\d,]*)")


def _plain(number: float) -> str:
    """Return a number in three significant digits, without an exponent.

    >>> _plain(37.512), _plain(1234567.0), _plain(0.00001)
    ('37.5', '1230000', '0.00001')
    """
    return format(Decimal(f"{number:.3g}"), "f")


def _value(file: PlanFile, path: Path, label: str) -> float | None:
    """Return the number that a text means; None where the plan could not say it."""
    try:
        return read_number(file, path, label, "--vary")
    except InputError:
        return None


def _raw_at(raw: Any, path: Path) -> Any:
    for key in path:
        raw = raw.get(key) if isinstance(raw, Mapping) else None
    return raw


def _text(raw: Any) -> str | None:
    """Return a number as the plan writes it, of an interval its middle; None where there is none."""
    if isinstance(raw, Mapping):
        raw = raw.get(PERCENTILES[1], raw.get(BOUNDS[1]))
    return str(raw) if isinstance(raw, int | float | str) and not isinstance(raw, bool) else None


def _variation(
    source: PlanSource,
    catalog: Catalog,
    alternative: str,
    region: str,
    plan: PlanFile,
    sliders: Sequence[Slider],
) -> Variation | None:
    """Return one alternative in one region at every position; None where there is no such plan."""
    sets = [f"regions.{region}"] if region and region not in _own_regions(plan) else []
    name = None if alternative == PLAN else alternative
    try:
        file = read_plan(source.plan, [*source.sets, *sets], name, source.books)
        context = context_of(file, catalog)
        chosen = list(_decided(file.plan, context.file.plan, ()))
        if chosen:
            sets += chosen
            file = read_plan(source.plan, [*source.sets, *sets], name, source.books)
            context = context_of(file, catalog)
        applies = [_applies(one, file, plan) for one in sliders]
        axes = {one.path: one.values for one, said in zip(sliders, applies, strict=True) if said}
        parts = in_chunks(context, grid(axes), _figures)
    except InputError:
        return None
    shape = [len(one.labels) if said else 1 for one, said in zip(sliders, applies, strict=True)]
    rows = {key: np.concatenate([part[key] for part in parts]).reshape(shape) for key in parts[0]}
    names = [component for kind, component in rows if kind == "cost" and component]
    return Variation(
        alternative=alternative,
        region=region,
        sets=[*source.sets, *sets],
        applies=applies,
        total=(rows["floor", ""], rows["cost", ""], rows["ceiling", ""]),
        sign=rows["sign", ""],
        components=[
            ComponentFigures(
                name=component,
                cost=rows["cost", component],
                sign=rows["sign", component],
                peak=rows.get(("peak", component)),
                unmet=rows.get(("unmet", component)),
                in_nodes=bool(rows["in nodes", component].any()),
            )
            for component in names
        ],
    )


def _applies(slider: Slider, file: PlanFile, plan: PlanFile) -> bool:
    """Say whether an alternative leaves a number of the plan alone, and could have its other values too."""
    if _raw_at(file.raw, slider.path) != _raw_at(plan.raw, slider.path):
        return False
    section = slider.path[:-1]
    return _raw_at(file.raw, section) == _raw_at(plan.raw, section) or _fit(file, [slider])


def _own_regions(plan: PlanFile) -> list[str]:
    return [f"{provider}={region}" for provider, region in plan.plan.regions.items()]


def _decided(before: Any, after: Any, path: Path) -> Iterator[str]:
    """Yield as `--set` says it what capplan chose where the plan leaves something open."""
    if before is after:
        return
    if isinstance(before, BaseModel) and isinstance(after, BaseModel):
        for name in type(before).model_fields:
            yield from _decided(getattr(before, name), getattr(after, name), (*path, name))
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in before:
            yield from _decided(before[name], after[name], (*path, name))
    elif before != after:
        yield f"{'.'.join(path)}={after:.12g}" if isinstance(after, float) else f"{'.'.join(path)}={after}"


def _figures(estimate: Estimate) -> dict[tuple[str, str], Array]:
    """Return the figures of some scenarios, each (scenarios,), by what they are and of which component."""
    count, total = estimate.scenarios.count, estimate.total
    found = {("floor", ""): total.floor, ("cost", ""): total.expected}
    found["ceiling", ""] = np.full((1, 1), np.inf) if total.ceiling is None else total.ceiling
    signs, unknown = _signs(estimate.lines)
    found["sign", ""] = signs
    for component in estimate.components:
        found |= _of_component(estimate, component)
    rows = {key: np.broadcast_to(values[:, 0], count) for key, values in found.items()}
    for kind in ("floor", "cost", "ceiling"):
        rows[kind, ""] = np.where(unknown[:, 0], np.nan, rows[kind, ""])
    return rows


def _of_component(estimate: Estimate, component: Component) -> dict[tuple[str, str], Array]:
    name, sizing = component.name, component.sizing
    signs, unknown = _signs(estimate.lines_of(name))
    found = {
        ("cost", name): np.where(unknown, np.nan, estimate.cost_of(name).expected),
        ("sign", name): signs,
        ("in nodes", name): np.full((1, 1), float(component.billed_with is not None)),
    }
    if sizing is not None:
        found["peak", name] = sizing.peak
        found["unmet", name] = np.asarray(sizing.peak > sizing.peak_running, dtype=float)
    return found


def _signs(lines: Sequence[CostLine]) -> tuple[Array, NDArray[np.bool_]]:
    """Return how sure the sum of ``lines`` is, and where nothing of it has a price, (scenarios | 1, 1)."""
    unpriced = bound = priced = np.zeros((1, 1), dtype=bool)
    for line in lines:
        used = _used(line)
        unpriced = unpriced | used if line.status == "unpriced" else unpriced
        bound = bound | used if line.status == "bound" else bound
        priced = priced | used if line.cost is not None else priced
    return unpriced + 2.0 * bound, unpriced & ~priced


def _used(line: CostLine) -> Any:
    """Return where a line uses anything; without a ceiling nobody knows."""
    quantity = line.quantity
    if quantity.ceiling is None:
        return np.ones((1, 1), dtype=bool)
    return (quantity.expected != 0) | (quantity.floor != 0) | (quantity.ceiling != 0)
