"""`capplan verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.options import Alternative, Catalogs, Force, OutputFile, Schemas, formats
from capplan.errors import ExitCode


def _list(wanted: bool) -> None:
    if wanted:
        from capplan.cli.output import show
        from capplan.findings import checks_of
        from capplan.manifests.verify.run import SHARED
        from capplan.report.checks import list_report

        show(list_report([("verify", check) for check in (*checks_of("verify"), *SHARED)]), "table")
        raise typer.Exit


def verify(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", help="Directory or file of manifests; '-' reads stdin.")
    ],
    plan: Annotated[
        Path | None,
        typer.Option("--plan", help="Plan that describes nodes and secrets; by default, the lock file's."),
    ] = None,
    alternative: Alternative = None,
    fmt: Annotated[
        str, formats("table", "json", "markdown", "html", "csv", "junit", "sarif", "github")
    ] = "table",
    schemas: Schemas = None,
    listed: Annotated[
        bool,
        typer.Option("--list", is_eager=True, callback=_list, help="List the checks, and do nothing else."),
    ] = False,
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Check manifests for mistakes that schemas miss.

    It looks for objects that do not go together, which the API server accepts. --list names the checks.

    Example: capplan verify manifests --format sarif -o findings.sarif
    """
    from capplan.cli.output import show
    from capplan.manifests.files import LOCK, read_lock
    from capplan.manifests.verify.facts import facts_from, facts_of
    from capplan.manifests.verify.reading import read_contents, read_one
    from capplan.manifests.verify.run import verify
    from capplan.report.verified import report_of
    from capplan.stdin import is_stdin

    is_one = is_stdin(source) or source.is_file()
    directory = source.parent if is_one else source
    contents = read_one(source) if is_one else read_contents(source)
    if plan is not None:
        from capplan.catalog.catalog import Catalog
        from capplan.estimate import estimate
        from capplan.manifests.site import Site
        from capplan.plan.read import read_plan

        facts = facts_of(Site(estimate(read_plan(plan, (), alternative), Catalog(catalogs))))
    else:
        lock = {} if is_one else read_lock(directory)
        facts = facts_from(lock, str(directory / LOCK))
    found = verify(contents.documents, contents.texts, facts, schemas)
    findings = [*contents.unread, *found]
    files = [*contents.documents, *contents.texts]
    show(report_of(findings, files, directory), fmt, output, force)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.CAPACITY)
