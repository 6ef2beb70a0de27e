"""The JSON Schemas of what commands print with ``--format json``, from the shapes in ``documents.yaml``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from capplan.errors import InputError, Problem, nearest
from capplan.plan.schema import DIALECT, id_of
from capplan.report.json_format import SCHEMA_VERSION
from capplan.strictyaml import load

_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "anything": {},
    "Version": {"const": SCHEMA_VERSION},
}


def commands() -> list[str]:
    """Return the commands that print JSON, by their words."""
    return list(_data()["commands"])


def schema_of(command: str) -> str:
    """Return the JSON Schema of what a command prints; :class:`InputError` if that is no JSON."""
    data = _data()
    if command not in data["commands"]:
        what = f"'{command}' is no command that prints JSON"
        raise InputError(Problem("--output", what, nearest(command, data["commands"])))
    document = _value(data["commands"][command])
    used: dict[str, dict[str, Any]] = {}
    _collect(document, data["shapes"], used)
    schema = {
        "$schema": DIALECT,
        "$id": id_of(f"capplan-{command.replace(' ', '-')}"),
        "title": f"capplan {command} --format json",
        **document,
        "$defs": dict(sorted(used.items())),
    }
    return json.dumps(schema, indent=2) + "\n"


def _data() -> Any:
    path = Path(__file__).with_suffix(".yaml")
    return load(path.read_text(encoding="utf-8"), path.name)


def _collect(schema: Any, shapes: Mapping[str, Any], used: dict[str, dict[str, Any]]) -> None:
    """Add the schemas of all shapes that a schema needs to ``used``."""
    for name in _named(schema):
        if name not in used:
            used[name] = _value(shapes[name])
            _collect(used[name], shapes, used)


def _named(schema: Any) -> Iterator[str]:
    """Yield the shapes that a schema refers to."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _named(inner)
    elif isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rsplit("/", 1)[-1]
        yield from _named(list(schema.values()))


def _value(written: Any) -> dict[str, Any]:
    """Return the schema of a value as ``documents.yaml`` writes it."""
    if isinstance(written, list):
        one = [_value(option) for option in written]
        return {"type": "array", "items": one[0]} if len(one) == 1 else {"anyOf": one}
    if isinstance(written, Mapping):
        return _record(written)
    words = str(written or "null").replace("~", " | null").split(" | ")
    options = [_word(word) for word in words]
    return options[0] if len(options) == 1 else {"anyOf": options}


def _record(written: Mapping[str, Any]) -> dict[str, Any]:
    if "each" in written:
        return {"type": "object", "additionalProperties": _value(written["each"])}
    return {
        "type": "object",
        "properties": {key.removesuffix("~"): _value(value) for key, value in written.items()},
        "required": [key for key in written if not key.endswith("~")],
        "additionalProperties": False,
    }


def _word(word: str) -> dict[str, Any]:
    if word in _PLAIN:
        return dict(_PLAIN[word])
    is_shape = word[0].isupper() and not word.isupper()
    return {"$ref": f"#/$defs/{word}"} if is_shape else {"const": word}
