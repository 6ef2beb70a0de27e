"""Results that capplan wrote as JSON and reads again: an estimate to compare with, a check to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from capplan.errors import InputError, Problem
from capplan.quantities import shown
from capplan.report.json_format import SCHEMA_VERSION
from capplan.stdin import name_of
from capplan.strictjson import read_json

Figure = FiniteFloat | None


class _Shape(BaseModel):
    """What is read of a document, of the kinds that are written; whatever else is there is let be."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Range(_Shape):
    min: Figure
    expected: Figure
    max: Figure


class _Instances(_Shape):
    min: Figure
    peak: Figure
    max: Figure


class _Component(_Shape):
    instances: _Instances | None = None
    binding_constraint: str | None = None
    latency_ms: dict[str, Figure] | None = None
    monthly_cost: _Range | None


class _Line(_Shape):
    component: str
    provider: str
    service: str
    sku: str
    region: str
    rate: str
    note: str | None
    unit: str
    quantity: Figure
    unit_price: Figure
    monthly_cost: Figure
    price_status: str


class _Finding(_Shape):
    severity: str
    code: str
    component: str
    message: str


class _Remark(_Shape):
    resource: str
    reason: str
    fingerprint: str


class _Adopted(_Shape):
    components: dict[str, str]
    moved: dict[str, str] = {}
    not_covered: list[_Remark]


class _Demand(_Shape):
    average_rps: FiniteFloat


class _Assumptions(_Shape):
    share: Figure


class _Estimate(_Shape):
    plan: str
    hours_per_month: FiniteFloat
    demand: _Demand
    components: dict[str, _Component]
    cost_lines: list[_Line]
    monthly_cost: _Range
    warnings: list[_Finding]
    adopted: _Adopted | None = None
    assumptions: _Assumptions | None = None


class _Violation(_Shape):
    fingerprint: str


class _Check(_Shape):
    violations: list[_Violation]


def saved_estimate(path: Path) -> dict[str, Any]:
    """Return an estimate that `capplan estimate --format json` wrote; :class:`InputError` if it is none."""
    remedy = "Save one with `capplan estimate PLAN --format json -o FILE`."
    document = _document(path, remedy)
    if "components" not in document:
        raise InputError(Problem(name_of(path), "is not a saved estimate of one plan", remedy))
    if document.get("schema_version") != SCHEMA_VERSION:
        what = (
            f"has schema_version {shown(document.get('schema_version'))}, but capplan reads {SCHEMA_VERSION}"
        )
        raise InputError(Problem(name_of(path), what))
    _checked(_Estimate, document, path, remedy)
    return document


def saved_fingerprints(path: Path) -> frozenset[str]:
    """Return the violations that an earlier check knew, as `capplan check --format json` wrote it."""
    remedy = "Save one with `capplan check PLAN --format json --exit-zero -o FILE`."
    found = _checked(_Check, _document(path, remedy), path, remedy)
    return frozenset(violation.fingerprint for violation in found.violations)


def _document(path: Path, remedy: str) -> dict[str, Any]:
    document: Any = read_json(path, remedy)
    if not isinstance(document, dict):
        raise InputError(Problem(name_of(path), f"expected a mapping, got {shown(document)}", remedy))
    return document


_Of = TypeVar("_Of", bound=_Shape)


def _checked(shape: type[_Of], document: Mapping[str, Any], path: Path, remedy: str) -> _Of:
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        found = "is missing" if first["type"] == "missing" else f"cannot be {shown(first['input'])}"
        raise InputError(Problem(f"{name_of(path)}: {where[:200]}", found, remedy)) from None


def nothing(name: str) -> dict[str, Any]:
    """Return the estimate of no plan at all, to compare a first one with."""
    cost = {"min": 0.0, "expected": 0.0, "max": 0.0}
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": name,
        "hours_per_month": 0.0,
        "demand": {"average_rps": 0.0},
        "components": {},
        "cost_lines": [],
        "monthly_cost": cost,
        "warnings": [],
    }
