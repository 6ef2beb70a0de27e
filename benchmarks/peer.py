"""capplan and Netflix's service-capacity-modeling on one stateless service: time and answers.

Run it with the Python that capplan is installed for; the peer gets a virtual environment of its own, made on
the first run from PyPI. --check makes it fail where a goal is missed:

    .venv/bin/python benchmarks/peer.py [--samples N] [--check]

The service: 6,000 requests a second (p5 3,000, p95 12,000) that each keep a core busy for 4 ms (3 to 6 ms).
The peer knows no response time, so none is asked for here. It rates a core by clock and instructions per
cycle, and its time is that of its reference core; capplan takes the time as measured on the machine. What
both mean alike are the cores that let 5 % of the requests wait, the peer's tier 1.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

VERSION = "0.3.212"
ROOT = Path(__file__).parents[1]
PEER = ROOT / ".venv-peer"
GOALS = {"start to first plan": 5.0, "one certain plan": 5.0, "samples": 1000.0}

PLAN = textwrap.dedent("""
    name: peer
    regions: {aws: us-east-1}
    demand: {requests_per_second: {p5: 3k, p50: 6k, p95: 12k}, profile: flat}
    services:
      app:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        cpu_time: {p5: 3ms, p50: 4ms, p95: 6ms}
        target_utilization: {cpu: 70%}
        instances: {min: 2}
""")

PEER_CODE = """
import json, sys, time
from service_capacity_modeling.capacity_planner import planner
from service_capacity_modeling.interface import CapacityDesires, DataShape, Interval, QueryPattern
from service_capacity_modeling.interface import certain_int

def desires(certain):
    def between(low, mid, high):
        ends = (mid, mid) if certain else (low, high)
        return Interval(low=ends[0], mid=mid, high=ends[1], confidence=1.0 if certain else 0.9)
    pattern = QueryPattern(
        estimated_read_per_second=between(3000, 6000, 12000),
        estimated_mean_read_latency_ms=between(3, 4, 6),
        estimated_write_per_second=certain_int(0),
    )
    return CapacityDesires(service_tier=1, query_pattern=pattern, data_shape=DataShape())

said = dict(model_name="org.netflix.stateless-java", region="us-east-1",
            extra_model_arguments={"failover": False})
first = planner.plan_certain(desires=desires(True), **said)[0]
if sys.argv[1] == "first":
    sys.exit()
times = []
for _ in range(9):
    start = time.perf_counter()
    planner.plan_certain(desires=desires(True), **said)
    times.append(time.perf_counter() - start)
start = time.perf_counter()
planner.plan(desires=desires(False), simulations=int(sys.argv[1]), **said)
sampled = time.perf_counter() - start
clusters = first.candidate_clusters.zonal or first.candidate_clusters.regional
print(json.dumps({"certain": sorted(times)[4], "samples": sampled,
                  "machines": [[c.instance.name, c.count] for c in clusters],
                  "usd_a_year": float(first.candidate_clusters.total_annual_cost)}))
"""


def main() -> int:
    """Print times, ratios and the two answers; return 1 if a goal counts and is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--samples", type=int, default=1024)
    options.add_argument("--check", action="store_true")
    asked = options.parse_args()
    peer = peer_python()
    with tempfile.TemporaryDirectory() as directory:
        plan = Path(directory) / "plan.yaml"
        plan.write_text(PLAN, encoding="utf-8")
        certain = Path(directory) / "certain.yaml"
        certain.write_text(certain_plan(), encoding="utf-8")
        command = [Path(sys.executable).with_name("capplan"), "estimate", certain]
        seconds = {"start to first plan": (started(command), started([peer, "-c", PEER_CODE, "first"]))}
        said = subprocess.run(
            [peer, "-c", PEER_CODE, str(asked.samples)], capture_output=True, text=True, check=True
        )
        answer = json.loads(said.stdout.splitlines()[-1])
        one, many = in_process(plan, certain, asked.samples)
    seconds |= {"one certain plan": (one, answer["certain"]), "samples": (many, answer["samples"])}
    print(f"{'':24}{'capplan':>12}{'peer':>12}{'ratio':>10}{'goal':>10}")
    for what, (ours, theirs) in seconds.items():
        name = f"{asked.samples:,} samples" if what == "samples" else what
        print(f"{name:24}{ours * 1e3:9.1f} ms{theirs * 1e3:9.0f} ms{theirs / ours:9.1f}×{GOALS[what]:9.0f}×")
    print("\n" + compared(answer))
    missed = [what for what, (ours, theirs) in seconds.items() if theirs / ours < GOALS[what]]
    for what in missed:
        print(f"missed: {what}")
    return 1 if missed and asked.check else 0


def peer_python() -> Path:
    """Return the Python of the peer's own environment, made when it is missing."""
    python = PEER / "bin" / "python"
    if not python.exists():
        print(f"installing service-capacity-modeling {VERSION} into {PEER.name}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        wanted = f"service-capacity-modeling=={VERSION}"
        subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)
    return python


def certain_plan() -> str:
    """Return the plan with every number in its middle."""
    return PLAN.replace("{p5: 3k, p50: 6k, p95: 12k}", "6k").replace("{p5: 3ms, p50: 4ms, p95: 6ms}", "4ms")


def started(command: list[str | Path]) -> float:
    """Return the median time from start to end of a process."""
    return repeated(lambda: subprocess.run(command, capture_output=True, check=True), 5)


def in_process(plan: Path, certain: Path, samples: int) -> tuple[float, float]:
    """Return the times of one certain plan and of many samples, everything imported and read before."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate
    from capplan.plan.read import read_plan
    from capplan.uncertainty.sample import sample

    catalog, uncertain, known = Catalog(None), read_plan(plan), read_plan(certain)
    one = repeated(lambda: estimate(known, catalog), 25)
    return one, repeated(lambda: sample(uncertain, catalog, samples, 1), 9)


def repeated(work: Callable[[], object], times: int) -> float:
    """Return the median time of ``work``, after one run that does not count."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def compared(answer: dict[str, float]) -> str:
    """Return the cores that each takes for the certain service, and why they differ."""
    from capplan.capacity.queueing import erlang_c, servers_for_wait

    load = 6000 * 0.004
    exact = float(servers_for_wait(6000, 0.004, 0.0, 0.95))
    theirs = math.ceil(load + 1.761 * math.sqrt(load))
    machines = ", ".join(f"{count} × {name}" for name, count in answer["machines"])  # type: ignore[attr-defined]
    return textwrap.fill(
        f"{load:g} busy cores, and 5 % of the requests may wait. The peer's rule, load + 1.761·√load rounded "
        f"up, gives {theirs:g} cores, of which Erlang C lets {float(erlang_c(theirs, load)):.1%} wait; the "
        f"fewest that Erlang C allows are {exact:g}, about what a target of 70 % busy gives. The peer then "
        f"divides by clock and instructions per cycle ({machines}, {answer['usd_a_year']:,.0f} USD a year at "
        "its three-year reserved price); capplan counts cores of the machine that the time was measured on, "
        "at the price that the plan buys it for.",
        100,
    )


if __name__ == "__main__":
    sys.exit(main())
