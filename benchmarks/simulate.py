"""How fast a service is simulated: a year of it, and a thousand configurations of a week.

Run it with the Python that capplan is installed for, once with numba and once without; --check makes it fail
where a goal is missed:

    .venv/bin/python benchmarks/simulate.py [--check]

The goals are wall time of compiled code on two cores, after compilation. Processor time stands beside it, and
--check goes by it: what else the machine does changes it less. Plain Python is measured on a day, in its own
process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from capplan.autoscale.compiled import COMPILED
from capplan.autoscale.loop import simulate
from capplan.autoscale.settings import Settings
from capplan.autoscale.setup import Subject
from capplan.autoscale.simulation import as_reals, prepare, requests_of
from capplan.catalog.catalog import Catalog
from capplan.plan.read import read_plan

PLAN, SERVICE = Path(__file__).parents[1] / "examples" / "amas", "orchestrator"
YEAR_GOAL_S, CONFIGURATIONS_GOAL_S = 2.0, 10.0
CONFIGURATIONS, CORES = 1000, 2
DAYS = 365
YEAR = "one service × a year of 15 s ticks (2.1 M)"


class Took(NamedTuple):
    """Seconds on the clock, and of all processors together."""

    wall_s: float
    processor_s: float


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    if "--plain" in sys.argv:
        print(measured(1).processor_s)
        return 0
    plain_s = in_plain_python()
    print(f"{'':46}{'wall':>8}{'goal':>8}{'processor':>12}{'plain Python':>16}")
    weeks = f"{CONFIGURATIONS:,} configurations × one week (40 M)"
    if not COMPILED:
        print(f"{YEAR:46}{'no numba':>28}{plain_s * DAYS:14,.0f} s")
        print(f"{weeks:46}{'no numba':>28}{plain_s * CONFIGURATIONS * 7:14,.0f} s")
        return 0
    measured(1)
    year, all_weeks = measured(DAYS), configurations()
    row(YEAR, year, YEAR_GOAL_S, plain_s * DAYS)
    row(weeks, all_weeks, CONFIGURATIONS_GOAL_S, plain_s * CONFIGURATIONS * 7)
    missed = year.processor_s > YEAR_GOAL_S or all_weeks.processor_s > CORES * CONFIGURATIONS_GOAL_S
    return 1 if missed and "--check" in sys.argv else 0


def row(name: str, took: Took, goal_s: float, plain_s: float) -> None:
    """Print one line of the table."""
    print(f"{name:46}{took.wall_s:6.2f} s{goal_s:6.0f} s{took.processor_s:10.2f} s{plain_s:14,.0f} s")


def subject(days: float) -> tuple[Subject, Settings]:
    """Return the service to simulate: under KEDA, with five metrics, policies and nodes."""
    settings = Settings(days=days)
    prepared = prepare(read_plan(PLAN), Catalog(None), settings)
    return next(s for s in prepared.subjects if s.name == SERVICE), settings


def measured(days: float) -> Took:
    """Return what so many days of the service take."""
    service, settings = subject(days)
    arrivals = as_reals(requests_of(service, settings))
    return timed(lambda: simulate(service.simulated, arrivals))


def timed(work: Callable[[], object]) -> Took:
    """Do the ``work`` and return what it took."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - processor)


def configurations() -> Took:
    """Return what a week under each of many maxima takes, on two cores."""
    service, settings = subject(7)
    arrivals = as_reals(requests_of(service, settings))
    scaler = service.simulated.scaler
    variants = [
        service.simulated._replace(scaler=scaler._replace(hpa=scaler.hpa._replace(high=20 + i % 30)))
        for i in range(CONFIGURATIONS)
    ]
    with ThreadPoolExecutor(CORES) as pool:
        return timed(lambda: deque(pool.map(lambda variant: simulate(variant, arrivals), variants), maxlen=0))


def in_plain_python() -> float:
    """Return the seconds that one day takes without numba."""
    command = [sys.executable, __file__, "--plain"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
