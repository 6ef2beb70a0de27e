"""What is known of models, GPUs and engines: the catalog's, with a user's own over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from capplan.catalog.catalog import Catalog
from capplan.llm import own
from capplan.stdin import name_of
from capplan.strictyaml import load, read_text


def facts_of(
    catalog: Catalog, architectures: Path | None = None, calibration: Path | None = None
) -> dict[str, Any]:
    """Return models, GPUs and constants; the files of a user add to them and replace them."""
    facts = {**catalog.facts("gpus"), **catalog.facts("models")}
    if architectures is not None:
        facts["models"] = {**facts["models"], **own.models(_content(architectures), name_of(architectures))}
    if calibration is not None:
        content, where = _content(calibration), name_of(calibration)
        facts["speed"] = own.constants(content, facts["speed"], where)
        facts["measured"] = own.measured(content, where)
    return facts


def _content(path: Path) -> object:
    return load(read_text(path), name_of(path))
