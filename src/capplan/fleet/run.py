"""A fleet: its plans, what each costs beside the others, and whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.executors import Executor, chosen, usual_executor
from capplan.fleet.account import settled
from capplan.fleet.members import FleetOptions, Member, members_of
from capplan.fleet.showback import TeamShare, showback
from capplan.fleet.sources import FLEET_NAME, sources_of, travelling
from capplan.gate.read import read_section
from capplan.gate.sides import is_revision, names_at, text_at
from capplan.plan.fleet import FleetFile
from capplan.plan.places import Places
from capplan.report.view import EstimateView, LineView, sum_of
from capplan.stdin import name_of
from capplan.strictyaml import Locator, read_text

Said = tuple[FleetFile, Places]
"""A fleet file, and where it says what."""
Watch = Callable[[Executor], Executor]
"""Returns an executor that also shows how far it is."""
_PER_CHUNK = 25
"""Plans that a process estimates before it hands them over."""
_FEW = 50
"""Plans that one process estimates sooner than another one starts."""


def unwatched(run: Executor) -> Executor:
    """Show nothing."""
    return run


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

    def sources(self) -> dict[str, str]:
        """Return where each plan that is not broken is, by name."""
        return {name: member.source for name, member in self.members.items() if not member.trouble}

    def shown(self) -> Iterator[EstimateView]:
        """Yield the estimate of each plan that is not broken, with its lines as they are in the fleet."""
        for member in self.members.values():
            if member.shown is not None:
                lines = member.lines
                yield member.shown._replace(lines=lines, total=sum_of(lines), owner=member.owner)


def fleet_of(asked: FleetOptions, like: Said | None = None, watch: Watch = unwatched) -> PlanFleet:
    """Return the fleet of the plans that were asked for.

    like: the file of another fleet that holds for this one too, as for the same plans at a revision.
    """
    sources = sources_of(asked.plans)
    file, places = like or said_of(asked)
    found = _members(sources, asked, watch)
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


def _members(sources: Sequence[str], asked: FleetOptions, watch: Watch) -> list[Member]:
    """Return the plans as members, estimated by the executor that was asked for.

    To it go only plans that need no file there; those that have trouble there are tried here.
    """
    estimated = partial(members_of, Catalog(asked.catalogs))
    watch = watch if len(sources) > _FEW else unwatched
    texts = {} if chosen() is None else dict(travelling(sources))
    away = sources if chosen() is None else list(texts)
    chunks = [asked._replace(plans=p, texts={s: texts[s] for s in p if s in texts}) for p in _parts(away)]
    with usual_executor(len(chunks) if len(away) > _FEW else 1) as run:
        seen = run if chosen() else watch(run)  # what was chosen is watched already
        found = {member.source: member for part in seen(estimated, chunks) for member in part}
    here = [s for s in sources if s not in found or (s in texts and found[s].trouble)]
    if here:
        parts = watch(map)(estimated, [asked._replace(plans=part) for part in _parts(here)])
        found |= {member.source: member for part in parts for member in part}
    return [found[source] for source in sources]


def _parts(sources: Sequence[str]) -> list[Sequence[str]]:
    return [sources[start : start + _PER_CHUNK] for start in range(0, len(sources), _PER_CHUNK)]


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


def said_of(asked: FleetOptions) -> Said:
    """Return the fleet file that is named, or that is in one of the directories asked for."""
    texts = list(map(_text_of, [asked.file] if asked.file else chain(*map(_beside, asked.plans))))
    if len(texts) > 1:
        what = f"is one of several fleet files, besides {texts[1][1]}"
        raise InputError(Problem(texts[0][1], what, "Name the one to use with --fleet."))
    if not texts:
        return FleetFile.model_validate({}), Places(Locator("", "fleet"))
    return read_section(*texts[0], FleetFile, "a fleet file", "docs/how-to/fleet.md")


def _beside(plan: str) -> Iterator[Path | str]:
    """Yield the fleet file in a directory; a string is one at a revision."""
    revision, _, inside = plan.partition(":")
    name = f"{revision}:{inside.rstrip('/') or '.'}/{FLEET_NAME}"
    if not is_revision(plan) and (Path(plan) / FLEET_NAME).is_file():
        yield Path(plan) / FLEET_NAME
    elif is_revision(plan) and names_at(name) == [name]:
        yield name


def _text_of(file: Path | str) -> tuple[str, str]:
    return (text_at(file), file) if isinstance(file, str) else (read_text(file), name_of(file))


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
