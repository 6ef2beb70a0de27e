"""Change fields in the text of a plan: comments, order and layout of everything else stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from capplan.errors import InputError, Problem
from capplan.plan.read import parse_plan

_IN_A_LINE = 24


class _Plain(yaml.SafeDumper):
    """Writes what is there twice twice: a line is to be read without looking elsewhere."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def edited(text: str, changes: Mapping[Sequence[str], object], name: str) -> str:
    """Return the plan ``text`` with the value of each path changed, added, or removed where it is None.

    A new value is in flow style, one line but for long lists, with the comment that stood behind the old one.
    A new field comes last in its section. ``name``: of the file, for messages.

    Raises:
        InputError: a path leads through an alias, whose text others share, or through what is no mapping.
    """
    for path, value in changes.items():
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(root, yaml.MappingNode):
            raise InputError(Problem(name, "is not a mapping"))
        text = _changed(text, root, path, value, name)
    return text


def edited_plan(
    text: str,
    changes: Mapping[Sequence[str], object],
    name: str,
    directory: Path,
    alternative: str | None = None,
) -> str:
    """Return the plan ``text`` changed as by :func:`edited`; :class:`InputError` if it is no plan then."""
    done = edited(text, changes, name)
    parse_plan(done, name, directory, alternative=alternative)
    return done


def short(value: float) -> float:
    """Return a measured figure as a plan shows it: to four digits, whole where it is.

    >>> short(123.456), short(140.0)
    (123.5, 140)
    """
    rounded = float(f"{value:.4g}")
    return int(rounded) if rounded.is_integer() else rounded


def difference(before: str, after: str, name: str) -> list[str]:
    """Return what an edit changes, as the lines of a unified diff."""
    from difflib import unified_diff

    return list(unified_diff(before.splitlines(), after.splitlines(), name, name, n=1, lineterm=""))


def _changed(text: str, node: yaml.MappingNode, path: Sequence[str], value: object, name: str) -> str:
    key, *rest = path
    entry = next((pair for pair in node.value if pair[0].value == key), None)
    if entry is None:
        return text if value is None else _added(text, node, key, _nested(rest, value))
    old = entry[1]
    if _is_alias(*entry):
        what = f"'{'.'.join(path)}' cannot be changed, because '{key}' is an alias"
        raise InputError(Problem(f"{name}:{entry[0].start_mark.line + 1}", what, "Write it out there."))
    if not rest:
        return _removed(text, node, entry) if value is None else _replaced(text, entry, value)
    if isinstance(old, yaml.MappingNode):
        return _changed(text, old, rest, value, name)
    if value is None:
        return text
    if old.value != "":
        what = f"'{key}' is not a mapping, so '{'.'.join(rest)}' cannot be set"
        raise InputError(Problem(f"{name}:{old.start_mark.line + 1}", what))
    return _replaced(text, entry, _nested(rest, value))


def _replaced(text: str, entry: tuple[yaml.Node, yaml.Node], value: object) -> str:
    key, old = entry
    return f"{text[: key.end_mark.index]}: {_flow(value, key.start_mark.column)}{text[_end(text, old) :]}"


def _removed(text: str, node: yaml.MappingNode, entry: tuple[yaml.Node, yaml.Node]) -> str:
    """Return the text without the lines of an entry; in flow style without its comma."""
    key, old = entry
    begins, ends = key.start_mark.index, _end(text, old)
    if len(node.value) == 1:
        return text[:begins] + ("" if node.flow_style else "{}") + text[ends:]
    if not node.flow_style:
        return text[: begins - key.start_mark.column] + text[_next_line(text, ends) :]
    rest = text[ends:].lstrip()
    if rest.startswith(","):
        return text[:begins] + rest[1:].lstrip(" ")
    return text[:begins].rstrip().removesuffix(",") + text[ends:]


def _added(text: str, node: yaml.MappingNode, name: str, value: object) -> str:
    column = node.start_mark.column if node.flow_style else node.value[-1][0].start_mark.column
    entry = f"{_flow(name)}: {_flow(value, column)}"
    if node.flow_style:
        end = node.end_mark.index - 1
        before = text[:end].rstrip()
        comma = "" if not node.value or before.endswith(",") else ","
        return f"{before}{comma}{' ' if node.value else ''}{entry}{text[end:]}"
    key, last = node.value[-1]
    at = _next_line(text, key.end_mark.index if _is_alias(key, last) else _end(text, last))
    broken = "" if text[:at].endswith("\n") else "\n"
    return f"{text[:at]}{broken}{' ' * column}{entry}\n{text[at:]}"


def _nested(path: Sequence[str], value: object) -> object:
    for key in reversed(path):
        value = {key: value}
    return value


def _flow(value: object, column: int = 0) -> str:
    """Return a value in flow style; a list of more than a day's hours has a line a day, behind ``column``."""
    if isinstance(value, list) and len(value) > _IN_A_LINE:
        lines = [_flow(value[at : at + _IN_A_LINE])[1:-1] for at in range(0, len(value), _IN_A_LINE)]
        return f",\n{' ' * (column + 2)}".join(lines).join(("[", "]"))
    dumped: str = yaml.dump(value, Dumper=_Plain, default_flow_style=True, width=10**6, sort_keys=False)
    return dumped.removesuffix("...\n").strip()


def _next_line(text: str, index: int) -> int:
    """Return where the line after ``index`` begins; behind the text if there is none."""
    return text.find("\n", index) + 1 or len(text)


def _is_alias(key: yaml.Node, value: yaml.Node) -> bool:
    """Say whether a value stands elsewhere: its text is that of its anchor."""
    return bool(value.start_mark.index < key.end_mark.index)


def _end(text: str, node: yaml.Node) -> int:
    """Return where a value ends: a block with its last leaf, before the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(last, tuple) else (node, last)
        if isinstance(last, tuple) and _is_alias(key, value):
            return _next_line(text, key.end_mark.index) - 1
        return _end(text, value)
    ends: int = node.end_mark.index  # of a block of text, where the next line with words begins
    return len(text[:ends].rstrip()) if isinstance(node, yaml.ScalarNode) and node.style else ends
