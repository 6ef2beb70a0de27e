"""`capplan prove`."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Annotated

import typer

from capplan.cli.options import Alternative, Books, Catalogs, Force, OutputFile, PlanFile, Sets, formats
from capplan.errors import ExitCode


def prove(
    plan: PlanFile,
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="Directory of files to prove; by default, what would be rendered."
        ),
    ] = None,
    fmt: Annotated[
        str, formats("table", "json", "markdown", "html", "csv", "junit", "sarif", "github")
    ] = "table",
    output: OutputFile = None,
    force: Force = False,
    alternative: Alternative = None,
    sets: Sets = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Check that files keep what the plan promises.

    It runs autoscalers as they are written through every hour of the plan, with the loss of zones that the
    plan allows for, and compares sizes, connections, quotas, node pools and what is billed.

    Example: capplan prove examples/levqor
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import show
    from capplan.estimate import estimate
    from capplan.manifests.proof.prove import prove as proved
    from capplan.manifests.proof.prove import rendered
    from capplan.manifests.site import Site
    from capplan.plan.read import read_plan
    from capplan.report.verified import report_of

    site = Site(estimate(read_plan(plan, sets or (), alternative, books or ()), Catalog(catalogs)))
    if directory is None:
        documents, texts = rendered(site)
        findings = proved(site, documents, texts)
    else:
        from capplan.manifests.verify.reading import read_contents

        documents, texts, unread = read_contents(directory)
        findings = [*unread, *proved(site, documents, texts)]
    files = [*documents, *texts]
    show(report_of(findings, files, directory or PurePath(), name=str(directory or plan)), fmt, output, force)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.CAPACITY)
