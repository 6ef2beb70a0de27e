"""Progress of what takes long: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SLOW_BYTES = 50 * 2**20
"""A file of this size takes a second or more to read."""


@contextmanager
def reading(paths: Sequence[Path]) -> Iterator[Callable[[int], None] | None]:
    """Yield a function that is told how many bytes have been read of files; None where nobody looks."""
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    if not sys.stderr.isatty() or sum(sizes) < _SLOW_BYTES:
        yield None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), *Progress.get_default_columns()[1:], DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("Reading", total=sum(sizes))
        before, last = 0, 0

        def told(count: int) -> None:
            nonlocal before, last
            before += last if count < last else 0
            last = count
            progress.update(bar, completed=before + count)

        yield told


@contextmanager
def reporter(task: str, total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that is told what is begun; it draws a bar that vanishes at the end."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    from capplan.errors import printable

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(task, total=total)
        begun: list[str] = []

        def begin(what: str) -> None:
            progress.update(bar, completed=len(begun), description=f"{task} {escape(printable(what))}")
            begun.append(what)

        yield begin
