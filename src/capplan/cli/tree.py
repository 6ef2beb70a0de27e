"""The commands as data, for whatever is written from them: completion scripts and the manual page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple


class Option(NamedTuple):
    """An option or an argument; an argument has no dash before its name.

    value: what stands for its value in help, empty for a switch. choices: all values, where there are few.
    """

    names: Sequence[str]
    help: str
    value: str
    choices: Sequence[str]


class Node(NamedTuple):
    """A command or a group of commands.

    words: what is typed after `capplan`. below: the names of its commands, where it is a group.
    """

    words: str
    help: str
    options: Sequence[Option]
    arguments: Sequence[Option]
    below: Sequence[str]

    @property
    def summary(self) -> str:
        """Return the first sentence of the help."""
        return self.help.split("\n\n")[0]


def nodes() -> list[Node]:
    """Return every command and group; capplan itself comes first, with no words."""
    from typer.main import get_command

    from capplan.cli.app import app_with
    from capplan.cli.commands import COMMANDS

    return list(_nodes(get_command(app_with(COMMANDS)), ""))


def _nodes(command: Any, words: str) -> Iterator[Node]:
    below = getattr(command, "commands", {})
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    options = [_option(p) for p in shown if p.opts[0].startswith("-")]
    options.append(Option(("-h", "--help"), "Show this message and exit.", "", ()))
    paragraphs = (" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    yield Node(
        words=words,
        help="\n\n".join(paragraphs),
        options=options,
        arguments=[_option(p) for p in shown if not p.opts[0].startswith("-")],
        below=list(below),
    )
    for name, each in below.items():
        yield from _nodes(each, f"{words} {name}".strip())


def _option(parameter: Any) -> Option:
    choices = _choices(parameter)
    is_switch = getattr(parameter, "is_flag", False)
    value = "" if is_switch else parameter.metavar or "|".join(choices) or str(parameter.name).upper()
    help_ = str(parameter.help or "")
    if parameter.envvar:
        help_ += f" [{parameter.envvar}]"
    return Option((*parameter.opts, *parameter.secondary_opts), help_, value, choices)


def _choices(parameter: Any) -> Sequence[str]:
    """Return the values that an option takes, as its type or its metavar lists them."""
    named = parameter.type_descriptor.choices
    if named:
        return [str(getattr(choice, "value", choice)) for choice in named]
    listed = re.fullmatch(r"\[([\w|-]+\|[\w|-]+)\]", parameter.metavar or "")
    return listed[1].split("|") if listed else ()
