"""Budgets and increases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capplan.findings import Check
from capplan.gate import checks
from capplan.gate.judged import SEVERITIES, Judged, Path
from capplan.plan.gates import Budget, Increase

Document = Mapping[str, Any]
_FIGURES = ("min", "expected", "max", "p95")


def budget_findings(
    budgets: list[Budget], document: Document, units: Mapping[str, float]
) -> Iterator[Judged]:
    """Yield every budget that the estimate in ``document`` exceeds.

    units: by name how many a month holds: requests, users, requests to a component.
    """
    for index, budget in enumerate(budgets):
        scope = budget.component or budget.tag or ""
        costs = _costs(budget, document)
        share = 1.0
        if budget.per is not None:
            share = float(budget.units) / units[budget.per] if units[budget.per] else float("inf")
        for figure in _FIGURES:
            limit = getattr(budget, figure)
            if limit is None:
                continue
            yield from _exceeded(budget, figure, float(limit), costs.get(figure), share, scope, index)


def _exceeded(
    budget: Budget, figure: str, limit: float, cost: float | None, share: float, scope: str, index: int
) -> Iterator[Judged]:
    name = budget.name or f"{scope or 'total'}-{figure}"
    where = ("budgets", index, figure)
    if cost is None:
        what = f"the {figure} cost is unknown, so the budget of {limit:,.2f} USD cannot be held"
        remedy = "Give every autoscaler a maximum." if figure == "max" else "Use --samples for p95."
        yield from _judged(budget, checks.BUDGET_UNKNOWN, f"budget/{name}", scope, what, remedy, where)
    elif cost * share > limit * (1 + 1e-9):
        of = f"for {budget.units:g} {budget.per}" if budget.per else "a month"
        now, over, most = (_usd(amount, budget) for amount in (cost * share, cost * share - limit, limit))
        what = f"{figure} cost is {now} USD {of}, {over} over the budget of {most}"
        remedy = "Lower it (`capplan recommend` says how), or raise the budget."
        yield from _judged(budget, checks.BUDGET_EXCEEDED, f"budget/{name}", scope, what, remedy, where)


def _judged(
    gate: Budget | Increase, check: Check, name: str, scope: str, what: str, remedy: str, path: Path
) -> Iterator[Judged]:
    severity = SEVERITIES.get(gate.severity)
    if severity is not None:
        yield Judged(check.finding(scope, what, remedy, severity=severity), name, "cost", path)


def _usd(amount: float, budget: Budget) -> str:
    """Write cents for a month; as many digits as it takes for a unit of work."""
    return f"{amount:,.4g}" if budget.per else f"{amount:,.2f}"


def _costs(budget: Budget, document: Document) -> Mapping[str, float | None]:
    if budget.component is not None:
        cost: Mapping[str, float | None] = document["components"][budget.component]["monthly_cost"] or {}
        return cost
    if budget.tag is None:
        total: Mapping[str, float | None] = document["monthly_cost"]
        return total
    tagged = [
        document["components"][name]["monthly_cost"] or {} for name in document["tags"].get(budget.tag, ())
    ]
    return {figure: _sum([cost.get(figure) for cost in tagged]) for figure in _FIGURES[:3]}


def _sum(costs: list[float | None]) -> float | None:
    return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


def increase_findings(increases: list[Increase], base: Document, head: Document) -> Iterator[Judged]:
    """Yield every increase over the base that is larger than allowed; from zero it is infinite."""
    for index, gate in enumerate(increases):
        before, after = (_cost(document, gate) for document in (base, head))
        scope = gate.component or ""
        where, name = ("increases", index), f"increase/{scope or 'total'}"
        if before is None or after is None:
            what = f"the {gate.of} cost of {scope or 'the plan'} is unknown on one side"
            yield from _judged(
                gate, checks.INCREASE_UNKNOWN, name, scope, what, "Price it, or bound it.", where
            )
            continue
        more = after - before
        share = more / before if before > 0 else (float("inf") if more > 0 else 0.0)
        too_much = gate.usd is not None and more > gate.usd + 1e-9
        too_steep = gate.percent is not None and share > gate.percent + 1e-9
        if too_much or too_steep:
            percent = "+∞ %" if share == float("inf") else f"{share:+.1%}"
            sides = f"from {before:,.2f} to {after:,.2f}"
            what = f"{gate.of} cost rises by {more:,.2f} USD a month ({percent}), {sides}"
            remedy = "See `capplan diff` for what raises it; accept it in the gates file if it is meant."
            yield from _judged(gate, checks.INCREASE_EXCEEDED, name, scope, what, remedy, where)


def _cost(document: Document, gate: Increase) -> float | None:
    if gate.component is None:
        cost: float | None = document["monthly_cost"][gate.of]
        return cost
    component = document["components"].get(gate.component)
    if component is None:
        return 0.0
    found = component["monthly_cost"]
    return None if found is None else found[gate.of]
