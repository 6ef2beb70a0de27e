"""`capplan simulate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import Books, Catalogs, Force, OutputFile, PlanFile, Sets
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.plan.demand import Trace


class SimulationFormat(StrEnum):
    """What a simulation can be printed as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def simulate(
    plan: PlanFile,
    fmt: Annotated[
        SimulationFormat, typer.Option("--format", envvar="CAPPLAN_FORMAT", help="csv is the timeline.")
    ] = SimulationFormat.TABLE,
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Annotated[
        str | None, typer.Option("--alternative", help="An alternative of the plan.")
    ] = None,
    books: Books = None,
    trace: Annotated[
        Path | None,
        typer.Option("--trace", help="CSV file whose shape replaces the plan's; the plan's volume stays."),
    ] = None,
    trace_columns: Annotated[
        str, typer.Option("--trace-columns", metavar="TIME,VALUE", help="Columns of the trace.")
    ] = "timestamp,requests",
    days: Annotated[
        float | None, typer.Option("--days", min=0.001, help="How long; a week, or the trace.")
    ] = None,
    tick: Annotated[float, typer.Option("--tick", min=1, max=60, help="Seconds between two looks.")] = 15.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the arrivals.")] = 1,
    steady: Annotated[bool, typer.Option("--steady", help="Arrivals without chance.")] = False,
    startup: Annotated[
        float | None, typer.Option("--startup", min=0, help="Seconds until an instance serves.")
    ] = None,
    node_start: Annotated[
        float | None, typer.Option("--node-start", min=0, help="Seconds until a new node is ready.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0, help="Seconds that callers wait in a queue.")
    ] = None,
    retries: Annotated[
        int,
        typer.Option("--retries", min=0, max=20, help="How often callers try again."),
    ] = 0,
    rate_limit: Annotated[
        float, typer.Option("--rate-limit", min=0, help="Requests/s let in at low load; fewer under more.")
    ] = 0.0,
    breaker: Annotated[
        float, typer.Option("--breaker", min=0, max=1, help="Share of failures that opens a circuit breaker.")
    ] = 0.0,
    kubernetes: Annotated[
        str, typer.Option("--kubernetes", metavar="1.N", help="Version whose HPA is simulated.")
    ] = "1.36",
    catalogs: Catalogs = None,
) -> None:
    """Replay a week of load, or a trace, through the plan's autoscalers.

    Example: capplan simulate examples/amas --startup 60
    """
    from capplan.autoscale.settings import Settings
    from capplan.autoscale.simulation import prepare, run
    from capplan.catalog.catalog import Catalog
    from capplan.cli import terminal
    from capplan.cli.output import emit
    from capplan.cli.progress import reporter
    from capplan.plan.read import read_plan
    from capplan.report import json_format
    from capplan.report import simulation as report

    settings = Settings(
        tick_s=tick,
        days=days,
        seed=seed,
        random=not steady,
        startup_s=startup,
        node_start_s=node_start,
        timeout_s=timeout,
        retries=retries,
        limit_rps=rate_limit,
        breaker=breaker,
        kubernetes=_version(kubernetes),
    )
    file = read_plan(plan, sets or (), alternative, books or ())
    prepared = prepare(file, Catalog(catalogs), settings, _trace(trace, trace_columns))
    with reporter("simulating", len(prepared.subjects)) as progress:
        result = run(prepared, progress)
    if fmt is SimulationFormat.JSON:
        emit(json_format.dumps(report.simulation_document(result)), output, force)
    elif fmt is SimulationFormat.CSV:
        emit(report.simulation_csv(result), output, force)
    else:
        text = report.simulation_text(result, terminal.width(), not terminal.can_draw())
        emit(text, output, force, painted=True)


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.removeprefix("v").partition(".")
    if major != "1" or not minor.isdecimal():
        raise InputError(Problem("--kubernetes", f"'{text}' is not a version of Kubernetes", "As in 1.36."))
    return 1, int(minor)


def _trace(file: Path | None, columns: str) -> Trace | None:
    if file is None:
        return None
    from capplan.plan.demand import Trace

    time, comma, value = columns.partition(",")
    if not comma:
        raise InputError(Problem("--trace-columns", f"'{columns}' is not TIME,VALUE"))
    return Trace(file=str(file.absolute()), time=time, value=value, unit="requests")
