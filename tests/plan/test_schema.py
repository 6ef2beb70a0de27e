"""The JSON Schema is the parser's own; an editor and capplan must never disagree."""

import json

import jsonschema
import pytest
from helpers import FLAT_VM, ROOT, plan_of

from capplan.plan.model import Plan
from capplan.plan.schema import schema_text
from capplan.plan.starter import PLATFORMS, Answers, starter_plan
from capplan.strictyaml import load

SCHEMA = json.loads(schema_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("example", ["afpi", "levqor"])
def test_the_examples_are_valid(example):
    path = ROOT / "examples" / example / "plan.yaml"
    VALIDATOR.validate(load(path.read_text(), str(path)))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_starter_plans_are_valid(platform):
    VALIDATOR.validate(load(starter_plan(Answers(platform=platform)), "f"))


@pytest.mark.parametrize(
    "change",
    [
        "services.api.instances=3",
        "services.api.calls={db: 2}",
        "services.api.calls={db: {per_request: 2, cache_hit_rate: 30%}}",
        "demand.profile=[" + ", ".join(["1"] * 24) + "]",
        "services.api.target_utilization={cpu: 0.5}",
        "services.api.memory_base=512Mi",
    ],
)
def test_every_spelling_that_the_parser_takes_is_valid(change):
    database = "databases={db: {platform: rds, engine: mysql, machine: x}}"
    VALIDATOR.validate(plan_of(FLAT_VM, database, change).raw)


@pytest.mark.parametrize(
    "change",
    [
        "services.api.nope=1",
        "services.api.platform=nope",
        "demand.profile=nope",
        "demand.requests_per_second=[1]",
        "services.api.service_time=5",
        "nope=1",
    ],
)
def test_what_the_parser_refuses_by_shape_the_schema_refuses_too(change):
    key, value = change.split("=")
    raw = load(FLAT_VM.replace("\n    ", "\n"), "f")
    place = raw
    *above, last = key.split(".")
    for part in above:
        place = place[part]
    place[last] = load(value, "f")
    assert not VALIDATOR.is_valid(raw)


def walk(node: object):
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def defaults():
    for name, definition in SCHEMA["$defs"].items():
        for field, spec in definition.get("properties", {}).items():
            if isinstance(spec.get("default"), float | str | bool):
                yield f"{name}.{field}", spec


def test_every_default_in_the_schema_is_one_that_the_parser_takes():
    """An editor that fills in the documented default must not write what is then refused (peer, trap 17)."""
    bad = [
        place
        for place, spec in defaults()
        if not VALIDATOR.evolve(schema={**spec, "$defs": SCHEMA["$defs"]}).is_valid(spec["default"])
    ]
    assert not bad


def test_no_object_is_open():
    """An unknown key is an error in the editor too; only what extends a template is checked later."""
    for node in walk(SCHEMA):
        if "properties" in node and node.get("type") == "object" and node.get("required") != ["extends"]:
            assert node["additionalProperties"] is False


def test_every_field_of_the_plan_is_in_the_schema():
    assert set(SCHEMA["properties"]) == set(Plan.model_fields)
