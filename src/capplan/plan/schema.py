"""The JSON Schema of a plan: the parser's own, so that an editor and capplan never disagree."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from capplan.plan.fields import INTERVAL_SCHEMA
from capplan.plan.model import Plan

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
_REFERENCES = [{"$ref": "#/$defs/Interval"}, {"$ref": "#/$defs/Sourced"}]


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
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_with_sources(Plan.model_json_schema(schema_generator=_Written, mode="validation")),
        "title": "capplan plan",
    }
    document["$defs"] |= {"Interval": INTERVAL_SCHEMA, "Sourced": _SOURCED}
    services = document["properties"]["services"]
    services["additionalProperties"] = {"anyOf": [services["additionalProperties"], _EXTENDING]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
