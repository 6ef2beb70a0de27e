"""`capplan fleet`."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import (
    Base,
    Books,
    Catalogs,
    Commitments,
    Force,
    OutputFile,
    Period,
    Today,
    day_of,
    formats,
)
from capplan.cli.workers import Cluster, Workers, watched, work_in

if TYPE_CHECKING:
    from capplan.fleet.run import PlanFleet
    from capplan.report.blocks import Sheet


class SumBy(StrEnum):
    """What a fleet is summed by."""

    PLAN = "plan"
    TEAM = "team"
    TAG = "tag"
    PROVIDER = "provider"
    REGION = "region"
    SERVICE = "service"
    ACCOUNT = "account"


def fleet(
    context: typer.Context,
    plans: Annotated[
        list[str],
        typer.Argument(
            metavar="PLANS",
            help="Plan files, directories with plans in them and below, patterns, or REVISION:PATH of git.",
        ),
    ],
    fmt: Annotated[str, formats("table", "json", "csv", "focus", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    by: Annotated[SumBy, typer.Option("--by", help="What to sum by.")] = SumBy.PLAN,
    fleet_file: Annotated[
        Path | None,
        typer.Option("--fleet", help="Fleet file; by default, fleet.yaml in a directory of PLANS."),
    ] = None,
    commitments: Commitments = False,
    base: Base = None,
    period: Period = None,
    today: Today = None,
    books: Books = None,
    catalogs: Catalogs = None,
    workers: Workers = None,
    cluster: Cluster = None,
) -> None:
    """Sum many plans, by team, account and more.

    Free tiers, volume blocks and commitments count once for each billing account. Broken plans are named,
    the others are still summed, and the exit code is 2.

    Example: capplan fleet examples --by provider
    """
    from capplan.cli.output import show
    from capplan.errors import ExitCode, InputError, Problem
    from capplan.fleet.members import FleetOptions
    from capplan.fleet.report import fleet_answer, report_of

    if commitments and fmt in ("csv", "focus"):
        raise InputError(
            Problem("--commitments", f"cannot be printed as {fmt}", "Use table, json, markdown or html.")
        )
    if period is not None:
        from capplan.report.focus import month

        month(period)
    work_in(context, workers, cluster)
    asked = FleetOptions(plans, fleet_file, books or (), catalogs, day_of(today))
    answer = fleet_answer(asked, base, by.value, partial(partial, watched))
    report = report_of(answer, partial(_focus, answer.fleet, period, catalogs))
    if commitments:
        from capplan.fleet.commitments import commitments_report

        report = commitments_report(asked, answer.fleet)
    show(report, fmt, output, force)
    broken = any(member.trouble for member in answer.fleet.members.values())
    if broken or answer.checked.exit_code:
        raise typer.Exit(ExitCode.INPUT if broken else answer.checked.exit_code)


def _focus(found: PlanFleet, period: str | None, catalogs: Path | None) -> Sheet:
    from capplan.catalog.catalog import Catalog
    from capplan.report.focus import focus_sheet

    return focus_sheet(list(found.shown()), period, Catalog(catalogs).facts("regions"))
