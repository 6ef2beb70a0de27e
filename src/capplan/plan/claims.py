"""Claims: what a scaling document says, beside the plan that says what is true."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError

from capplan.errors import InputError, Problem
from capplan.plan.fields import Name, Section, Share
from capplan.plan.places import Places
from capplan.quantities import parse_money, parse_number, parse_share
from capplan.stdin import name_of
from capplan.strictyaml import Locator, load, read_text


class Said(NamedTuple):
    """Value of a claim: a word, true or false, or a number between two bounds, one of which may be missing.

    percent: the number was written so, and is a share of 1.
    """

    exact: str | bool | None = None
    low: float | None = None
    high: float | None = None
    percent: bool = False


def _said(value: object) -> Said:
    if isinstance(value, Said):
        return value
    if isinstance(value, bool) or (isinstance(value, str) and not any(c.isdigit() for c in value)):
        return Said(exact=value)
    if isinstance(value, list) and len(value) == 2:
        low, high = value
    elif isinstance(value, Mapping) and len(value) == 1 and value.keys() <= {"at_most", "at_least"}:
        low, high = value.get("at_least"), value.get("at_most")
    elif isinstance(value, str | int | float):
        low = high = value
    else:
        raise ValueError("expected a number, a word, [from, to], {at_most: n} or {at_least: n}")
    percent = "%" in f"{low}{high}"
    return Said(None, _number(low), _number(high), percent)


def _number(value: object) -> float | None:
    if value is None:
        return None
    text = str(value)
    if text.endswith("%"):
        return parse_share(value)
    return parse_money(value) if text.startswith("$") else parse_number(value)


class Claim(Section):
    """One thing that the document says in numbers, and how it is computed again."""

    line: int = Field(ge=1, description="Line number in the document.")
    text: str = Field(description="Text of the claim in the document.")
    value: Annotated[Any, BeforeValidator(_said, json_schema_input_type=Any)] = Field(
        description="A number, a word, true or false, [from, to], {at_most: n} or {at_least: n}."
    )
    unit: str = ""
    expression: str | None = Field(
        None,
        description="Expression that computes the value from the estimate, the catalog or the document's "
        "other claims.",
    )
    tolerance: Share = Field(0.02, description="Tolerated difference, as a share of the computed value.")
    alternative: str | None = Field(None, description="Alternative of the plan that the claim is about.")
    books: list[str] | None = Field(None, description="Price books for this claim, instead of the file's.")
    set: dict[str, str | float] = Field({}, description="Values of the plan to set for this claim.")
    note: str = Field("", description="Why the claim is wrong, or why it cannot be computed.")


class Claims(Section):
    """All that a document says in numbers."""

    schema_: Literal[1] = Field(alias="schema")
    document: str = Field(description="Title of the document.")
    books: list[str] = Field([], description="Price books that the document's figures are based on.")
    claims: dict[Name, Claim]


class ClaimsFile(NamedTuple):
    """Claims, and where each stands."""

    claims: Claims
    places: Places


def read_claims(path: Path) -> ClaimsFile:
    """Return the claims in the file at ``path``, or raise every problem in it."""
    text, name = read_text(path), name_of(path)
    raw = load(text, name)
    places = Places(Locator(text, name))
    if not isinstance(raw, dict):
        raise InputError(Problem(name, "expected a mapping with schema, document and claims"))
    try:
        return ClaimsFile(Claims.model_validate(raw), places)
    except ValidationError as error:
        from capplan.plan.problems import problems_of

        raise InputError(*problems_of(error, Claims, raw, places)) from None
