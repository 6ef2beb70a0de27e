"""`capplan mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.options import Books, Catalogs


def mcp(
    roots: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DIRECTORY", help="Directories that agents may read; by default this one."),
    ] = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Serve plans and prices to agents, over MCP.

    Your agent starts it and speaks over stdin and stdout. It reads below the directories and changes nothing.

    Example: capplan mcp examples
    """
    from importlib.util import find_spec

    from capplan.errors import InputError, Problem

    if find_spec("mcp") is None:
        raise InputError(Problem("capplan mcp", "needs the package mcp", "pip install 'capplan[mcp]'"))
    from capplan.agents.server import serve

    found = roots or [Path()]
    missing = [Problem(str(root), "is no directory") for root in found if not root.is_dir()]
    if missing:
        raise InputError(*missing)
    serve(found, catalogs, books or ())
