"""The page of formulas: every docstring that says whose formula the code computes, by subject."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOMS = Path(__file__).resolve().parent.parent / "src" / "capplan"
SUBJECTS = {
    "Queues and response times": ("capacity/queueing", "capacity/times.py"),
    "Instances and nodes": ("capacity/limits.py", "capacity/nodes.py", "capacity/scalability.py"),
    "Language models on GPUs": ("llm",),
    "Autoscalers": ("autoscale",),
    "Recorded load": ("history",),
    "Calibration": ("calibrate",),
    "Uncertainty": ("plan/draws.py", "uncertainty"),
}
_SOURCE = re.compile(r"\b(?:[A-Z]\w+|al\.|others),? \(?(?:1[6-9]|20)\d\d\b|\d, (?:19|20)\d\d\)|\bSource:")
_Documented = ast.Module | ast.FunctionDef | ast.ClassDef


class Formula(NamedTuple):
    """What a docstring says of a formula: ``place`` is module and name, as in an import."""

    place: str
    text: str


def reference() -> None:
    """Print every formula of every subject."""
    for subject, places in SUBJECTS.items():
        print(f"## {subject}\n")
        for formula in formulas(places):
            print(f"### {formula.place.rpartition('.')[2]}\n\n`{formula.place}`\n\n{formula.text}\n")


def formulas(places: tuple[str, ...]) -> Iterator[Formula]:
    """Yield what the docstrings under ``places`` say that name a source."""
    for place in places:
        path = ROOMS / place
        for module in [path] if path.suffix else sorted(path.rglob("*.py")):
            yield from _of_module(module)


def _of_module(path: Path) -> Iterator[Formula]:
    dotted = ".".join(path.relative_to(ROOMS.parent).with_suffix("").parts)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in (tree, *tree.body):
        text = ast.get_docstring(node) or "" if isinstance(node, _Documented) else ""
        name = getattr(node, "name", "")
        if _SOURCE.search(text) and not name.startswith("_"):
            yield Formula(f"{dotted}.{name}".rstrip("."), _plain(text))


def _plain(text: str) -> str:
    """Return a docstring as Markdown, without its sections for callers and its examples."""
    kept = re.split(r"\n\n(?:Args|Raises|Returns|Yields):|\n\n?>>>", text)[0]
    raw = kept.replace("*", r"\*").replace("_", r"\_")
    return re.sub(r":\w+:`([^`]*)`|``([^`]*)``", _code, raw)


def _code(found: re.Match[str]) -> str:
    return f"`{found[1] or found[2]}`".replace("\\", "")
