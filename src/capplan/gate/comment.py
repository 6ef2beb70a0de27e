"""What a comment on a pull request says of the plans that it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from capplan.gate.check import Checked
from capplan.gate.cost import BudgetState
from capplan.gate.diff import Diff
from capplan.gate.diff_report import change_blocks, headline
from capplan.quantities import counted, plain
from capplan.report import numbers
from capplan.report.blocks import Anchor, Block, Fold, Heading, Lines, Report
from capplan.report.table import Column, Table

MARK = "capplan"
"""Hidden in the comment, so that the next run finds and renews it."""
_BAR = 10


class PlanChange(NamedTuple):
    """One plan of a pull request: what changes, what the gates say, and how full its budgets are.

    absent: why there is nothing to compare with; empty where there is.
    """

    name: str
    diff: Diff
    checked: Checked
    budgets: Sequence[BudgetState]
    absent: str = ""

    @property
    def changed(self) -> bool:
        """Whether a reader must know: figures or findings change, or a gate fails."""
        return bool(self.diff.changed or any(self.diff.findings) or self.checked.exit_code)

    @property
    def broken(self) -> list[str]:
        """The gates that fail, and why."""
        return [f"{result.rule}: {result.finding.said}" for result in self.checked.found if result.fails]


class PullRequest(NamedTuple):
    """What a comment is about: the plans that differ from ``since``, and those that are removed."""

    since: str
    plans: Sequence[PlanChange]
    removed: Sequence[str]

    @property
    def changed(self) -> bool:
        """Whether a reader must know."""
        return bool(self.removed) or any(plan.changed for plan in self.plans)


def comment_of(request: PullRequest, link: str) -> Report:
    """Return the comment; ``link``: where the whole report is, or nothing."""
    return Report(partial(_blocks, request, link))


def _blocks(request: PullRequest, link: str) -> Iterator[Block]:
    yield Anchor(MARK)
    failing = sum(bool(plan.checked.exit_code) for plan in request.plans)
    yield Heading(f"capplan: {'FAIL' if failing else 'PASS'}", (_summary(request, failing),))
    for plan in request.plans:
        if plan.changed:
            yield from _plan_blocks(plan)
    same = [plan.name for plan in request.plans if not plan.changed]
    if same:
        yield Lines((f"unchanged: {', '.join(same)}",))
    if request.removed:
        yield Lines((f"removed: {', '.join(request.removed)}",))
    if link:
        yield Lines((f"whole report: {link}",))


def _summary(request: PullRequest, failing: int) -> str:
    if not request.plans and not request.removed:
        return f"no plan differs from {request.since}"
    changed = sum(plan.changed for plan in request.plans)
    removed = f", {len(request.removed)} removed" if request.removed else ""
    return f"{counted(len(request.plans), 'plan')}, {changed} changed{removed}, {failing} over a gate"


def _plan_blocks(plan: PlanChange) -> Iterator[Block]:
    compared = (f"the base {plan.absent}",) if plan.absent else ()
    yield Heading(plan.name, (headline(plan.diff), *compared))
    if plan.broken:
        yield Lines(plan.broken, bullets=True)
    if plan.budgets:
        yield _budgets(plan.budgets)
    unknown = [result.finding.message for result in plan.checked.found if result.suite == "coverage"]
    if unknown:
        yield Fold("What is unknown", (Lines(unknown, bullets=True),))
    yield Fold("What changes", tuple(change_blocks(plan.diff)))


def _budgets(budgets: Sequence[BudgetState]) -> Table:
    names = ("spent", "budget")
    columns = (Column("Budget"), Column(""), *(Column(name, right=True) for name in names))
    return Table(columns, [_budget(budget) for budget in budgets])


def _budget(budget: BudgetState) -> list[str]:
    limit = plain(budget.limit) if budget.per else numbers.money(budget.limit)
    name = f"{budget.name} {budget.figure}" + (f" per {budget.per}" if budget.per else "")
    if budget.usd is None:
        return [name, "unknown", numbers.money(None), limit]
    share = budget.usd / budget.limit if budget.limit else float("inf")
    full = min(_BAR, round(_BAR * share)) if share < float("inf") else _BAR
    bar = "█" * full + "░" * (_BAR - full)
    spent = plain(budget.usd) if budget.per else numbers.money(budget.usd)
    least = "≥ " if budget.at_least else ""
    return [name, f"{bar} {share:.0%}", f"{least}{spent}", limit]
