"""The JSON Schema of a plan: the parser's own, so that an editor and capplan never disagree."""

from __future__ import annotations

import json

from capplan.plan.model import Plan


def schema_text() -> str:
    """Return the JSON Schema of a plan file."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Plan.model_json_schema(mode="validation"),
        "title": "capplan plan",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
