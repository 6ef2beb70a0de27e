"""How the time of an estimate grows with the plan, and that of a fleet with the number of its plans.

A plan is a generated fleet of services on Kubernetes.

Each service calls two others at most, and every tenth keeps connections to a database of its team. A service
must cost no more in a large plan than in a small one. Run it with the Python that capplan is installed for;
--check makes it fail where that is missed, --recommend takes the time of `capplan recommend` too, and --plans
that of `capplan fleet` over so many plans of five services, in all processes, with the memory of the largest:

    .venv/bin/python benchmarks/fleet.py [--check] [--recommend | --plans]

Seconds are processor time, medians of some runs, so what else the machine does counts less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from capplan.catalog.catalog import Catalog
from capplan.decide.recommend import recommend
from capplan.estimate import Estimate, estimate
from capplan.plan.read import parse_plan
from capplan.report.blocks import Style
from capplan.report.formats import written
from capplan.report.render import report_of

SIZES = (10, 100, 1000, 2000)
TEAM = 10
"""Services that share a database."""
RUNS = {10: 15, 100: 7, 1000: 3, 2000: 3}
GOAL = 2.0
"""What a service may cost in the largest fleet, as a multiple of one in a fleet of 100."""
PLANS = (100, 500, 2000, 5000)
START_S = 2.0
"""Processor time that starting takes, in three processes."""
MOST_MB = 1000


def main() -> int:
    """Print the table; return 1 if the goal counts and is missed."""
    if "--plans" in sys.argv[1:]:
        return plans()
    stages: dict[str, Callable[[str], object]] = {"estimate": read_and_estimate, "table, JSON, CSV": shown}
    if "--recommend" in sys.argv[1:]:
        stages["recommend"] = advised
    missed = []
    for stage, run in stages.items():
        seconds = {size: measured(run, fleet(size), 1 if run is advised else RUNS[size]) for size in SIZES}
        each = {size: seconds[size] / size for size in SIZES}
        print(f"\n{stage}\n{'services':>10}{'seconds':>10}{'ms each':>10}{'ratio':>10}")
        for size in SIZES:
            ratio = each[size] / each[100]
            print(f"{size:10,}{seconds[size]:10.2f}{1000 * each[size]:10.2f}{ratio:9.2f}×", flush=True)
        if each[SIZES[-1]] > GOAL * each[100]:
            missed.append(stage)
    for stage in missed:
        print(f"missed: {stage} grows faster than the plan")
    return 1 if missed and "--check" in sys.argv[1:] else 0


def measured(run: Callable[[str], object], text: str, times: int) -> float:
    """Return the median processor time of some runs, s."""
    found = []
    for _ in range(times):
        started = time.process_time()
        run(text)
        found.append(time.process_time() - started)
    return median(found)


def plans() -> int:
    """Print what fleets take; return 1 if a plan takes longer among many, or there is too little memory."""
    print(f"{'plans':>8}{'seconds':>10}{'processor':>11}{'ms each':>9}{'MB':>7}{'ratio':>8}")
    each, megabytes = {}, 0.0
    for count in PLANS:
        with TemporaryDirectory() as directory:
            for index in range(count):
                path = Path(directory, f"plan-{index}", "plan.yaml")
                path.parent.mkdir()
                path.write_text(member(index), encoding="utf-8")
            started = time.perf_counter()
            command = [sys.executable, "-m", "capplan", "fleet", directory, "--format", "json", "-o"]
            process = subprocess.Popen([*command, f"{directory}/fleet.json"], stderr=subprocess.DEVNULL)
            _, status, used = os.wait4(process.pid, 0)
            elapsed = time.perf_counter() - started
        assert status == 0, f"capplan fleet ended with {status}"
        seconds, megabytes = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        each[count] = 1000 * (seconds - START_S) / count
        ratio = each[count] / each[PLANS[0]]
        figures = f"{elapsed:10.1f}{seconds:11.1f}{each[count]:9.2f}{megabytes:7.0f}{ratio:7.2f}×"
        print(f"{count:8,}{figures}", flush=True)
    missed = each[PLANS[-1]] > GOAL * each[PLANS[0]] or megabytes > MOST_MB
    print("missed: fleets grow faster than their plans" if missed else "held")
    return 1 if missed and "--check" in sys.argv[1:] else 0


def member(index: int) -> str:
    """Return a plan of five services, a cluster and a database, one of forty teams and of seven accounts."""
    serverless = "platform: cloud-run, service_time: 80ms, cpu_time: 20ms, instances: {min: 0, max: 40}"
    pods = "platform: kubernetes, cpu: 250m, memory: 256Mi, cpu_time: 5ms, instances: {min: 2, max: 20}"
    group = f"platform: vm-group, provider: aws, machine: m5.large, throughput: {3 + index % 5}/s"
    bought = f"instances: {{min: 1, max: 30}}, purchase: {{commit_1y: {10 * (index % 6)}%}}"
    pool = "{machine: e2-standard-4, nodes: {min: 1, max: 20}}"
    return f"""\
