"""The report of a fleet: one table by whatever is asked for, who pays what, gates, and changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from capplan.fleet.members import FleetOptions, Member
from capplan.fleet.run import PlanFleet, Watch, fleet_of, said_of, unwatched
from capplan.gate.saved import saved_estimate
from capplan.gate.sides import is_revision
from capplan.quantities import counted
from capplan.report import numbers, tables
from capplan.report.blocks import Bars, Block, Heading, Lines, Report, Results, Sheet
from capplan.report.json_format import cost_document
from capplan.report.table import Column, Table
from capplan.report.view import Cost, LineView, sum_of

if TYPE_CHECKING:
    from capplan.gate.check import Checked
    from capplan.gate.diff import Diff

_KINDS = ("cost", "capacity", "coverage")
_NAMES = 3
"""Most plans that a sentence names; JSON has them all."""
_MOST_BARS = 20
BY: Mapping[str, Callable[[str, Member, LineView], str]] = {
    "plan": lambda plan, member, line: plan,
    "team": lambda plan, member, line: member.owner.team or "no team",
    "tag": lambda plan, member, line: _tags(member, line) or "no tag",
    "provider": lambda plan, member, line: line.provider,
    "region": lambda plan, member, line: line.region,
    "service": lambda plan, member, line: line.service,
    "account": lambda plan, member, line: member.owner.account or "no account",
}
"""What a fleet is summed by."""


class FleetAnswer(NamedTuple):
    """What is shown of a fleet. document: its JSON; changes: from the base, if there is one."""

    fleet: PlanFleet
    document: Mapping[str, Any]
    checked: Checked
    changes: Diff | None
    by: str


def fleet_answer(asked: FleetOptions, base: str | None, by: str, watch: Watch = unwatched) -> FleetAnswer:
    """Return a fleet, what its gates say, and what changed from ``base``: plans or a saved fleet.

    watch: shows how far an executor is.
    """
    from capplan.fleet.document import fleet_document
    from capplan.fleet.gates import check_fleet
    from capplan.gate.diff import diff

    before = None
    if base is not None and base.endswith(".json") and not is_revision(base):
        before, asked = saved_estimate(Path(base)), asked._replace(bases={})
    elif base is not None:
        earlier = fleet_of(asked._replace(plans=[base], judged=False), said_of(asked), watch)
        before, asked = fleet_document(earlier), asked._replace(bases=earlier.sources())
    fleet = fleet_of(asked, watch=watch)
    document = fleet_document(fleet)
    return FleetAnswer(
        fleet=fleet,
        document=document,
        checked=check_fleet(fleet, document, before, asked.today),
        changes=None if before is None else diff(before, document),
        by=by,
    )


def report_of(answer: FleetAnswer, focus: Callable[[], Sheet]) -> Report:
    """Return the report of a fleet; ``focus`` makes its FOCUS file."""
    return Report(
        partial(_blocks, answer),
        partial(document_of, answer),
        {"csv": partial(_sheet, answer.fleet), "focus": focus},
    )


def _groups(answer: FleetAnswer) -> dict[str, Cost | None]:
    """Return what each plan, team, … costs, the most expensive first; what is unknown stands at the end."""
    key, found = BY[answer.by], dict[str, list[LineView]]()
    for plan, member, line in answer.fleet.lines():
        found.setdefault(key(plan, member, line), []).append(line)
    if answer.by == "plan":
        found |= {plan: [] for plan in answer.fleet.members if plan not in found}
    costs = {name: sum_of(lines) for name, lines in found.items()}
    return dict(sorted(costs.items(), key=_rank))


def _rank(group: tuple[str, Cost | None]) -> tuple[bool, float, str]:
    name, cost = group
    return cost is None, -cost.expected if cost is not None else 0.0, name


def _blocks(answer: FleetAnswer) -> Iterator[Block]:
    fleet = answer.fleet
    yield Heading(_title(fleet), list(_basis(fleet)))
    broken = [f"Broken: {member.trouble}" for member in fleet.members.values() if member.trouble]
    if broken:
        yield Lines(broken, bullets=True)
    groups = _groups(answer)
    yield _table(answer, groups)
    drawn = {name: cost.expected for name, cost in list(groups.items())[:_MOST_BARS] if cost is not None}
    if len(drawn) > 1:
        yield Bars(f"Expected cost by {answer.by}", drawn, "USD a month")
    if len(fleet.shares) > 1:
        yield _showback(fleet)
    if answer.checked.found:
        yield Results(answer.checked.found, _KINDS)
    if answer.changes is not None:
        from capplan.gate.diff_report import change_blocks, headline

        yield Heading(headline(answer.changes))
        yield from change_blocks(answer.changes)


def _title(fleet: PlanFleet) -> str:
    owners = [member.owner for member in fleet.members.values() if member.shown is not None]
    said = [counted(len(fleet.members), "plan")]
    for kind in ("team", "account"):
        names = {getattr(owner, kind) for owner in owners} - {""}
        said += [counted(len(names), kind)] if names else []
    broken = sum(bool(member.trouble) for member in fleet.members.values())
    said += [f"{broken} broken"] if broken else []
    return f"{fleet.file.name}: {', '.join(said)}"


def _basis(fleet: PlanFleet) -> Iterator[str]:
    yield "USD a month; numbers that are intervals count with their middle"
    without = sum(not member.owner.account for member in fleet.members.values())
    if without > 1:
        yield (
            f"{without} plans say no account, and share one: free tiers, volume blocks and commitments count "
            "once for them"
        )
    errors = [name for name, member in fleet.members.items() if _has_errors(member)]
    if errors:
        more = f" and {len(errors) - _NAMES} more" if len(errors) > _NAMES else ""
        yield f"errors in {', '.join(errors[:_NAMES])}{more}: capplan estimate says which"


def _has_errors(member: Member) -> bool:
    return member.shown is not None and any(found.severity == "error" for found in member.shown.findings)


def _table(answer: FleetAnswer, groups: Mapping[str, Cost | None]) -> Table:
    total = sum_of(line for _, _, line in answer.fleet.lines())
    columns = [Column(answer.by.capitalize(), shrinks=True)]
    columns += [Column(name, right=True) for name in ("USD min", "expected", "max", "share")]
    rows = [[name, *tables.costs(cost), _share(cost, total)] for name, cost in groups.items()]
    return Table(columns, [*rows, ["total", *tables.costs(total), ""]], totalled=True)


def _share(cost: Cost | None, total: Cost | None) -> str:
    """Return the share of the expected cost; unknown where anything in the total is."""
    if cost is None or total is None or total.certainty.sign or total.expected <= 0:
        return ""
    return f"{cost.expected / total.expected:.1%}"


_RULES = {
    "use": "in proportion to use",
    "list-cost": "in proportion to what each would pay alone",
    "equal": "in equal parts among those that use it",
}


def _showback(fleet: PlanFleet) -> Table:
    names = ("unshared", "saved", "USD a month")
    columns = (Column("Team", shrinks=True), *(Column(name, right=True) for name in names))
    rows = [[s.team or "no team", *map(numbers.money, (s.alone, s.shared, s.cost))] for s in fleet.shares]
    sums = (sum(getattr(s, field) for s in fleet.shares) for field in ("alone", "shared", "cost"))
    said = _RULES[fleet.file.showback]
    foot = [f"Teams share what free tiers, volume blocks and commitments save {said}."]
    return Table(columns, [*rows, ["total", *map(numbers.money, sums)]], "Showback", totalled=True, foot=foot)


def document_of(answer: FleetAnswer) -> dict[str, Any]:
    """Return all that JSON says of a fleet."""
    from capplan.gate.report import violation_document

    rows = {name: cost_document(cost) for name, cost in _groups(answer).items()}
    found: dict[str, Any] = {**answer.document, "by": {"field": answer.by, "monthly_cost": rows}}
    found["violations"] = list(map(violation_document, answer.checked.found))
    if answer.changes is not None:
        from capplan.gate.diff_report import diff_document

        found["changes"] = diff_document(answer.changes)
    return found


def _sheet(fleet: PlanFleet) -> Sheet:
    """Return one row a cost line, with all that a fleet can be summed by."""
    from capplan.report.sheets import LINE_COLUMNS, line_row

    columns = ("source", "team", "account", "tags", *LINE_COLUMNS)
    rows = ([*_owned(member, line), *line_row(plan, None, line)] for plan, member, line in fleet.lines())
    return Sheet(columns, rows)


def _owned(member: Member, line: LineView) -> list[str]:
    """Return the cells of a line that say whose it is."""
    return [member.source, member.owner.team, member.owner.account, _tags(member, line)]


def _tags(member: Member, line: LineView) -> str:
    """Return all tags of a component: what has two of them counts once, beside both."""
    return ", ".join(member.owner.tags.get(line.component, ()))
