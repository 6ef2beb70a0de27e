"""Laws over random plans: ``python -m tests.conformance.plan_laws [PLANS] [SEED]``; 1,000 plans by default.

Tightening an SLO, raising demand, variability or the share of scenarios to be met never needs fewer
instances, and the share that is reported as met holds for fresh draws within 1 %. Prints every failure
and a last line ``N passed, M failed``; exits with 1 if any failed.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.estimate import estimate
from capplan.plan.read import PlanFile, parse_plan
from capplan.uncertainty.sample import Sample, sample

CATALOG = Catalog(None)
DRAWS, FRESH_DRAWS = 3000, 6000
SHARES = (0.5, 0.8, 0.9, 0.95, 0.99)

PLAN = """
    name: law
    regions: {{aws: us-east-1}}
    demand:
      requests_per_second: {{p5: {low}, p50: {rps}, p95: {high}}}
      profile: {profile}
      ca2: {ca2}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        service_time: {{p5: {fast}s, p50: {time}s, p95: {slow}s}}
        cpu_time: {cpu}s
        concurrency: {concurrency}
        cs2: {cs2}
        redundancy: {{zones: {zones}, survive_zones: {lost}}}
        slo: {{{percentile}: {slo}s}}
"""


def random_values(rng: np.random.Generator) -> dict[str, float | str]:
    """Return what one plan says."""
    rps, time = 10 ** rng.uniform(0.5, 3.5), 10 ** rng.uniform(-2.5, -0.3)
    spread, slack = rng.uniform(1.1, 3), rng.uniform(1.05, 2)
    zones = int(rng.integers(1, 4))
    return {
        "rps": rps,
        "low": rps / spread,
        "high": rps * spread,
        "time": time,
        "fast": time / slack,
        "slow": time * slack,
        "cpu": time * rng.choice([0.05, 0.3, 1.0]),
        "concurrency": int(rng.integers(1, 65)),
        "cs2": rng.choice([0.0, 0.3, 1.0, 2.0, 4.0]),
        "ca2": rng.choice([1.0, 1.0, 3.0]),
        "profile": str(rng.choice(["flat", "office-hours"])),
        "zones": zones,
        "lost": int(zones > 1 and rng.random() < 0.5),
        "percentile": str(rng.choice(["p95", "p99"])),
        "slo": time * rng.uniform(2, 15),
    }


def plan_of(values: dict[str, float | str]) -> PlanFile:
    """Return the plan that says ``values``."""
    return parse_plan(textwrap.dedent(PLAN.format(**values)), "law.yaml", Path(), ())


def needed(values: dict[str, float | str]) -> float:
    """Return the instances at the peak, with every number in its middle."""
    sizing = estimate(plan_of(values), CATALOG).components[0].sizing
    assert sizing is not None
    return float(sizing.peak[0, 0])


def broken_laws(values: dict[str, float | str], rng: np.random.Generator) -> Iterator[str]:
    """Yield each law that the plan breaks."""
    more = float(rng.uniform(1.01, 3))
    plain = needed(values)
    harder = {
        "a tighter SLO": {"slo": float(values["slo"]) / more},
        "more demand": {x: float(values[x]) * more for x in ("low", "rps", "high")},
        "more variable work": {"cs2": min(float(values["cs2"]) * more + 0.1, 8.0)},
        "burstier arrivals": {"ca2": float(values["ca2"]) * more},
    }
    for what, changed in harder.items():
        now = needed(values | changed)
        if now < plain:
            yield f"{what} ({more:.3f}×) needs {now:g} instances instead of {plain:g}"
    drawn = sample(plan_of(values), CATALOG, DRAWS, 1)
    yield from _broken_shares(drawn, sample(plan_of(values), CATALOG, FRESH_DRAWS, 2))


def _broken_shares(drawn: Sample, fresh: Sample) -> Iterator[str]:
    before = 0.0
    for share in SHARES:
        met = drawn.instances_to_meet("api", share)
        assert met is not None
        if met.instances < before:
            yield f"{share:.0%} need {met.instances:g} instances, a smaller share {before:g}"
        if met.share < share:
            yield f"{share:.0%} are asked for, and {met.share:.2%} met"
        found = fresh.drawn["instances", "api"].share_up_to(met.instances)
        if abs(found - met.share) > 0.01:
            yield f"{met.instances:g} instances meet {met.share:.2%}, and {found:.2%} of fresh draws"
        before = met.instances


def main(arguments: list[str]) -> int:
    """Try as many plans as asked for."""
    plans, seed = (int(x) for x in (*arguments, *("1000", "1")[len(arguments) :]))
    failed = 0
    for index in range(plans):
        rng = np.random.default_rng([seed, index])
        values = random_values(rng)
        wrong = list(broken_laws(values, rng))
        failed += bool(wrong)
        for line in wrong:
            print(f"plan {index}: {line}\n  {values}")
    print(f"{plans - failed} passed, {failed} failed")
    return 1 if failed or not plans else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
