"""`capplan diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import (
    Alternative,
    Books,
    Catalogs,
    Force,
    ManifestProvider,
    ManifestRegion,
    NodeTypes,
    OutputFile,
    Overlay,
    Profiles,
    formats,
)
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.gate.sides import Side
    from capplan.report.blocks import Report


def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="Plan, saved estimate (.json), directory of manifests, or REVISION:PATH of git.",
        ),
    ],
    head: Annotated[
        str | None,
        typer.Argument(metavar="HEAD", help="The same after the change; omit it with --actual."),
    ] = None,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
    actual: Annotated[
        Path | None,
        typer.Option(
            "--actual",
            help="Bill to compare with instead of HEAD: a FOCUS, AWS, Google, Azure or OCI export.",
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option("--map", help="YAML that maps the bill's SKUs to provider/service/sku of the catalog."),
    ] = None,
    provider: ManifestProvider = None,
    region: ManifestRegion = None,
    node_types: NodeTypes = None,
    overlay: Overlay = None,
    profiles: Profiles = None,
) -> None:
    """Compare two plans, or a plan and a bill.

    It compares cost, instances, what binds and findings; changes of design and of price are told apart.

    With --actual a bill takes HEAD's place: drift of quantity and of price, SKU by SKU.

    Example: capplan diff examples/afpi examples/levqor
    """
    from capplan.adopt.document import note_lines
    from capplan.adopt.draft import AdoptOptions
    from capplan.cli.output import note, show
    from capplan.gate.sides import base_of, side_of

    if (head is None) == (actual is None):
        raise InputError(
            Problem(
                "HEAD",
                "is missing: BASE needs something to compare with",
                "Name it, or give a bill with --actual.",
            )
        )
    asked = AdoptOptions.of(provider, region, node_types or (), overlay, catalogs, profiles)
    first = side_of if head is None else base_of
    sides = [first(base, books or (), alternative, asked)]
    sides += [] if head is None else [side_of(head, books or (), alternative, asked)]
    for side in sides:
        for line in note_lines(side.notes):
            note(f"{side.name}: {line}")
        if side.absent:
            note(f"{side.name}: {side.absent}")
    report = _compared(*sides) if actual is None else _against_bill(sides[0], actual, names)
    show(report, fmt, output, force)


def _compared(base: Side, head: Side) -> Report:
    import shlex

    from capplan.gate.diff import diff as compare
    from capplan.gate.diff_report import report_of

    reproduce = shlex.join(("capplan", "diff", base.name, head.name))
    return report_of(compare(base.document, head.document), reproduce)


def _against_bill(side: Side, bill: Path, names: Path | None) -> Report:
    from capplan.cli.output import note
    from capplan.gate.actual import compare
    from capplan.gate.actual_report import report_of

    found = compare(side.document, bill, {} if names is None else _names(names))
    for line in found.notes:
        note(f"{bill}: {line}")
    return report_of(found)


def _names(path: Path) -> dict[str, str]:
    from capplan.stdin import name_of
    from capplan.strictyaml import load, read_text

    found = load(read_text(path), name_of(path))
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InputError(Problem(name_of(path), "is not a mapping of the bill's SKUs to the catalog's"))
    return found
