"""What CI systems read: SARIF logs, and the workflow commands of GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

from capplan import __version__

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif_log(rules: Iterable[str], results: Sequence[dict[str, Any]]) -> str:
    """Return a SARIF 2.1.0 log of one run; without findings the list of results is empty, not missing."""
    driver = {
        "name": "capplan",
        "version": __version__,
        "rules": [{"id": rule} for rule in sorted(set(rules))],
    }
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def from_here(path: PurePath) -> PurePath:
    """Return a path relative to where the command runs, if it is below: that is the checkout."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path


def uri(path: PurePath) -> str:
    """Return a path as a URI reference, relative where it can be."""
    from urllib.parse import quote

    return quote(from_here(path).as_posix())


def escaped(text: str) -> str:
    """Return ``text`` as the message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escaped_property(text: str) -> str:
    """Return ``text`` as a property of a workflow command, such as its file."""
    return escaped(text).replace(":", "%3A").replace(",", "%2C")
