"""`capplan schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.options import Force


def schema(
    of: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="COMMAND",
            help="Print the schema of this command's output, such as estimate or 'catalog list'.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", metavar="PATH", help="Write to this file instead of stdout ('-').")
    ] = None,
    force: Force = False,
) -> None:
    """Print the JSON Schema of plans or of outputs.

    That of plans is for editors; --output prints that of what a command prints with --format json.

    Example: capplan schema -o plan.schema.json
    """
    from capplan.cli.output import emit

    if of is None:
        from capplan.plan.schema import schema_text

        emit(schema_text(), output, force)
        return
    from capplan.report.documents import schema_of

    emit(schema_of(of), output, force)
