"""`capplan verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import (
    Alternative,
    Catalogs,
    Force,
    KubernetesVersion,
    OutputFile,
    Schemas,
    Strict,
    Today,
    day_of,
    formats,
    version_of,
)
from capplan.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from capplan.manifests.verify.facts import Facts


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
    kubernetes: KubernetesVersion = "1.36",
    environment: Annotated[
        str, typer.Option("--environment", metavar="DIR", help="Check only this kustomization or directory.")
    ] = "",
    each: Annotated[bool, typer.Option("--each", help="Check every file on its own.")] = False,
    style: Annotated[bool, typer.Option("--style", help="Report matters of style too.")] = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="CODE", help="Leave out what this check finds. Repeatable."),
    ] = None,
    accept: Annotated[
        Path | None,
        typer.Option(
            "--accept", metavar="FILE", help="Findings that are accepted; DIR/capplan.verify.yaml by default."
        ),
    ] = None,
    strict: Strict = False,
    today: Today = None,
    listed: Annotated[
        bool,
        typer.Option("--list", is_eager=True, callback=_list, help="List the checks, and do nothing else."),
    ] = False,
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Check manifests for mistakes that schemas miss.

    An error is what the API server, a controller or the kubelet refuses, or what cannot work, and ends with
    exit code 4. A warning is a risk; with --strict it fails too. --list names the checks.

    Example: capplan verify manifests --format sarif -o findings.sarif
    """
    from capplan.cli.output import note, show
    from capplan.manifests.verify import waivers
    from capplan.manifests.verify.places import placed
    from capplan.manifests.verify.reading import read_contents, read_one
    from capplan.manifests.verify.run import VerifyOptions, verify
    from capplan.report.verified import report_of
    from capplan.stdin import is_stdin
    from capplan.strictyaml import read_text

    is_one = is_stdin(source) or source.is_file()
    directory = source.parent if is_one else source
    contents = read_one(source) if is_one else read_contents(source)
    if not is_one and not any(contents):
        raise InputError(Problem(str(source), "holds no manifests", "Name a directory that does."))
    for code in ignore or ():
        waivers.check_code(code, "--ignore")
    accepted, day = waivers.accepted_in(directory, accept), day_of(today)
    for line in waivers.expired(accepted, day):
        note(line)
    facts = _facts(plan, alternative, catalogs, None if is_one else directory)
    facts = facts._replace(kubernetes=version_of("--kubernetes", 1, kubernetes)[1])
    found = verify(
        contents.documents, contents.texts, facts, VerifyOptions(schemas, style, each, environment)
    )
    findings = [finding for finding in [*contents.unread, *found] if finding.code not in (ignore or ())]
    findings = placed(
        findings, contents.documents, lambda file: read_text(source if is_one else directory / file)
    )
    waived = waivers.waived(findings, accepted, day)
    for line in waivers.unused(accepted, findings, day):
        note(line)
    files = [*contents.documents, *contents.texts]
    show(report_of(findings, files, directory, waived, strict=strict), fmt, output, force)
    failing = ("error", "warning") if strict else ("error",)
    if any(finding.severity in failing for finding in findings if finding not in waived):
        raise typer.Exit(ExitCode.CAPACITY)


def _facts(
    plan: Path | None, alternative: str | None, catalogs: Path | None, directory: Path | None
) -> Facts:
    """Return what a plan says about the cluster, or else the lock file of a directory."""
    from capplan.manifests.files import LOCK, read_lock
    from capplan.manifests.verify.facts import facts_from, facts_of

    if plan is None:
        return facts_from(read_lock(directory), str(directory / LOCK)) if directory else facts_from({}, "")
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate
    from capplan.manifests.site import Site
    from capplan.plan.read import read_plan

    return facts_of(Site(estimate(read_plan(plan, (), alternative), Catalog(catalogs))))
