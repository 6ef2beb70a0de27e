"""`capplan adopt`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.command import was_said
from capplan.cli.options import (
    Catalogs,
    Force,
    ManifestProvider,
    ManifestRegion,
    NodeTypes,
    OutputFile,
    Overlay,
    Profiles,
)
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.adopt.run import Adopted


def adopt(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Manifests, compose file, or Terraform: directory, plan or state as JSON; '-' reads stdin.",
        ),
    ],
    output: OutputFile = None,
    force: Force = False,
    provider: ManifestProvider = None,
    region: ManifestRegion = None,
    node_types: NodeTypes = None,
    overlay: Overlay = None,
    profiles: Profiles = None,
    catalogs: Catalogs = None,
) -> None:
    """Write a plan from manifests, Terraform or Compose.

    It reads manifests, compose files, and Terraform's directories, plans and states.

    Example: capplan adopt examples/manifests --provider gcp --region us-central1 -o plan.yaml
    """
    from capplan.cli.output import emit

    found = adopted(source, provider, region, node_types or (), overlay, catalogs, profiles)
    _check(found, catalogs)
    emit(found.text, output, force)


def _check(found: Adopted, catalogs: Path | None) -> None:
    """Read and estimate the plan as its reader will, before it is written."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate

    try:
        estimate(found.file(), Catalog(catalogs))
    except InputError as error:
        what = "no plan was written, because capplan would reject it"
        raise InputError(Problem(found.name, what), *error.problems) from None


def adopted(
    source: Path,
    provider: str | None,
    region: str | None,
    node_types: Sequence[str],
    overlay: str | None,
    catalogs: Path | None,
    profiles: Sequence[str] | None,
) -> Adopted:
    """Return the plan of manifests, and say on stderr what it assumes and does not cover."""
    from capplan.adopt.document import note_lines
    from capplan.adopt.draft import AdoptOptions
    from capplan.adopt.run import adopt
    from capplan.cli.output import note

    found = adopt(source, AdoptOptions.of(provider, region, node_types, overlay, catalogs, profiles))
    for line in note_lines(found.notes):
        note(line)
    return found


def plan_or_adopted(
    context: typer.Context, plan: Path | None, manifests: Path | None, said: tuple[Any, ...]
) -> Path | Adopted:
    """Return the plan file, or the plan of manifests; ``said`` is what the options say of manifests."""
    if manifests is None:
        if plan is None:
            raise InputError(Problem("PLAN", "is missing", "Name a plan, or --manifests."))
        names = ("provider", "region", "node_types", "overlay", "profiles")
        if any(was_said(context, name) for name in names):
            what = "--provider, --region, --node-type, --overlay and --profile are for manifests"
            raise InputError(Problem("--manifests", f"is missing: {what}"))
        return plan
    if plan is not None:
        raise InputError(Problem("--manifests", "cannot be combined with a plan", "Name one of them."))
    return adopted(manifests, *said)
