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
    from capplan.errors import InputError, Problem, nearest
    from capplan.findings import found_by
    from capplan.gate.checks import code_of_gate
    from capplan.manifests.verify.checks import code_of
    from capplan.report.checks import check_report, list_report

    known = found_by()
    if code is None:
        show(list_report(list(known.values())), fmt, output, force)
        return
    found = known.get(code_of_gate(code_of(code)))
    if found is None:
        raise InputError(Problem("CODE", f"there is no finding '{code}'", nearest(code, known)))
    show(check_report(*found), fmt, output, force)
