"""JSON, the contract that scripts rely on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from capplan.report import numbers

if TYPE_CHECKING:
    from capplan.cost.lines import Certainty
    from capplan.estimate import Estimate
    from capplan.findings import Finding
    from capplan.plan.bind import Path
    from capplan.plan.coverage import Coverage
    from capplan.report.view import ComponentView, Cost, EstimateView, LineView, MeasureView, MoneyView

SCHEMA_VERSION = 1

_NO_LATENCY = {"p50": None, "p95": None, "p99": None}


def dumps(document: Any) -> str:
    """Return ``document`` as JSON text, the same bytes on every machine; NaN is refused."""
    text = json.dumps(_rounded(document), indent=2, ensure_ascii=False, allow_nan=False)
    return (text if text.replace("\n", "").isprintable() else "".join(map(_seen, text))) + "\n"


def _seen(sign: str) -> str:
    """Return a sign of JSON text, escaped where a terminal would obey it: only strings hold such signs."""
    return sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1]


def _rounded(document: Any) -> Any:
    if isinstance(document, float):
        return numbers.significant(document)
    if isinstance(document, Mapping):
        return {key: _rounded(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_rounded(value) for value in document]
    return document


def estimate_document(estimate: Estimate, asked: str | None = None) -> dict[str, Any]:
    """Return the estimate of a plan with one scenario.

    Where ``asked`` names the fields that are wanted, what takes long and is not among them stays unknown.
    """
    from capplan.report.grounds import assumptions_document
    from capplan.report.view import view

    def wanted(*fields: str) -> bool:
        return asked is None or any(field in asked for field in fields)

    shown = view(estimate, whole=wanted("headroom", "by_hour"))
    return {
        **_head(estimate, shown),
        "demand": _demand(shown),
        "components": {c.name: _component(c) for c in shown.components},
        "cost_lines": [line_document(line) for line in shown.lines],
        "monthly_cost": cost_document(shown.total),
        "estimated_share": shown.estimated_share,
        "assumptions": assumptions_document(estimate) if wanted("assumptions") else None,
        "exchange_rate": _exchange(shown),
        "totals": [_money(money) for money in shown.money],
        "tiers": _tiers(shown),
        "warnings": [finding_document(finding) for finding in shown.findings],
        "adopted": _adopted(shown.adopted),
        "catalogs": _catalogs(estimate),
        "candidates": {
            component: [candidate._asdict() for candidate in candidates]
            for component, candidates in estimate.context.candidates.items()
        },
    }


def _adopted(found: Coverage | None) -> dict[str, Any] | None:
    """Return what an adopted plan covers of its source; None for one that somebody wrote."""
    if found is None:
        return None
    share = found.covered / found.billable if found.billable else None
    return {**found.model_dump(mode="json", by_alias=True), "covered": found.covered, "share": share}


def sweep_document(
    estimate: Estimate,
    axes: Mapping[Path, Sequence[str]],
    scenarios: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """Return what a sweep holds: what varies, and for each scenario what comes out."""
    from capplan.report.view import view

    return {
        **_head(estimate, view(estimate)),
        "axes": {".".join(path): list(labels) for path, labels in axes.items()},
        "scenarios": scenarios,
        "warnings": [finding_document(finding) for finding in findings],
        "catalogs": _catalogs(estimate),
    }


def alternatives_document(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Return several alternatives of one plan, each as its own estimate."""
    return {
        "schema_version": SCHEMA_VERSION,
        "alternatives": {name: estimate_document(estimate) for name, estimate in estimates.items()},
    }


def _head(estimate: Estimate, shown: EstimateView) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": shown.plan,
        "alternative": shown.alternative,
        "currency": "USD",
        "hours_per_month": shown.hours_per_month,
        "pricing": {
            "books": list(estimate.plan.pricing.books),
            "free_tier": estimate.plan.pricing.free_tier,
            "sustained_use": estimate.plan.pricing.sustained_use,
        },
    }


def scenario_document(estimate: Estimate, scenario: int) -> dict[str, Any]:
    """Return one scenario of a sweep: its values, and what comes out, hour by hour."""
    from capplan.report.view import view

    shown = view(estimate, scenario, whole=True)
    values = estimate.scenarios.values
    return {
        "values": {".".join(path): float(numbers[scenario]) for path, numbers in values.items()},
        "demand": _demand(shown),
        "components": {c.name: _component(c) for c in shown.components},
        "monthly_cost": cost_document(shown.total),
        "estimated_share": shown.estimated_share,
        "totals": [_money(money) for money in shown.money],
    }


