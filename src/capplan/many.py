"""Very many scenarios: estimated in chunks by several threads, keeping only what they need and cost.

An estimate holds every array of the model, some of shape (scenarios, hours). Of a chunk of scenarios they
fit the processor's cache, and what is kept of each scenario is a few numbers, so a million scenarios take
little memory. Scenarios do not influence each other: chunks and threads change no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.components.base import Component, Context
from capplan.cost.lines import Certainty, is_priced
from capplan.estimate import Estimate, context_of, estimate_on
from capplan.executors import chosen
from capplan.plan.bind import Scenarios
from capplan.plan.read import PlanFile

if TYPE_CHECKING:
    from capplan.capacity.response import ResponseTimes

Kept = TypeVar("Kept")

THREADS = 2
"""numpy lets go of Python's lock while it computes, but a third thread would mostly wait for it."""

_TASK_CHUNKS, _TASK_ROWS = 8, 2**16
"""Most that goes to another process together: about half a second of work, and a few MB."""

_ARRAY_BYTES = 2 * 2**20
"""Size of a (scenarios, hours) array of a chunk: enough work for a call, and cached until the next one."""


@dataclass(frozen=True)
class Summary:
    """What every scenario needs and costs; each array is (scenarios,).

    peak_instances: instances needed in the busiest hour, by component that is counted in instances.
    component_cost: expected USD a month of each component, what has a price.
    floor, expected, ceiling: USD a month in all, with every autoscaler at its floor, following the load, and
    at its ceiling; no ceiling where nothing bounds it.
    response_s: p50, p95 and p99 in the busiest hour, (scenarios, 3), of components with a latency SLO.
    unmet: 1 where a component may not run what it needs, or misses its latency SLO, else 0.
    picked: position of the machine or tier, of components that have one. certainty: how sure the cost is in
    all of them; priced: whether anything has a price.
    """

    peak_instances: Mapping[str, Array]
    component_cost: Mapping[str, Array]
    floor: Array
    expected: Array
    ceiling: Array | None
    response_s: Mapping[str, Array]
    unmet: Mapping[str, Array]
    picked: Mapping[str, Array]
    certainty: Certainty
    priced: bool


def estimate_many(
    file: PlanFile, catalog: Catalog, scenarios: Scenarios, chunk: int | None = None
) -> Summary:
    """Return the summary of the plan in ``file`` for every one of the ``scenarios``, ``chunk`` at a time."""
    return summarise(context_of(file, catalog), scenarios, chunk)


def summarise(context: Context, scenarios: Scenarios, chunk: int | None = None) -> Summary:
    """Return the summary of every one of the ``scenarios``, ``chunk`` at a time."""
    return joined(in_chunks(context, scenarios, summary_of, chunk))


def in_chunks(
    context: Context, scenarios: Scenarios, keep: Callable[[Estimate], Kept], chunk: int | None = None
) -> list[Kept]:
    """Estimate the ``scenarios``, ``chunk`` at a time, and return what ``keep`` takes from each chunk.

    What it takes is figures: costly findings are left out.
    """
    context = replace(context, silent=True)
    rows = chunk or rows_of(context)
    if scenarios.count <= rows:
        return [keep(estimate_on(context, scenarios))]
    # Reads the catalogs, which otherwise each thread would do, and each process.
    estimate_on(context, scenarios.part(0, 1))
    elsewhere = chosen()
    if elsewhere is not None:
        size = max(rows, min(_TASK_ROWS, _TASK_CHUNKS * rows))
        parts = [scenarios.part(start, start + size) for start in range(0, scenarios.count, size)]
        return [each for found in elsewhere(partial(kept, context, keep, rows), parts) for each in found]

    def kept_from(start: int) -> Kept:
        return keep(estimate_on(context, scenarios.part(start, start + rows)))

    _keep_freed_memory()
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(kept_from, range(0, scenarios.count, rows)))


def rows_of(context: Context) -> int:
    """Return how many scenarios a chunk has."""
    return max(1, _ARRAY_BYTES // context.pattern.shape.nbytes)


def kept(context: Context, keep: Callable[[Estimate], Kept], rows: int, scenarios: Scenarios) -> list[Kept]:
    """Return what ``keep`` takes from each chunk of the ``scenarios``, ``rows`` at a time."""
    _keep_freed_memory()
    starts = range(0, scenarios.count, rows)
    return [keep(estimate_on(context, scenarios.part(start, start + rows))) for start in starts]


def summary_of(estimate: Estimate) -> Summary:
    """Return what is worth keeping of ``estimate``."""
    count, total = estimate.scenarios.count, estimate.total
    return Summary(
        peak_instances={
            c.name: _row(c.sizing.peak, count) for c in estimate.components if c.sizing is not None
        },
        component_cost={c.name: _row(estimate.cost_of(c.name).expected, count) for c in estimate.components},
        floor=_row(total.floor, count),
        expected=_row(total.expected, count),
        ceiling=None if total.ceiling is None else _row(total.ceiling, count),
        response_s={
            c.name: _response(c.response, count) for c in estimate.components if c.response is not None
        },
        unmet={c.name: _row(_unmet(c), count) for c in estimate.components if c.sizing is not None},
        picked={
            c.name: np.broadcast_to(c.pick.which, count) for c in estimate.components if c.pick is not None
        },
        certainty=estimate.certainty,
        priced=is_priced(estimate.lines),
    )


def _response(times: ResponseTimes, count: int) -> Array:
    from capplan.capacity.response import SHARES

    return np.stack([_row(times.at_peak(share), count) for share in SHARES], axis=1)


def _unmet(component: Component) -> Array:
    sizing, times = component.sizing, component.response
    if sizing is None:
        return np.zeros((1, 1))
    short = sizing.peak > sizing.peak_running
    return np.asarray(short if times is None else short | times.missed(), dtype=float)


def joined(parts: Sequence[Summary]) -> Summary:
    """Return the summary of all the scenarios in ``parts``, of the same plan."""
    ceilings = [part.ceiling for part in parts if part.ceiling is not None]
    return Summary(
        peak_instances=_joined_by_name([part.peak_instances for part in parts]),
        component_cost=_joined_by_name([part.component_cost for part in parts]),
        floor=np.concatenate([part.floor for part in parts]),
        expected=np.concatenate([part.expected for part in parts]),
        ceiling=np.concatenate(ceilings) if len(ceilings) == len(parts) else None,
        response_s=_joined_by_name([part.response_s for part in parts]),
        unmet=_joined_by_name([part.unmet for part in parts]),
        picked=_joined_by_name([part.picked for part in parts]),
        certainty=Certainty(
            max(part.certainty.unpriced for part in parts), max(part.certainty.bound for part in parts)
        ),
        priced=any(part.priced for part in parts),
    )


def _joined_by_name(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _row(values: Array, count: int) -> Array:
    """Return (scenarios | 1, 1) values as ``count`` numbers."""
    return np.broadcast_to(values[:, 0], count)


def _keep_freed_memory() -> None:
    """Make the C library keep the memory of freed arrays for the next ones.

    glibc returns blocks above a limit to the kernel, which then has to clear them page by page for the next
    array: half of the time of an estimate, and more in a worker of Dask, which sets the limit as low as it
    goes. 32 MiB is the highest (mallopt(3), M_MMAP_THRESHOLD -3, M_TRIM_THRESHOLD -1). Other libraries are
    not affected.
    """
    import ctypes

    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(-3, 32 * 2**20)
        mallopt(-1, 64 * 2**20)
