"""The charts of a report as one picture: SVG, or PNG through vl-convert, which ``capplan[report]`` brings."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path

from capplan.errors import InputError, Problem
from capplan.report.blocks import Block, Curves, Heading, Report, Style
from capplan.report.chart import short
from capplan.report.formats import drawing
from capplan.report.formats.drawing import escaped

_WIDTH, _GAP, _LEFT, _PLOT = 960, 24, 56, 170
_LINE, _SIGN, _KEY = 18, 6.3, 36
"""Height of a line of text, usual width of a sign in it, and what stands before a name in a legend."""


def write(report: Report, fmt: str, style: Style) -> bytes:
    """Return the drawing as svg or png."""
    blocks = list(report.charts() if report.charts else ())
    if not any(isinstance(block, Curves) for block in blocks):
        raise InputError(Problem(f"--format {fmt}", "there is nothing to draw"))
    svg = drawn(blocks)
    return svg.encode() if fmt == "svg" else _png(svg)


def _png(svg: str) -> bytes:
    try:
        convert = import_module("vl_convert")
    except ImportError:
        remedy = "pip install 'capplan[report]', or ask for svg."
        raise InputError(Problem("the PNG", "needs vl-convert-python", remedy)) from None
    return bytes(convert.svg_to_png(svg, scale=2.0))


def drawn(blocks: Iterable[Block]) -> str:
    """Return titles and charts one below the other; charts that follow each other in two columns."""
    parts, y = list[str](), _GAP
    for is_chart, group in groupby(blocks, key=lambda block: isinstance(block, Curves)):
        written, y = (_charts if is_chart else _titles)(list(group), y)
        parts.append(written)
    size = f'width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}"'
    font = 'font-family="Liberation Sans,Arial,Helvetica,sans-serif" font-size="12" fill="#1d2228"'
    back = f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{back}{"".join(parts)}</svg>\n'


def _titles(blocks: Sequence[Block], y: int) -> tuple[str, int]:
    """Return the headings from ``y`` on, and what is below them."""
    parts = []
    for block in blocks:
        if isinstance(block, Heading):
            lines, y = _lines(block.title, 1.4 * _SIGN, _WIDTH - 2 * _GAP, y + 14)
            parts.append(f'<g font-size="16" transform="translate({_GAP} 0)">{lines}</g>')
    return "".join(parts), y


def _charts(blocks: Sequence[Block], y: int) -> tuple[str, int]:
    """Return the charts in rows from ``y`` on, and what is below them."""
    charts = [block for block in blocks if isinstance(block, Curves)]
    parts, columns = list[str](), min(len(charts), 2)
    width = (_WIDTH - _GAP) // columns - _GAP
    for start in range(0, len(charts), columns):
        row = [_panel(block, width) for block in charts[start : start + columns]]
        for column, (inner, _) in enumerate(row):
            parts.append(f'<g transform="translate({_GAP + column * (width + _GAP)} {y})">{inner}</g>')
        y += max(height for _, height in row) + _GAP
    return "".join(parts), y


def _panel(block: Curves, width: int) -> tuple[str, int]:
    """Return a chart and its height."""
    plot = drawing.Plot.of(block, width - _LEFT, _PLOT)
    title, top = _lines(drawing.heading(block), _SIGN, width, _LINE)
    inner = [f'<path d="{plot.rows()}" stroke="#d5dae0"/>']
    inner += [_text(short(tick), -6, float(plot.down(tick)) + 4, "end") for tick in plot.y.ticks]
    inner += [_text(short(tick), float(plot.across(tick)), _PLOT + 16, "middle") for tick in plot.x.ticks]
    for index, name in enumerate(block.curves):
        inner.append(f'<path d="{plot.line(block, name)}" fill="none" {_look(block, index, name)}/>')
    inner += [f'<path d="{plot.columns(places)}" {_MARK}/>' for places in block.marks.values()]
    inner.append(_text(block.across, plot.width / 2, _PLOT + 34, "middle"))
    keys, below = _legend(block, width - _LEFT)
    inner.append(f'<g transform="translate(0 {_PLOT + 52})">{keys}</g>')
    drawn = f'<g font-weight="bold">{title}</g><g transform="translate({_LEFT} {top})">{"".join(inner)}</g>'
    return drawn, top + _PLOT + 40 + below


def _legend(block: Curves, width: int) -> tuple[str, int]:
    """Return the names of curves and marks in rows, and the height of these; nothing for one curve."""
    looks = {name: _look(block, index, name) for index, name in enumerate(block.curves)}
    looks |= dict.fromkeys(block.marks, _MARK)
    parts, x, y = list[str](), 0.0, 0
    for name, look in looks.items() if len(looks) > 1 else ():
        shown = textwrap.shorten(name, int((width - _KEY) / _SIGN), placeholder="…")
        if x and x + _KEY + _SIGN * len(shown) > width:
            x, y = 0.0, y + _LINE
        parts.append(f'<path d="M{x:.0f} {y - 4}h{0 if name in block.dots else 24}" {look}/>')
        parts.append(_text(shown, x + 30, y))
        x += _KEY + 10 + _SIGN * len(shown)
    return "".join(parts), y + _LINE if parts else 0


@cache
def _styles() -> tuple[Sequence[str], Mapping[str, str]]:
    """Return the colours that charts of pages have in the light theme, and their dashes by number."""
    css = Path(__file__).with_name("page.css").read_text("utf-8")
    dashes = re.findall(r"\.line\.d(\d)\{stroke-dasharray:([\d ]+)\}", css)
    return re.findall(r"--c\d:(#\w+)", css)[: drawing.LOOKS], dict(dashes)


_MARK = 'stroke="#4a5561" stroke-dasharray="3 3"'


def _look(block: Curves, index: int, name: str) -> str:
    colours, dashes = _styles()
    stroke = f'stroke="{colours[index % drawing.LOOKS]}"'
    if name in block.dots:
        return f'{stroke} stroke-width="7" stroke-linecap="round"'
    return f'{stroke} stroke-width="2" stroke-dasharray="{dashes.get(str(drawing.dashes(index)), "none")}"'


def _lines(text: str, sign: float, width: float, y: int) -> tuple[str, int]:
    """Return a text in as many lines as it needs, the first at ``y``, and what is below them."""
    lines = textwrap.wrap(text, int(width / sign))
    drawn = [_text(line, 0, y + _LINE * index) for index, line in enumerate(lines)]
    return "".join(drawn), y + _LINE * len(lines)


def _text(text: str, x: float, y: float, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escaped(text)}</text>' if text else ""
