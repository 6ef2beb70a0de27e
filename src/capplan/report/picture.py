"""Pictures through altair, which the extra ``capplan[report]`` brings."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from capplan.errors import InputError, Problem, printable


class NotInstalledError(InputError):
    """What draws is not installed."""


def altair() -> Any:
    """Return the library that draws; raises :class:`NotInstalledError` where it is not installed."""
    try:
        import_module("vl_convert")
        return import_module("altair")
    except ImportError:
        what = "needs altair and vl-convert-python"
        raise NotInstalledError(Problem("the picture", what, "pip install 'capplan[report]'")) from None


def drawn(chart: Any, fmt: str) -> bytes:
    """Return a chart as svg or png, with what its texts cannot show escaped: a control ends the process."""
    convert = import_module("vl_convert")
    specification = _shown(chart.to_dict())
    if fmt == "png":
        return bytes(convert.vegalite_to_png(specification))
    return str(convert.vegalite_to_svg(specification)).encode()


def _shown(part: Any) -> Any:
    """Return a part of a chart with its texts in signs that stay what they are.

    Vega writes titles into expressions of its own, where a backslash would be an escape again.
    """
    if isinstance(part, str):
        return printable(part).replace("\\", "\N{SET MINUS}")
    if isinstance(part, Mapping):
        return {name: _shown(inner) for name, inner in part.items()}
    return [_shown(inner) for inner in part] if isinstance(part, list) else part