def _demand(shown: EstimateView) -> dict[str, Any]:
    return {"average_rps": shown.average_rps, "peak_rps": shown.peak_rps, "profile": shown.profile}


def _component(component: ComponentView) -> dict[str, Any]:
    return {
        "kind": component.kind,
        "platform": component.platform,
        "provider": component.provider,
        "region": component.region,
        "peak_rps": component.peak_rps,
        "instances": None if component.instances is None else component.instances._asdict(),
        "binding_constraint": component.binding,
        "constraints": dict(component.constraints),
        "utilization": component.utilization,
        "headroom": component.headroom,
        "latency_ms": dict(_NO_LATENCY if component.latency is None else component.latency.peak),
        "by_hour": _by_hour(component),
        "monthly_cost": None if component.cost is None else cost_document(component.cost),
        "billed_with": component.billed_with,
        "picked": component.picked,
        "measures": {measure.name: _measure(measure) for measure in component.measures},
    }


def _measure(measure: MeasureView) -> dict[str, Any]:
    found: dict[str, Any] = {"needs": measure.needs, "has": measure.has, "unit": measure.unit}
    if measure.confidence is not None:
        found.update(low=measure.low, high=measure.high, confidence=measure.confidence)
    return found


def _by_hour(component: ComponentView) -> dict[str, Any] | None:
    """Return utilization and response times of every hour, of a component with a latency SLO."""
    if component.latency is None:
        return None
    return {"utilization": list(component.week_utilization), "latency_ms": dict(component.latency.by_hour)}


def _tiers(shown: EstimateView) -> dict[str, str]:
    """Return the tier that each component falls into which has tiers."""
    return {
        c.name: c.picked
        for c in shown.components
        if c.picked is not None and c.kind in ("service", "rate-limits")
    }


def cost_document(cost: Cost | None) -> dict[str, Any]:
    """Return a cost, and what it is where it is not exact; null where nothing has a price."""
    if cost is None:
        return {"min": None, "expected": None, "max": None, **bound_document(None)}
    return {
        "min": cost.min,
        "expected": cost.expected,
        "max": cost.max,
        **bound_document(cost.certainty),
    }


def bound_document(sure: Certainty | None) -> dict[str, Any]:
    """Return what a cost is where it is not exact; None where nothing has a price."""
    if sure is None:
        return {"complete": False, "bound": None}
    return {"complete": sure.complete, "bound": _BOUNDS[sure.sign]}


def _exchange(shown: EstimateView) -> dict[str, Any] | None:
    """Return the rate to the currency of the plan; null where that is the dollar."""
    other = next((money for money in shown.money if money.currency != "USD"), None)
    if other is None:
        return None
    return {key: getattr(other, key) for key in ("currency", "per_usd", "as_of", "source")}


def _money(money: MoneyView) -> dict[str, Any]:
    return {
        "currency": money.currency,
        "monthly_cost": cost_document(money.net),
        "tax": money.tax,
        "monthly_cost_with_tax": cost_document(money.gross),
    }


_BOUNDS = {"": None, "≥": "lower", "≤": "upper", "≈": "neither"}
"""What a sum is of the true one: itself, or one that this is never below or above."""


def line_document(line: LineView) -> dict[str, Any]:
    """Return one cost line; what is unknown is null."""
    return {
        "component": line.component,
        "sku": line.sku,
        "provider": line.provider,
        "service": line.service,
        "region": line.region,
        "rate": line.rate,
        "note": line.note or None,
        "unit": line.unit,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "monthly_cost": None if line.cost is None else line.cost.expected,
        "monthly_cost_min": None if line.cost is None else line.cost.min,
        "monthly_cost_max": None if line.cost is None else line.cost.max,
        "price_status": line.status,
        "source": line.source,
        "as_of": line.as_of,
    }


def finding_document(finding: Finding) -> dict[str, str]:
    """Return one finding."""
    return {
        "severity": finding.severity,
        "code": finding.code,
        "component": finding.subject,
        "message": finding.message,
        "remedy": finding.remedy,
    }


def _catalogs(estimate: Estimate) -> list[dict[str, str | None]]:
    return [{"name": c.label, "as_of": c.as_of, "sha256": c.sha256} for c in estimate.catalogs]
