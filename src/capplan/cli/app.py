"""The command line: every command, and how each of them ends."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import typer

from capplan import __version__
from capplan.cli.audit import audit
from capplan.cli.calibrate import calibrate
from capplan.cli.catalog import catalog
from capplan.cli.check import check
from capplan.cli.diff import diff
from capplan.cli.estimate import estimate
from capplan.cli.init import init
from capplan.cli.llm import llm
from capplan.cli.recommend import recommend
from capplan.cli.render_manifests import render_manifests
from capplan.cli.schema import schema
from capplan.cli.simulate import simulate
from capplan.cli.templates import templates
from capplan.cli.verify import verify
from capplan.errors import ExitCode, InputError

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Documentation: docs/ in the project. Start with: capplan init",
)
app.command()(estimate)
app.command()(recommend)
app.command()(check)
app.command()(diff)
app.add_typer(catalog, name="catalog")
app.command()(audit)
app.add_typer(calibrate, name="calibrate")
app.command()(init)
app.command()(llm)
app.command()(render_manifests)
app.command()(schema)
app.command()(simulate)
app.add_typer(templates, name="templates")
app.command()(verify)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"capplan {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Plan capacity and calculate cost from one plan file, offline."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # A command is over before its garbage matters: collecting it costs a tenth of the start-up, and looking
    # for it once more at exit as much again.
    gc.disable()
    # capplan does no linear algebra, and the threads for it take time to start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Looking for pydantic's plugins reads the metadata of every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        sys.exit(_run(sys.argv[1:] if arguments is None else arguments))
    finally:
        gc.freeze()


def _run(arguments: list[str]) -> int:
    """Run one command, turn whatever happens into a message, and return the exit code."""
    debug = "--debug" in arguments or bool(os.environ.get("CAPPLAN_DEBUG"))
    arguments = _with_bare_values([a for a in arguments if a != "--debug"])
    try:
        app(arguments, prog_name="capplan")
    except InputError as error:
        return _fail(str(error), ExitCode.INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader has gone, as `| head` does: nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if debug:
            raise
        what = f"internal error: {type(error).__name__}: {error}"
        return _fail(f"{what}\nRun again with --debug, and report what it prints.", ExitCode.INTERNAL)
    return ExitCode.OK


def _fail(message: str, code: ExitCode) -> int:
    sys.stderr.write("".join(f"capplan: {line}\n" for line in message.splitlines()))
    return code


_BARE = {"--explain": "all", "--months": "horizon"}
"""What an option means whose value is left out."""


def _with_bare_values(arguments: list[str]) -> list[str]:
    """Give options that stand without a value the one that this means."""
    done: list[str] = []
    for index, argument in enumerate(arguments):
        done.append(argument)
        if argument in _BARE:
            following = arguments[index + 1] if index + 1 < len(arguments) else "-"
            if following.startswith("-") or Path(following).exists():
                done.append(_BARE[argument])
    return done
