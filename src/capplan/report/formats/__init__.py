"""The formats: one module each, which writes every kind of block and encodes every value."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from capplan.report.blocks import Report, Style

_WRITERS: Mapping[str, str] = {
    "table": "text",
    "markdown": "markdown",
    "html": "html",
    "json": "json",
    "csv": "csv",
    "focus": "csv",
    "junit": "junit",
    "sarif": "sarif",
    "github": "github",
    "svg": "picture",
    "png": "picture",
}


def written(report: Report, fmt: str, style: Style) -> str | bytes:
    """Return ``report`` in the format ``fmt``."""
    module = import_module(f"capplan.report.formats.{_WRITERS[fmt]}")
    shown: str | bytes = module.write(report, fmt, style)
    return shown
