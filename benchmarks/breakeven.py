"""How long a break-even takes on a fine grid, as a multiple of an estimate of the same plan.

    .venv/bin/python benchmarks/breakeven.py [--check]

The plan has 20 components and two alternatives; the grid 10,000 points. Both times are processor times of
whole commands, medians of interleaved runs, start-up included. --check fails above the goal.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from startup import CAPPLAN, run

GOAL = 2.0
RUNS = 7
POINTS = 10_000


def main() -> int:
    """Print both times and their ratio; return 1 if the goal counts and is missed."""
    ratios = {profile: measured(profile) for profile in ("flat", "consumer-diurnal")}
    for profile, (estimate, breakeven) in ratios.items():
        ratio = breakeven / estimate
        times = f"estimate {estimate * 1000:.0f} ms, break-even {breakeven * 1000:.0f} ms"
        print(f"{profile:18} {times}: {ratio:.2f}× (goal {GOAL:g}×)")
    missed = any(breakeven > GOAL * estimate for estimate, breakeven in ratios.values())
    return 1 if missed and "--check" in sys.argv[1:] else 0


def measured(profile: str) -> tuple[float, float]:
    """Return the processor time of `estimate` and of `breakeven` on a plan with this profile, seconds."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "plan.yaml"
        path.write_text(plan(profile))
        breakeven = [
            CAPPLAN,
            "breakeven",
            path,
            "--over",
            "requests_per_second",
            "--from",
            "10",
            "--to",
            "10000",
        ]
        breakeven += ["--points", str(POINTS), "-q"]
        rounds = [(run([CAPPLAN, "estimate", path]).cpu, run(breakeven).cpu) for _ in range(1 + RUNS)][1:]
    return median(r[0] for r in rounds), median(r[1] for r in rounds)


def plan(profile: str) -> str:
    """Return a plan of 20 components; its alternative asks an API instead of its own machines."""
    services = [f"s{i}" for i in range(1, 18)]
    calls = ", ".join(f"{name}: 0.{1 + i % 9}" for i, name in enumerate(services))
    machine = "platform: vm-group, provider: aws, machine: m5.large"
    lines = [
        "name: bench",
        "regions: {aws: us-east-1}",
        f"demand: {{requests_per_second: 100, profile: {profile}}}",
        "services:",
        f"  gateway: {{{machine}, throughput: 200/s, calls: {{{calls}, llm: 0.01}}}}",
        f"  llm: {{{machine}, throughput: 3/s, instances: {{min: 2}}}}",
        *(f"  {name}: {{{machine}, throughput: {20 + 7 * i}/s}}" for i, name in enumerate(services)),
        "resources:",
        "  balancer: {provider: aws, service: elb, sku: alb-hour, quantity: 1}",
        "alternatives:",
        "  api:",
        "    services: {llm: null}",
        "    external_apis: {llm: {price_per_request: 0.00005}}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
