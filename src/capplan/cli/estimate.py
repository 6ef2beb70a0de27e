"""`capplan estimate`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.ask.results import DEFAULT_SAMPLES
from capplan.cli.adopt import plan_or_adopted
from capplan.cli.options import (
    SAMPLES,
    Alternative,
    Books,
    Catalogs,
    Force,
    ManifestProvider,
    ManifestRegion,
    Manifests,
    NodeTypes,
    OutputFile,
    Overlay,
    Period,
    PlanOrNone,
    Profiles,
    Quiet,
    Seed,
    Sets,
    Verbose,
    formats,
    printable,
)
from capplan.cli.workers import Cluster, Workers, work_in
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.estimate import Estimate
    from capplan.report.blocks import Sheet

_PROSE = ("table", "markdown", "html")
_FORMATS = ("table", "json", "csv", "markdown", "html")
_ONE = "Remove --sweep, --months, --sensitivity, --sobol and --alternative all."


def estimate(
    context: typer.Context,
    plan: PlanOrNone = None,
    fmt: Annotated[str, formats(*_FORMATS, "focus")] = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    sweeps: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep",
            metavar="PATH=V1,V2,...",
            help="Estimate each of these values; several --sweep make a grid.",
        ),
    ] = None,
    months: Annotated[
        str | None,
        typer.Option(
            "--months",
            metavar="[N]",
            help="Estimate this month and N more as demand grows; by default, the plan's horizon.",
        ),
    ] = None,
    alternative: Alternative = None,
    samples: Annotated[
        int | None,
        typer.Option("--samples", metavar="N", help=SAMPLES, show_default=f"{DEFAULT_SAMPLES}"),
    ] = None,
    seed: Seed = 1,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Show how much each input changes the result.")
    ] = False,
    sobol: Annotated[
        bool, typer.Option("--sobol", help="Also show how much of the spread each input explains.")
    ] = False,
    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", metavar="USD", min=0, help="With --months, show when a month costs more than this."
        ),
    ] = None,
    books: Books = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="[COMPONENT]", help="Show where every number comes from."),
    ] = None,
    period: Period = None,
    catalogs: Catalogs = None,
    manifests: Manifests = None,
    provider: ManifestProvider = None,
    region: ManifestRegion = None,
    node_types: NodeTypes = None,
    overlay: Overlay = None,
    profiles: Profiles = None,
    workers: Workers = None,
    cluster: Cluster = None,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Count the instances and the monthly cost of a plan.

    --verbose adds constraints and free cost lines, --quiet leaves only the summary, and --alternative all
    compares the alternatives. --explain and --months take the argument that follows, unless it is an option
    or the only one that can be the plan.

    Example: capplan estimate examples/afpi --sweep users_per_day=100,1000,10000
    """
    from capplan.ask.results import EstimateOptions, result_of
    from capplan.cli.output import note, show
    from capplan.estimate import Estimate
    from capplan.report.render import report_of

    if period is not None:
        from capplan.report.focus import month

        month(period)
    said = (provider, region, node_types or (), overlay, catalogs, profiles)
    asked = EstimateOptions(
        plan=plan_or_adopted(context, plan, manifests, said),
        sets=sets or (),
        books=books or (),
        catalogs=catalogs,
        sweeps=sweeps or (),
        months=months,
        alternative=alternative,
        samples=samples,
        seed=seed,
        sensitivity=sensitivity,
        sobol=sobol,
        budget=budget,
        middle=explain is not None or fmt == "focus",
        told=note,
    )
    if explain is not None:
        fmt = printable(context, fmt, *_PROSE)
        if fmt not in _PROSE:
            raise InputError(
                Problem("--explain", "is only available as text", f"Use --format {', '.join(_PROSE)}.")
            )
    work_in(context, workers, cluster)
    result = result_of(asked)
    if explain is not None:
        if not isinstance(result, Estimate):
            raise InputError(Problem("--explain", "can explain only one estimate", _ONE))
        from capplan.report.blocks import Report
        from capplan.report.explain import explain_blocks

        show(Report(partial(explain_blocks, result, explain)), fmt, output, force)
        return
    if not isinstance(result, Estimate):
        fmt = printable(context, fmt, *_FORMATS)
    if fmt == "focus" and not isinstance(result, Estimate):
        raise InputError(Problem("--format focus", "a FOCUS file can hold only one estimate", _ONE))
    show(report_of(result, verbose - quiet, partial(_focus, period, catalogs)), fmt, output, force)


def _focus(period: str | None, catalogs: Path | None, estimated: Estimate) -> Sheet:
    """Return the FOCUS file of one estimate."""
    from capplan.catalog.catalog import Catalog
    from capplan.report.focus import focus_sheet
    from capplan.report.view import view

    return focus_sheet([view(estimated)], period, Catalog(catalogs).facts("regions"))
