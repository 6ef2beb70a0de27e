"""The door behind every computation: what is not finite ends here, and never as a count or a price."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from capplan.arrays import Array
from capplan.components.base import Component, Path
from capplan.cost.lines import CostLine
from capplan.cost.meters import Range
from capplan.errors import InputError
from capplan.plan.places import Places


def check_finite(components: Sequence[Component], lines: Iterable[CostLine], places: Places) -> None:
    """Raise :class:`InputError` at the component whose counts, quantities or costs are no numbers."""
    paths: dict[str, Path] = {component.name: component.path for component in components}
    odd = [*_odd_counts(components), *_odd_lines(lines)]
    if odd:
        remedy = "Look for a number in it, or in what calls it, that is far too large or too small."
        raise InputError(
            *(
                places.problem(paths.get(name, ()), f"{what} cannot be computed", remedy)
                for name, what in odd[:3]
            )
        )


def _odd_counts(components: Iterable[Component]) -> Iterator[tuple[str, str]]:
    for component in components:
        sizing = component.sizing
        if sizing is not None and not all(map(_finite, (sizing.required, sizing.peak, sizing.running))):
            yield component.name, "how many instances it needs"
        for measure in component.measures:
            if np.isnan(measure.needs).any():
                yield component.name, measure.name


def _odd_lines(lines: Iterable[CostLine]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if not _finite_range(line.quantity) or (line.cost is not None and not _finite_range(line.cost)):
            yield line.meter.component, f"how much {line.sku} it uses, or what that costs,"


def _finite_range(figure: Range) -> bool:
    if figure.is_fixed:
        return _finite(figure.expected)
    ceiling = figure.ceiling is None or _finite(figure.ceiling)
    return ceiling and _finite(figure.floor) and _finite(figure.expected)


def _finite(values: Array) -> bool:
    # A sum is finite only where all of it is, and takes no array of flags.
    return math.isfinite(values.sum())
