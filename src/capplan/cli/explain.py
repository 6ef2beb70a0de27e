"""`capplan explain`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import Force, OutputFile, formats


def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="CODE", help="Code of a finding, or a gate; without one, all are listed."),
    ] = None,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Explain a finding and how to fix it.

    Example: capplan explain pdb-blocks-drain
    """
    from capplan.cli.output import show

    if code is not None:
        from capplan.ask.reports import explained_report

        show(explained_report(code), fmt, output, force)
        return
    from capplan.findings import found_by
    from capplan.report.checks import list_report

    show(list_report(list(found_by().values())), fmt, output, force)
