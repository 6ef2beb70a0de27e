"""From a file to a plan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from capplan.errors import InputError, Problem, nearest
from capplan.plan.model import Plan
from capplan.plan.overlay import Raw, assignment, full_path, merge, nested
from capplan.plan.places import Places
from capplan.plan.references import complaints
from capplan.plan.sources import Sources, by_number, without_marks
from capplan.plan.templates import expanded
from capplan.quantities import parse_share
from capplan.stdin import is_stdin, name_of
from capplan.strictyaml import Locator, load, read_text

PLAN_NAMES = ("plan.yaml", "plan.yml", "capplan.yaml", "capplan.yml")


class PlanFile(NamedTuple):
    """A plan, what was written, and where."""

    plan: Plan
    raw: Raw
    places: Places
    directory: Path
    """What relative files in the plan are relative to."""
    sources: Sources = {}
    """Where numbers come from, by path, of those that say so."""


def read_plan(
    source: Path, sets: Iterable[str] = (), alternative: str | None = None, books: Sequence[str] = ()
) -> PlanFile:
    """Read the plan at ``source`` (a file, a directory that holds one, or ``-`` for stdin).

    ``alternative`` names an overlay in the plan; ``sets`` are PATH=VALUE changes on top of it; ``books`` are
    price books on top of the plan's own. Raises :class:`InputError` with every problem found.
    """
    return parse_plan(*text_of(source), sets, alternative, books)


def parse_plan(
    text: str,
    name: str,
    directory: Path,
    sets: Iterable[str] = (),
    alternative: str | None = None,
    books: Sequence[str] = (),
) -> PlanFile:
    """Return the plan in ``text``, which messages call ``name``; otherwise like :func:`read_plan`."""
    raw = _loaded(text, name)
    if not isinstance(raw, dict):
        what = "the file is empty" if raw is None else "a plan is a mapping of fields"
        raise InputError(Problem(name, what, "Start with `capplan init`."))
    places = Places(Locator(text, name), alternative)
    raw = _with_steps(raw)
    sets = list(sets)
    for text_ in filter(_on_alternative, sets):
        raw = _set(raw, text_, places)
    if alternative is not None:
        raw = merge(raw, _overlay(raw, alternative, places))
    late = [text_ for text_ in sets if _on_copy(text_, raw)]
    for text_ in (text_ for text_ in sets if not (_on_alternative(text_) or text_ in late)):
        raw = _set(raw, text_, places)
    if books:
        raw = merge(raw, {"pricing": {"books": [*_books(raw), *books]}})
    raw, sources = without_marks(expanded(raw, places), places)
    plan = validate(raw, places)
    if len(plan.sites) > 1:
        from capplan.plan.sites import with_sites

        raw = with_sites(raw, plan, places)
        for text_ in late:
            raw = _set(raw, text_, places)
        raw, later = without_marks(raw, places)
        sources |= later
        plan = validate(raw, places)
    return PlanFile(plan, raw, places, directory, by_number(sources, plan, places))


def _with_steps(raw: Raw) -> Raw:
    """Return the plan with an alternative for each step in which a model takes over from an API.

    What is wrong with a step is found when the plan is validated; an alternative of the same name stays.
    """
    models, own = raw.get("llm"), raw.get("alternatives", {})
    if not isinstance(models, dict) or not isinstance(own, dict):
        return raw
    steps: Raw = {}
    for name, model in models.items():
        shares = model.get("local_steps") if isinstance(model, dict) else None
        for share in shares if isinstance(shares, list) else ():
            try:
                percent = f"{100 * parse_share(share):g}".replace(".", "-")
            except ValueError:
                continue
            steps[f"{name}-{percent}"] = {"llm": {name: {"local_share": share}}}
    return {**raw, "alternatives": {**steps, **own}} if steps else raw


@lru_cache(maxsize=1)
def _loaded(text: str, name: str) -> Any:
    """Return what the text holds, which nobody changes: alternatives and regions are read from it again."""
    return load(text, name)


def _on_copy(assigned: str, raw: Raw) -> bool:
    """Say whether a `--set` changes a component that another site than the first brings."""
    sites = raw.get("sites")
    others = tuple(f"-{site}" for site in list(sites)[1:]) if isinstance(sites, dict) else ()
    name = "".join(assigned.partition("=")[0].split(".")[1:2])
    return bool(others) and name.endswith(others)


def _on_alternative(assigned: str) -> bool:
    """Say whether a `--set` changes an overlay; it then comes before the overlay is laid over the plan."""
    return assigned.startswith("alternatives.")


def validate(raw: Raw, places: Places) -> Plan:
    """Return the plan that ``raw`` says, or raise every problem in it."""
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        from capplan.plan.problems import problems_of

        raise InputError(*problems_of(error, Plan, raw, places)) from None
    found = complaints(plan)
    if found:
        raise InputError(*(places.problem(*complaint) for complaint in found))
    return plan


def alternatives_of(file: PlanFile) -> list[str]:
    """Return the names of the plan's alternatives."""
    return list(file.plan.alternatives)


def _books(raw: Raw) -> list[str]:
    """Return the plan's own price books; whatever is wrong with them is found when the plan is validated."""
    pricing = raw.get("pricing")
    own = pricing.get("books") if isinstance(pricing, dict) else None
    return own if isinstance(own, list) else []


def scalar(text: str, option: str) -> Any:
    """Return what ``text`` means as a YAML value, as in `--set path=text`."""
    try:
        return load(text, option)
    except InputError as error:
        # A line and a column of something that short say nothing.
        raise InputError(*(problem._replace(where=option) for problem in error.problems)) from None


def text_of(source: Path) -> tuple[str, str, Path]:
    """Return the text of the plan at ``source``, its name and its directory."""
    if os.path.isdir(source) and not is_stdin(source):  # noqa: PTH112 - Path.is_dir raises for long names
        found = next((source / name for name in PLAN_NAMES if (source / name).is_file()), None)
        if found is None:
            what = f"no plan in this directory (looked for {', '.join(PLAN_NAMES)})"
            raise InputError(Problem(str(source), what))
        source = found
    return read_text(source), name_of(source), source.parent


def _overlay(raw: Raw, alternative: str, places: Places) -> Raw:
    alternatives = raw.get("alternatives")
    if not isinstance(alternatives, dict):
        alternatives = {}
    if alternative not in alternatives:
        what = f"the plan has no alternative '{alternative}'"
        raise InputError(Problem(places.locator.name, what, nearest(alternative, alternatives)))
    overlay = alternatives[alternative]
    if not isinstance(overlay, dict):
        where = ("alternatives", alternative)
        raise InputError(places.problem(where, "an alternative is a mapping of plan fields"))
    return overlay


def _set(raw: Raw, text: str, places: Places) -> Raw:
    path, value = assignment(text, "--set")
    full = full_path(expanded(raw, places), path, Plan.model_fields, "--set")
    places.given[full] = option = f"--set {text}"
    change = scalar(value, option)
    glued = (
        [key for key, inner in change.items() if inner is None and ":" in key]
        if isinstance(change, dict)
        else []
    )
    if glued:  # in YAML it is a key, and without a value nothing would change
        raise InputError(Problem(option, f"'{glued[0]}' has no value", "Write a space after the colon."))
    return merge(raw, nested(full, change))
