"""A forecast of recorded load, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from capplan.demand.steps import duration
from capplan.history.demand import FoundDemand, recorded
from capplan.history.forecast import COVERS, Outlook
from capplan.history.levels import LevelChange, Quantiles
from capplan.history.read import History
from capplan.quantities import DAY_S
from capplan.report.blocks import Block, Heading, Lines, Listing, Report, Sheet, Sparklines
from capplan.report.numbers import quantity, significant
from capplan.report.table import Column, Table

SCHEMA_VERSION = 1
_MOST_ROWS = 14
_MINUTE_S = 60.0
_SHOWN_STEPS = 400


class Foreseen(NamedTuple):
    """A history, in the steps of its file and of its forecast, and everything that was found in it.

    edit: the difference that it makes to the text of a plan, if there is one.
    """

    fine: History
    history: History
    outlook: Outlook
    levels: Sequence[LevelChange]
    measured: FoundDemand
    edit: Sequence[str] = ()


def report_of(found: Foreseen) -> Report:
    """Return the report of a forecast."""
    return Report(partial(_blocks, found), partial(document, found), {"csv": partial(_sheet, found)})


def _blocks(found: Foreseen) -> Iterator[Block]:
    history, outlook = found.history, found.outlook
    horizon = duration(outlook.middle.size * history.step_s)
    span = f"'{history.value}' of {recorded(found.fine)} in steps of {duration(found.fine.step_s)}"
    yield Heading(
        f"{history.name}: {span}", [f"forecast for {horizon} in steps of {duration(history.step_s)}"]
    )
    tail = history.values[-_SHOWN_STEPS:]
    curve = np.concatenate([tail[~np.isnan(tail)], outlook.middle]).tolist()
    yield Sparklines("History and forecast", {history.value: curve})
    yield Table(_COLUMNS, list(_rows(found)), f"{history.value}, {_unit(history)}")
    yield Lines([_backtested(found), *map(partial(_changed, history), found.levels)], bullets=True)
    yield Table(
        (Column("demand"), Column("p5", right=True), Column("p50", right=True), Column("p95", right=True)),
        list(_fields(found.measured)),
        "What it says of a plan's demand",
    )
    notes = [f"{name} is not known: {why}." for name, why in found.measured.unknown.items()]
    yield Lines([*notes, *(f"{said[0].upper()}{said[1:]}." for said in history.said)], bullets=True)
    if found.edit:
        yield Listing("Changes to the plan", "\n".join(found.edit))


_COLUMNS = (
    Column("from"),
    Column("mean", right=True),
    Column("lowest p5", right=True),
    Column("highest p95", right=True),
)


def _unit(history: History) -> str:
    return "a second" if history.unit_s == 1 else f"in {duration(history.unit_s)}"


def _rows(found: Foreseen) -> Iterator[list[str]]:
    """Yield the means of parts of the forecast: days where it has several, at most fourteen."""
    outlook, step_s = found.outlook, found.history.step_s
    size = outlook.middle.size
    per = max(round(DAY_S / step_s) if size * step_s > DAY_S else 1, -(-size // _MOST_ROWS))
    for at in range(0, size, per):
        part = slice(at, at + per)
        shown = (outlook.middle[part].mean(), outlook.low[part].min(), outlook.high[part].max())
        yield [_at(found.history, at), *(quantity(float(x)) for x in shown)]


def _at(history: History, step: int) -> str:
    """Return when a step of the forecast begins; since the start of the history, where it has no dates."""
    return _moment(history, history.begins_s + (history.values.size + step) * history.step_s)


def _moment(history: History, at_s: float) -> str:
    if not history.has_clock:
        return f"{duration(at_s - history.begins_s)} from the start"
    seconds = ":%S" if history.step_s < _MINUTE_S else ""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M{seconds}}"


def _backtested(found: Foreseen) -> str:
    test, history = found.outlook.backtest, found.history
    season = duration(found.outlook.season * history.step_s)
    horizon = duration(found.outlook.middle.size * history.step_s)
    held = f"{test.coverage:.0%} of what came lay in the {COVERS:.0%} interval"
    if test.mase is None or test.naive_mase is None:
        return f"Every {season} repeats the last exactly; {held}."
    naive = f"the last {season.removeprefix('1 ')}" if found.outlook.season > 1 else "the last value"
    return (
        f"{test.origins} forecasts of {horizon} from earlier moments had a mean error (MASE) of "
        f"{test.mase:.2f}, and repeating {naive} {test.naive_mase:.2f}; {held}."
    )


def _changed(history: History, change: LevelChange) -> str:
    about = f"{quantity(change.before)} to {quantity(change.after)}"
    by = f"{change.after / change.before - 1:+.0%}"
    return f"The level changed at {_moment(history, change.at_s)} from {about}, by {by}."


def _fields(found: FoundDemand) -> Iterator[list[str]]:
    shares = {"growth_per_month"}
    for name, value in found._asdict().items():
        if isinstance(value, Quantiles):
            yield [name, *(f"{x:.1%}" if name in shares else quantity(x) for x in value)]
    if found.profile is not None:
        yield [
            "profile",
            quantity(min(found.profile)),
            f"{len(found.profile)} hours",
            quantity(max(found.profile)),
        ]


def document(found: Foreseen) -> dict[str, Any]:
    """Return the forecast as scripts read it."""
    history, outlook, test = found.history, found.outlook, found.outlook.backtest
    horizon = outlook.middle.size
    return {
        "schema_version": SCHEMA_VERSION,
        "trace": history.name,
        "column": history.value,
        "unit_s": history.unit_s,
        "recorded": {
            "step_s": found.fine.step_s,
            "steps": found.fine.values.size,
            "missing": significant(float(np.isnan(found.fine.values).mean())),
            "begins": _iso(history, found.fine.begins_s),
            "ends": _iso(history, found.fine.begins_s + found.fine.values.size * found.fine.step_s),
            "mean": significant(float(np.nanmean(found.fine.values))),
            "max": significant(float(np.nanmax(found.fine.values))),
        },
        "step_s": history.step_s,
        "season_s": outlook.season * history.step_s if outlook.season > 1 else None,
        "horizon_s": horizon * history.step_s,
        "backtest": {
            "origins": test.origins,
            "mase": None if test.mase is None else significant(test.mase),
            "seasonal_naive_mase": None if test.naive_mase is None else significant(test.naive_mase),
            "interval": COVERS,
            "coverage": significant(test.coverage) if np.isfinite(test.coverage) else None,
        },
        "level_changes": [
            {
                "at": _iso(history, c.at_s),
                "at_s": c.at_s - history.begins_s,
                "from": significant(c.before),
                "to": significant(c.after),
            }
            for c in found.levels
        ],
        "demand": {
            name: value._asdict() if isinstance(value, Quantiles) else value
            for name, value in found.measured._asdict().items()
            if name != "unknown"
        },
        "unknown": dict(found.measured.unknown),
        "forecast": [dict(zip(_FORECAST, row, strict=True)) for row in _steps(found)],
        "notes": list(history.said),
        "changes": list(found.edit),
    }


_FORECAST = ("at", "at_s", "p5", "p50", "p95")


def _iso(history: History, at_s: float) -> str | None:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}" if history.has_clock else None


def _steps(found: Foreseen) -> Iterator[list[Any]]:
    """Yield when each step begins (also in s from the start of the history), and its interval."""
    history, outlook = found.history, found.outlook
    for step, row in enumerate(zip(outlook.low, outlook.middle, outlook.high, strict=True)):
        after = (history.values.size + step) * history.step_s
        known = [significant(float(x)) if np.isfinite(x) else None for x in row]
        yield [_iso(history, history.begins_s + after), after, *known]


def _sheet(found: Foreseen) -> Sheet:
    return Sheet(_FORECAST, _steps(found))
