"""Costs that lack prices, as expressions may ask of them."""

from __future__ import annotations

import math
from typing import Any

from capplan.decide.expressions import AtLeast, Names


def with_bounds(document: Names) -> dict[str, Any]:
    """Return an estimate's JSON with the costs that lack prices as what is known of them."""
    components = {
        name: {**component, "monthly_cost": _as_bound(component["monthly_cost"])}
        for name, component in document["components"].items()
    }
    return {**document, "monthly_cost": _as_bound(document["monthly_cost"]), "components": components}


def _as_bound(cost: dict[str, Any] | None) -> dict[str, Any] | None:
    if cost is None or cost["complete"]:
        return cost
    bounds_below = cost["bound"] == "lower"
    figures = {key: usd for key, usd in cost.items() if key not in ("complete", "bound")}
    return cost | {
        key: AtLeast(usd if bounds_below and usd is not None else -math.inf) for key, usd in figures.items()
    }
