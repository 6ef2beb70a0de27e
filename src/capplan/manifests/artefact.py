"""An artefact: one file that is rendered from a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Tree = dict[str, Any]


class Artefact(NamedTuple):
    """One file to render.

    path: relative to the output directory, with '/'. part: what --only selects it by.
    """

    path: str
    template: str
    context: Mapping[str, object]
    part: str


class Rendered(NamedTuple):
    """One file as it will be written; ``value`` is what a YAML or JSON file holds."""

    path: str
    text: str
    value: Any
    part: str
