"""What readers see of a resource, and the table of its attributes: each is priced, free, or named.

An attribute is priced if its reader asks for it. Of the rest, the table of the type says which cost nothing
and which hold the provider's default; whatever else is set becomes a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

from capplan.adopt.terraform.planned import UNKNOWN, Planned, Unknown
from capplan.adopt.tfplan import list_of, mapping_of
from capplan.quantities import shown

_MOST = 10**9
"""Of whatever is counted or measured in GiB; what is more, or below 0, is no number of anything."""

_NAMING = re.compile(
    r"(?:.*_)?(?:ids?|arns?|names?|prefix(?:es)?|identifier|dns|fqdn|ips?|cidrs?|address(?:es)?|endpoints?|ports?"
    r"|urls?|uris?|state|status|time|date|window|region|zones?|location|tags?(?:_all)?|profile|labels?|annotations|description|comment"
    r"|username|password|token|keys?|role|policy|groups?|subnets?|network|subnetwork|version|user_data.*|timeouts"
    r"|created_.*|creation_.*|creator|effective_.*|.*_actual|(?:.*_)?fingerprint|certificate_authority|last_.*"
    r"|.*sha256|source_code_size|size_in_bytes|number_of_mount_targets|users|writer|(?:.*_)?generation"
    r"|(?:.*_)?(?:revision|conditions?|statuses|status)|arn_.*"
    r"|project|protection|lifecycle|encrypted|encryption.*|wait_for_.*|skip_.*|force_.*|self_link.*)"
)
"""Attributes that cost nothing wherever they stand: names, references, addresses, times, permissions, and
what states tell of what is there."""


class UncoveredError(Exception):
    """A resource, or a part of it, that cannot be priced, and why."""


ON_HOST = "it runs on a dedicated host, which is billed in its place"


class Row(NamedTuple):
    """How a resource type is read.

    read: its reader; what the reader asks for is priced. free: attributes and blocks, by their dotted path,
    that cost nothing; ``*`` for all others. defaults: values that other attributes have if nobody sets them,
    several in a tuple. named: what costs money and has no price, whatever it is called and whatever ``free``
    says.
    """

    read: Callable[[Any, Attributes], None]
    free: str = ""
    defaults: Mapping[str, object] = {}
    named: str = ""


class Attributes:
    """A resource, or a block inside it; it keeps what its reader has asked for."""

    def __init__(self, node: Planned, unset: Callable[[Planned, str], bool]) -> None:
        """Take a resource of which nothing is asked for yet; ``unset`` is :meth:`Graph.unset`."""
        self.node, self._unset, self.path = node, unset, ""
        self.values: Mapping[str, Any] = node.values
        self._unknown: Mapping[str, Any] = node.unknown
        self.expressions: Mapping[str, Any] | None = node.expressions
        self.asked: set[str] = set()
        self.odd: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.values)

    def refuse_host(self, *names: str) -> None:
        """Raise where an attribute puts a machine on a host, which is billed in its place."""
        if any(self.get(name) for name in names):
            raise UncoveredError(ON_HOST)

    def get(self, name: str) -> Any:
        """Return a value; UNKNOWN for one that only `apply` tells, and None for one that nobody set."""
        self.asked.add(f"{self.path}{name}")
        value = self.values.get(name)
        return UNKNOWN if value is None and self.is_unknown(name) else value

    def is_unknown(self, name: str) -> bool:
        """Say whether somebody set a value that is unknown; the provider's own choices are not set."""
        if self._unknown.get(name) is not True or not self.writes(name):
            return False
        return self.expressions is None or not self._unset(self.node, f"{self.path}{name}")

    def has(self, name: str) -> bool:
        """Say whether a block is there, or will be: it is written, and nothing says that it is not."""
        value = self.values.get(name)
        return bool(value) or (value is None and self.expressions is not None and name in self.expressions)

    def writes(self, name: str) -> bool:
        """Say whether the configuration, where there is one, writes an attribute."""
        return self.expressions is None or name in self.expressions

    def known(self, name: str) -> Any:
        """Return a value, or None for one that nobody set; raise for one that only `apply` tells."""
        value = self.get(name)
        if isinstance(value, Unknown):
            raise UncoveredError(f"{self.path}{name} is not known before apply")
        return value

    def text(self, name: str, default: str = "") -> str:
        """Return a text, or the provider's default where nobody set one."""
        value = self.known(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)  # Terraform converts it, and only a plan shows it converted.
        if value is not None and not isinstance(value, str):
            self._note_odd(name, value, "a text")
        return value if isinstance(value, str) and value else default

    def needed(self, name: str) -> str:
        """Return a text without which there is no price."""
        found = self.text(name)
        if not found:
            raise UncoveredError(f"{self.path}{name} is not known before apply, or nobody sets it")
        return found

    def number(self, name: str, default: float = 0.0) -> float:
        """Return a number that is not negative, or the provider's default where nobody set one."""
        value = self.known(name)
        if isinstance(value, str) and value.replace(".", "", 1).isdecimal() and len(value) < 16:
            value = float(value)
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
            self._note_odd(name, value, "a number")
            return default
        return value

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number, or the provider's default where nobody set one."""
        value = self.number(name, default)
        if value != int(value):
            self._note_odd(name, value, "a whole number")
            return default
        return int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false, or the provider's default where nobody set it."""
        value = self.known(name)
        value = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        if value is not None and not isinstance(value, bool):
            self._note_odd(name, value, "true or false")
        return value if isinstance(value, bool) else default

    def texts(self, name: str) -> list[str]:
        """Return the texts of a list."""
        value = self.known(name)
        if value is not None and not isinstance(value, list):
            self._note_odd(name, value, "a list")
        return [text for text in list_of(value) if isinstance(text, str)]

    def blocks(self, name: str) -> list[Attributes]:
        """Return the blocks of a kind; none where there are none."""
        value = self.known(name)
        entries = [value] if isinstance(value, dict) else list_of(value)
        if (value is not None and not isinstance(value, list | dict)) or not all(
            entry is None or isinstance(entry, dict) for entry in entries
        ):
            self._note_odd(name, value, "a block")
        inner, written = self._unknown.get(name), (self.expressions or {}).get(name)
        return [
            self._inside(
                name,
                mapping_of(entry),
                mapping_of(_nth(inner, index)),
                None if self.expressions is None else mapping_of(_nth(written, index)),
            )
            for index, entry in enumerate(entries)
        ]

    def block(self, name: str) -> Attributes:
        """Return the first block of a kind; an empty one where there is none."""
        found = self.blocks(name)
        return found[0] if found else self._inside(name, {}, {}, {})

    def _inside(
        self,
        name: str,
        values: Mapping[str, Any],
        unknown: Mapping[str, Any],
        expressions: Mapping[str, Any] | None,
    ) -> Attributes:
        inner = copy(self)  # With the same sets of what is asked for and odd.
        inner.path, inner.values = f"{self.path}{name}.", values
        inner._unknown, inner.expressions = unknown, expressions
        return inner

    def _note_odd(self, name: str, value: object, expected: str) -> None:
        self.odd[f"{self.path}{name}"] = f"is {shown(value)}, which is not {expected}"

    def unread(self, row: Row) -> Iterator[tuple[str, str]]:
        """Yield what is set and neither asked for nor free, by its path, and what it is."""
        free = set(row.free.split())
        covered = self.asked | free
        named = row.named.split()
        for path in named:
            yield from self._named(path.split("."), row.defaults)
        if "*" in covered:
            return
        covered |= {*named}
        parents = {path[: dot.start()] for path in covered for dot in re.finditer(r"\.", path)}
        yield from _unread(self, covered, parents - free, row.defaults)

    def _named(self, steps: Sequence[str], defaults: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        """Yield what an attribute that costs money is, in each of the blocks that lead to it."""
        name, *rest = steps
        value = self.values.get(name)
        if rest:
            for block in self.blocks(name) if isinstance(value, list | dict) else ():
                yield from block._named(rest, defaults)
        elif said := _said(self, name, defaults):
            yield f"{self.path}{name}", f"{said}, which may cost money and has no price here"


def _said(block: Attributes, name: str, defaults: Mapping[str, object]) -> str:
    """Return what an attribute is; nothing for one that nobody set or that has its default."""
    value = block.values.get(name)
    if block.is_unknown(name):
        return "is set, and not known before apply"
    usual = defaults.get(f"{block.path}{name}")
    if value in (None, "", [], {}, False) or (value in usual if isinstance(usual, tuple) else value == usual):
        return ""
    return "is set" if isinstance(value, list | dict) else f"is {shown(value)}"


def _nth(value: object, index: int) -> object:
    """Return a block of several; a dynamic block is written once for all of them."""
    found = list_of(value)
    return value if isinstance(value, dict) else found[min(index, len(found) - 1)] if found else None


def _unread(
    block: Attributes, covered: set[str], parents: set[str], defaults: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys((*block.values, *(block.expressions or ()))):
        path, value = f"{block.path}{name}", block.values.get(name)
        if path in parents and isinstance(value, list | dict):
            for each in block.blocks(name):
                yield from _unread(each, covered, parents, defaults)
        elif (
            path in covered
            or _NAMING.fullmatch(name)
            or (block.expressions is not None and name not in block.expressions)
        ):
            continue
        elif said := _said(block, name, defaults):
            yield path, said
