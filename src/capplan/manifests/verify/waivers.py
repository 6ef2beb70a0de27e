"""What a team accepts: by a committed file, with reasons and a last day, or by an object's annotation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field, ValidationError

from capplan.errors import InputError, Problem, nearest
from capplan.findings import Finding, register
from capplan.manifests.verify.checks import files
from capplan.manifests.verify.trees import mapping
from capplan.manifests.verify.world import Item
from capplan.plan.fields import Day, Section
from capplan.plan.places import Places
from capplan.stdin import name_of
from capplan.strictyaml import Locator, load, read_text

FILE_NAME = "capplan.verify.yaml"
ANNOTATION = "capplan/ignore"


class Accepted(Section):
    """Findings that are accepted until a day."""

    check: str = Field(description="Code of the check.")
    object: str = Field("*", description="Object as Kind/name, or a pattern with *.")
    file: str = Field(
        "*", description="File, relative to the directory that is checked, or a pattern with *."
    )
    reason: str = Field(description="Why the findings are accepted.")
    expires: Day = Field(description="Last day on which they are accepted.")


class AcceptedFindings(Section):
    """What `capplan verify` accepts."""

    accept: list[Accepted]


def accepted_in(directory: Path, named: Path | None) -> Sequence[Accepted]:
    """Return what is accepted in ``named``, or in the file of a directory, if there is one."""
    path = named or directory / FILE_NAME
    if named is None and not path.is_file():
        return []
    text, name = read_text(path), name_of(path)
    places = Places(Locator(text, name))
    raw = load(text, name)
    if not isinstance(raw, dict):
        raise InputError(Problem(name, "must be a mapping with `accept`", "See docs/manifests.md."))
    try:
        found = AcceptedFindings.model_validate(raw).accept
    except ValidationError as error:
        from capplan.plan.problems import problems_of

        raise InputError(*problems_of(error, AcceptedFindings, raw, places)) from None
    for index, one in enumerate(found):
        check_code(one.check, places.locator.find(("accept", index, "check"))[0])
    return found


def check_code(code: str, where: str) -> None:
    """Refuse a code that no check has: it would excuse nothing."""
    if code not in register():
        raise InputError(Problem(where, f"there is no check '{code}'", nearest(code, register())))


def waived(findings: Iterable[Finding], accepted: Sequence[Accepted], today: date) -> dict[Finding, str]:
    """Return the findings that are accepted today, with until when and why."""
    found: dict[Finding, str] = {}
    for finding in findings:
        for one in accepted:
            meant = finding.code == one.check and fnmatchcase(finding.subject, one.object)
            if meant and fnmatchcase(finding.file, one.file) and one.expires >= today:
                found[finding] = f"the team until {one.expires.isoformat()}: {one.reason}"
    return found


def expired(accepted: Sequence[Accepted], today: date) -> list[str]:
    """Return what is no longer accepted, to be said."""
    return [
        f"{one.check} is accepted only until {one.expires.isoformat()}"
        for one in accepted
        if one.expires < today
    ]


def unused(accepted: Sequence[Accepted], findings: Iterable[Finding], today: date) -> list[str]:
    """Return what is accepted though nothing was found that it means, to be said."""
    known = list(findings)
    return [
        f"{one.check} of {one.object} is accepted, but not found"
        for one in accepted
        if one.expires >= today and not waived(known, [one], today)
    ]


def ignored_by_objects(items: Iterable[Item], found: list[Finding]) -> Mapping[tuple[str, str], set[str]]:
    """Return the codes that objects ignore by their annotation, by file and title; add unknown ones."""
    ignored: dict[tuple[str, str], set[str]] = {}
    for item in items:
        said = mapping(item.tree, "metadata.annotations").get(ANNOTATION)
        if isinstance(said, str):
            codes = ignored[item.path, item.title] = set(filter(None, re.split(r"[,\s]+", said)))
            for code in sorted(codes - set(register())):
                what, field = f"there is no check '{code}'", f"metadata.annotations.{ANNOTATION}"
                found.append(item.finding(files.UNKNOWN_CHECK, field, what, nearest(code, register())))
    return ignored
