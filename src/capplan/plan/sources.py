"""Where the numbers of a plan come from: ``{value: 125ms, source: measured, from: k6 2026-11-02}``.

Any number or interval may say so. Marks are taken off before the plan is validated, so that no field, no
formula and no figure knows of them; they are kept beside the plan, by the path of the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from capplan.errors import InputError, Problem, nearest
from capplan.plan.bind import Path, at
from capplan.plan.intervals import BOUNDS, PERCENTILES, SOURCES, is_interval, is_sourced
from capplan.plan.overlay import Raw, short_for

if TYPE_CHECKING:
    from capplan.plan.model import Plan
    from capplan.plan.places import Places

_OVERLAYS = ("alternatives", "service_templates")
"""What is read when it is laid over the plan."""


class Mark(NamedTuple):
    """Where a number comes from; ``detail`` is free text, such as the file and the day of a load test."""

    source: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.source}, {self.detail}" if self.detail else self.source


Sources = Mapping[Path, Mark]


def without_marks(raw: Raw, places: Places) -> tuple[Raw, dict[Path, Mark]]:
    """Return ``raw`` with plain numbers and intervals, and the source of each that had one.

    Raises :class:`InputError` with every mark that is wrong.
    """
    found: dict[Path, Mark] = {}
    problems: list[Problem] = []

    def bare(value: Any, path: Path) -> Any:
        if isinstance(value, list):
            return [bare(inner, (*path, str(index))) for index, inner in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        if not is_sourced(value):
            return {key: bare(inner, (*path, key)) for key, inner in value.items()}
        wrong = [places.problem((*path, key), *said) for key, *said in _wrong(value)]
        problems.extend(wrong)
        if not wrong:
            found[path] = Mark(value["source"], value.get("from", ""))
        return _figure(value)

    plain = {key: value if key in _OVERLAYS else bare(value, (key,)) for key, value in raw.items()}
    if problems:
        raise InputError(*problems)
    return plain, found


def _wrong(value: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield what is wrong with a mark: the key, what, and the remedy."""
    bounds = PERCENTILES if "p5" in value else BOUNDS if "low" in value else ()
    names = ("value", *bounds, "source", "from")
    for key in value:
        if key not in names:
            yield key, f"a number with a source has {', '.join(names)}", nearest(str(key), names)
    if isinstance(value.get("value"), Mapping | list):
        yield "value", f"expected one number, got {_shown(value['value'])}"
    if bounds and "value" in value and bounds[1] in value:
        yield "value", f"is the middle of the interval, which {bounds[1]} gives too"
    kind = value["source"]
    if kind not in SOURCES:
        guess = nearest(kind, SOURCES) if isinstance(kind, str) else ""
        yield "source", f"must be {', '.join(SOURCES[:-1])} or {SOURCES[-1]}, got {_shown(kind)}", guess
    if not isinstance(value.get("from", ""), str):
        yield "from", f"expected text such as 'k6 2026-11-02', got {_shown(value['from'])}"


def _shown(value: object) -> str:
    from capplan.quantities import shown

    return shown(value)


def _figure(value: Mapping[str, Any]) -> Any:
    """Return the number or the interval without its mark; the value of an interval is its middle."""
    if not is_interval(value):
        return value["value"]
    middle = PERCENTILES[1] if "p5" in value else BOUNDS[1]
    return {middle if key == "value" else key: v for key, v in value.items() if key not in ("source", "from")}


def by_number(sources: Sources, plan: Plan, places: Places) -> dict[Path, Mark]:
    """Return the source of each number of ``plan``; of what a single number stands for, all its numbers.

    Raises :class:`InputError` where something else than a number has one.
    """
    found: dict[Path, Mark] = {}
    problems = []
    for path, source in sources.items():
        numbers = list(_numbers_at(plan, path))
        if not all(type(number) in (int, float) or isinstance(number, float) for _, number in numbers):
            problems.append(places.problem(path, "only a number can have a source"))
        found |= dict.fromkeys((where for where, _ in numbers), source)
    if problems:
        raise InputError(*problems)
    return found


def _numbers_at(plan: Plan, path: Path) -> Iterable[tuple[Path, object]]:
    try:
        value = at(plan, path)
    except KeyError:  # in a list, which nothing varies
        return [(path, 0.0)]
    if not isinstance(value, BaseModel):
        return [(path, value)]
    fields = short_for(path[-1], path[-2])
    return [((*path, field), getattr(value, field)) for field in fields] or [(path, value)]
