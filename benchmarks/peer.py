"""capplan and Netflix's service-capacity-modeling on one stateless service and on a fleet: time and answers.

Run it with the Python that capplan is installed for; the peer gets a virtual environment of its own, made on
the first run from PyPI. --check makes it fail where a goal is missed:

    .venv/bin/python benchmarks/peer.py [--samples N] [--check]

The service: 6,000 requests a second (p5 3,000, p95 12,000) that each keep a core busy for 4 ms (3 to 6 ms).
The peer knows no response time, so none is asked for here. It rates a core by clock and instructions per
cycle, and its time is that of its reference core; capplan takes the time as measured on the machine. What
both mean alike are the cores that let 5 % of the requests wait, the peer's tier 1.

The fleet: 100 services with 50 to 16,000 requests a second of 2 to 12 ms each, on m5.xlarge in us-east-1. The
peer is told that they run on m5.xlarge today, so that it takes the time as measured there, as capplan does.
These assumptions differ:

- capplan keeps cores 70 % busy; the peer adds 1.761·√load to the busy cores.
- capplan runs two machines at least; the peer runs two, and then rounds up to a multiple of three zones.
- Each service keeps 1 to 4 GiB. Both ask only that a machine has them, so memory binds nowhere here.
- Both pay the three-year reserved price of all machines; the peer has a root disk of 10 GiB on each, too.
- capplan plans the fleet at once; the peer has no fleets, and plans one service after another.
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
from typing import Any, NamedTuple

VERSION = "0.3.212"
ROOT = Path(__file__).parents[1]
PEER = ROOT / ".venv-peer"
MACHINE = "m5.xlarge"
VCPUS = 4
OPEN = 10
"""Services of which the machine is left open."""
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

PEER_FLEET = """
import json, sys, time
from service_capacity_modeling.capacity_planner import planner
from service_capacity_modeling.interface import CapacityDesires, CurrentClusters, CurrentRegionClusterCapacity
from service_capacity_modeling.interface import DataShape, QueryPattern, certain_float, certain_int

asked = json.load(sys.stdin)
today = CurrentRegionClusterCapacity(
    cluster_instance_name=asked["machine"], cluster_instance_count=certain_int(3)
)

def desires(rps, cpu_ms, memory_gib):
    pattern = QueryPattern(
        estimated_read_per_second=certain_int(rps),
        estimated_mean_read_latency_ms=certain_float(cpu_ms),
        estimated_write_per_second=certain_int(0),
    )
    return CapacityDesires(
        service_tier=1,
        query_pattern=pattern,
        data_shape=DataShape(reserved_instance_app_mem_gib=memory_gib),
        current_clusters=CurrentClusters(regional=[today]),
    )

def plan(services, machines):
    said = dict(model_name="org.netflix.stateless-java", region="us-east-1",
                extra_model_arguments={"failover": False})
    return [planner.plan_certain(desires=one, instance_families=machines, **said)[0] for one in services]

def seconds(services, machines):
    plan(services, machines)
    times = []
    for _ in range(5):
        start = time.process_time()
        plan(services, machines)
        times.append(time.process_time() - start)
    return sorted(times)[2]

services = [desires(*one) for one in asked["services"]]
found = plan(services, [asked["machine"]])
print(json.dumps({
    "named": seconds(services, [asked["machine"]]),
    "open": seconds(services[: asked["open"]], None),
    "machines": [one.candidate_clusters.regional[0].count for one in found],
    "cores": [one.requirements.regional[0].cpu_cores.mid for one in found],
    "usd_a_year": sum(float(one.candidate_clusters.total_annual_cost) for one in found),
}))
"""


class Service(NamedTuple):
    """One stateless service of the fleet."""

    rps: int
    cpu_ms: int
    memory_gib: int

    @property
    def load(self) -> float:
        """Cores that are busy on average."""
        return self.rps * self.cpu_ms / 1000


FLEET = [Service(round(50 * 1.06**index), 2 + 7 * index % 11, 1 + index % 4) for index in range(100)]


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
        command: list[str | Path] = [sys.executable, "-m", "capplan", "estimate", certain]
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
    print("\n" + fleets(peer))
    missed = [what for what, (ours, theirs) in seconds.items() if theirs / ours < GOALS[what]]
    for what in missed:
        print(f"missed: {what}")
    return 1 if missed and asked.check else 0


def peer_python() -> Path:
    """Return the Python of the peer's own environment, made when it is missing; end if it cannot be made."""
    python = PEER / "bin" / "python"
    wanted = f"service-capacity-modeling=={VERSION}"
    if has_peer(python):
        return python
    print(f"installing {wanted} into {PEER.name}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
    if subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=False).returncode:
        print(
            f"The peer is not installed: pip found no {wanted}. Install it into {PEER.name}.", file=sys.stderr
        )
        sys.exit(2)
    return python


def has_peer(python: Path) -> bool:
    """Say whether an environment has the version that is compared."""
    code = (
        f"from importlib.metadata import version; assert version('service-capacity-modeling') == '{VERSION}'"
    )
    return (
        python.exists()
        and not subprocess.run([python, "-c", code], capture_output=True, check=False).returncode
    )


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


