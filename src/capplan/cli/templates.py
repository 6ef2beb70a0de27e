"""`capplan templates`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from capplan.cli.command import Command
from capplan.cli.options import Force
from capplan.errors import InputError, Problem

templates = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List manifest templates, and copy them to change them.\n\nExample: capplan templates list",
)

Name = Annotated[str, typer.Argument(help="Template; `list` shows the names.")]


@templates.command("list", cls=Command)
def list_() -> None:
    """List the templates.

    Example: capplan templates list
    """
    from capplan.cli.output import emit
    from capplan.manifests.engine import Templates

    emit("".join(f"{name}\n" for name in Templates().names()))


@templates.command("show", cls=Command)
def show(name: Name) -> None:
    """Print a template.

    Example: capplan templates show kubernetes/deployment.yaml.j2
    """
    from capplan.cli.output import emit
    from capplan.manifests.engine import Templates

    emit(Templates().source(name))


@templates.command("eject", cls=Command)
def eject(
    names: Annotated[list[str] | None, typer.Argument(help="Templates to copy; by default, all.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory to copy to.")] = Path("templates"),
    force: Force = False,
) -> None:
    """Copy templates, to change them and render with `render-manifests --templates`.

    Example: capplan templates eject kubernetes/deployment.yaml.j2 -o templates
    """
    from capplan.cli.output import note, write_files
    from capplan.manifests.engine import Templates

    if str(output) == "-":
        remedy = "Print one with `capplan templates show`."
        raise InputError(Problem("--output", "'-' is not a directory", remedy))
    ours = Templates()
    wanted = names or ours.names()
    write_files({output / name: ours.source(name) for name in wanted}, force)
    note(f"copied {len(wanted)} templates to {output}")
