"""Draws of the AFPI plan on the workers of a Dask cluster of this machine: throughput, overhead and memory.

Five inputs vary, at the peak (a load that never changes) or hour by hour. Run it with the Python that
capplan[cluster] is installed for; --check makes it fail where a goal is missed:

    .venv/bin/python benchmarks/cluster.py [--samples 100000000] [--hours] [--check]

A tenth of the draws run in this process, on one worker and on two; all of them on two. Times are processor
time, because other work on a machine changes those of the clock: the throughput is what it would be with a
core for each worker, taken from the busiest of the workers and of this process. Seconds of the clock stand
beside it.
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

PLAN = Path(__file__).parents[1] / "examples" / "afpi"
GOAL_RATIO, GOAL_OVERHEAD, GOAL_MIB = 1.7, 0.10, 1024
INPUTS = {
    "demand.users_per_day": (100, 400),
    "demand.requests_per_user": (250, 1000),
    "services.backend.service_time": ("100ms", "400ms"),
    "services.backend.cpu_time": ("20ms", "80ms"),
    "external_apis.llm-api.price_per_request": (0.025, 0.1),
}


class Taken(NamedTuple):
    """What a run took: seconds of the clock and of processors (of this process, of each worker), and MiB."""

    clock_s: float
    own_s: float
    worker_s: list[float]
    mib: float

    @property
    def busiest_s(self) -> float:
        """Seconds with a core for each process."""
        return max(self.own_s, *self.worker_s, 0.0)


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    samples = int(sys.argv[sys.argv.index("--samples") + 1]) if "--samples" in sys.argv else 10**8
    few = max(samples // 10, 2_100_000)
    print(f"{'':34}{'draws':>14}{'clock s':>10}{'own s':>9}{'workers s':>18}{'MiB each':>10}")
    here = run("in this process", few, nullcontext(map))
    one = run("on one worker", few, workers(1))
    two = run("on two workers", few, workers(2))
    whole = run("on two workers", samples, workers(2))
    ratio = one.busiest_s / two.busiest_s
    spent = whole.own_s + sum(whole.worker_s)
    overhead = spent * few / samples / here.own_s - 1
    per_draw = sum(whole.worker_s) / samples
    print(f"\nthroughput on two workers: {ratio:.2f} times that on one (goal {GOAL_RATIO})")
    print(f"processor time beyond that of one process: {overhead:.1%} (goal {GOAL_OVERHEAD:.0%})")
    print(
        f"one draw: {per_draw * 1e6:.2f} µs of a worker, {whole.own_s / samples * 1e6:.3f} µs of this process"
    )
    hours = 1e4 * 1e6 * per_draw / 100 / 3600
    print(f"on paper: 10^4 such plans with 10^6 draws each on 100 workers take {hours:.1f} hours")
    missed = ratio < GOAL_RATIO or overhead > GOAL_OVERHEAD or whole.mib > GOAL_MIB
    return 1 if missed and "--check" in sys.argv else 0


def workers(count: int) -> Any:
    """Return a context with an executor on so many workers of a cluster."""
    from contextlib import contextmanager

    from distributed import LocalCluster

    from capplan.cluster import on_cluster

    @contextmanager
    def started() -> Any:
        options = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(**options) as cluster, on_cluster(cluster.scheduler_address) as executor:
            yield executor

    return started()


def run(name: str, samples: int, place: Any) -> Taken:
    """Return what ``samples`` draws took there, and print it."""
    import psutil

    from capplan.catalog.catalog import Catalog
    from capplan.executors import using
    from capplan.plan.read import read_plan
    from capplan.uncertainty.sample import sample

    sets = [f"{path}={{p5: {low}, p95: {high}}}" for path, (low, high) in INPUTS.items()]
    file = read_plan(PLAN, sets if "--hours" in sys.argv else [*sets, "demand.profile=flat"])

    def busy(process: psutil.Process) -> float:
        return process.cpu_times().user + process.cpu_times().system

    with place as executor, using(executor):
        processes = [
            c for c in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(c.cmdline())
        ]
        before = list(map(busy, processes))
        clock, own = time.perf_counter(), time.process_time()
        drawn = sample(file, Catalog(), samples, 1)
        taken = Taken(
            time.perf_counter() - clock,
            time.process_time() - own,
            [busy(process) - earlier for process, earlier in zip(processes, before, strict=True)],
            max(p.memory_info().rss for p in [psutil.Process(), *processes]) / 2**20,
        )
    assert drawn.samples == samples
    each = " ".join(f"{seconds:.1f}" for seconds in taken.worker_s)
    print(
        f"{name:34}{samples:14,}{taken.clock_s:10.1f}{taken.own_s:9.1f}{each:>18}{taken.mib:10,.0f}",
        flush=True,
    )
    return taken


if __name__ == "__main__":
    sys.exit(main())
