"""`capplan render-manifests`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import Alternative, Books, Catalogs, PlanFile, Schemas, Sets
from capplan.errors import ExitCode, InputError, Problem

if TYPE_CHECKING:
    from capplan.manifests.artefact import Rendered
    from capplan.manifests.files import FileDrift
    from capplan.manifests.site import Site


class Managed(StrEnum):
    """Managed Kubernetes."""

    EKS = "eks"
    GKE = "gke"
    AKS = "aks"


class Layout(StrEnum):
    """How Kubernetes objects are laid out."""

    KUSTOMIZE = "kustomize"
    PLAIN = "plain"
    HELM = "helm"


def render_manifests(
    plan: PlanFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory to write to; '-' writes YAML to stdout.")
    ] = Path("manifests"),
    layout: Annotated[
        Layout, typer.Option("--layout", help="Layout of Kubernetes objects.")
    ] = Layout.KUSTOMIZE,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PART", help="Write only this part; --list shows the names."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the parts, and do nothing else.")] = False,
    for_: Annotated[
        Managed | None,
        typer.Option(
            "--for", help="Print the commands from an empty account to a running system; write nothing."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; write nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Show what differs, write nothing, and exit with 7 if anything differs."
        ),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete files that capplan wrote and no longer renders.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace files that were edited by hand or not written by capplan."),
    ] = False,
    cpu_limits: Annotated[bool, typer.Option("--cpu-limits/--no-cpu-limits", help="Limit CPU.")] = True,
    templates: Annotated[
        Path | None,
        typer.Option(
            "--templates",
            help="Directory of your own templates, which replace capplan's; they run in a sandbox.",
        ),
    ] = None,
    alternative: Alternative = None,
    schemas: Schemas = None,
    sets: Sets = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Write a plan as manifests, scripts and dashboards.

    It writes Kubernetes objects, settings of cloud services, dashboards, alerts and load tests.
    --list names the files and their parts.

    Example: capplan render-manifests examples/levqor -o manifests
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import emit
    from capplan.estimate import estimate
    from capplan.manifests.engine import Templates
    from capplan.manifests.files import drift
    from capplan.manifests.render import RenderOptions, render
    from capplan.manifests.site import Site
    from capplan.plan.read import read_plan

    if templates is not None and not templates.is_dir():
        raise InputError(Problem("--templates", f"'{templates}' is not a directory"))
    file = read_plan(plan, sets or (), alternative, books or ())
    site = Site(estimate(file, Catalog(catalogs)))
    everything = render(site, Templates(templates), RenderOptions(layout.value, cpu_limits))
    files = _selected(everything, only or [])
    if list_:
        emit("".join(f"{item.part:11}  {item.path}\n" for item in files))
        return
    if for_ is not None:
        changes = (*(("--alternative", alternative) if alternative else ()), *_flagged("--set", sets))
        rendering = ("capplan", "render-manifests", str(plan), "-o", str(output), *changes)
        emit(_commands(site, for_.value, everything, output, rendering))
        return
    _check_rules(site, everything, schemas)
    if str(output) == "-":
        _refuse_with_stdout({"--check": check, "--dry-run": dry_run, "--prune": prune})
        emit(_stream(files))
        return
    found = drift(output, files, partial=bool(only))
    if check or dry_run:
        emit("".join(found.diff()))
        raise typer.Exit(ExitCode.DRIFT if check and found else ExitCode.OK)
    _refuse_edited(found, force)
    _write(site, files, found, output, prune, partial=bool(only))


def _flagged(flag: str, values: Sequence[str] | None) -> Iterator[str]:
    for value in values or ():
        yield from (flag, value)


def _commands(
    site: Site, platform: str, files: list[Rendered], output: Path, rendering: Sequence[str]
) -> str:
    """Return the steps to a running system as a script, comments for what a person does."""
    from shlex import join

    from capplan.errors import nearest
    from capplan.manifests.steps import platforms_of, steps_of

    known = platforms_of(site)
    if platform not in known:
        raise InputError(Problem("--for", f"the plan has no cluster on {platform}", nearest(platform, known)))
    steps = steps_of(site, platform, {item.path for item in files}, str(output))
    lines = (f"# {step.before}\n{step.command}\n" if step.before else f"{step.command}\n" for step in steps)
    return "".join((f"{join(rendering)}\n", *lines))


def _refuse_with_stdout(options: dict[str, bool]) -> None:
    for name in (name for name, given in options.items() if given):
        raise InputError(Problem(name, "compares files in a directory", "Name one with -o instead of '-'."))


def _stream(files: list[Rendered]) -> str:
    """Return the files as one stream of YAML, as `kubectl apply -f -` reads it."""
    others = [item.path for item in files if not item.path.endswith((".yaml", ".yml"))]
    if others:
        what = f"'{others[0]}' is not YAML and cannot go to stdout with others"
        raise InputError(Problem("--output", what, "Choose parts with --only, or name a directory."))
    return "".join(f"---\n# Source: {item.path}\n{item.text}" for item in files)


def _selected(files: list[Rendered], only: list[str]) -> list[Rendered]:
    from capplan.errors import nearest

    known = sorted({item.part for item in files})
    for part in only:
        if part not in known:
            raise InputError(Problem("--only", f"the plan has no part '{part}'", nearest(part, known)))
    return [item for item in files if not only or item.part in only]


def _check_rules(site: Site, files: list[Rendered], schemas: Path | None) -> None:
    """Verify what was rendered before anything is written."""
    from capplan.cli.output import note
    from capplan.manifests.proof.networks import apart
    from capplan.manifests.proof.prove import as_read
    from capplan.manifests.reconcile import reconcile, reconciled_findings
    from capplan.manifests.verify.facts import facts_of
    from capplan.manifests.verify.run import excused, verify_rendered
    from capplan.report.verified import results_of

    facts = facts_of(site)
    others = (*reconciled_findings(reconcile(site, files)), *apart(site, *as_read(files)))
    findings = [*verify_rendered(site, files, schemas), *(excused(other, facts) for other in others)]
    for result in results_of(findings, PurePath()):
        note(str(result))
    if any(finding.severity == "error" for finding in findings):
        note("nothing was written")
        raise typer.Exit(ExitCode.CAPACITY)


def _refuse_edited(found: FileDrift, force: bool) -> None:
    if found.edited and not force:
        remedy = "Use --force to replace it."
        raise InputError(
            *(
                Problem(path, "was not written by capplan, or was changed since", remedy)
                for path in found.edited
            )
        )


def _write(
    site: Site, files: list[Rendered], found: FileDrift, output: Path, prune: bool, partial: bool
) -> None:
    from capplan.cli.output import note, write_files
    from capplan.manifests.files import LOCK, lock_of, remove, safe
    from capplan.quantities import counted

    lock = lock_of(site, files, output, partial, () if prune else found.orphans)
    texts = {safe(output, path): new for path, (_, new) in found.changed.items()}
    texts[safe(output, LOCK)] = lock
    write_files(texts, force=True)
    if prune:
        remove(output, list(found.orphans))
    some = len(found.changed) < len(files)
    said = f"{len(found.changed)} of {counted(len(files), 'file')}" if some else counted(len(files), "file")
    note(f"wrote {said} to {output}{', the others are up to date' if some else ''}")
    for path in found.orphans:
        note(f"{'deleted' if prune else 'no longer rendered (--prune deletes it)'}: {path}")