name: plan-{index}
team: team-{index % 40}
account: account-{index % 7}
regions: {{gcp: us-central1, aws: us-east-1}}
demand: {{requests_per_second: {5 + index % 200}, profile: office-hours, entry: {{web: 1}}}}
services:
  web: {{{serverless}, calls: {{api: 1, queue: 0.2, db: 1}}}}
  search: {{{serverless}}}
  api: {{{pods}, calls: {{auth: 0.5}}}}
  auth: {{{pods}}}
  queue: {{{group}, {bought}}}
clusters: {{main: {{platform: gke, pools: {{default: {pool}}}}}}}
databases: {{db: {{platform: cloud-sql, engine: postgres, machine: db-custom-2-7680, storage: 100Gi}}}}
tags: {{front: [web], back: [api, auth, queue]}}
"""


def read_and_estimate(text: str) -> Estimate:
    """Read a plan, with a catalog of its own as each command has, and estimate it."""
    return estimate(parse_plan(text, "fleet.yaml", Path()), Catalog(None))


def shown(text: str) -> None:
    """Estimate a plan and render it."""
    report = report_of(read_and_estimate(text))
    for fmt in ("table", "json", "csv"):
        written(report, fmt, Style(80, ascii_only=True))


def advised(text: str) -> None:
    """Recommend changes to a plan."""
    recommend(parse_plan(text, "fleet.yaml", Path()), Catalog(None))


def fleet(size: int) -> str:
    """Return a plan of ``size`` services, and a database for each ten of them."""
    return "\n".join(_lines(size))


def _lines(size: int) -> Iterator[str]:
    yield "name: fleet"
    yield "regions: {gcp: us-central1}"
    yield "demand: {requests_per_second: 200, profile: office-hours, entry: {s0: 1}}"
    yield "service_templates:"
    pods = "platform: kubernetes, cpu: 250m, memory: 256Mi, cpu_time: 5ms, instances: {min: 2, max: 20}"
    yield f"  base: {{{pods}}}"
    yield "services:"
    for index in range(size):
        team, first = divmod(index, TEAM)
        # A binary tree: everything is reached, nothing more than twelve calls deep.
        calls = [f"s{child}: 0.5" for child in (2 * index + 1, 2 * index + 2) if child < size]
        if first == 0:
            calls.append(f"db{team}: {{per_request: 1, pool: {{max: 5, hold_time: 10ms}}}}")
        yield f"  s{index}: {{extends: base, calls: {{{', '.join(calls)}}}}}"
    yield "clusters:"
    yield "  main:"
    yield "    platform: gke"
    yield f"    pools: {{default: {{machine: e2-standard-8, nodes: {{min: 3, max: {size + 10}}}}}}}"
    yield "databases:"
    for team in range((size + TEAM - 1) // TEAM):
        spec = "platform: cloud-sql, engine: postgres, machine: auto, cpu_time: 2ms, storage: 10Gi"
        yield f"  db{team}: {{{spec}}}"


if __name__ == "__main__":
    sys.exit(main())
