"""Break-evens as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from capplan.decide.answers import ComparisonAnswer
from capplan.report import picture

_POINTS = 400


def breakeven_figure(answers: Sequence[ComparisonAnswer], fmt: str) -> bytes:
    """Return the curves of all answers, one below the other, as svg or png."""
    altair = picture.altair()
    return picture.drawn(altair.vconcat(*(_chart(altair, answer) for answer in answers)), fmt)


def _chart(altair: Any, answer: ComparisonAnswer) -> Any:
    question, found = answer.question, answer.found
    driver = question.driver
    scale = altair.Scale(type="log" if _is_wide(found.x) else "linear", nice=False)
    money = altair.Scale(type="log" if _is_wide(found.costs) else "linear")
    names = [alternative.name for alternative in question.alternatives]
    curves = (
        altair.Chart(altair.Data(values=list(_rows(answer))))
        .mark_line(interpolate="step-after")
        .encode(
            x=altair.X("x:Q", title=driver.description or driver.name, scale=scale),
            y=altair.Y("usd:Q", title="USD a month", scale=money),
            color=altair.Color("alternative:N", sort=names, title=None),
        )
    )
    crossings = [{"x": stretch.high} for stretch in found.stretches[:-1]]
    rules = altair.Chart(altair.Data(values=crossings)).mark_rule(strokeDash=[4, 4]).encode(x="x:Q")
    title = question.description or " or ".join(names)
    return (curves + rules).properties(width=560, height=280, title=title)


def _is_wide(values: Any) -> bool:
    return bool(values.min() > 0 and values.max() / values.min() > 20)


def _rows(answer: ComparisonAnswer) -> Iterator[dict[str, object]]:
    """Yield the points of the curves; no more than a picture shows."""
    found = answer.found
    stride = max(1, found.x.size // _POINTS)
    for alternative, costs in zip(answer.question.alternatives, found.costs, strict=True):
        for x, usd in zip(found.x[::stride].tolist(), costs[::stride].tolist(), strict=True):
            yield {"x": x, "usd": usd, "alternative": alternative.name}
