"""`capplan catalog`."""

from __future__ import annotations

import typer

catalog = typer.Typer(rich_markup_mode=None, help="Look up and check prices and machines.")


@catalog.command("list")
def list_() -> None:
    """List."""
