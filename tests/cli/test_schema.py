"""`capplan schema`: the JSON Schema accepts what capplan accepts, and refuses what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capplan.plan.overlay import merge
from capplan.plan.schema import schema_text
from capplan.strictyaml import load

ROOT = Path(__file__).resolve().parents[2]
PLANS = Path(__file__).resolve().parent / "plans"
GOOD_PLANS = [*sorted((ROOT / "examples").glob("*/plan.yaml")), *sorted(PLANS.glob("*.yaml"))]


@pytest.fixture(scope="module")
def document() -> dict:
    return json.loads(schema_text())


@pytest.fixture(scope="module")
def validator(document: dict) -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(document)
    return jsonschema.Draft202012Validator(document)


def read(path: Path) -> dict:
    return load(path.read_text(encoding="utf-8"), path.name)


def test_schema_says_what_it_is(document: dict) -> None:
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["type"] == "object"
    assert set(document["required"]) == {"name", "demand"}


def test_schema_goes_to_stdout(capplan: Callable) -> None:
    assert capplan("schema") == (0, schema_text(), "")


def test_schema_goes_to_a_file_and_replaces_nothing(capplan: Callable, tmp_path: Path) -> None:
    out = tmp_path / "plan.schema.json"
    assert capplan("schema", "-o", out).exit_code == 0
    assert out.read_text(encoding="utf-8") == schema_text()
    assert capplan("schema", "-o", out).exit_code == 2
    assert capplan("schema", "-o", out, "--force").exit_code == 0


@pytest.mark.parametrize("path", GOOD_PLANS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_schema_accepts_good_plans(validator: Any, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(read(path))] == []


@pytest.mark.parametrize("path", GOOD_PLANS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_schema_accepts_good_plans_with_an_alternative_over_them(validator: Any, path: Path) -> None:
    plan = read(path)
    for overlay in plan.get("alternatives", {}).values():
        assert [error.message for error in validator.iter_errors(merge(plan, overlay))] == []


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "red"},
        {"name": 7},
        {"name": None},
        {"demand": None},
        {"demand": {"user_per_day": 3}},
        {"services": {"web": {"platform": "cloudrun"}}},
        {"services": {"web": {"service_time": None}}},
        {"services": {"web": {"service_time": [1]}}},
        {"services": {"web": {"billing": "yearly"}}},
        {"databases": {"db": {"engine": "mariadb"}}},
        {"pricing": {"free_tier": "maybe"}},
    ],
    ids=str,
)
def test_schema_refuses_what_capplan_refuses(validator: Any, capplan: Callable, change: dict) -> None:
    plan = merge(read(PLANS / "shop.yaml"), change)
    assert list(validator.iter_errors(plan)) != []
    assert capplan("estimate", "-", stdin=json.dumps(plan).encode()).exit_code == 2


@pytest.mark.parametrize(
    "change",
    [
        {"services": {"web": {"instances": 3}}},
        {"services": {"web": {"calls": {"db": 2}}}},
        {"demand": {"profile": [1] * 24}},
        {"demand": {"profile": "office-hours"}},
        {"services": {"web": {"cpu": "1000m"}}},
        {"demand": {"growth_per_month": "5%"}},
        {"demand": {"growth_per_month": 0.05}},
    ],
    ids=str,
)
def test_schema_accepts_every_way_to_write_a_value(validator: Any, capplan: Callable, change: dict) -> None:
    plan = merge(read(PLANS / "shop.yaml"), change)
    assert capplan("estimate", "-", stdin=json.dumps(plan).encode()).exit_code == 0
    assert [error.message for error in validator.iter_errors(plan)] == []
