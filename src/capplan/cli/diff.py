"""`capplan diff`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.bills import ActualBill, BillOptions, Cost, CostBasis, NameMap, Where
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
    Period,
    Profiles,
    formats,
)
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.gate.actual import Actual
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
    actual: ActualBill = None,
    names: NameMap = None,
    cost: Cost = CostBasis.EFFECTIVE,
    where: Where = None,
    period: Period = None,
    write_map: Annotated[
        Path | None,
        typer.Option("--write-map", help="Write a map of what only the bill has, to fill in."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the figures into the plan, after showing the difference.")
    ] = False,
    provider: ManifestProvider = None,
    region: ManifestRegion = None,
    node_types: NodeTypes = None,
    overlay: Overlay = None,
    profiles: Profiles = None,
) -> None:
    """Compare two plans, or a plan and a bill.

    It compares cost, instances, what binds and findings; changes of design and of price are told apart.

    With --actual a bill takes HEAD's place: drift of quantity, of price, and what is not matched.

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
    found = BillOptions(actual, names, cost, where, period).compared(sides[0].document)
    if apply and found is None:
        raise InputError(Problem("--apply", "writes what a bill shows, and there is none", "Use --actual."))
    show(_compared(*sides) if found is None else _against_bill(found, write_map, force), fmt, output, force)
    if apply and found is not None:
        _apply(found, Path(base))


def _compared(base: Side, head: Side) -> Report:
    import shlex

    from capplan.gate.diff import diff as compare
    from capplan.gate.diff_report import report_of

    reproduce = shlex.join(("capplan", "diff", base.name, head.name))
    return report_of(compare(base.document, head.document), reproduce)


def _against_bill(found: Actual, write_map: Path | None, force: bool) -> Report:
    from capplan.cli.output import write_files
    from capplan.gate.actual_report import map_of, report_of

    if write_map is not None:
        write_files({write_map: map_of(found)}, force)
    return report_of(found)


def _apply(found: Actual, plan: Path) -> None:
    """Write what a bill shows into the file of a plan."""
    from capplan.cli.output import write_edit
    from capplan.gate.shown import shown_by
    from capplan.plan.edit import edited_plan
    from capplan.plan.read import parse_plan, text_of
    from capplan.stdin import is_stdin

    if is_stdin(plan) or not plan.exists() or plan.suffix == ".json":
        raise InputError(Problem("--apply", f"writes into the file of a plan, and {plan} is none"))
    before, name, directory = text_of(plan)
    changes = shown_by(found, parse_plan(before, name, directory))
    after = edited_plan(before, changes, name, directory)
    write_edit(Path(name), before, after)
