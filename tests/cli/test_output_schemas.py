"""`capplan schema --output`: what commands print is as their schemas say, and nothing else is.

tests/cli/test_matrix.py holds every document that it prints against them, on every example.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from capplan.cli.tree import nodes
from capplan.plan.schema import VERSION
from capplan.report.documents import commands, schema_of

SHOP = Path(__file__).resolve().parent / "plans" / "shop.yaml"


@pytest.fixture(scope="module", params=commands())
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads(schema_of(request.param)) | {"command": request.param}


def test_each_command_that_prints_json_has_one() -> None:
    printing = [
        node.words
        for node in nodes()
        for option in node.options
        if "--format" in option.names and "json" in option.value.strip("[]").split("|")
    ]
    assert sorted(commands()) == sorted(printing)


def test_each_is_closed_and_names_its_version(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert (
        schema["$id"]
        == f"https://www.schemastore.org/capplan-{schema['command'].replace(' ', '-')}-{VERSION}.json"
    )
    for shape in schema["$defs"].values():
        if "properties" in shape:
            assert shape["additionalProperties"] is False
            assert set(shape["required"]) <= set(shape["properties"])


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield an object of each set of keys in a document."""
    seen: set[frozenset[str]] = set()
    todo = [node]
    while todo:
        found = todo.pop()
        if isinstance(found, dict) and frozenset(found) not in seen:
            seen.add(frozenset(found))
            yield found
        if isinstance(found, dict | list):
            todo += list(found.values()) if isinstance(found, dict) else found[:3]


def test_a_schema_that_the_output_has_left_behind_fails(capplan: Callable) -> None:
    """A key that is new, gone or renamed is an error, wherever keys are not names."""
    document = json.loads(capplan("estimate", SHOP, "--format", "json").stdout)
    document["cost_lines"] = document["cost_lines"][:1]
    schema = json.loads(schema_of("estimate"))
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/Estimate", "$defs": schema["$defs"]})
    validator.validate(document)
    shapes = 0
    for place in list(objects(document)):
        place["new"] = next(iter(place.values()), None)
        is_shape = not validator.is_valid(document)
        del place["new"]
        for key, value in list(place.items()) if is_shape else ():
            del place[key]
            assert not validator.is_valid(document), (list(place), key)
            place[key] = value
        shapes += is_shape
    assert shapes >= 12


def test_an_unknown_command_is_refused_with_the_nearest(capplan: Callable) -> None:
    run = capplan("schema", "--output", "estimat")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "Did you mean 'estimate'?" in run.stderr


def test_it_is_printed_or_written(capplan: Callable, tmp_path: Path) -> None:
    out = tmp_path / "estimate.json"
    assert capplan("schema", "--output", "catalog list") == (0, schema_of("catalog list"), "")
    assert capplan("schema", "--output", "estimate", "-o", out).exit_code == 0
    assert out.read_text(encoding="utf-8") == schema_of("estimate")
