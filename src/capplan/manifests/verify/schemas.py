"""JSON Schemas of Kubernetes and of operators, from a directory of the user's; needs capplan[validate].

Files are found as kubeconform finds them: GROUP/KIND_VERSION.json, with or without a directory above for the
built-in kinds, whose group is `core` or without its `.k8s.io`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from capplan.errors import InputError, Problem
from capplan.findings import Finding
from capplan.manifests.verify.checks import files
from capplan.manifests.verify.trees import text
from capplan.manifests.verify.world import Item
from capplan.strictjson import read_json

_NO_SCHEMA = ("Kustomization", "Component")
_NAME = re.compile(r"[A-Za-z0-9.-]+(/[A-Za-z0-9.-]+){1,2}", re.ASCII)
"""An object says what file its schema is in: nothing that leads elsewhere."""


def schema_findings(items: Sequence[Item], directory: Path) -> Iterator[Finding]:
    """Yield what the schema of each object refuses, and a warning for a kind that has none."""
    for item in items:
        if item.kind in _NO_SCHEMA:
            continue
        validator = _validator(directory, text(item.tree, "apiVersion"), item.kind)
        if validator is None:
            what = f"no schema for {text(item.tree, 'apiVersion')} {item.kind} in {directory}"
            yield item.finding(files.NO_SCHEMA, "", what)
            continue
        for error in sorted(validator.iter_errors(item.tree), key=str):
            field = ".".join(map(str, error.absolute_path))
            yield item.finding(files.SCHEMA, field, error.message[:300])


@cache
def _validator(directory: Path, api_version: str, kind: str) -> Any:
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        remedy = "Install capplan[validate]."
        raise InputError(Problem("--schemas", "needs the package jsonschema", remedy)) from None
    if not _NAME.fullmatch(f"{api_version}/{kind}"):
        return None
    group, _, version = api_version.rpartition("/")
    name = f"{group or 'core'}/{kind.lower()}_{version}.json"
    found = next(
        (path for path in (directory / name, *sorted(directory.glob(f"k8s-*/{name}"))) if path.is_file()),
        None,
    )
    if found is None:
        return None
    return Draft202012Validator(_usable(read_json(found, "It is not a JSON Schema.")))


def _usable(schema: Any) -> Any:
    """Return a schema without the patterns that only Go understands, such as a flag inside a group."""
    if isinstance(schema, list):
        return [_usable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _usable(value) for key, value in schema.items()}
    if isinstance(kept.get("pattern"), str):
        try:
            re.compile(kept["pattern"])
        except re.error:
            del kept["pattern"]
    return kept
