"""`capplan audit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.options import (
    Catalogs,
    Force,
    OutputFile,
    PlanFile,
    Strict,
    Verbose,
    formats,
)
from capplan.errors import ExitCode


def audit(
    plan: PlanFile,
    claims: Annotated[
        Path | None,
        typer.Option("--claims", help="File of claims; by default, claims.yaml next to the plan."),
    ] = None,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    strict: Strict = False,
    catalogs: Catalogs = None,
    verbose: Verbose = False,
) -> None:
    """Recompute every figure that a scaling document claims.

    --verbose shows the claims that hold too. With --strict the exit code is 7 where a claim is wrong, or no
    longer has a value.

    Example: capplan audit examples/afpi
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import show
    from capplan.decide.audit import audit as run
    from capplan.decide.world import PlanWorld
    from capplan.plan.claims import read_claims
    from capplan.report.answers import ANSWERS
    from capplan.report.audit import report_of
    from capplan.report.json_format import estimate_document

    beside = plan if plan.is_dir() else plan.parent
    world = PlanWorld(plan, Catalog(catalogs), estimate_document, ANSWERS)
    found = run(read_claims(claims or beside / "claims.yaml"), world)
    show(report_of(found, everything=verbose or fmt != "table"), fmt, output, force)
    if strict and not found.truthful:
        raise typer.Exit(ExitCode.DRIFT)
