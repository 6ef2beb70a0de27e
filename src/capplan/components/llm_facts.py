"""What is known of models, GPUs and engines: the catalog's, with a user's own over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.strictyaml import load, read_text


def facts_of(
    catalog: Catalog, architectures: Path | None = None, calibration: Path | None = None
) -> dict[str, Any]:
    """Return models, GPUs and constants; the files of a user add to them and replace them."""
    facts = {**catalog.facts("gpus"), **catalog.facts("models")}
    if architectures is not None:
        facts["models"] = {**facts["models"], **_section(architectures, "models")}
    if calibration is not None:
        facts["speed"] = _merged(facts["speed"], _section(calibration, "speed"))
    return facts


def _section(path: Path, name: str) -> Mapping[str, Any]:
    content = load(read_text(path), str(path))
    if not isinstance(content, dict) or not isinstance(content.get(name), dict):
        raise InputError(Problem(str(path), f"has no mapping '{name}'"))
    section: Mapping[str, Any] = content[name]
    return section


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], over[key]) for key in over if isinstance(base.get(key), Mapping)}
    return {**base, **over, **both}
