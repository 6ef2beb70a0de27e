"""Where chunks of work run: the one seam through which work leaves a process.

An executor is called as `map` is, which itself is the one that runs everything here. What a function
carries, as a `partial`, is sent to each worker once. Functions, chunks and results can be pickled, so that
they can go to another machine.
"""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol, TypeVar

from capplan.errors import InputError, Problem

Chunk = TypeVar("Chunk")
Done = TypeVar("Done")

AHEAD = 2
"""Chunks that wait for each process: enough that none idles, and not so many that results fill the memory."""

_DEATHS = 3
"""Processes that may end over the same chunk before it is to blame."""


class Executor(Protocol):
    """Yields what a function makes of each chunk, in the order of the chunks."""

    def __call__(self, function: Callable[[Chunk], Done], chunks: Sequence[Chunk], /) -> Iterator[Done]:
        """Yield the results."""


_chosen: ContextVar[Executor | None] = ContextVar("executor", default=None)


def chosen() -> Executor | None:
    """Return the executor that was asked for; None where nobody asked."""
    return _chosen.get()


@contextmanager
def using(executor: Executor) -> Iterator[None]:
    """Run on ``executor`` whatever can leave this process."""
    before = _chosen.set(executor)
    try:
        yield
    finally:
        _chosen.reset(before)


@contextmanager
def usual_executor(chunks: int) -> Iterator[Executor]:
    """Yield the one that was asked for, or the cores of this machine as far as ``chunks`` need them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = chosen()
    if asked is not None or min(cores, chunks) <= 1:
        yield asked or map
        return
    with in_processes(min(cores, chunks)) as run:
        yield run


@contextmanager
def in_processes(workers: int) -> Iterator[Executor]:
    """Yield an executor with so many processes of this machine; one is this process itself."""
    if workers == 1:
        yield map
        return
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context
    from signal import SIG_IGN, SIGINT, signal

    def begun() -> ProcessPoolExecutor:
        # A process that begins anew is the same on every system, and inherits no lock of a thread.
        # Ctrl-C reaches all of them, and this one cancels what the others have not begun.
        return ProcessPoolExecutor(workers, get_context("spawn"), signal, (SIGINT, SIG_IGN))

    pool = begun()

    def run(function: Callable[[Chunk], Done], chunks: Sequence[Chunk], /) -> Iterator[Done]:
        nonlocal pool
        carried, rest, deaths = pickle.dumps(function), iter(chunks), 0
        waiting: deque[Chunk] = deque()
        futures: deque[Future[Any]] = deque()
        try:
            while True:
                waiting.extend(islice(rest, AHEAD * workers - len(waiting)))
                if not waiting:
                    return
                try:
                    with _interrupted_later():
                        for chunk in islice(waiting, len(futures), None):
                            futures.append(pool.submit(_applied, carried, chunk))
                    done = futures[0].result()
                except BrokenProcessPool:
                    futures.clear()
                    pool, deaths = begun(), deaths + 1
                    if deaths > _DEATHS:
                        what = f"ended {deaths} times over the same work, perhaps for lack of memory"
                        raise InputError(Problem("a worker process", what, "Take less at once.")) from None
                    continue
                waiting.popleft()
                futures.popleft()
                deaths = 0
                yield done
        finally:
            for future in futures:
                future.cancel()

    try:
        yield run
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Keep Ctrl-C for the end; processes that begin meanwhile never hear of it, where systems allow that."""
    import signal

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _applied(carried: bytes, chunk: Any) -> Any:
    return _function(carried)(chunk)


@lru_cache(maxsize=2)
def _function(carried: bytes) -> Callable[[Any], Any]:
    """Return a function as it was sent; what it has read since is read once."""
    found: Callable[[Any], Any] = pickle.loads(carried)
    return found
