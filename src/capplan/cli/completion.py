"""`capplan completion`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import Force, OutputFile

if TYPE_CHECKING:
    from capplan.cli.tree import Node


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="Shell that the script is for.")],
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Print a completion script for your shell.

    The script holds all commands, options and choices, so that completing does not start capplan. Print it
    again after an upgrade.

    Example: capplan completion bash
    """
    from capplan.cli.output import emit
    from capplan.cli.tree import nodes

    emit(_SCRIPTS[shell](nodes()), output, force)


_BASH = """\
# Completion of capplan for bash.
_capplan() {{
    local at="" word options="" below="" values=""
    local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD - 1]}}"
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $before == "=" ]]; then
        before="${{COMP_WORDS[COMP_CWORD - 2]}}"
    fi
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "${{at:+$at }}$word" in
            {known}) at="${{at:+$at }}$word" ;;
        esac
    done
    COMPREPLY=()
    case "$at $before" in
{values}
    esac
    case "$at" in
{words}
    esac
    if [[ -n $values ]]; then
        [[ $values == files ]] || COMPREPLY=($(compgen -W "$values" -- "$current"))
    elif [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    elif [[ -n $below ]]; then
        COMPREPLY=($(compgen -W "$below" -- "$current"))
    fi
}}
complete -o bashdefault -o default -F _capplan capplan
"""

_ZSH = """\
#compdef capplan
# Completion of capplan for zsh.
_capplan() {{
    local at="" word options="" below="" values="" before="${{words[CURRENT - 1]}}"
    if [[ ${{words[CURRENT]}} == --*=* ]]; then
        before="${{words[CURRENT]%%=*}}"
        compset -P '*='
    fi
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "${{at:+$at }}$word" in
            {known}) at="${{at:+$at }}$word" ;;
        esac
    done
    case "$at $before" in
{values}
    esac
    case "$at" in
{words}
    esac
    if [[ -n $values ]]; then
        if [[ $values == files ]]; then _files; else compadd -- ${{=values}}; fi
    elif [[ $PREFIX == -* ]]; then
        compadd -- ${{=options}}
    elif [[ -n $below ]]; then
        compadd -- ${{=below}}
    else
        _files
    fi
}}
if [[ $funcstack[1] == _capplan ]]; then
    _capplan "$@"
else
    compdef _capplan capplan
fi
"""


def _posix(template: str) -> Callable[[Sequence[Node]], str]:
    """Return what writes a script whose syntax bash and zsh share, but for its frame."""

    def written(found: Sequence[Node]) -> str:
        return template.format(
            known="|".join(_quoted(node.words) for node in found if node.words),
            values="\n".join(f"        {line}" for line in _values(found)),
            words="\n".join(f"        {line}" for line in _words(found)),
        )

    return written


def _values(found: Sequence[Node]) -> Iterator[str]:
    """Yield a case for each set of values, with the options that take it; values without a list are files."""
    takers: dict[str, list[str]] = {}
    for node in found:
        for option in (option for option in node.options if option.value):
            values = " ".join(option.choices) or "files"
            takers.setdefault(values, []).extend(_quoted(f"{node.words} {name}") for name in option.names)
    for values, cases in takers.items():
        yield f'{"|".join(cases)}) values="{values}" ;;'


def _words(found: Sequence[Node]) -> Iterator[str]:
    for node in found:
        yield f'{_quoted(node.words)}) options="{_names(node)}" below="{" ".join(_next(node))}" ;;'


def _names(node: Node) -> str:
    return " ".join(name for option in node.options for name in option.names)


def _next(node: Node) -> Iterable[str]:
    """Return the words that can follow: commands, or the choices of arguments."""
    return node.below or [choice for argument in node.arguments for choice in argument.choices]


def _quoted(words: str) -> str:
    return f'"{words}"'


def _fish(found: Sequence[Node]) -> str:
    lines = ["# Completion of capplan for fish."]
    by_words = {node.words: node for node in found}
    groups = [node.words for node in found if node.below and node.words]
    for node in found:
        where = _fish_place(node, groups)
        for name in _next(node):
            below = by_words.get(f"{node.words} {name}".strip())
            said = f" -d {_fish_quoted(below.summary)}" if below else ""
            lines.append(f"complete -c capplan -f -n {where} -a {name}{said}")
        for option in node.options:
            names = "".join(f" -{'l' if n.startswith('--') else 's'} {n.lstrip('-')}" for n in option.names)
            takes = f" -x -a {_fish_quoted(' '.join(option.choices))}" if option.choices else " -r"
            text = f"{names}{takes if option.value else ''} -d {_fish_quoted(option.help)}"
            lines.append(f"complete -c capplan -n {where}{text}")
    return "\n".join(lines) + "\n"


def _fish_place(node: Node, groups: Sequence[str]) -> str:
    """Return the condition under which a node's words come next: its own are there, and no others."""
    words = node.words.split()
    others = node.below or (groups if len(words) == 1 else ())
    seen = [f"__fish_seen_subcommand_from {word}" for word in words]
    if others:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(others)}")
    return _fish_quoted("; and ".join(seen))


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_SCRIPTS: Mapping[Shell, Callable[[Sequence[Node]], str]] = {
    Shell.BASH: _posix(_BASH),
    Shell.ZSH: _posix(_ZSH),
    Shell.FISH: _fish,
}
