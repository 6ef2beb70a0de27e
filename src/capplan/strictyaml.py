"""YAML without its traps, and the place in the file where a value stands.

Differences from what PyYAML does by itself:

- a key given twice is an error (PyYAML keeps the last);
- scalars follow YAML 1.2: only ``true`` and ``false`` are booleans, ``12:30`` and ``0755`` and dates
  are text, ``1e3`` is a number;
- explicit tags are refused: what a value is, the field says;
- files that are too large, too deep, recursive, or that grow by aliases are refused;
- every complaint is one :class:`~capplan.errors.Problem` with file, line and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from capplan.errors import InputError, Problem
from capplan.stdin import in_unicode, is_stdin, name_of, read_stdin

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 100
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_MAX_NODES = 500_000
_DEEP_ONLY_ABOVE = 2000
"""With fewer opening brackets than this no file can be deep enough to exhaust the parser's stack."""

_TEXT = "tag:yaml.org,2002:str"
_BRACKET = re.compile(r"[][{}]")
_INDENTED = re.compile(rf"^[-?: \t]{{{MAX_DEPTH // 2}}}", re.MULTILINE)
"""A line that may stand too deep: a list and the mapping around it can begin in the same column."""

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)$")
_FLOAT = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9_]*)(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$"
    r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)


class _Loader(_Parser):  # type: ignore[misc]
    """A safe loader with YAML 1.2 scalars that refuses a key given twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        merges = False
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _marked("a key must be plain text", key)
            if key.tag == "tag:yaml.org,2002:merge":
                merges = True
                continue
            if key.value in seen:
                what = f"key '{key.value}' is given twice"
                raise _marked(what, key)
            seen.add(key.value)
            # A key is text, whatever it looks like: `8080:` and `true:` are names here.
            key.tag = _TEXT
        if merges:
            super().flatten_mapping(node)
            # What was merged stands first, so that the own value wins; this node may be merged itself.
            node.value = list({key.value: (key, value) for key, value in node.value}.values())


for _tag, _pattern, _first in (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+0123456789."),
    ("merge", re.compile(r"<<$"), "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


class _ManifestLoader(_Loader):
    """Reads scalars as Kubernetes does, whose parser kept YAML 1.1: ``Off`` is a boolean, ``0644`` octal."""

    bool_values = {**_Parser.bool_values, "y": True, "n": False}


for _tag, _pattern, _first in (
    ("bool", re.compile(r"(?:y|Y|yes|Yes|YES|n|N|no|No|NO|on|On|ON|off|Off|OFF)$"), "yYnNoO"),
    ("int", re.compile(r"[-+]?0(?:b[01]+|x[0-9a-fA-F]+|[0-7]+)$"), "-+0"),
):
    _ManifestLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Return the text of ``path``, or of stdin for ``-``; every failure is an :class:`InputError`."""
    name = name_of(path)
    if is_stdin(path):
        return decode(read_stdin(limit + 1), name, limit)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise InputError(Problem(name, "no such file", _neighbours(path))) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise InputError(Problem(name, f"cannot be read ({why})")) from None
    return decode(data, name, limit)


def decode(data: bytes, name: str, limit: int = MAX_BYTES) -> str:
    """Return ``data`` as text if it is Unicode and has no more bytes than the ``limit``."""
    if len(data) > limit:
        raise InputError(Problem(name, "the file is too large", f"The limit is {limit // 2**20} MiB"))
    try:
        return in_unicode(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"not {error.encoding.upper()} text (byte 0x{data[error.start]:02x})"
        raise InputError(Problem(f"{name}:{line}", what, "Save it as UTF-8.")) from None


def _neighbours(path: Path) -> str:
    from capplan.errors import nearest

    if not path.parent.is_dir():
        return ""
    return nearest(path.name, [p.name for p in path.parent.glob("*.y*ml")])


def load(text: str, name: str) -> Any:
    """Return the one document in ``text``; ``name`` is what messages call the file."""
    return _loaded(text, name, _single)


def load_all(text: str, name: str) -> list[Any]:
    """Return the documents in ``text``, their scalars as Kubernetes reads them."""
    found: list[Any] = _loaded(text, name, _every, _ManifestLoader)
    return found


def _single(loader: _Loader, text: str) -> Any:
    node = loader.get_single_node()
    return None if node is None else _constructed(loader, node, text)


def _every(loader: _Loader, text: str) -> list[Any]:
    found = []
    while loader.check_node():
        found.append(_constructed(loader, loader.get_node(), text))
    return found


def _constructed(loader: _Loader, node: yaml.Node, text: str) -> Any:
    if "&" in text:
        _check_expansion(node)
    return _value(loader, node)


def _value(loader: _Loader, node: Any) -> Any:
    """Return what a node holds: text, a scalar of YAML 1.2, a list or a mapping; there are no other tags."""
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.tag == _TEXT else loader.yaml_constructors[node.tag](loader, node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item) for item in node.value]
    loader.flatten_mapping(node)
    return {key.value: _value(loader, value) for key, value in node.value}


