"""What every command does with its arguments before it runs."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from capplan.cli import settings
from capplan.cli.argv import spelled_out
from capplan.errors import InputError, Problem
from capplan.stdin import is_stdin


def _values(value: Any) -> list[str]:
    """Return what a parameter names; a list may hold NAME=FILE."""
    several = value if isinstance(value, list | tuple) else [value]
    return [str(one).removeprefix("cpu=").removeprefix("memory=") for one in several]


def was_said(ctx: Any, name: str) -> bool:
    """Say whether a parameter was given on the command line."""
    return str(getattr(ctx.get_parameter_source(name), "name", "")) == "COMMANDLINE"


def was_default(ctx: Any, name: str) -> bool:
    """Say whether a parameter has the value that a file sets."""
    return str(getattr(ctx.get_parameter_source(name), "name", "")) == "DEFAULT_MAP"


class Command(TyperCommand):
    """A command whose arguments mean the same wherever it runs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, optional values spelled out; the user's files say the defaults."""
        if not {"-h", "--help"} & set(args):
            ctx.default_map = self._defaults()
        rest = super().parse_args(ctx, spelled_out(args, self._takes_value))
        self._without_strange_region(ctx)
        self._refuse_stdin_twice(ctx)
        return rest

    def _refuse_stdin_twice(self, ctx: Any) -> None:
        """Raise an error where several parameters are to be read from stdin."""
        readers = [
            p.opts[0] if p.opts[0].startswith("-") else str(p.metavar)
            for p in self.params
            for value in _values(ctx.params.get(p.name))
            if is_stdin(value) and p.name != "output"
        ]
        if len(readers) > 1:
            what = f"stdin can be read only once, and {readers[0]} reads it"
            raise InputError(Problem(readers[1], what, "Name a file instead of '-'."))

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole: the list of commands wraps it."""
        return " ".join((self.help or "").split("\n\n")[0].split())

    def _defaults(self) -> dict[str, Any]:
        """Return what files set of the parameters that have a twin in the environment, by their names."""
        names = {settings.twin(key): key for key in settings.KEYS}
        ours = {str(p.name): names[p.envvar] for p in self.params if p.envvar in names}
        layers = settings.files() if ours else []
        found = {
            name: next((la[key].value for la in layers if key in la), None) for name, key in ours.items()
        }
        return {name: value for name, value in found.items() if value is not None}

    def _without_strange_region(self, ctx: Any) -> None:
        """Leave out a region that a file sets beside another provider than the one that is asked for."""
        set_ = ctx.default_map or {}
        if "region" in set_ and was_default(ctx, "region"):
            provider = ctx.params["provider"]
            if set_.get("provider", provider) != provider:
                ctx.params["region"] = None

    def _takes_value(self, option: str) -> bool:
        """Say whether the argument after ``option`` is its value; of short ones in a row, the last one's."""
        taking = {name for p in self.params if not getattr(p, "is_flag", True) for name in p.opts}
        if option.startswith("--"):
            return option in taking
        first = next((i for i, letter in enumerate(option) if f"-{letter}" in taking), None)
        return first == len(option) - 1
