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
    RecommendFormat,
    Strict,
    TextFormat,
    Verbose,
)
from capplan.errors import ExitCode


def audit(
    plan: PlanFile,
    claims: Annotated[
        Path | None, typer.Option("--claims", help="File of claims; claims.yaml beside the plan by default.")
    ] = None,
    fmt: RecommendFormat = TextFormat.TABLE,
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
    from capplan.cli import terminal
    from capplan.cli.output import emit
    from capplan.decide.audit import audit as run
    from capplan.decide.world import World
    from capplan.plan.claims import read_claims
    from capplan.report import audit as report
    from capplan.report.json_format import dumps, estimate_document

    beside = plan if plan.is_dir() else plan.parent
    found = run(read_claims(claims or beside / "claims.yaml"), World(plan, catalogs, estimate_document))
    if fmt is TextFormat.JSON:
        emit(dumps(report.audit_document(found)), output, force)
    elif fmt is TextFormat.MARKDOWN:
        emit(report.audit_markdown(found), output, force)
    else:
        emit(report.audit_text(found, terminal.width(), verbose), output, force, painted=True)
    if strict and not found.truthful:
        raise typer.Exit(ExitCode.DRIFT)
