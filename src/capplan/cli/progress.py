"""Progress of what takes long: on stderr, and only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
