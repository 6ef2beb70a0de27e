"""`capplan diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import (
    Books,
    Catalogs,
    Force,
    ManifestProvider,
    ManifestRegion,
    NodeTypes,
    OutputFile,
    Overlay,
    RecommendFormat,
    TextFormat,
)


def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="Plan, saved estimate (.json), directory of manifests, or REVISION:PATH of git.",
        ),
    ],
    head: Annotated[str, typer.Argument(metavar="HEAD", help="The same, after the change.")],
    fmt: RecommendFormat = TextFormat.TABLE,
    output: OutputFile = None,
    force: Force = False,
    alternative: Annotated[
        str | None, typer.Option("--alternative", help="An alternative of both plans.")
    ] = None,
    books: Books = None,
    catalogs: Catalogs = None,
    provider: ManifestProvider = None,
    region: ManifestRegion = None,
    node_types: NodeTypes = None,
    overlay: Overlay = None,
) -> None:
    """Compare two plans: cost, instances, what binds, findings; changes of design and of price apart.

    Example: capplan diff main:examples/afpi/plan.yaml examples/afpi/plan.yaml
    """
    from capplan.adopt.draft import Asked
    from capplan.cli import terminal
    from capplan.cli.output import emit, note
    from capplan.gate import diff_report
    from capplan.gate.diff import diff as compare
    from capplan.gate.sides import side_of
    from capplan.report.json_format import dumps

    asked = Asked.of(provider, region, node_types or (), overlay, catalogs)
    sides = [side_of(name, books or (), alternative, asked) for name in (base, head)]
    for side in sides:
        for line in side.notes:
            note(f"{side.name}: {line}")
    found = compare(sides[0].document, sides[1].document)
    if fmt is TextFormat.JSON:
        emit(dumps(diff_report.as_document(found)), output, force)
    elif fmt is TextFormat.MARKDOWN:
        emit(diff_report.as_markdown(found, f"capplan diff {base} {head}"), output, force)
    else:
        emit(diff_report.as_text(found, terminal.width()), output, force)
