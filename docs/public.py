"""The page about the interface for programs, from its docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import capplan.api


def reference() -> None:
    """Print every public name with its signature and what it says of itself."""
    print("\n".join(_lines()))


def _lines() -> Iterator[str]:
    for name in ("load", "LoadedPlan", "prices", "explain", "Answer", "EstimateAnswer", "CheckAnswer"):
        found = getattr(capplan.api, name)
        yield f"## {name}\n"
        if not inspect.isclass(found):
            yield from _entry(f"capplan.{name}", found)
            continue
        yield f"{_plain(found)}\n"
        for member, value in vars(found).items():
            if not member.startswith("_"):
                yield f"### {name}.{member}\n"
                yield from _entry(member, value)
    yield "## Values\n"
    for name in ("Cost", "InstanceCounts", "ComponentView", "LineView", "Finding"):
        found = getattr(capplan.api, name)
        fields = ", ".join(f"`{field}`" for field in found._fields)
        yield f"- **{name}**: {fields}. {_plain(found)}"


def _entry(name: str, value: object) -> Iterator[str]:
    if inspect.isfunction(value):
        signature = re.sub(r"\(self(?:, )?", "(", str(inspect.signature(value))).replace("'", "")
        yield f"```python\n{name}{signature}\n```\n"
    yield f"{_plain(value)}\n"


def _plain(value: object) -> str:
    text = inspect.getdoc(value) or ""
    return re.sub(r":class:`([^`]*)`|``([^`]*)``", r"`\1\2`", text.partition(">>>")[0]).strip()
