"""Whether every price is known, and young enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import numpy as np

from capplan.cost.lines import CostLine
from capplan.estimate import Estimate
from capplan.gate.violations import Violation
from capplan.plan.gates import CoverageGate

_DAY_S = 86_400.0


class Doubt(NamedTuple):
    """Why a price is not good enough, and how old it is."""

    gate: str
    severity: str
    age_days: int
    what: str


def coverage_violations(gate: CoverageGate, estimate: Estimate, today: date) -> Iterator[Violation]:
    """Yield unpriced, undated and stale prices, one violation for each component and kind."""
    paths = {component.name: component.path for component in estimate.components}
    found: dict[tuple[str, str], list[tuple[str, Doubt]]] = {}
    for line in estimate.lines:
        doubt = _doubt(gate, line, today)
        if doubt is not None:
            found.setdefault((line.meter.component, doubt.gate), []).append((line.sku, doubt))
    for (component, name), doubts in found.items():
        sku, worst = max(doubts, key=lambda each: each[1].age_days)
        others = len({other for other, _ in doubts}) - 1
        more = f", and {others} more of its prices" if others else ""
        yield Violation(
            f"coverage/{name}",
            "coverage",
            worst.severity,
            component,
            f"{sku} {worst.what}{more}",
            _REMEDIES[name],
            paths.get(component, ()),
        )


_REMEDIES = {
    "unpriced": "Put its price into a price book.",
    "undated": "Put a dated price into a price book.",
    "stale": "Update the catalog, or confirm the price in a price book.",
}


def _doubt(gate: CoverageGate, line: CostLine, today: date) -> Doubt | None:
    if line.status == "unpriced":
        return _unless_allowed(Doubt("unpriced", gate.unpriced, 0, f"has no price: {line.source}"))
    free = line.unit_price is not None and not np.any(line.unit_price)
    if line.status != "list" or free:
        return None
    if line.as_of is None:
        return _unless_allowed(Doubt("undated", gate.undated, 0, "has a price without a date"))
    if gate.max_price_age is None:
        return None
    age, most = (today - date.fromisoformat(line.as_of)).days, float(np.max(gate.max_price_age)) / _DAY_S
    what = f"has a price of {line.as_of}, {age} days old; {most:g} are allowed"
    return _unless_allowed(Doubt("stale", gate.stale, age, what)) if age > most else None


def _unless_allowed(doubt: Doubt) -> Doubt | None:
    return None if doubt.severity == "allow" else doubt
