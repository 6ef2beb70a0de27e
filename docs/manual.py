"""The manual page, written from the commands: `python docs/manual.py > docs/capplan.1`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from capplan.cli.settings import KEYS, twin
from capplan.cli.tree import Node, Option, nodes
from capplan.errors import ExitCode

_CODES = {
    ExitCode.OK: "Fine.",
    ExitCode.INTERNAL: "An internal error.",
    ExitCode.INPUT: "Wrong usage or wrong input.",
    ExitCode.COST: "A cost gate failed.",
    ExitCode.CAPACITY: "A gate of capacity or SLO failed, or a check of manifests.",
    ExitCode.COST_AND_CAPACITY: "Both.",
    ExitCode.COVERAGE: "Prices are missing or stale, where a gate forbids it.",
    ExitCode.DRIFT: "Files differ from what would be rendered, or claims from what is computed.",
    ExitCode.INTERRUPTED: "Interrupted.",
}


def page(found: Sequence[Node]) -> str:
    """Return the page in the language of man."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Sequence[Node]) -> Iterator[str]:
    whole = found[0]
    yield '.\\" Written by docs/manual.py; `make docs` renews it.'
    yield '.TH CAPPLAN 1 "" capplan "User commands"'
    yield from (".SH NAME", f"capplan \\- {_text(whole.summary[:1].lower() + whole.summary[1:].rstrip('.'))}")
    yield from (".SH SYNOPSIS", ".B capplan", r"\fICOMMAND\fR [\fIOPTION\fR...] [\fIARGUMENT\fR...]")
    yield from (".SH OPTIONS", *_options(whole.options))
    yield ".SH COMMANDS"
    for node in found[1:]:
        yield from _command(node)
    yield ".SH EXIT STATUS"
    for code in ExitCode:
        yield from (".TP", f".B {code.value}", _text(_CODES[code]))
    yield ".SH ENVIRONMENT"
    for key, takes in KEYS.items():
        yield from (".TP", f".B {twin(key)}", _text(f"The setting {key}: {takes}."))
    yield from (".TP", ".B COLUMNS", "Width of reports, 80 by default in files and pipes.")
    yield from (".SH FILES", ".TP", ".I capplan.toml, pyproject.toml", "Settings of the project.")
    yield from (".TP", ".I ~/.config/capplan/config.toml", "Settings of the user.")


def _command(node: Node) -> Iterator[str]:
    takes = "".join(f" \\fI{_text(argument.value)}\\fR" for argument in node.arguments)
    yield f".SS capplan {_text(node.words)}{takes or (' COMMAND' if node.below else '')}"
    for index, paragraph in enumerate(node.help.split("\n\n")):
        yield from ([".PP"] if index else [])
        is_example = paragraph.startswith("Example: ")
        yield from (".EX", _text(paragraph), ".EE") if is_example else (_text(paragraph),)
    for argument in (argument for argument in node.arguments if argument.help):
        yield from (".TP", f".I {_text(argument.value)}", _text(argument.help))
    yield from _options(node.options)


def _options(options: Sequence[Option]) -> Iterator[str]:
    for option in options:
        names = ", ".join(f"\\fB{_text(name)}\\fR" for name in option.names)
        value = f" \\fI{_text(option.value)}\\fR" if option.value else ""
        yield from (".TP", names + value, _text(option.help))


def _text(words: str) -> str:
    """Return words of which roff takes none for a request or an escape."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", escaped)


if __name__ == "__main__":
    sys.stdout.write(page(nodes()))