def repeated(work: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the median time of ``work``, after one run that does not count."""
    work()
    taken = []
    for _ in range(times):
        start = clock()
        work()
        taken.append(clock() - start)
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


def fleets(peer: Path) -> str:
    """Return the processor time of both for the fleet, and machines, cost and waiting that each plans."""
    asked = json.dumps({"services": FLEET, "machine": MACHINE, "open": OPEN})
    said = subprocess.run([peer, "-c", PEER_FLEET], input=asked, capture_output=True, text=True, check=True)
    theirs = json.loads(said.stdout.splitlines()[-1])
    ours = planned()
    rows = [f"{'processor time':36}{'capplan':>12}{'peer':>12}{'ratio':>10}"]
    for what, name in (
        ("named", f"{len(FLEET)} services on {MACHINE}"),
        ("open", f"{OPEN} services on any machine"),
    ):
        figures = f"{ours[what] * 1e3:9.1f} ms{theirs[what] * 1e3:9.1f} ms{theirs[what] / ours[what]:9.2f}×"
        rows.append(f"{name:36}{figures}")
    unrounded = [max(2, math.ceil(cores / VCPUS)) for cores in theirs["cores"]]
    rows.append(f"\n{f'{len(FLEET)} services on {MACHINE}':36}{'capplan':>12}{'peer':>12}{'no zones':>12}")
    counts = [ours["machines"], theirs["machines"], unrounded]
    dollars = [
        ours["usd_a_year"],
        theirs["usd_a_year"],
        theirs["usd_a_year"] * sum(unrounded) / sum(counts[1]),
    ]
    rows += [
        row("busy cores", [sum(service.load for service in FLEET)] * 3),
        row("machines", [sum(one) for one in counts]),
        row("vCPUs", [VCPUS * sum(one) for one in counts]),
        row("USD a year", dollars),
        row("services where over 5 % wait", [waiting(one) for one in counts]),
        row("services with capplan's count", [sum(map(int.__eq__, counts[0], one)) for one in counts]),
    ]
    return "\n".join(rows) + "\n\n" + textwrap.fill(ASSUMED.strip(), 100)


ASSUMED = """
capplan keeps cores 70 % busy, as the plan says; the peer adds 1.761·√load. Small services get more from the
peer, and large ones from capplan. The peer rounds up to a multiple of three zones; 'no zones' is its answer
without that. Its cost has a root disk of 10 GiB a machine. Memory binds nowhere. The peer chooses a machine
that is left open by its clock and instructions per cycle, and capplan by estimates of the whole plan, so that
its time grows with the square of the services. Which machines they choose is not compared.
"""


def row(name: str, figures: list[float]) -> str:
    """Return a line of the table."""
    return f"{name:36}" + "".join(f"{figure:12,.0f}" for figure in figures)


def waiting(machines: list[int]) -> int:
    """Return for how many services more than 5 % of the requests wait for a core, by Erlang C."""
    import numpy as np

    from capplan.capacity.queueing import erlang_c

    waits = erlang_c(VCPUS * np.array(machines, float), np.array([service.load for service in FLEET]))
    return int((waits > 0.05).sum())


def planned() -> dict[str, Any]:
    """Return capplan's times for the fleet, everything read before, its machines and their cost."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate
    from capplan.plan.read import parse_plan

    catalog = Catalog(None)
    named = parse_plan(fleet_plan(FLEET, MACHINE), "fleet.yaml", Path())
    left_open = parse_plan(fleet_plan(FLEET[:OPEN], "auto"), "open.yaml", Path())
    found = estimate(named, catalog)
    counts = [int(part.sizing.peak_running.max()) for part in found.components if part.sizing is not None]
    return {
        "named": repeated(lambda: estimate(named, catalog), 9, time.process_time),
        "open": repeated(lambda: estimate(left_open, catalog), 3, time.process_time),
        "machines": counts,
        "usd_a_year": 12 * float(found.total.expected.max()),
    }


def fleet_plan(fleet: list[Service], machine: str) -> str:
    """Return a plan of the services, each with its rate of the demand."""
    shares = ", ".join(f"s{index}: {service.rps}" for index, service in enumerate(fleet))
    rate = sum(service.rps for service in fleet)
    base = f"platform: vm-group, provider: aws, machine: {machine}, instances: {{min: 2, max: 256}}"
    target = "target_utilization: {cpu: 70%}, purchase: {commit_3y: 100%}"
    lines = [
        "name: fleet",
        "regions: {aws: us-east-1}",
        f"demand: {{requests_per_second: {rate}, profile: flat, entry: {{{shares}}}}}",
        f"service_templates: {{base: {{{base}, {target}}}}}",
        "services:",
    ]
    for index, one in enumerate(fleet):
        asked = f"cpu_time: {one.cpu_ms}ms, memory_base: {one.memory_gib}Gi"
        lines.append(f"  s{index}: {{extends: base, {asked}}}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
