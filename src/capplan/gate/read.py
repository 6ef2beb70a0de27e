"""Where the gates of a plan are written: in the plan, beside it, or in a file that is named."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from capplan.errors import InputError, Problem
from capplan.plan.gates import Gates
from capplan.plan.places import Places
from capplan.plan.read import PlanFile
from capplan.stdin import name_of
from capplan.strictyaml import Locator, load, read_text

GATES_NAME = "capplan.gates.yaml"


class GateFile(NamedTuple):
    """Gates, and where they are written. prefix: their path in that file."""

    gates: Gates
    places: Places
    prefix: tuple[str, ...]

    def problem(self, path: tuple[str | int, ...], what: str, remedy: str = "") -> Problem:
        """Return the problem at a path in the gates."""
        return self.places.problem((*self.prefix, *path), what, remedy)


def gates_of(file: PlanFile, named: Path | None) -> GateFile:
    """Return the gates in ``named``, or in the file beside the plan, or in the plan itself.

    Raises :class:`InputError` where they are written twice; a plan without any has the default ones.
    """
    beside = file.directory / GATES_NAME
    path = named or (beside if beside.is_file() else None)
    own: Gates | None = file.plan.gates
    if path is not None and own is not None and named is None:
        what = f"gates are defined here and in {path}"
        raise InputError(file.places.problem(("gates",), what, "Keep one of them."))
    if path is None:
        return GateFile(own or Gates(), file.places, ("gates",))
    return _read(path)


def _read(path: Path) -> GateFile:
    gates, places = read_section(read_text(path), name_of(path), Gates, "a gates file", "docs/how-to/ci.md")
    return GateFile(gates, places, ())


Of = TypeVar("Of", bound=BaseModel)


def read_section(text: str, name: str, model: type[Of], what: str, documented: str) -> tuple[Of, Places]:
    """Return what a file holds that is no plan, and where it says so; InputError with all that is wrong."""
    raw = load(text, name)
    if not isinstance(raw, dict):
        raise InputError(Problem(name, f"{what} must be a mapping", f"See {documented}."))
    places = Places(Locator(text, name))
    try:
        return model.model_validate(raw), places
    except ValidationError as error:
        from capplan.plan.problems import problems_of

        raise InputError(*problems_of(error, model, raw, places)) from None
