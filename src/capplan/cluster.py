"""Work on the machines of a Dask cluster."""

from __future__ import annotations

import logging
import pickle
import platform
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from capplan import __version__
from capplan.errors import InputError, Problem
from capplan.executors import AHEAD, Chunk, Done, Executor

_ADDRESS = re.compile(r"(tcp|tls)://[^\s/]+:\d{1,5}")
_PACKAGES = ("distributed", "numpy")


@contextmanager
def on_cluster(address: str) -> Iterator[Executor]:
    """Yield an executor with the workers of the scheduler at ``address``.

    Raises :class:`InputError` where it cannot be reached, has no workers, or has other versions.
    """
    client = _connected(address)
    try:
        _check(address, client)
        yield partial(_run, address, client)
    finally:
        client.close()


def _connected(address: str) -> Any:
    if not _ADDRESS.fullmatch(address):
        raise InputError(
            Problem("--cluster", f"'{address}' is not an address", "Example: tcp://10.0.0.5:8786.")
        )
    try:
        import distributed
    except ImportError:
        what = "needs the package distributed"
        raise InputError(Problem("--cluster", what, "Install capplan[cluster].")) from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is said once, by an exception
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return distributed.Client(address, name="capplan", set_as_default=False)  # type: ignore[no-untyped-call]
    except Exception as error:
        what = f"the scheduler at {address} does not answer: {_brief(error)}"
        remedy = "Start it with `dask scheduler`, with the same version of distributed as here."
        raise InputError(Problem("--cluster", what, remedy)) from None


def _brief(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _check(address: str, client: Any) -> None:
    """Raise :class:`InputError` where a machine cannot do the work, or not with the same result."""
    found = client.get_versions()
    scheduler = f"the scheduler at {address}"
    if not found["workers"]:
        remedy = "Start one, or let the cluster keep at least one."
        raise InputError(Problem("--cluster", f"{scheduler} has no workers", remedy))
    here = _versions()
    for machine, told in {scheduler: found["scheduler"], **_named(found["workers"])}.items():
        packages = told["packages"]
        there = {"Python": _minor(packages["python"]), **{name: packages.get(name) for name in _PACKAGES}}
        _compare(machine, {name: there[name] for name in here if name in there}, here)
    own = _named(client.run(_versions, on_error="return"))
    try:
        own[scheduler] = client.run_on_scheduler(_versions)
    except Exception as error:
        own[scheduler] = error
    for machine, told in own.items():
        _compare(machine, {"capplan": None} if isinstance(told, Exception) else told, here)


def _named(workers: Mapping[str, Any]) -> dict[str, Any]:
    return {f"the worker at {worker}": told for worker, told in workers.items()}


def _versions() -> dict[str, str | None]:
    """Return what must have the same version everywhere, so that the same work gives the same figures."""
    import distributed

    found = {"distributed": distributed.__version__, "numpy": np.__version__, "capplan": __version__}  # type: ignore[attr-defined]
    return {"Python": _minor(platform.python_version()), **found}


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _compare(machine: str, there: Mapping[str, str | None], here: Mapping[str, str | None]) -> None:
    differing = [name for name in there if there[name] != here[name]]
    if differing:
        others = (f"{name} {there[name] or '(none)'} instead of {here[name]}" for name in differing)
        remedy = "Install the same versions on every machine."
        raise InputError(Problem("--cluster", f"{machine} has {', '.join(others)}", remedy))


def _run(
    address: str, client: Any, function: Callable[[Chunk], Done], chunks: Sequence[Chunk], /
) -> Iterator[Done]:
    """Yield what ``function`` makes of each chunk; the scheduler retries what a worker took with it."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    # A task, whose result goes from worker to worker, and is made anew where all that had it are gone.
    carried = client.submit(pickle.loads, pickle.dumps(function), pure=False)
    rest, running = iter(chunks), deque[Any]()
    try:
        while _begin(client, carried, rest, running):
            yield pickle.loads(running[0].result())
            running.popleft()
    except KilledWorker as error:
        what = f"{_brief(error)[:200]}"
        raise InputError(Problem("--cluster", what, "Take less at once.")) from None
    except (CancelledError, OSError):
        what = f"the scheduler at {address} was lost while it had work"
        raise InputError(Problem("--cluster", what, "Start it, and run the command again.")) from None
    finally:
        with suppress(Exception):
            client.cancel([carried, *running], force=True)


def _begin(client: Any, carried: Any, rest: Iterator[Any], running: deque[Any]) -> bool:
    """Send as many chunks as keep all the workers there are busy; return whether any is under way."""
    most = AHEAD * max(sum(client.nthreads().values()), 1)
    for chunk in islice(rest, max(most - len(running), 0)):
        running.append(client.submit(_applied, carried, pickle.dumps(chunk), _versions(), pure=False))
    return bool(running)


def _applied(function: Callable[[Any], Any], chunk: bytes, versions: Mapping[str, str | None]) -> bytes:
    """Return what ``function`` makes of a chunk, as bytes in which Dask looks for nothing."""
    _compare("a worker that joined later", _versions(), versions)
    return pickle.dumps(function(pickle.loads(chunk)))
