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

LOOKS = 6
"""How many colours there are, and how many kinds of dashes."""

_POINTS = 500
_TICKS = 5
_WIDE = 20
"""From which ratio of the ends of ``x`` on a chart goes by ratios."""

HOURS = "hours"
"""What ``across`` calls hours, whose ticks are parts of a day."""
_DAY = 24.0


def curves(block: Curves) -> Iterator[str]:
    """Yield the figure: caption, both axes with their ticks, the lines, a legend where there are several."""
    plot = Plot.of(block, 1000, 200)
    x, y = plot.x, plot.y
    yield f'<figure class="chart"><figcaption>{escaped(heading(block))}</figcaption>'
    yield '<div class="plot"><div class="y">'
    yield "".join(f'<span style="bottom:{100 * y.at(tick):.1f}%">{short(tick)}</span>' for tick in y.ticks)
    yield f'</div><svg viewBox="0 0 {plot.width} {plot.height}" preserveAspectRatio="none" role="img" '
    yield f'aria-label="{escaped(_told(block))}">'
    yield f'<path class="grid" d="{plot.rows()}"></path>'
    for index, name in enumerate(block.curves):
        yield f'<path class="{_look(block, index, name)}" d="{plot.line(block, name)}"></path>'
    for places in block.marks.values():
        yield f'<path class="mark" d="{plot.columns(places)}"></path>'
    yield '</svg></div><div class="x">'
    yield "".join(f'<span style="left:{100 * x.at(tick):.1f}%">{short(tick)}</span>' for tick in x.ticks)
    yield f'</div><p class="across">{escaped(block.across)}</p>' if block.across else "</div>"
    if len(block.curves) + len(block.marks) > 1:
        looks = {name: _look(block, index, name) for index, name in enumerate(block.curves)}
        looks |= dict.fromkeys(block.marks, "mark")
        yield f'<ul class="legend">{"".join(_key(*item) for item in looks.items())}</ul>'
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


def heading(block: Curves) -> str:
    """Return what a chart shows, with its unit."""
    return ", ".join(filter(None, (block.title, block.unit)))


def _key(name: str, look: str) -> str:
    length = 0 if look.startswith("dots") else 28
    sign = f'<path class="{look}" d="M{14 - length // 2} 4h{length}"></path>'
    return f'<li><svg viewBox="0 0 28 8" aria-hidden="true">{sign}</svg>{escaped(name)}</li>'


def _look(block: Curves, index: int, name: str) -> str:
    """Return the classes of a curve; one of very many has a pair of colour and dashes of its own too."""
    return f"{'dots' if name in block.dots else 'line'} c{index % LOOKS} d{dashes(index)}"


def dashes(index: int) -> int:
    """Return which of the dashes the curve of a chart has."""
    return (index + index // LOOKS) % LOOKS


def _told(block: Curves) -> str:
    """Return what the chart shows, for those who hear it: the range of each line."""
    ranges = [f"{name} {short(min(v))} to {short(max(v))}" for name, v in block.curves.items()]
    ranges += [f"{name} at {', '.join(map(short, places))}" for name, places in block.marks.items()]
    return f"{heading(block)}: {', '.join(ranges)}"


class Plot(NamedTuple):
    """The field of a chart, and its axes; what it draws is the path that SVG draws."""

    width: int
    height: int
    x: _Axis
    y: _Axis

    @classmethod
    def of(cls, block: Curves, width: int, height: int) -> Plot:
        """Return a field in which all of ``block`` has room."""
        ratios = min(block.x) > 0 and max(block.x) / min(block.x) > _WIDE
        values = [value for curve in block.curves.values() for value in curve]
        x = _Axis.over(block.x, zero=False, ratios=ratios, hours=block.across == HOURS)
        return cls(width, height, x, _Axis.over(values, zero=True, ratios=ratios))

    def across(self, value: float) -> str:
        """Return how far from the left a value stands."""
        return f"{self.width * self.x.at(value):.1f}"

    def down(self, value: float) -> str:
        """Return how far below the top a value stands."""
        return f"{self.height * (1 - self.y.at(value)):.1f}"

    def rows(self) -> str:
        """Return a line across for each tick."""
        return " ".join(f"M0 {self.down(tick)}H{self.width}" for tick in self.y.ticks)

    def columns(self, places: Sequence[float]) -> str:
        """Return a line down at each of the places."""
        return " ".join(f"M{self.across(place)} 0V{self.height}" for place in places)

    def line(self, block: Curves, name: str) -> str:
        """Return a curve; of values that are alike only the ends, of very many the highest."""
        values = block.curves[name]
        stride = max(1, math.ceil(len(values) / _POINTS))
        points = [(block.x[i], max(values[i : i + stride])) for i in range(0, len(values), stride)]
        drawn = [(self.across(at), self.down(value)) for at, value in points]
        if name in block.dots:
            return "".join(f"M{at} {level}h0" for at, level in drawn)
        if not block.steps:
            return "M" + "L".join(f"{at} {level}" for at, level in drawn)
        runs = [(next(run)[0], level) for level, run in groupby(drawn, key=lambda point: point[1])]
        first, *others = runs
        return (
            f"M{first[0]} {first[1]}" + "".join(f"H{at}V{level}" for at, level in others) + f"H{self.width}"
        )


class _Axis(NamedTuple):
    """From where to where, with round values between; by ratios where ``scale`` is a logarithm."""

    low: float
    high: float
    ticks: Sequence[float]
    scale: Callable[[float], float]

    @classmethod
    def over(cls, values: Sequence[float], zero: bool, ratios: bool, hours: bool = False) -> _Axis:
        """Return the axis that shows all values; by ratios if they have any, else from 0 if ``zero``."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = min(finite, default=0.0), max(finite, default=1.0)
        if ratios and low > 0 and high / low > _WIDE:
            return cls(low, high, _decades(low, high), math.log)
        low = min(low, 0.0) if zero else low
        high = high if high > low else low + 1.0
        step = _step(high - low, hours)
        if all(float(value).is_integer() for value in finite):
            step = max(step, 1.0)
        ticks = [step * k for k in range(math.ceil(low / step), math.floor(high / step * (1 + 1e-9)) + 1)]
        return cls(low, high, ticks, float)

    def at(self, value: float) -> float:
        """Return where a value stands, from 0 to 1."""
        low, high = self.scale(self.low), self.scale(self.high)
        return (self.scale(min(max(value, self.low), self.high)) - low) / (high - low)


def _step(span: float, hours: bool) -> float:
    """Return the round distance that makes a few ticks; of hours, parts of a day and days.

    >>> _step(168.0, hours=True), _step(24.0, hours=True), _step(168.0, hours=False), _step(0.7, hours=False)
    (24.0, 6.0, 50.0, 0.2)
    """
    if hours and _TICKS < span <= 7 * _DAY:
        return next(step for step in (2.0, 3.0, 6.0, 12.0, _DAY) if span / step <= _TICKS or step == _DAY)
    size = 10 ** math.floor(math.log10(span / _TICKS))
    return float(next(size * k for k in (1, 2, 5, 10) if span / (size * k) <= _TICKS))


def _decades(low: float, high: float) -> list[float]:
    """Return the powers of ten between two values, a few at most; the ends where there are less than two."""
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    found = [10.0**power for power in powers][:: max(1, math.ceil(len(powers) / _TICKS))]
    return found if len(found) > 1 else [low, high]
