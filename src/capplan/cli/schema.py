"""`capplan schema`."""

from __future__ import annotations

from capplan.cli.options import Force, OutputFile


def schema(output: OutputFile = None, force: Force = False) -> None:
    """Print the JSON Schema of plan files, for editors.

    Example: capplan schema -o plan.schema.json
    """
    from capplan.cli.output import emit
    from capplan.plan.schema import schema_text

    emit(schema_text(), output, force)
