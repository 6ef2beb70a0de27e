"""The JSON Schema of a plan: the parser's own, so that an editor and capplan never disagree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from capplan.plan.fields import INTERVAL_SCHEMA
from capplan.plan.model import Plan
from capplan.strictyaml import load

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1
"""Rises when a plan that was valid no longer is, or a field of an output changes its meaning or goes."""


def id_of(name: str) -> str:
    """Return the ``$id`` of a schema, which names its version."""
    return f"https://www.schemastore.org/{name}-{VERSION}.json"


_EXTENDING = {
    "description": "A service that overrides what it extends; checked once both are laid together.",
    "type": "object",
    "properties": {"extends": {"type": "string", "description": "Service template."}},
    "required": ["extends"],
}


_UNITS = {"2Gi": "Gi", "300ms": "s"}
"""What a default is counted in, by the example of its kind; other kinds take plain numbers."""


_SOURCED: dict[str, Any] = {
    "type": "object",
    "title": "Number with its source",
    "description": "A number and where it comes from.",
    "properties": {key: INTERVAL_SCHEMA["properties"][key] for key in ("value", "source", "from")},
    "required": ["value", "source"],
    "additionalProperties": False,
}
_EVERY_NUMBER = ("#/$defs/Interval", "#/$defs/Sourced")
_REFERENCES: list[dict[str, Any]] = [{"$ref": reference} for reference in _EVERY_NUMBER]


def _with_sources(node: Any, chosen: bool = False) -> Any:
    """Return a schema in which every number may have a source; ``chosen``: one of several that may stand."""
    if isinstance(node, list):
        return [found for inner in node for found in _choices(inner)]
    if not isinstance(node, dict):
        return node
    found = {key: _with_sources(inner) for key, inner in node.items()}
    if chosen or node.get("type") not in ("integer", "number"):
        return found
    number = {key: found.pop(key) for key in ("type", "minimum", "maximum") if key in found}
    return {**found, "anyOf": [number, _REFERENCES[1]]}


def _choices(node: Any) -> list[Any]:
    return _REFERENCES if node == INTERVAL_SCHEMA else [_with_sources(node, chosen=True)]


class _Written(GenerateJsonSchema):
    """Writes defaults as a plan may say them: memory and durations with their unit."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        found = super().default_schema(schema)
        examples = [example for kind in found.get("anyOf", ()) for example in kind.get("examples", ())]
        unit = next((_UNITS[example] for example in examples if example in _UNITS), None)
        if unit is not None and isinstance(found.get("default"), float):
            found["default"] = f"{found['default']:g}{unit}"
        return found


def schema_text() -> str:
    """Return the JSON Schema of a plan file."""
    document = {
        "$schema": DIALECT,
        "$id": id_of("capplan"),
        **_with_sources(Plan.model_json_schema(schema_generator=_Written, mode="validation")),
        "title": "capplan plan",
    }
    document["$defs"] |= {"Interval": INTERVAL_SCHEMA, "Sourced": _SOURCED}
    services = document["properties"]["services"]
    services["additionalProperties"] = {"anyOf": [services["additionalProperties"], _EXTENDING]}
    _Illustrated(document).write()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Illustrated:
    """Gives every field of a schema a description and an example that it lacks.

    A field that holds a section is described as the section is. Examples follow from its kind. Where texts
    have no kind, ``examples.yaml`` has them by the field's name; by SECTION.FIELD it has stronger ones.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._sections: dict[str, dict[str, Any]] = {"Plan": document, **document["$defs"]}
        path = Path(__file__).with_name("examples.yaml")
        self._known: Mapping[str, Any] = load(path.read_text(encoding="utf-8"), path.name)

    def write(self) -> None:
        """Complete the fields in place."""
        for section, _, node in self._fields():
            if "description" not in node:
                about = self._sections[section] if "const" in node else self._section_of(node)
                node["description"] = about["description"]
        found = [(node, self._of_field(section, name, node)) for section, name, node in self._fields()]
        for node, example in found:
            node["examples"] = [example]

    def _fields(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for section, schema in self._sections.items():
            for name, node in schema.get("properties", {}).items():
                yield section, name, node

    def _section_of(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        references = [option["$ref"] for option in (node, *node.get("anyOf", ())) if "$ref" in option]
        name = next(found for found in references if found not in _EVERY_NUMBER).rsplit("/", 1)[-1]
        return self._sections[name]

    def _of_field(self, section: str, name: str, node: Mapping[str, Any]) -> Any:
        if (own := f"{section}.{name}") in self._known:
            return self._known[own]
        try:
            return self._of(node)
        except KeyError:
            return self._known[name]

    def _of(self, node: Mapping[str, Any]) -> Any:
        """Return a value that a schema takes; KeyError for a text of which its kind says nothing."""
        if "examples" in node:
            return _plain(node["examples"][0])
        if "$ref" in node:
            return self._of_section(node["$ref"].rsplit("/", 1)[-1])
        for options in (node.get("oneOf"), node.get("anyOf")):
            if options:
                return self._of(next((o for o in options if "examples" in o), options[0]))
        return self._of_type(node)

    def _of_section(self, name: str) -> Any:
        """Return what a section requires, or else its first field."""
        section = self._sections[name]
        fields = section["properties"]
        shown = section.get("required") or [next(iter(fields))]
        return {field: self._of_field(name, field, fields[field]) for field in shown}

    def _of_type(self, node: Mapping[str, Any]) -> Any:
        for fixed in ("const", "enum", "default"):
            if node.get(fixed):
                return node["enum"][0] if fixed == "enum" else node[fixed]
        if isinstance(node.get("additionalProperties"), dict):
            return {"api": self._of(node["additionalProperties"])}
        return [self._of(node["items"])] if "items" in node else _OF_TYPES[node["type"]]


_OF_TYPES = {"boolean": True, "integer": 1, "number": 1}


def _plain(text: Any) -> Any:
    """Return an example as YAML reads it: a number where it is one."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text
