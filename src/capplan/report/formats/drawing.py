"""Charts inside a page: lines in SVG, and words beside them in HTML, so that these keep their size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

from capplan.errors import printable
from capplan.report import numbers
from capplan.report.blocks import Bars, Curves
from capplan.report.chart import short

_WIDTH, _HEIGHT = 1000, 200
_POINTS = 500
_TICKS = 5
_WIDE = 20
"""From which ratio of the ends of ``x`` on a chart goes by ratios."""

_DAY = 24.0


def curves(block: Curves) -> Iterator[str]:
    """Yield the figure: caption, both axes with their ticks, the lines, a legend where there are several."""
    ratios = min(block.x) > 0 and max(block.x) / min(block.x) > _WIDE
    x = _Axis.over(block.x, zero=False, ratios=ratios)
    y = _Axis.over([value for curve in block.curves.values() for value in curve], zero=True, ratios=ratios)
    title = ", ".join(filter(None, (block.title, block.unit)))
    yield f'<figure class="chart"><figcaption>{escaped(title)}</figcaption><div class="plot"><div class="y">'
    yield "".join(f'<span style="bottom:{100 * y.at(tick):.1f}%">{short(tick)}</span>' for tick in y.ticks)
    yield f'</div><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
    yield f'aria-label="{escaped(_told(title, block))}">'
    rows = " ".join(f"M0 {_y(y.at(tick))}H{_WIDTH}" for tick in y.ticks)
    yield f'<path class="grid" d="{rows}"></path>'
    for index, values in enumerate(block.curves.values()):
        yield f'<path class="line c{index % 6}" d="{_path(block, values, x, y)}"></path>'
    yield '</svg></div><div class="x">'
    yield "".join(f'<span style="left:{100 * x.at(tick):.1f}%">{short(tick)}</span>' for tick in x.ticks)
    yield f'</div><p class="across">{escaped(block.across)}</p>' if block.across else "</div>"
    if len(block.curves) > 1:
        names = (f'<li class="c{index % 6}">{escaped(name)}</li>' for index, name in enumerate(block.curves))
        yield f'<ul class="legend">{"".join(names)}</ul>'
    yield "</figure>"


def bars(block: Bars) -> Iterator[str]:
    """Yield a table of the amounts with a bar in each row; the bars say nothing that the amounts do not."""
    most = max(block.rows.values(), default=0.0)
    yield f'<table class="bars"><caption>{escaped(block.title)}, {escaped(block.unit)}</caption><tbody>'
    for name, amount in block.rows.items():
        share = 100 * amount / most if most > 0 else 0.0
        yield f'<tr><th scope="row">{escaped(name)}</th><td class="right">{numbers.money(amount)}</td>'
        yield f'<td class="bar"><div style="width:{share:.1f}%"></div></td></tr>'
    yield "</tbody></table>"


def escaped(text: str) -> str:
    """Return ``text`` as words of a page, in an attribute too."""
    return escape(printable(text))


def _told(title: str, block: Curves) -> str:
    """Return what the chart shows, for those who hear it: the range of each line."""
    ranges = [f"{name} {short(min(v))} to {short(max(v))}" for name, v in block.curves.items()]
    return f"{title}: {', '.join(ranges)}"


class _Axis(NamedTuple):
    """From where to where, with round values between; by ratios where ``scale`` is a logarithm."""

    low: float
    high: float
    ticks: Sequence[float]
    scale: Callable[[float], float]

    @classmethod
    def over(cls, values: Sequence[float], zero: bool, ratios: bool) -> _Axis:
        """Return the axis that shows all values; by ratios if they have any, else from 0 if ``zero``."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        if ratios and low > 0 and high / low > _WIDE:
            return cls(low, high, _decades(low, high), math.log)
        low = min(low, 0.0) if zero else low
        high = high if high > low else low + 1.0
        step = _step(high - low)
        ticks = [step * k for k in range(math.ceil(low / step), math.floor(high / step * (1 + 1e-9)) + 1)]
        return cls(low, high, ticks, float)

    def at(self, value: float) -> float:
        """Return where a value stands, from 0 to 1."""
        low, high = self.scale(self.low), self.scale(self.high)
        return (self.scale(min(max(value, self.low), self.high)) - low) / (high - low)


def _step(span: float) -> float:
    """Return the round distance that makes a few ticks; of hours of a week, days.

    >>> _step(168.0), _step(50.0), _step(0.7)
    (24.0, 10.0, 0.2)
    """
    if 4 * _DAY < span <= 7 * _DAY:
        return _DAY
    size = 10 ** math.floor(math.log10(span / _TICKS))
    return float(next(size * k for k in (1, 2, 5, 10) if span / (size * k) <= _TICKS))


def _decades(low: float, high: float) -> list[float]:
    """Return the powers of ten between two values, a few at most; the ends where there are less than two."""
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    found = [10.0**power for power in powers][:: max(1, math.ceil(len(powers) / _TICKS))]
    return found if len(found) > 1 else [low, high]


def _path(block: Curves, values: Sequence[float], x: _Axis, y: _Axis) -> str:
    """Return a line as SVG draws it; of values that are alike only the ends, of very many the highest."""
    stride = max(1, math.ceil(len(values) / _POINTS))
    points = [(block.x[i], max(values[i : i + stride])) for i in range(0, len(values), stride)]
    drawn = [(f"{_WIDTH * x.at(at):.1f}", _y(y.at(value))) for at, value in points]
    if not block.steps:
        return "M" + "L".join(f"{at} {level}" for at, level in drawn)
    runs = [(next(run)[0], level) for level, run in groupby(drawn, key=lambda point: point[1])]
    first, *others = runs
    return f"M{first[0]} {first[1]}" + "".join(f"H{at}V{level}" for at, level in others) + f"H{_WIDTH}"


def _y(share: float) -> str:
    return f"{_HEIGHT * (1 - share):.1f}"
