"""JSON, the contract that scripts rely on."""

from __future__ import annotations

from capplan.report.blocks import Report, Style
from capplan.report.json_format import dumps


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the document of ``report``."""
    assert report.document is not None
    return dumps(report.document())
