"""How fast a service is simulated: a year of it, and a thousand configurations of a week.

Run it with the Python that capplan is installed for, once with numba and once without; --check makes it fail
where a goal is missed:

    .venv/bin/python benchmarks/simulate.py [--check]

The goals are those of compiled code, after compilation, in processor time, which depends less on what else
the machine does: 10 s on two cores are 20. Plain Python is measured on a day, in its own process, and scaled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from capplan.autoscale.compiled import COMPILED
from capplan.autoscale.loop import simulate
from capplan.autoscale.settings import Settings
from capplan.autoscale.setup import Subject
from capplan.autoscale.simulation import as_reals, prepare, requests_of
from capplan.catalog.catalog import Catalog
from capplan.plan.read import read_plan

PLAN, SERVICE = Path(__file__).parents[1] / "examples" / "amas", "orchestrator"
YEAR_GOAL_S, CONFIGURATIONS_GOAL_S = 2.0, 20.0
CONFIGURATIONS = 1000
DAYS = 365
YEAR = "a year of 15 s ticks (2.1 M)"


def main() -> int:
    """Print the table; return 1 if a goal is missed."""
    if "--plain" in sys.argv:
        print(measured(1))
        return 0
    plain_s = in_plain_python()
    weeks = CONFIGURATIONS * 7
    print(f"{'':42}{'compiled':>10}{'goal':>8}{'plain Python':>16}")
    plain_year = f"{plain_s * DAYS:14,.0f} s"
    if not COMPILED:
        print(f"{'a year of 15 s ticks (2.1 M)':42}{'no numba':>10}{YEAR_GOAL_S:6.0f} s{plain_year}")
        return 0
    measured(1)
    year_s, all_s = measured(DAYS), configurations()
    print(f"{YEAR:42}{year_s:8.2f} s{YEAR_GOAL_S:6.0f} s{plain_year}")
    name = f"{CONFIGURATIONS:,} configurations × one week (40 M)"
    print(f"{name:42}{all_s:8.2f} s{CONFIGURATIONS_GOAL_S:6.0f} s{plain_s * weeks:14,.0f} s")
    missed = year_s > YEAR_GOAL_S or all_s > CONFIGURATIONS_GOAL_S
    return 1 if missed and "--check" in sys.argv else 0


def subject(days: float) -> tuple[Subject, Settings]:
    """Return the service to simulate: under KEDA, with five metrics, policies and nodes."""
    settings = Settings(days=days)
    prepared = prepare(read_plan(PLAN), Catalog(None), settings)
    return next(s for s in prepared.subjects if s.name == SERVICE), settings


def measured(days: float) -> float:
    """Return the seconds that so many days of the service take."""
    service, settings = subject(days)
    arrivals = as_reals(requests_of(service, settings))
    start = time.process_time()
    simulate(service.simulated, arrivals)
    return time.process_time() - start


def configurations() -> float:
    """Return the seconds that a week under each of many maxima takes, on all cores."""
    service, settings = subject(7)
    arrivals = as_reals(requests_of(service, settings))
    scaler = service.simulated.scaler
    variants = [
        service.simulated._replace(scaler=scaler._replace(hpa=scaler.hpa._replace(high=20 + i % 30)))
        for i in range(CONFIGURATIONS)
    ]
    start = time.process_time()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda variant: simulate(variant, arrivals), variants):
            pass
    return time.process_time() - start


def in_plain_python() -> float:
    """Return the seconds that one day takes without numba."""
    command = [sys.executable, __file__, "--plain"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    sys.exit(main())
