"""Pictures of reports that have one."""

from __future__ import annotations

from capplan.report.blocks import Report, Style


def write(report: Report, fmt: str, style: Style) -> bytes:
    """Return the drawing as svg or png."""
    assert report.picture is not None
    return report.picture(fmt)
