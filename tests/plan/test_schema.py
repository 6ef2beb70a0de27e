"""The JSON Schema is the parser's own; an editor and capplan must never disagree."""

import json
import re
from typing import Annotated

import jsonschema
import pytest
from helpers import FLAT_VM, ROOT, plan_of
from pydantic import TypeAdapter

from capplan.plan.fields import Section
from capplan.plan.model import Plan
from capplan.plan.schema import VERSION, schema_text
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


def every_field():
    for name, section in {"Plan": SCHEMA, **SCHEMA["$defs"]}.items():
        for field, spec in section.get("properties", {}).items():
            yield name, field, spec, field in section.get("required", ())


def test_every_field_has_a_description_an_example_and_a_default():
    for name, field, spec, required in every_field():
        assert spec["description"].endswith("."), (name, field)
        assert len(spec["examples"]) == 1, (name, field)
        # What an interval leaves out has no value of its own: it follows from the rest.
        assert required or "default" in spec or name in ("Interval", "Instances"), (name, field)
        assert not (required and "default" in spec), (name, field)


def test_every_example_is_one_that_the_schema_takes():
    bad = [
        (name, field, spec["examples"][0])
        for name, field, spec, _ in every_field()
        if not VALIDATOR.evolve(schema={**spec, "$defs": SCHEMA["$defs"]}).is_valid(spec["examples"][0])
    ]
    assert not bad


def models():
    """Yield every section of a plan, also those that are imported when a plan has them."""
    todo, seen = [Section], set()
    while todo:
        todo += (found := todo.pop()).__subclasses__()
        if found.__name__ in SCHEMA["$defs"] and found.__name__ not in seen:
            seen.add(found.__name__)
            yield found


def test_every_example_is_one_that_the_parser_takes():
    found = list(models())
    assert len(found) > 90
    for model in found:
        for name, field in model.model_fields.items():
            example = SCHEMA["$defs"][model.__name__]["properties"][field.alias or name]["examples"][0]
            TypeAdapter(Annotated[(field.annotation, None, *field.metadata)]).validate_python(example)


def test_every_written_example_is_shown():
    known = load((ROOT / "src/capplan/plan/examples.yaml").read_text(), "examples.yaml")
    shown = [(f"{name}.{field}", field, spec["examples"][0]) for name, field, spec, _ in every_field()]
    assert not [
        key
        for key, example in known.items()
        if not any(key in (own, field) and found == example for own, field, found in shown)
    ]


def test_the_schema_names_its_version():
    assert SCHEMA["$id"] == f"https://www.schemastore.org/capplan-{VERSION}.json"


def test_the_entry_for_the_schema_store_is_one_that_it_takes():
    page = (ROOT / "docs/how-to/editors.md").read_text(encoding="utf-8")
    entry = next(
        found
        for block in re.findall("```json\n(.*?)```", page, re.DOTALL)
        if "url" in (found := json.loads(block))
    )
    assert entry["url"] == entry["versions"][str(VERSION)] == SCHEMA["$id"]
    for text in (entry["name"], entry["description"]):
        assert "schema" not in text.lower()
        assert text[-1] not in ",. \t-"


ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "examples"}
WORDS = ANNOTATIONS | set(jsonschema.Draft202012Validator.VALIDATORS)


def schemas(node):
    """Yield a schema and those in it; properties are no schema, but hold some."""
    if isinstance(node, dict):
        yield node
        inside = [*node.get("properties", {}).values(), *node.get("$defs", {}).values()]
        inside += [each for word in ("anyOf", "oneOf", "prefixItems") for each in node.get(word, ())]
        for each in [
            *inside,
            *(node.get(word) for word in ("items", "additionalProperties", "propertyNames")),
        ]:
            yield from schemas(each)


def test_strict_readers_know_every_word_and_find_every_required_field():
    """As Ajv's strict mode, which SchemaStore asks for; silently ignored mistakes are what it is about."""
    for node in schemas(SCHEMA):
        assert set(node) <= WORDS, node
        assert set(node.get("required", ())) <= set(node.get("properties", ())), node
