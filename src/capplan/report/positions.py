"""What if, as a page holds it: every figure once, packed along the sliders that change it."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np

from capplan.arrays import Array
from capplan.decide.whatif import PLAN, PlanSource, Variation, WhatIf
from capplan.report.blocks import Explorer


def explorer(found: WhatIf, source: PlanSource, region: int = 0) -> Explorer:
    """Return the controls and the figures of every position; ``region`` is that of the page."""
    now = source.alternative or PLAN
    places = {(one.alternative, one.region): one for one in found.variations}
    regions = found.regions or [""]
    variations = {
        f"{i}.{j}": _variation(places[alternative, region], source)
        for i, alternative in enumerate(found.alternatives)
        for j, region in enumerate(regions)
        if (alternative, region) in places
    }
    names = [".".join(slider.path) for slider in found.sliders]
    document = {
        "names": names,
        "labels": [list(slider.labels) for slider in found.sliders],
        "sets": [
            [shlex.quote(f"{name}={label}") for label in slider.labels]
            for name, slider in zip(names, found.sliders, strict=True)
        ],
        "now": [slider.now for slider in found.sliders],
        "base": f"{found.alternatives.index(now)}.{region}",
        "variations": variations,
    }
    choices = {"Alternative": (found.alternatives, now), "Region": (found.regions, regions[region])}
    return Explorer(
        {title: (options, own) for title, (options, own) in choices.items() if len(options) > 1},
        [(name, slider.labels, slider.now) for name, slider in zip(names, found.sliders, strict=True)],
        document,
    )


def _variation(one: Variation, source: PlanSource) -> dict[str, Any]:
    words = ["capplan", "estimate", str(source.plan)]
    words += [] if one.alternative == PLAN else ["--alternative", one.alternative]
    words += [word for book in source.books for word in ("--book", book)]
    words += [word for text in one.sets for word in ("--set", text)]
    return {
        "command": shlex.join(words),
        "applies": list(one.applies),
        "total": [_packed(figure) for figure in one.total],
        "sign": _packed(one.sign),
        "components": [
            {
                "name": component.name,
                "cost": _packed(component.cost),
                "sign": _packed(component.sign),
                "peak": _packed(component.peak),
                "unmet": _packed(component.unmet),
                "in_nodes": component.in_nodes,
            }
            for component in one.components
        ],
    }


def _packed(figure: Array | None) -> Any:
    """Return a figure without the axes on which it is the same, in cents as text would round it."""
    if figure is None:
        return None
    for axis in range(figure.ndim):
        first = figure.take([0], axis)
        if np.array_equal(np.broadcast_to(first, figure.shape), figure, equal_nan=True):
            figure = first
    values = [_plain(value) for value in figure.ravel().tolist()]
    return values[0] if len(values) == 1 else {"shape": list(figure.shape), "values": values}


def _plain(value: float) -> float | int | None:
    """Return a number in cents; None where it is unknown or endless.

    >>> _plain(2.0), _plain(0.125), _plain(float("inf"))
    (2, 0.12, None)
    """
    if not np.isfinite(value):
        return None
    cents = float(f"{value:.2f}")
    return int(cents) if cents == int(cents) else cents
