"""How many scenarios of the AFPI plan are estimated in a second, and in how much memory.

Five inputs vary at random, from a fixed seed: once with a load that never changes, so that the peak is all
there is, and once hour by hour over the week. Run it with the Python that capplan is installed for:

    .venv/bin/python benchmarks/scenarios.py [--scenarios 1000000] [--check]

The latency SLOs of the plan are timed apart: with the times of requests drawn like the rest, so that counts
are searched, and with only the load and a price drawn, so that they are looked up. Each run has a process of
its own, so that its memory is counted on its own; --check makes the script fail where a goal is missed. The
goals are those of two cores.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

RUNS = 3
PLAN = Path(__file__).parents[1] / "examples" / "afpi"
MEMORY_GOAL_MIB = 1024


class Case(NamedTuple):
    """A profile, and the goal for it in scenarios a second; fixed: services do not vary."""

    profile: str
    goal: int
    slo: bool = False
    fixed: bool = False


class Result(NamedTuple):
    """What one run took."""

    per_second: float
    memory_mib: float


CASES = {
    "at the peak": Case("flat", 1_000_000),
    "168 hours": Case("consumer-diurnal", 20_000),
    "at the peak, p95 SLO": Case("flat", 250_000, slo=True),
    "168 hours, p95 SLO": Case("consumer-diurnal", 20_000, slo=True),
    "at the peak, SLO, fixed": Case("flat", 1_000_000, slo=True, fixed=True),
    "168 hours, SLO, fixed": Case("consumer-diurnal", 60_000, slo=True, fixed=True),
}
"""A latency SLO adds queues; fixed are the services, so that only the load and prices vary."""


def main() -> int:
    """Print the table, or the figures of the one case that is named; return 1 if a goal is missed."""
    count = int(sys.argv[sys.argv.index("--scenarios") + 1]) if "--scenarios" in sys.argv else 1_000_000
    if "--only" in sys.argv:
        print(*measured(CASES[sys.argv[sys.argv.index("--only") + 1]], count))
        return 0
    print(f"{count:,} scenarios\n")
    print(f"{'':24}{'scenarios/s':>14}{'goal':>12}{'memory':>12}{'goal':>10}")
    missed = False
    for name, case in CASES.items():
        result = in_own_process(name, count)
        missed |= result.per_second < case.goal or result.memory_mib > MEMORY_GOAL_MIB
        goal = f"{case.goal:,}" if case.goal else ""
        speed = f"{result.per_second:14,.0f}{goal:>12}"
        print(f"{name:24}{speed}{result.memory_mib:8,.0f} MiB{MEMORY_GOAL_MIB:6,} MiB", flush=True)
    return 1 if missed and "--check" in sys.argv else 0


def in_own_process(name: str, count: int) -> Result:
    """Return what :func:`measured` returns there."""
    command = [sys.executable, __file__, "--only", name, "--scenarios", str(count)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Result(*map(float, printed.split()))


def measured(case: Case, count: int) -> Result:
    """Return scenarios a second, the reading of catalogs included, and the process's highest memory."""
    from capplan.catalog.catalog import Catalog
    from capplan.many import estimate_many
    from capplan.plan.read import read_plan

    without = [] if case.slo else [f"services.{name}.slo=null" for name in ("frontend", "backend")]
    file = read_plan(PLAN, [f"demand.profile={case.profile}", *without])
    scenarios = drawn(count, fixed=case.fixed)
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        estimate_many(file, Catalog(), scenarios)
        seconds.append(time.perf_counter() - started)
    return Result(count / median(seconds), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def drawn(count: int, *, fixed: bool = False) -> object:
    """Return ``count`` scenarios in which five inputs lie between a half and twice what the plan says.

    ``fixed``: without those of services, three.
    """
    import numpy as np

    from capplan.plan.bind import Scenarios

    said = {
        ("demand", "users_per_day"): 200.0,
        ("demand", "requests_per_user"): 500.0,
        ("services", "backend", "service_time"): 0.2,
        ("services", "backend", "cpu_time"): 0.04,
        ("external_apis", "llm-api", "price_per_request"): 0.05,
    }
    draw = np.random.default_rng(1)
    values = {path: value * 2 ** draw.uniform(-1, 1, count) for path, value in said.items()}
    kept = {path: value for path, value in values.items() if not (fixed and path[0] == "services")}
    return Scenarios(count, kept)


if __name__ == "__main__":
    sys.exit(main())
