"""The command line: every command, and how each of them ends."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Container
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, get_type_hints

from capplan import __version__
from capplan.cli.commands import COMMANDS
from capplan.errors import ExitCode, InputError, printable

if TYPE_CHECKING:
    import typer


def app_with(wanted: Container[str]) -> typer.Typer:
    """Return the command line with the ``wanted`` commands whole, and of the others name and summary."""
    import typer

    from capplan.cli.command import Command

    app = typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="Start with: capplan init. Documentation: docs/. --debug locates a bug.",
    )
    app.callback(invoke_without_command=True)(_start(typer))
    for name, command in COMMANDS.items():
        if name not in wanted:
            app.command(name, cls=Command, help=command.summary)(_not_loaded)
            continue
        found: Any = getattr(import_module(f"capplan.cli.{command.module}"), command.module)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            # Evaluated here, once: typer would evaluate each of them four times.
            found.__annotations__ = get_type_hints(found, include_extras=True)
            app.command(name, cls=Command)(found)
    return app


def _not_loaded() -> None:
    """Stand in for a command that was not asked for."""


def _start(typer: Any) -> Any:
    def show_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"capplan {__version__}")
            raise typer.Exit

    def start(
        context: typer.Context,
        version: bool = typer.Option(
            False, "--version", callback=show_version, is_eager=True, help="Show the version and exit."
        ),
    ) -> None:
        """Plan capacity and calculate cost from one plan file, offline."""
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    # typer reads the annotations of a function, and typer is not imported above.
    start.__annotations__ = {"context": typer.Context, "version": bool, "return": None}
    return start


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    # A command is over before its garbage matters: collecting it costs a tenth of the start-up, and looking
    # for it once more at exit as much again.
    gc.disable()
    # capplan does no linear algebra, and the threads for it take time to start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _without_plugins()
    _open_streams()
    try:
        sys.exit(_run(sys.argv[1:] if arguments is None else arguments))
    finally:
        _flush()
        gc.freeze()


def _open_streams() -> None:
    """Give a process without stdin, stdout or stderr empty ones, so that no file takes their place.

    What is written to a stdout that was closed is an error when it is flushed.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while os.open(os.devnull, os.O_RDWR) <= _LAST_STREAM:
        pass
    for name, mode, access in _STREAMS:
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, access), mode, encoding="utf-8"))


_STREAMS = (("stdin", "r", os.O_RDONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY))
_LAST_STREAM = 2


def _flush() -> None:
    """Write what is left; a reader that has gone, as `| head` does, misses nothing that it wanted."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            sys.exit(_fail(f"stdout: {_reason(error)}", ExitCode.INPUT))


def _reason(error: OSError) -> str | None:
    return "is closed, so the result is lost" if error.errno == errno.EBADF else error.strerror


def _without_plugins() -> None:
    """Spare pydantic the search for plugins: it imports a mail parser to read every package's metadata."""
    loader = ModuleType("pydantic.plugin._loader")
    loader.get_plugins = lambda: ()  # type: ignore[attr-defined]
    sys.modules.setdefault(loader.__name__, loader)


def _run(arguments: list[str]) -> int:
    """Run one command, turn whatever happens into a message, and return the exit code."""
    debug = "--debug" in arguments or bool(os.environ.get("CAPPLAN_DEBUG"))
    arguments = [a for a in arguments if a != "--debug"]
    try:
        # The first argument that is a command is the command: those before it can only be options.
        app_with([a for a in arguments if a in COMMANDS][:1])(arguments, prog_name="capplan")
    except SystemExit as end:
        # typer says nothing after Ctrl-C, and ends with 1 where the reader of stdout has gone.
        if end.code == ExitCode.INTERRUPTED:
            return _fail("interrupted", ExitCode.INTERRUPTED)
        if not isinstance(end.__context__, BrokenPipeError):
            raise
    except InputError as error:
        return _fail(str(error), ExitCode.INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except OSError as error:
        # A path that cannot be, a full disk: nothing of it is a fault of capplan.
        where = printable(str(error.filename or "stdout"))[:200]
        return _fail(f"{where}: {_reason(error)}", ExitCode.INPUT)
    except Exception as error:
        if debug:
            raise
        what = f"internal error: {type(error).__name__}: {error}"
        return _fail(f"{what}\nRun again with --debug and report what it prints.", ExitCode.INTERNAL)
    return ExitCode.OK


def _fail(message: str, code: ExitCode) -> int:
    sys.stderr.write("".join(f"capplan: {printable(line)}\n" for line in message.split("\n")))
    return code
