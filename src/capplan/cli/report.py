"""`capplan report`."""

from __future__ import annotations

from typing import Annotated

import typer

from capplan.cli.options import Alternative, Books, Catalogs, Force, OutputFile, PlanFile, Sets


def report(
    plan: PlanFile,
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Alternative = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="PATH=V1,V2,...",
            help="Put a slider over these values on the page; several are possible. By default, sliders are "
            "over the demand and the numbers that change the bill most.",
        ),
    ] = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Write a page that shows a plan to others.

    The page is one HTML file that loads nothing: it works from a mail attachment.

    Example: capplan report examples/amas -o report.html
    """
    from capplan.ask.pages import PageOptions, page_of
    from capplan.cli.output import emit

    asked = PageOptions(plan, sets or (), books or (), catalogs, alternative, vary or ())
    emit(page_of(asked), output, force)
