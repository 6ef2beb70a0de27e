"""The JSON Schema of a plan: the parser's own, so that an editor and capplan never disagree."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from capplan.plan.model import Plan

_EXTENDING = {
    "description": "A service that overrides what it extends; checked once both are laid together.",
    "type": "object",
    "properties": {"extends": {"type": "string", "description": "Service template."}},
    "required": ["extends"],
}


_UNITS = {"2Gi": "Gi", "300ms": "s"}
"""What a default is counted in, by the example of its kind; other kinds take plain numbers."""


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
        **Plan.model_json_schema(schema_generator=_Written, mode="validation"),
        "title": "capplan plan",
    }
    services = document["properties"]["services"]
    services["additionalProperties"] = {"anyOf": [services["additionalProperties"], _EXTENDING]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
