"""How long commands take from start to end, as multiples of an interpreter that does nothing.

Run it with the Python that capplan is installed for; --check makes it fail where a goal is missed:

    .venv/bin/python benchmarks/startup.py [--check]

Both the time on the clock and the processor time are medians of interleaved runs, so what else the machine
does falls on all commands alike. The goals hold for the processor time, which depends less on it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

RUNS = 15
PYTHON = Path(sys.executable)
CAPPLAN = PYTHON.with_name("capplan")
PLAN = Path(__file__).parents[1] / "examples" / "afpi"

BASELINE = "python -c pass"
COMMANDS: dict[str, list[str | Path]] = {
    BASELINE: [PYTHON, "-c", "pass"],
    "capplan --version": [CAPPLAN, "--version"],
    "capplan --help": [CAPPLAN, "--help"],
    "capplan estimate examples/afpi": [CAPPLAN, "estimate", PLAN],
}
GOALS = {"capplan --version": 6.5, "capplan --help": 8.0, "capplan estimate examples/afpi": 24.0}


class Seconds(NamedTuple):
    """Time of one run, or the median of many."""

    wall: float
    cpu: float


def main() -> int:
    """Print the table; return 1 if a goal counts and is missed."""
    if not CAPPLAN.exists():
        sys.exit(f"{CAPPLAN} is missing: run this with the Python that capplan is installed for")
    times = measured(RUNS)
    base = times[BASELINE]
    print(f"{BASELINE}: {base.wall * 1000:.0f} ms, {base.cpu * 1000:.0f} ms of processor time\n")
    print(f"{'command':32}{'wall':>8}{'cpu':>8}{'goal':>8}")
    for command, goal in GOALS.items():
        print(f"{command:32}{ratio(times, command).wall:7.1f}×{ratio(times, command).cpu:7.1f}×{goal:7.1f}×")
    missed = [command for command, goal in GOALS.items() if ratio(times, command).cpu > goal]
    for command in missed:
        print(f"missed: {command}")
    return 1 if missed and "--check" in sys.argv[1:] else 0


def measured(runs: int) -> dict[str, Seconds]:
    """Return the median time of every command, after one run that fills caches and writes bytecode."""
    rounds = [{name: run(command) for name, command in COMMANDS.items()} for _ in range(1 + runs)][1:]
    return {
        name: Seconds(median(r[name].wall for r in rounds), median(r[name].cpu for r in rounds))
        for name in COMMANDS
    }


def run(command: list[str | Path]) -> Seconds:
    """Return the time of one run, which must succeed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started, used = time.perf_counter(), children_cpu_s()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return Seconds(time.perf_counter() - started, children_cpu_s() - used)


def children_cpu_s() -> float:
    """Return the processor time of all the children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ratio(times: dict[str, Seconds], command: str) -> Seconds:
    """Return the times of ``command`` as multiples of the baseline."""
    return Seconds(times[command].wall / times[BASELINE].wall, times[command].cpu / times[BASELINE].cpu)


if __name__ == "__main__":
    sys.exit(main())
