"""Many draws of a plan's uncertain numbers, and the percentiles of what comes out.

The percentile is of the result, never of all inputs at once: every input at its own p95 is far rarer than
1 in 20.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.many import Summary, estimate_many
from capplan.plan.bind import Path, Scenarios
from capplan.plan.draws import draw
from capplan.plan.read import PlanFile


class Spread(NamedTuple):
    """Values that a result stays below in 5, 50 and 95 % of the scenarios; infinite where it has no bound."""

    p5: float
    p50: float
    p95: float


class Met(NamedTuple):
    """A number of instances, and the share of the scenarios in which they are enough."""

    instances: float
    share: float


class Sample(NamedTuple):
    """Draws of a plan, what each of them needs and costs, and the seed that they came from."""

    scenarios: Scenarios
    summary: Summary
    seed: int

    @property
    def inputs(self) -> Mapping[Path, Spread]:
        """The spread of each number that was drawn."""
        return {path: spread_of(values) for path, values in self.scenarios.values.items()}

    @property
    def cost(self) -> Spread:
        """Expected USD a month of everything."""
        return spread_of(self.summary.expected)

    def component_cost(self, name: str) -> Spread:
        """Expected USD a month of one component."""
        return spread_of(self.summary.component_cost[name])

    def instances(self, name: str) -> Spread | None:
        """Instances that a component needs in the busiest hour; None where it is not counted in them."""
        counts = self.summary.peak_instances.get(name)
        return None if counts is None else spread_of(counts)

    def instances_to_meet(self, name: str, share: float) -> Met | None:
        """Return the fewest instances that are enough in ``share`` of the scenarios; None as above."""
        counts = self.summary.peak_instances.get(name)
        if counts is None:
            return None
        enough = float(np.quantile(counts, share, method="inverted_cdf"))
        return Met(enough, float(np.mean(counts <= enough)))

    def response_s(self, name: str) -> Mapping[str, Spread] | None:
        """p50, p95 and p99 of the response time in the busiest hour; None without a latency SLO."""
        times = self.summary.response_s.get(name)
        return (
            None if times is None else dict(zip(("p50", "p95", "p99"), map(spread_of, times.T), strict=True))
        )

    def met(self, name: str) -> float | None:
        """Share of the scenarios in which a component runs what it needs and keeps its latency SLO."""
        unmet = self.summary.unmet.get(name)
        return None if unmet is None else 1.0 - float(unmet.mean())

    @property
    def all_met(self) -> float:
        """Share of the scenarios in which every component does."""
        flags = list(self.summary.unmet.values())
        return 1.0 - float(np.max(flags, axis=0).mean()) if flags else 1.0


def sample(file: PlanFile, catalog: Catalog, samples: int, seed: int) -> Sample:
    """Return ``samples`` draws of the plan in ``file``; the same for the same seed."""
    scenarios = draw(file, samples, seed)
    return Sample(scenarios, estimate_many(file, catalog, scenarios), seed)


def spread_of(values: Array) -> Spread:
    """Return the 5th, 50th and 95th percentile, each a value that occurs."""
    found = np.quantile(values, (0.05, 0.5, 0.95), method="inverted_cdf")
    return Spread(*found.tolist())
