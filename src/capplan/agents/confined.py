"""What a call may touch: it reads within directories, writes nothing, and reaches no network.

A plan names further files, so it is not enough to look at its own path. Python tells an audit hook of every
file that it opens, whichever module does.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from capplan.errors import InputError, Problem
from capplan.paths import data_dir, user_dir

OUTSIDE = "outside the directories of this server"
_FORBIDDEN = (
    "socket.",
    "subprocess.",
    "shutil.",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
)
_CHANGES = ("chmod", "chown", "link", "mkdir", "remove", "rename", "rmdir", "symlink", "truncate", "utime")
_READS = ("open", "os.listdir", "os.scandir")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Confined:
    """Directories that calls may read, besides capplan's own and Python's."""

    def __init__(self, roots: Sequence[Path], own: Sequence[Path] = ()) -> None:
        self.roots = [Path(os.path.realpath(root)) for root in roots]
        code = [Path(found) for found in sys.path if found and Path(found).resolve() != Path.cwd()]
        ships = [Path(__file__).parents[1], *map(data_dir, ("catalogs", "templates")), user_dir()]
        self._readable = [*self.roots, *(Path(os.path.realpath(one)) for one in (*own, *code, *ships))]
        self._on = False
        sys.addaudithook(self._hear)

    def path(self, name: str) -> Path:
        """Return the path that a call names; :class:`InputError` where it leads outside."""
        with suppress(OSError, ValueError):
            path = Path(os.path.realpath(self.roots[0] / name))
            if any(path.is_relative_to(root) for root in self.roots):
                return path
        remedy = f"It reads {' and '.join(map(str, self.roots))}; start it with other directories."
        raise InputError(Problem(name, f"is {OUTSIDE}", remedy))

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold what is done inside to the rules; stdin, on which the next calls wait, is empty meanwhile."""
        stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO())
        self._on = True
        try:
            yield
        finally:
            self._on = False
            sys.stdin = stdin

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self._on and ((event in _READS and not self._may_read(*args)) or _is_forbidden(event)):
            raise PermissionError(errno.EACCES, OUTSIDE, str(args[0]) if event in _READS else event)

    def _may_read(self, path: Any, _: object = None, flags: int = 0) -> bool:
        if flags & _WRITING or not isinstance(path, str | bytes | os.PathLike):
            return isinstance(path, int)
        found = Path(os.path.realpath(os.fsdecode(path)))
        return any(found.is_relative_to(root) for root in self._readable)


def _is_forbidden(event: str) -> bool:
    return event.startswith(_FORBIDDEN) or event.removeprefix("os.") in _CHANGES
