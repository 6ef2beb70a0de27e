"""Where a value of the plan was said: in the file, in an alternative, on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from capplan.errors import Problem
from capplan.strictyaml import Locator


@dataclass(frozen=True, eq=False, repr=False)
class Places:
    """Knows the origin of every value of one plan."""

    locator: Locator
    alternative: str | None = None
    given: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Paths set from the command line, with the option that did it."""

    def where(self, path: Sequence[int | str]) -> str:
        """Return ``file:line:column``, an option, or "default" where nobody said anything."""
        for set_path, option in self.given.items():
            if tuple(map(str, path[: len(set_path)])) == set_path:
                return option
        if self.alternative is not None:
            inside, complete = self.locator.find(("alternatives", self.alternative, *path))
            if complete:
                return inside
        place, complete = self.locator.find(path)
        return place if complete else "default"

    def problem(self, path: Sequence[int | str], what: str, remedy: str = "") -> Problem:
        """Return the problem at ``path``, or at the nearest enclosing value that exists.

        It names the options that changed something inside ``path`` too.
        """
        where = self.where(path)
        if where == "default":
            where = self.locator.find(path)[0]
        inside = [
            option
            for at, option in self.given.items()
            if path and at[:-1][: len(path)] == tuple(map(str, path))
        ]
        if inside and where not in inside:
            where += f" with {', '.join(inside)}"
        dotted = ".".join(map(str, path))
        return Problem(f"{where}: {dotted}" if dotted else where, what, remedy)
