"""Readers of types that need no more than a line: priced by the piece, or by use."""

from __future__ import annotations

from collections.abc import Callable

from capplan.adopt.terraform.reading import Reading
from capplan.adopt.terraform.table import Attributes

Reader = Callable[[Reading, Attributes], None]


def held(service: str, sku: str, use: str = "") -> Reader:
    """Return the reader of what has a price by the piece; ``use``: what of it is billed by use."""

    def read(tf: Reading, resource: Attributes) -> None:
        tf.priced(resource.node, service, sku)
        if use:
            tf.usage(resource.node, use)

    return read


def used(what: str) -> Reader:
    """Return the reader of what is billed by use only."""

    def read(tf: Reading, resource: Attributes) -> None:
        tf.usage(resource.node, what)

    return read


def told(what: str) -> Reader:
    """Return the reader of what has no price, and of which no more is known than ``what``."""

    def read(tf: Reading, resource: Attributes) -> None:
        tf.note(resource.node, what)

    return read


def inside(block: str, names: str) -> str:
    """Return the paths of attributes in a block."""
    return " ".join(f"{block}.{name}" for name in names.split())


def free_always(tf: Reading, resource: Attributes) -> None:
    """Read what costs nothing by itself; what of it is named is named even if nobody uses it."""
    resource.get("name")
    tf.free(resource.node)


def free(tf: Reading, resource: Attributes) -> None:
    """Read what costs nothing by itself, and orders something where others use it."""
    tf.free(resource.node)
