"""Where chunks of work run: the one seam through which work leaves a process.

An executor is called as `map` is, which itself is the one that runs everything here. The function must be one
of a module, chunks and results small values that can be pickled, so that they can go to another machine.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol, TypeVar

from capplan.errors import InputError, Problem

Chunk = TypeVar("Chunk")
Done = TypeVar("Done")

_AHEAD = 2
"""Chunks that wait for each process: enough that none idles, and not so many that results fill the memory."""


class Executor(Protocol):
    """Yields what a function makes of each chunk, in the order of the chunks."""

    def __call__(self, function: Callable[[Chunk], Done], chunks: Iterable[Chunk], /) -> Iterator[Done]:
        """Yield the results."""


def in_processes(
    workers: int, function: Callable[[Chunk], Done], chunks: Iterable[Chunk], /
) -> Iterator[Done]:
    """Yield what ``function`` makes of each of the ``chunks``, from so many processes of this machine."""
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context
    from signal import SIG_IGN, SIGINT, signal

    # A process that begins anew is the same on every system, and inherits no lock of a thread.
    # Ctrl-C reaches all of them, and this one cancels what the others have not begun.
    with ProcessPoolExecutor(workers, get_context("spawn"), signal, (SIGINT, SIG_IGN)) as pool:
        running: deque[Future[Done]] = deque()
        try:
            for chunk in chunks:
                running.append(pool.submit(function, chunk))
                if len(running) > _AHEAD * workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        except BrokenProcessPool:
            what = "ended before its work was done, perhaps for lack of memory"
            raise InputError(Problem("a worker process", what, "Take less at once.")) from None
        finally:
            pool.shutdown(cancel_futures=True)


def usual_executor(chunks: int) -> Executor:
    """Return an executor with the cores of this machine, as far as there are ``chunks`` for them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return partial(in_processes, min(cores, chunks)) if min(cores, chunks) > 1 else map
