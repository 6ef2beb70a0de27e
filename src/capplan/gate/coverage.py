"""Whether every price is known, and young enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from capplan.components.checks import UNPRICED
from capplan.cost.lines import CostLine
from capplan.cost.meters import EXTERNAL
from capplan.estimate import Estimate
from capplan.findings import Check
from capplan.gate import checks
from capplan.gate.judged import SEVERITIES, judged
from capplan.plan.coverage import Remark
from capplan.plan.gates import Answer, AssumptionsGate, CoverageGate
from capplan.quantities import DAY_S, counted
from capplan.report.blocks import Result


def coverage_findings(gate: CoverageGate, estimate: Estimate, today: date) -> Iterator[Result]:
    """Yield unpriced, undated and stale prices, one for each component and kind."""
    paths = {component.name: component.path for component in estimate.components}
    found: dict[tuple[str, Check], list[tuple[int, str, str]]] = {}
    for line in estimate.lines:
        for check, age_days, what in _doubts(gate, line, today):
            found.setdefault((line.meter.component, check), []).append((age_days, line.sku, what))
    for (component, check), doubts in found.items():
        _, sku, what = max(doubts, key=lambda doubt: doubt[0])
        others = len({other for _, other, _ in doubts}) - 1
        more = f", and {others} more of its prices" if others else ""
        name, answer = _gate_of(gate, check)
        severity = SEVERITIES.get(answer)
        unsaid = [line.meter.price_path for line in estimate.lines_of(component) if line.cost is None]
        said = check is UNPRICED and all(unsaid)
        remedy = f"Give its price: {', '.join(dict.fromkeys(unsaid))}." if said else _REMEDIES[name]
        if severity is not None:
            finding = check.finding(component, f"{sku} {what}{more}", remedy, severity=severity)
            yield judged(finding, f"coverage/{name}", "coverage", paths.get(component, ()))


def assumption_findings(gate: AssumptionsGate | None, estimate: Estimate) -> Iterator[Result]:
    """Yield whether more of the expected cost rests on assumptions than is allowed."""
    if gate is None:
        return
    from capplan.uncertainty.grounds import ASSUMED, UNSTATED, grounds_of

    grounds = grounds_of(estimate, assumed_only=gate.unstated == "allow")
    limit = float(np.max(gate.max_share))
    for check, answer, sources, what in (
        (checks.ASSUMED_COST, gate.severity, (ASSUMED,), "assumptions"),
        (checks.UNSTATED_COST, gate.unstated, (ASSUMED, UNSTATED), "assumptions or numbers without a source"),
    ):
        share, severity = grounds.share(*sources), SEVERITIES.get(answer)
        if share is not None and share > limit + 1e-9 and severity is not None:
            most = ", ".join(".".join(ground.path) for ground in grounds.heaviest(*sources)[:3])
            message = (
                f"{share:.0%} of the expected cost rests on {what}, above {limit:.0%}; most of it on {most}"
            )
            finding = check.finding("plan", message, severity=severity)
            yield judged(finding, f"assumptions/{check.code}", "coverage", ("assumptions",))
            return


def adopted_findings(gate: CoverageGate, estimate: Estimate) -> Iterator[Result]:
    """Yield what the adopted plan does not cover, one for each type of resource."""
    severity = SEVERITIES.get(gate.adopted)
    adopted = estimate.plan.adopted
    if severity is None or adopted is None:
        return
    found: dict[str, list[Remark]] = {}
    for remark in adopted.not_covered:
        found.setdefault(remark.type or remark.resource, []).append(remark)
    for kind, remarks in found.items():
        first, others = remarks[0], len({one.resource for one in remarks}) - 1
        more = f"; {others} more of this type" if others else ""
        message = f"{first.resource} is not covered: {first.reason}{more}"
        finding = checks.NOT_COVERED.finding(kind, message, severity=severity)
        yield judged(finding, "coverage/adopted", "coverage", ("adopted", "not_covered"))


_REMEDIES = {
    "unpriced": "Put its price into a price book.",
    "undated": "Put a dated price into a price book.",
    "estimated": "Import the provider's price list, or put the price into a price book.",
    "age": checks.OLD_API_PRICE.remedy,
    "stale": "Update the catalog, or confirm the price in a price book.",
}


_OLD_DAYS = 183


def _gate_of(gate: CoverageGate, check: Check) -> tuple[str, Answer]:
    """Return how the plan calls a check, and what it does about it."""
    if check is UNPRICED:
        return "unpriced", gate.unpriced
    if check is checks.ESTIMATED_PRICE:
        return "estimated", gate.estimated
    if check is checks.OLD_API_PRICE:
        return "age", "warn"
    return ("undated", gate.undated) if check is checks.UNDATED_PRICE else ("stale", gate.stale)


def _doubts(gate: CoverageGate, line: CostLine, today: date) -> Iterator[tuple[Check, int, str]]:
    """Yield why a price is not good enough, and how many days old it is."""
    if line.status == "unpriced":
        yield UNPRICED, 0, f"has no price: {line.source}"
    if line.status == "estimated":
        yield checks.ESTIMATED_PRICE, 0, f"has an estimated price: {line.source}"
    if gate.max_price_age is None and line.meter.provider == EXTERNAL and line.as_of is not None:
        age = (today - date.fromisoformat(line.as_of)).days
        if age > _OLD_DAYS:
            yield checks.OLD_API_PRICE, age, f"has a price of {line.as_of}, {counted(age, 'day')} old"
    free = line.unit_price is not None and not np.any(line.unit_price)
    if line.status != "list" or free:
        return
    if line.as_of is None:
        yield checks.UNDATED_PRICE, 0, "has a price without a date"
    elif gate.max_price_age is not None:
        age, most = (today - date.fromisoformat(line.as_of)).days, float(np.max(gate.max_price_age)) / DAY_S
        if age > most:
            what = f"has a price of {line.as_of}, {counted(age, 'day')} old; at most {most:g} are allowed"
            yield checks.STALE_PRICE, age, what
