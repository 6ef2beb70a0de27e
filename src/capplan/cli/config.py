"""`capplan config`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.command import Command
from capplan.cli.options import Force, OutputFile, formats

if TYPE_CHECKING:
    from capplan.cli.settings import Setting
    from capplan.report.blocks import Block

config = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Show the defaults that you have set.\n\nExample: capplan config show",
)


@config.callback()
def _group() -> None:
    """Show the defaults that you have set."""


@config.command("show", cls=Command)
def show_(
    fmt: Annotated[str, formats("table", "json", "markdown")] = "table",
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Show every setting, its value, and where it was set.

    An option on the command line is stronger than the environment, this stronger than the project's file
    (capplan.toml, or tool.capplan in pyproject.toml), and this stronger than the user's file
    (~/.config/capplan/config.toml).

    Example: capplan config show
    """
    from capplan.cli import settings
    from capplan.cli.output import show
    from capplan.report.blocks import Report

    settings.width()
    found = {key: settings.in_force(key) for key in settings.KEYS}
    show(Report(lambda: _blocks(found), lambda: _document(found)), fmt, output, force)


def _blocks(found: dict[str, Setting | None]) -> Iterator[Block]:
    from capplan.report.table import Column, Table

    rows = [[key, _shown(one), one.origin if one else "default"] for key, one in found.items()]
    yield Table([Column("Setting"), Column("Value", shrinks=True), Column("From", shrinks=True)], rows)


def _shown(setting: Setting | None) -> str:
    if setting is None:
        return "–"
    return ", ".join(setting.value) if isinstance(setting.value, list) else str(setting.value)


def _document(found: dict[str, Setting | None]) -> dict[str, Any]:
    from capplan.report.json_format import SCHEMA_VERSION

    said = {
        key: {"value": one and one.value, "origin": one.origin if one else "default"}
        for key, one in found.items()
    }
    return {"schema_version": SCHEMA_VERSION, "settings": said}
