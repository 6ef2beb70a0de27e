"""One value as text of one language, so that no value can become structure.

Every encoder takes None, bool, int, float, str, and raises :class:`UnsafeValueError` for what its language
has no safe form for. Lists and maps go through :func:`block_yaml` and the languages' own literals.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f\x85\ue000\ue001\ud800-\udfff]")
"""Control characters (kustomize corrupts U+0085 and fails on U+007F), our own marks, lone surrogates."""

_ESCAPED = re.compile('["\\\\\t\n\x80-\x9f\xa0\u2028\u2029\ufeff\ufffe\uffff]')
_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_KEYWORDS = """
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
collation column concurrently constraint create cross current_catalog current_date current_role
current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
except false fetch for foreign freeze from full grant group having ilike in initially inner intersect
into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null
offset on only or order outer overlaps placing primary references returning right select session_user
similar some symmetric system_user table tablesample then to trailing true union unique user using
variadic verbose when where window with
"""
_RESERVED = frozenset(_KEYWORDS.split())
"""Words that PostgreSQL takes for the name of no table or column without quotes (its appendix C)."""


class UnsafeValueError(ValueError):
    """A value that an artefact cannot hold."""


def checked(text: str) -> str:
    """Return ``text``, or raise for characters that no artefact can hold."""
    found = _REFUSED.search(text)
    if found:
        raise UnsafeValueError(f"{text[:60]!r} holds the character U+{ord(found[0]):04X}")
    return text


def yaml_scalar(value: object) -> str:
    """Return ``value`` as one YAML scalar, the same in YAML 1.1 and 1.2; plain only where harmless.

    >>> print(*map(yaml_scalar, ("api", "on", "1e3", 0.1, "a: b")))
    api "on" "1e3" 0.1 "a: b"
    """
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        return '"' + _ESCAPED.sub(_escape, checked(value)) + '"'
    return _literal(value)


def _escape(match: re.Match[str]) -> str:
    return _NAMED.get(match[0]) or f"\\u{ord(match[0]):04x}"


def _literal(value: object) -> str:
    """Return a boolean or a number: floats in positional notation, with a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    raise UnsafeValueError(f"{value!r} has no safe form")


def block_yaml(value: object, indent: int) -> str:
    """Return a list or a map as YAML blocks that start on a line of their own, indented by ``indent``."""
    if isinstance(value, Mapping):
        if not value:
            return " {}"
        lines = [f"\n{' ' * indent}{yaml_scalar(key)}:{_under(item, indent)}" for key, item in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return " []"
        lines = [f"\n{' ' * indent}-{_in_list(item, indent)}" for item in value]
    else:
        raise UnsafeValueError(f"{value!r} is neither a list nor a map")
    return "".join(lines)


def _under(value: object, indent: int) -> str:
    return block_yaml(value, indent + 2) if _is_tree(value) else f" {yaml_scalar(value)}"


def _in_list(value: object, indent: int) -> str:
    """Return an item after its dash: a map starts on the same line, as people write it."""
    if not _is_tree(value):
        return f" {yaml_scalar(value)}"
    text = block_yaml(value, indent + 2)
    return " " + text.lstrip("\n").lstrip(" ") if text.startswith("\n") else text


def _is_tree(value: object) -> bool:
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str)


def json_value(value: object) -> str:
    """Return ``value`` as JSON; also a JavaScript literal. Strings outside ASCII stay as they are."""
    _check_all(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def json_block(value: object, indent: int) -> str:
    """Return ``value`` as JSON over several lines, inside ``indent`` spaces."""
    _check_all(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2).replace("\n", "\n" + " " * indent)


def python_value(value: object) -> str:
    """Return ``value`` as a Python literal."""
    _check_all(value)
    return repr(value)


def shell_value(value: object) -> str:
    """Return ``value`` as one word of a POSIX shell."""
    import shlex

    return shlex.quote(checked(value)) if isinstance(value, str) else _literal(value)


def sql_value(value: object) -> str:
    """Return ``value`` as an SQL literal of PostgreSQL with standard_conforming_strings."""
    if isinstance(value, str):
        return "'" + checked(value).replace("'", "''") + "'"
    return _literal(value)


def sql_identifier(value: object) -> str:
    """Return the name of a table or a column."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise UnsafeValueError(f"{value!r} is not an SQL identifier in lower case")
    if value in _RESERVED:
        raise UnsafeValueError(f"'{value}' is a reserved word of SQL and cannot name a table or a column")
    return value


def config_value(value: object) -> str:
    """Return ``value`` as one word of a Redis configuration file."""
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9._/:-]+", value):
        raise UnsafeValueError(f"{value!r} is not one word")
    return value if isinstance(value, str) else _literal(value)


def markdown_value(value: object) -> str:
    r"""Return ``value`` as text inside a line of Markdown.

    >>> print(markdown_value("a <b> `c`"))
    a \<b\> \`c\`
    """
    if not isinstance(value, str):
        return _literal(value)
    if "\n" in value:
        raise UnsafeValueError(f"{value[:60]!r} has several lines")
    return re.sub(r"([\\`*<>\[\]|#&])", r"\\\1", checked(value))


def _check_all(value: object) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise UnsafeValueError(f"the key {key!r} is not text")
            checked(key)
            _check_all(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_all(item)
    elif isinstance(value, str):
        checked(value)
    elif value is not None:
        _literal(value)
