"""The JSON Schema of a plan: the parser's own, so that an editor and capplan never disagree."""

from __future__ import annotations

import json

from capplan.plan.model import Plan


_EXTENDING = {
    "description": "A service that overrides what it extends; checked once both are laid together.",
    "type": "object",
    "properties": {"extends": {"type": "string", "description": "Service template."}},
    "required": ["extends"],
}


def schema_text() -> str:
    """Return the JSON Schema of a plan file."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Plan.model_json_schema(mode="validation"),
        "title": "capplan plan",
    }
    services = document["properties"]["services"]
    services["additionalProperties"] = {"anyOf": [services["additionalProperties"], _EXTENDING]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
