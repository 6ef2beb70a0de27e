"""`capplan forecast`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import Force, Hours, Labels, OutputFile, Prometheus, formats, parsed
from capplan.errors import InputError, Problem
from capplan.stdin import is_stdin

if TYPE_CHECKING:
    from capplan.history.demand import FoundDemand
    from capplan.history.read import History

_UNITS = ("requests", "requests_per_second")


def forecast(
    trace: Annotated[
        Path | None,
        typer.Argument(metavar="TRACE", help="CSV, or a query_range response of Prometheus; '-' is stdin."),
    ] = None,
    trace_columns: Annotated[
        str | None,
        typer.Option("--trace-columns", metavar="TIME,VALUE", help="Columns of the trace to read."),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit",
            metavar=f"[{'|'.join(_UNITS)}]",
            help="What a value is: requests in each step, or a rate; by default, as its column is called.",
        ),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            "--horizon", metavar="DURATION", help="How far to forecast, such as 14d; one season by default."
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="PLAN", help="Plan whose demand the trace replaces with --apply."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the figures into the plan, after showing the difference.")
    ] = False,
    prometheus: Prometheus = None,
    labels: Labels = None,
    hours: Hours = 336.0,
    mstl: Annotated[
        bool, typer.Option("--mstl", help="Let statsforecast's MSTL compete too; needs capplan[forecast].")
    ] = False,
    fmt: Annotated[str, formats("table", "json", "markdown", "html", "csv")] = "table",
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Forecast a recorded load and the demand of a plan.

    Finds season, changes of level and growth, and says how well its forecasts from earlier moments did.
    With --apply, writes volume, profile, peak_to_average, growth_per_month and ca2 into the plan.

    Example: capplan forecast examples/traces/load-balancer.csv
    """
    from capplan.cli.output import note, show, write_files
    from capplan.history.demand import measured
    from capplan.history.forecast import outlook, seasons_of
    from capplan.history.levels import growth_of, level_changes
    from capplan.history.mstl import candidate
    from capplan.history.read import coarse, read_history
    from capplan.plan.edit import difference
    from capplan.report.history import Foreseen, report_of

    if apply and (plan is None or is_stdin(plan)):
        raise InputError(
            Problem("--apply", "writes into the file of a plan, and none is named", "Use --plan FILE.")
        )
    if (trace is None) == (prometheus is None):
        raise InputError(Problem("TRACE", "give either a file or --prometheus URL"))
    time, value = _columns(trace_columns)
    fine = read_history(trace, time, value, _is_rate(unit)) if trace else _asked(prometheus, labels, hours)
    history = coarse(fine)
    found = outlook(history, _seconds(horizon), candidate(seasons_of(history)) if mstl else None)
    levels = level_changes(history)
    told = measured(fine, history, found, growth_of(history, levels[-1].at_s if levels else None))
    name, before, after = _edited(plan, told, history) if plan is not None else ("", "", "")
    edit = difference(before, after, name)
    show(report_of(Foreseen(fine, history, found, levels, told, edit)), fmt, output, force)
    if apply and edit:
        write_files({Path(name): after}, force=True)
        note(f"wrote {name}")


def _asked(url: str | None, labels: str | None, hours: float) -> History:
    """Return the requests that a server has recorded."""
    from capplan.calibrate.ask import ask
    from capplan.history.read import history_of

    for found in ask(url or "", labels or "", hours):
        if found.role == "requests":
            return history_of(found.file, found.time_s, found.values)
    raise InputError(Problem("--prometheus", f"the server has no requests of {{{labels or ''}}}"))


def _columns(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    time, _, value = (part.strip() for part in text.partition(","))
    if not time or not value:
        what = f"expected TIME,VALUE, got '{text}'"
        raise InputError(Problem("--trace-columns", what, "Example: --trace-columns timestamp,requests"))
    return time, value


def _is_rate(unit: str | None) -> bool | None:
    if unit is not None and unit not in _UNITS:
        raise InputError(Problem("--unit", f"'{unit}' is not a unit of load", f"Known: {', '.join(_UNITS)}."))
    return None if unit is None else unit == "requests_per_second"


def _seconds(text: str | None) -> float | None:
    from capplan.quantities import parse_duration

    if text is None:
        return None
    seconds = parsed("--horizon", parse_duration, text)
    if seconds <= 0:
        raise InputError(Problem("--horizon", f"must be longer than {text}"))
    return seconds


def _edited(plan: Path, told: FoundDemand, history: History) -> tuple[str, str, str]:
    """Return the file of a plan, and its text before and after the demand is written into it."""
    from capplan.components.base import HOURS_PER_MONTH
    from capplan.history.demand import changes
    from capplan.plan.edit import edited_plan
    from capplan.plan.read import parse_plan, text_of

    text, name, directory = text_of(plan)
    file = parse_plan(text, name, directory)
    hours = float(file.plan.hours_per_month or HOURS_PER_MONTH)
    written = changes(told, file.plan.demand, hours, history)
    return name, text, edited_plan(text, written, name, directory)
