"""A fleet: its plans, what each costs beside the others, and whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.executors import chosen, usual_executor
from capplan.fleet.account import settled
from capplan.fleet.members import FleetOptions, Member, members_of
from capplan.fleet.showback import TeamShare, showback
from capplan.fleet.sources import FLEET_NAME, sources_of, travelling
from capplan.gate.read import read_section
from capplan.gate.sides import is_revision
from capplan.plan.fleet import FleetFile
from capplan.plan.places import Places
from capplan.report.view import EstimateView, LineView, sum_of
from capplan.strictyaml import Locator

_PER_CHUNK = 25
"""Plans that a process estimates before it hands them over."""
_FEW = 50
"""Plans that one process estimates sooner than another one starts."""


class PlanFleet(NamedTuple):
    """The plans of an organisation, by what reports call them: the plan's name, or its file if it has a twin.

    places: where the fleet file says what. shares: what each team pays.
    """

    file: FleetFile
    places: Places
    members: Mapping[str, Member]
    shares: Sequence[TeamShare]

    def lines(self) -> Iterator[tuple[str, Member, LineView]]:
        """Yield every cost line with its plan; all that a broken plan costs is a line without a price."""
        for name, member in self.members.items():
            for line in member.lines:
                yield name, member, line

    def shown(self) -> Iterator[EstimateView]:
        """Yield the estimate of each plan that is not broken, with its lines as they are in the fleet."""
        for member in self.members.values():
            if member.shown is not None:
                lines = member.lines
                yield member.shown._replace(lines=lines, total=sum_of(lines), owner=member.owner)


def fleet_of(asked: FleetOptions, like: PlanFleet | None = None) -> PlanFleet:
    """Return the fleet of the plans that were asked for.

    like: a fleet whose file holds for this one too, as for the same plans at a revision.
    """
    sources = sources_of(asked.plans)
    file, places = _file_of(asked) if like is None else (like.file, like.places)
    found = _members(sources, asked)
    teams = _matched(found, file.teams, "teams", places, like is None)
    accounts = _matched(found, file.accounts, "accounts", places, like is None)
    owned = [
        member._replace(
            owner=member.owner._replace(
                team=team or member.owner.team, account=account or member.owner.account
            )
        )
        for member, team, account in zip(found, teams, accounts, strict=True)
    ]
    members = settled(owned)
    return PlanFleet(file, places, dict(_named(members, like is not None)), showback(members, file.showback))


def _members(sources: Sequence[str], asked: FleetOptions) -> list[Member]:
    """Return the plans as members, estimated by the executor that was asked for.

    To it go only plans that need no file there; those that have trouble there are tried here.
    """
    estimated = partial(members_of, Catalog(asked.catalogs))
    texts = {} if chosen() is None else dict(travelling(sources))
    away = sources if chosen() is None else list(texts)
    parts = [away[start : start + _PER_CHUNK] for start in range(0, len(away), _PER_CHUNK)]
    chunks = [asked._replace(plans=p, texts={s: texts[s] for s in p if s in texts}) for p in parts]
    with usual_executor(len(parts) if len(away) > _FEW else 1) as run:
        found = {member.source: member for part in run(estimated, chunks) for member in part}
    here = [s for s in sources if s not in found or (s in texts and found[s].trouble)]
    if here:
        found |= {member.source: member for member in estimated(asked._replace(plans=here))}
    return [found[source] for source in sources]


def _named(members: Sequence[Member], revised: bool) -> Iterator[tuple[str, Member]]:
    """Yield the members by name, or by file where another plan has it too.

    revised: whether the same files are to be called the same whatever their revision.
    """
    known = Counter(member.shown.plan for member in members if member.shown is not None)
    for member in members:
        name = "" if member.shown is None else member.shown.plan
        cut = revised and is_revision(member.source)
        file = member.source.partition(":")[2].removeprefix("./") if cut else member.source
        yield (name if known[name] == 1 else file), member


def _file_of(asked: FleetOptions) -> tuple[FleetFile, Places]:
    """Return the fleet file that is named, or that is in one of the directories asked for."""
    beside = [Path(plan) / FLEET_NAME for plan in asked.plans if (Path(plan) / FLEET_NAME).is_file()]
    if asked.file is None and len(beside) > 1:
        what = f"is one of several fleet files, besides {beside[1]}"
        raise InputError(Problem(str(beside[0]), what, "Name the one to use with --fleet."))
    path = asked.file or next(iter(beside), None)
    if path is None:
        return FleetFile.model_validate({}), Places(Locator("", "fleet"))
    return read_section(path, FleetFile, "a fleet file", "docs/how-to/fleet.md")


def _matched(
    members: Sequence[Member],
    patterns: Mapping[str, Sequence[str]],
    section: str,
    places: Places,
    strict: bool,
) -> list[str]:
    """Return what each member is in; InputError where that is two things, or a pattern matches none.

    strict: whether each pattern must match a plan; broken ones have no name that it could.
    """
    found, problems = [""] * len(members), []
    strict = strict and all(member.shown is not None for member in members)
    for name, index, pattern in ((n, i, p) for n, of in patterns.items() for i, p in enumerate(of)):
        there = [i for i, member in enumerate(members) if _matches(member, pattern)]
        if not there and strict:
            what = f"no plan of the fleet is called '{pattern}'"
            problems.append(places.problem((section, name, index), what))
        for i in there:
            if found[i] not in ("", name):
                what = f"'{pattern}' is {members[i].source}, which {found[i]} has already"
                problems.append(places.problem((section, name, index), what, "Keep one of them."))
            found[i] = name
    if problems:
        raise InputError(*problems)
    return found


def _matches(member: Member, pattern: str) -> bool:
    name = member.source if member.shown is None else member.shown.plan
    return fnmatchcase(name, pattern) or fnmatchcase(member.source, pattern)
