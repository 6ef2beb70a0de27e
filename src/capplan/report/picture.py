"""Pictures through altair, which the extra ``capplan[report]`` brings."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

from capplan.errors import InputError, Problem

FORMATS = ("svg", "png", "html")


def altair(fmt: str) -> Any:
    """Return the library that draws; raises :class:`InputError` where it is not installed."""
    try:
        import_module("vl_convert")
        return import_module("altair")
    except ImportError:
        what = "needs altair and vl-convert-python"
        raise InputError(Problem(f"--format {fmt}", what, "pip install 'capplan[report]'")) from None


def drawn(chart: Any, fmt: str) -> bytes:
    """Return a chart as svg, png, or html that loads nothing."""
    if fmt == "html":
        return str(chart.to_html(inline=True)).encode()
    out = io.BytesIO() if fmt == "png" else io.StringIO()
    chart.save(out, format=fmt)
    found: str | bytes = out.getvalue()
    return found if isinstance(found, bytes) else found.encode()
