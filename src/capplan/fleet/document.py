"""The fleet as JSON: the document of an estimate, whose components are plans.

So whatever reads an estimate reads a fleet: budgets and increases, `capplan diff`, and a later `--base`.
"""

from __future__ import annotations

from typing import Any

from capplan.errors import InputError
from capplan.fleet.members import Member
from capplan.fleet.run import PlanFleet
from capplan.report.json_format import SCHEMA_VERSION, cost_document, finding_document, line_document
from capplan.report.view import sum_of


def fleet_document(fleet: PlanFleet) -> dict[str, Any]:
    """Return what JSON says of a fleet, its gates left out."""
    lines = list(fleet.lines())
    shown = {name: member.shown for name, member in fleet.members.items() if member.shown is not None}
    rps = sum(one.average_rps for one in shown.values())
    requests = sum(one.average_rps * one.hours_per_month for one in shown.values())
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": fleet.file.name,
        "currency": "USD",
        "hours_per_month": requests / rps if rps else 0.0,
        "demand": {"average_rps": rps},
        "components": {name: _plan(member) for name, member in fleet.members.items()},
        "cost_lines": [
            {**line_document(line), "component": name, "part": line.component} for name, _, line in lines
        ],
        "monthly_cost": cost_document(sum_of(line for _, _, line in lines)),
        "showback": {"rule": fleet.file.showback, "teams": [share._asdict() for share in fleet.shares]},
        "tags": _tags(fleet),
        "warnings": [
            {**finding_document(finding), "component": name, "part": finding.subject}
            for name, one in shown.items()
            for finding in one.findings
        ],
    }


def _plan(member: Member) -> dict[str, Any]:
    return {
        "kind": "plan",
        "source": member.source,
        "plan": None if member.shown is None else member.shown.plan,
        "team": member.owner.team or None,
        "account": member.owner.account or None,
        "broken": member.trouble or None,
        "monthly_cost": cost_document(sum_of(member.lines)),
    }


def _tags(fleet: PlanFleet) -> dict[str, list[str]]:
    """Return plans by team and by account, which gates call tags; InputError where a name is both."""
    found: dict[str, dict[str, list[str]]] = {"team": {}, "account": {}}
    for name, member in fleet.members.items():
        for kind, tags in found.items() if member.shown is not None else ():
            tags.setdefault(getattr(member.owner, kind), []).append(name)
    teams, accounts = found["team"], found["account"]
    both = [name for name, plans in teams.items() if name and accounts.get(name, plans) != plans]
    if both:
        what = f"'{both[0]}' is a team and an account, of different plans, so gates cannot tell them apart"
        raise InputError(fleet.places.problem(("accounts",), what, "Rename one of them."))
    return {name: plans for name, plans in (teams | accounts).items() if name}
