"""Where findings stand in their files: line and column, looked up only for what was found."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from capplan.errors import InputError
from capplan.findings import Finding
from capplan.strictyaml import nodes

_INDEX = re.compile(r"\[(\d+)\]\.?")


def placed(
    findings: Sequence[Finding], files: Container[str], text_of: Callable[[str], str]
) -> list[Finding]:
    """Return findings with the line and column of their object or field.

    files: those that could be read. text_of: the text of one; OSError and InputError mean that it is gone.
    """
    documents: dict[str, list[Any]] = {}
    found = []
    for finding in findings:
        if finding.line is None and finding.file in files:
            if finding.file not in documents:
                documents[finding.file] = _documents(finding.file, text_of)
            mark = _mark(finding, documents[finding.file])
            if mark is not None:
                finding = finding._replace(line=mark.line + 1, column=mark.column + 1)
        found.append(finding)
    return found


def _documents(file: str, text_of: Callable[[str], str]) -> list[Any]:
    """Return the nodes of the objects in a file, those of a List one by one."""
    try:
        roots = nodes(text_of(file))
    except (OSError, InputError):
        return []
    return [node for root in roots for node in (_members(root) or [root])]


def _members(root: Any) -> list[Any]:
    for key, value in _pairs(root):
        listed = isinstance(value.value, list) and not _pairs(value)
        if key.value == "items" and listed and _said(root, "kind").endswith("List"):
            return list(value.value)
    return []


def _pairs(node: Any) -> list[Any]:
    value = getattr(node, "value", None)
    return value if isinstance(value, list) and value and isinstance(value[0], tuple) else []


def _said(node: Any, *path: str) -> str:
    for name in path:
        node = next((value for key, value in _pairs(node) if key.value == name), None)
    return node.value if node is not None and isinstance(node.value, str) else ""


def _mark(finding: Finding, documents: Sequence[Any]) -> Any:
    """Return where a finding stands; an object may have another name in its file than when it is composed."""
    kind, _, name = finding.subject.partition("/")
    of_kind = [node for node in documents if _said(node, "kind") == kind]
    named = [node for node in of_kind if _said(node, "metadata", "name") in (name, "")]
    composed = [node for node in of_kind if _said(node, "metadata", "name") in name]
    chosen = next(iter([*named, *composed, *(documents if kind in ("File", "Rules") else ())]), None)
    if chosen is None:
        return None
    return list(_walk(chosen, finding.field))[-1]


def _walk(node: Any, field: str) -> Iterator[Any]:
    """Yield the marks on the way to a field, as far as the file has it; keys may hold points."""
    yield node.start_mark
    index = _INDEX.match(field)
    if index is not None:
        entries = node.value if isinstance(node.value, list) and not _pairs(node) else []
        if int(index[1]) < len(entries):
            yield from _walk(entries[int(index[1])], field[index.end() :])
        return
    for key, value in sorted(_pairs(node), key=lambda pair: -len(str(pair[0].value))):
        rest = field.removeprefix(str(key.value))
        if rest != field and rest[:1] in ("", ".", "["):
            yield key.start_mark
            if rest:
                yield from list(_walk(value, rest.removeprefix(".")))[1:]
            return
