"""Budgets and increases.

What has a price is a lower bound where other lines have none: too much already fails like any other cost, and
within the budget it is for the gate on unpriced lines to say whether that will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from capplan.components.checks import UNPRICED
from capplan.findings import Check
from capplan.gate import checks
from capplan.gate.judged import SEVERITIES, Path, judged
from capplan.plan.gates import Answer, Budget, Gates, Increase
from capplan.plan.model import prefill_of
from capplan.quantities import counted, plain
from capplan.report.blocks import Result

Document = Mapping[str, Any]
_FIGURES = ("min", "expected", "max", "p95")
TO_PRICE = "Put the price into a price book, or let coverage.unpriced allow it."
_TO_BOUND = "Give every autoscaler a maximum."
_TO_SPREAD = "A p95 needs a number of the plan to be an interval, such as {p5: 7k, p50: 10k, p95: 15k}."


class _Spent(NamedTuple):
    """Dollars a month by figure, of what has a price; None where nothing bounds it.

    unpriced: lines without a price. lacking: how much is used of them, by component and SKU.
    """

    usd: Mapping[str, float | None]
    unpriced: int
    lacking: Mapping[tuple[str, ...], float]

    def lacks_no_more_than(self, other: _Spent) -> bool:
        """Say whether nothing without a price is used more than in ``other``."""
        return all(used <= other.lacking.get(key, 0.0) * (1 + 1e-9) for key, used in self.lacking.items())


class BudgetState(NamedTuple):
    """What of a budget is spent, USD a month or for its units; None where nothing bounds it.

    at_least: whether lines without a price would add to it.
    """

    name: str
    figure: str
    usd: float | None
    limit: float
    per: str
    at_least: bool


class _Verdict(NamedTuple):
    """What is wrong with a cost, and what to do."""

    check: Check
    message: str
    remedy: str


def budget_findings(gates: Gates, document: Document, units: Mapping[str, float]) -> Iterator[Result]:
    """Yield every budget that the estimate in ``document`` exceeds, or may exceed.

    units: by name how many a month holds: requests, users, requests to a component.
    """
    for index, budget in enumerate(gates.budgets):
        scope = budget.component or budget.tag or ""
        spent, share = _spent(document, _names(budget, document)), _share(budget, units)
        for figure in _limited(budget):
            verdict = _of_budget(budget, figure, spent, share)
            name, where = f"budget/{_named(budget, figure)}", ("budgets", index, figure)
            yield from _judged(gates, budget, verdict, name, scope, where)


def budget_states(gates: Gates, document: Document, units: Mapping[str, float]) -> Iterator[BudgetState]:
    """Yield what of every budget is spent; arguments as of :func:`budget_findings`."""
    for budget in gates.budgets:
        spent, share = _spent(document, _names(budget, document)), _share(budget, units)
        for figure in _limited(budget):
            usd = spent.usd[figure]
            yield BudgetState(
                name=_named(budget, figure).removesuffix(f"-{figure}"),
                figure=figure,
                usd=None if usd is None else usd * share,
                limit=float(getattr(budget, figure)),
                per=f"{budget.units:g} {budget.per}" if budget.per else "",
                at_least=bool(spent.unpriced),
            )


def _limited(budget: Budget) -> Sequence[str]:
    return [figure for figure in _FIGURES if getattr(budget, figure) is not None]


def _named(budget: Budget, figure: str) -> str:
    return budget.name or f"{budget.component or budget.tag or 'total'}-{figure}"


def _share(budget: Budget, units: Mapping[str, float]) -> float:
    """Return the part of a month that a budget is for."""
    if budget.per is None:
        return 1.0
    return float(budget.units) / units[budget.per] if units[budget.per] else float("inf")


def _names(budget: Budget, document: Document) -> Sequence[str] | None:
    """Return the components that a budget is for; None for all."""
    if budget.component is not None:
        return _with_prefill(budget.component)
    return None if budget.tag is None else document["tags"].get(budget.tag, ())


def _with_prefill(component: str) -> Sequence[str]:
    """Return the component, and the replicas that read the prompts of it if it is a model that has some."""
    return [component, prefill_of(component)]


def _of_budget(budget: Budget, figure: str, spent: _Spent, share: float) -> _Verdict | None:
    limit, cost = float(getattr(budget, figure)), spent.usd[figure]
    if cost is None:
        what = f"the {figure} cost is unknown, so the budget of {limit:,.2f} USD cannot be held"
        return _Verdict(checks.BUDGET_UNKNOWN, what, _TO_BOUND if figure == "max" else _TO_SPREAD)
    of = f"for {budget.units:g} {budget.per}" if budget.per else "a month"
    now, over, most = (_usd(amount, budget) for amount in (cost * share, cost * share - limit, limit))
    is_now = f"{figure} cost is {'at least ' if spent.unpriced else ''}{now} USD {of}"
    if cost * share > limit * (1 + 1e-9):
        remedy = "Lower the cost (`capplan recommend` says how), or raise the budget."
        return _Verdict(checks.BUDGET_EXCEEDED, f"{is_now}, {over} over the budget of {most}", remedy)
    if spent.unpriced:
        what = (
            f"{is_now}, and {counted(spent.unpriced, 'line')} without a price may exceed the budget of {most}"
        )
        return _Verdict(UNPRICED, what, TO_PRICE)
    return None


def _judged(
    gates: Gates, gate: Budget | Increase, verdict: _Verdict | None, name: str, scope: str, path: Path
) -> Iterator[Result]:
    if verdict is None:
        return
    check, message, remedy = verdict
    kind = "coverage" if check is UNPRICED else "cost"
    answer = weaker(gate.severity, gates.coverage.unpriced) if check is UNPRICED else gate.severity
    severity = SEVERITIES.get(answer)
    if severity is not None:
        yield judged(check.finding(scope, message, remedy, severity=severity), name, kind, path)


def weaker(one: Answer, other: Answer) -> Answer:
    """Return which of two answers of gates lets more pass."""
    return max(one, other, key=get_args(Answer).index)


def _usd(amount: float, budget: Budget) -> str:
    """Write cents for a month; as many digits as it takes for a unit of work."""
    return plain(amount) if budget.per else f"{amount:,.2f}"


def _spent(document: Document, names: Sequence[str] | None) -> _Spent:
    """Return the cost of the components in ``names`` that the document has; of all of them for None."""
    status = [(line["component"], line["price_status"] == "unpriced") for line in document["cost_lines"]]
    if names is None:
        parts = [(document["monthly_cost"], sum(unpriced for _, unpriced in status))]
    else:
        there = [name for name in names if name in document["components"]]
        parts = [
            (document["components"][name]["monthly_cost"] or {}, status.count((name, True))) for name in there
        ]
    # A part of which nothing has a price adds nothing to what is known.
    known = [cost for cost, unpriced in parts if cost.get("expected") is not None or not unpriced]
    usd = {figure: _sum([cost.get(figure) for cost in known]) for figure in _FIGURES}
    if "p95" not in document["monthly_cost"]:
        usd["p95"] = None
    return _Spent(usd, sum(unpriced for _, unpriced in parts), _lacking(document, names))


def _lacking(document: Document, names: Sequence[str] | None) -> dict[tuple[str, ...], float]:
    """Return how much is used of what has no price; a quantity that is unknown compares with none."""
    found: dict[tuple[str, ...], float] = {}
    for line in document["cost_lines"]:
        if line["price_status"] == "unpriced" and (names is None or line["component"] in names):
            key = tuple(str(line[part]) for part in ("component", "provider", "sku", "region", "rate"))
            used = float("nan") if line["quantity"] is None else float(line["quantity"])
            found[key] = found.get(key, 0.0) + used
    return found


def _sum(costs: Sequence[float | None]) -> float | None:
    return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


def increase_findings(gates: Gates, base: Document, head: Document) -> Iterator[Result]:
    """Yield every increase that is, or may be, larger than allowed; from zero it is infinite."""
    for index, gate in enumerate(gates.increases):
        scope = gate.component or ""
        names = None if gate.component is None else _with_prefill(gate.component)
        verdict = _of_increase(gate, *(_spent(document, names) for document in (base, head)))
        yield from _judged(gates, gate, verdict, f"increase/{scope or 'total'}", scope, ("increases", index))


def _of_increase(gate: Increase, base: _Spent, head: _Spent) -> _Verdict | None:
    before, after = base.usd[gate.of], head.usd[gate.of]
    if before is None or after is None:
        what = f"the {gate.of} cost of {gate.component or 'the plan'} is unknown on one side"
        return _Verdict(checks.INCREASE_UNKNOWN, what, "Give it a price, or a maximum.")
    more = after - before
    share = more / before if before > 0 else (float("inf") if more > 0 else 0.0)
    surely_more = gate.usd is not None and more > gate.usd + 1e-9 and base.lacks_no_more_than(head)
    if surely_more or (gate.percent is not None and share > gate.percent + 1e-9 and not base.unpriced):
        remedy = "Run `capplan diff` to see what raises it; if it is intended, accept it in the gates file."
        said = f"{gate.of} cost rises {_sides(before, after, share, base, head)}"
        return _Verdict(checks.INCREASE_EXCEEDED, said, remedy)
    if base.unpriced or head.unpriced:
        lines = (
            f"{counted(base.unpriced, 'line')} of the base and {counted(head.unpriced, 'line')} of the plan"
        )
        what = f"the increase of the {gate.of} cost is unknown: {lines} have no price"
        return _Verdict(UNPRICED, what, TO_PRICE)
    return None


def _sides(before: float, after: float, share: float, base: _Spent, head: _Spent) -> str:
    """Say how a cost moves; a share of a base without all prices is unknown."""
    percent = "+∞ %" if share == float("inf") else f"{share:+.1%}"
    shown = "" if base.unpriced else f" ({percent})"
    least, was, now = (
        "at least " if lacks else "" for lacks in (head.unpriced, base.unpriced, head.unpriced)
    )
    return f"by {least}{after - before:,.2f} USD a month{shown}, from {was}{before:,.2f} to {now}{after:,.2f}"