def _loaded(
    text: str, name: str, construct: Callable[[_Loader, str], Any], reader: type[_Loader] = _Loader
) -> Any:
    try:
        _check_events(text)
        loader = reader(text)
        try:
            return construct(loader, text)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise InputError(_problem(error, name)) from None
    except yaml.YAMLError as error:
        raise InputError(Problem(name, f"not valid YAML: {_reason(error)}")) from None
    except RecursionError:
        raise InputError(Problem(name, TOO_DEEP)) from None
    except ValueError as error:
        raise InputError(Problem(name, f"not valid YAML: {error}")) from None


def _problem(error: yaml.MarkedYAMLError, name: str) -> Problem:
    mark: Any = error.problem_mark or error.context_mark
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    own = error.context is None and error.problem is not None
    what = str(error.problem) if own else f"not valid YAML: {error.problem} {error.context or ''}"
    return Problem(where, what.strip())


def _reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return f"the character U+{error.character:04X} is not allowed"
    return str(error).splitlines()[0]


def _marked(what: str, place: Any) -> yaml.MarkedYAMLError:
    """Return the error at a node or event."""
    return yaml.MarkedYAMLError(None, None, what, place.start_mark)


def bracket_too_deep(text: str, marks: re.Pattern[str]) -> int | None:
    """Return where the first bracket stands that is nested too deeply, None where all are in order.

    ``marks`` finds the brackets; what else it finds, such as quoted text, is passed over.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return None
    depth = 0
    for mark in marks.finditer(text):
        if mark[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return mark.start()
        elif mark[0] in "]}" and depth:
            depth -= 1
    return None


def _check_events(text: str) -> None:
    """Refuse explicit tags, and what is too deep to be composed; most files show at a glance neither."""
    if "!" not in text and not _may_be_deep(text):
        return
    depth = 0
    for event in _events(text):
        tag = getattr(event, "tag", None)
        if tag is not None:
            what = f"the tag of this value is not taken: {tag}"
            raise _marked(what, event)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _marked(TOO_DEEP, event)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _may_be_deep(text: str) -> bool:
    """Say whether a value may be nested too deeply, by brackets and indentation; quotes are not heeded."""
    return (
        bracket_too_deep(text, _BRACKET) is not None
        or max(map(text.count, "[{")) >= _DEEP_ONLY_ABOVE
        or _INDENTED.search(text) is not None
    )


def _events(text: str) -> Iterator[Any]:
    """Yield the parser's events; where it gives up because too many brackets are open, the error says so."""
    try:
        yield from yaml.parse(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark
        deep = bracket_too_deep(text[: mark.index + 1], _BRACKET) if mark else None
        if deep is None:
            raise
        raise yaml.MarkedYAMLError(None, None, TOO_DEEP, _mark_at(text, deep)) from None


def _mark_at(text: str, index: int) -> yaml.Mark:
    line, start = text.count("\n", 0, index), text.rfind("\n", 0, index) + 1
    return yaml.Mark("", index, line, index - start, None, 0)


def _check_expansion(root: yaml.Node) -> None:
    """Refuse a document whose aliases contain themselves or multiply into too many values."""
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node), -1)
        if known is None:
            what = "an alias contains itself"
            raise _marked(what, node)
        if known >= 0:
            return known
        sizes[id(node)] = None
        total = 1 + sum(map(size, _children(node)))
        if total > _MAX_NODES:
            what = f"aliases expand to more than {_MAX_NODES} values"
            raise _marked(what, node)
        sizes[id(node)] = total
        return total

    size(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def nodes(text: str) -> list[yaml.Node]:
    """Return the nodes of every document, with their marks; what is no YAML has none."""
    loader = _ManifestLoader(text)
    found = []
    try:
        while loader.check_node():
            found.append(loader.get_node())
    except yaml.YAMLError:
        return []
    finally:
        loader.dispose()
    return found


@lru_cache(maxsize=1)
def _root(text: str) -> yaml.Node | None:
    """Return the node of the one document; a plan is read again with each of its alternatives."""
    loader = _Loader(text)
    try:
        root: yaml.Node | None = loader.get_single_node()
        return root
    finally:
        loader.dispose()


class Locator:
    """Finds the line and column of a value by its path; parses the text again, when first asked."""

    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self.name = name

    @property
    def _root(self) -> yaml.Node | None:
        return _root(self._text)

    def find(self, path: Sequence[object]) -> tuple[str, bool]:
        """Return ``file:line:column`` of the value at ``path``, and whether all of it is there.

        Parts of the path that the file does not have are skipped, so the answer is the nearest
        enclosing value.
        """
        node, mark, complete = self._root, None, True
        for part in path:
            step = _step(node, part)
            if step is None:
                complete = False
                continue
            key, node = step
            mark = key.start_mark
        if mark is None:
            return self.name, complete and not path
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}", complete


def _step(node: yaml.Node | None, part: object) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == str(part):
            return key, value
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                found = _step(source, part)
                if found:
                    return found
    return None
