"""Many draws of a plan's uncertain numbers, and the percentiles of what comes out.

The percentile is of the result, never of all inputs at once: every input at its own p95 is far rarer than
1 in 20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial, reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.components.base import Context
from capplan.cost.lines import Certainty
from capplan.estimate import context_of, estimate_on
from capplan.executors import usual_executor
from capplan.many import Summary, estimate_many, joined, kept, rows_of, summary_of
from capplan.plan.bind import Path, Scenarios
from capplan.plan.draws import MAX_SAMPLES, draw
from capplan.plan.read import PlanFile

Key = tuple[str, ...]
"""Input and its path; cost, of a component too; instances of a component; response and percentile of one."""

_BLOCK = 2**18
"""Draws that are made together where there are more than :data:`MAX_SAMPLES`; figures depend on it."""
_TOGETHER = 4
"""Blocks that another process makes before it hands over their counts, which are as many as of one."""
_COARSE_BITS = 52 - 14
"""Bits of a number's fraction that are left out to tell whether values are alike: 2^-14 is 0.006 %."""


class Spread(NamedTuple):
    """Values that a result stays below in 5, 50 and 95 % of the scenarios; infinite where it has no bound."""

    p5: float
    p50: float
    p95: float


class Met(NamedTuple):
    """A number of instances, and the share of the scenarios in which they are enough."""

    instances: float
    share: float


class Drawn(NamedTuple):
    """Values that came out, rising, and how often, (values,); of those that count as alike, the largest."""

    values: Array
    counts: NDArray[np.int64]

    @property
    def spread(self) -> Spread:
        """Its 5th, 50th and 95th percentile, each a value that occurs."""
        return Spread(*map(self.at, (0.05, 0.5, 0.95)))

    def at(self, share: float) -> float:
        """Return the smallest value that ``share`` of the draws do not exceed (numpy's inverted_cdf)."""
        passed = np.cumsum(self.counts)
        rank = max(np.ceil(passed[-1] * share - 1), 0)
        return float(self.values[np.searchsorted(passed, rank, side="right")])

    def share_up_to(self, value: float) -> float:
        """Return the share of the draws that do not exceed ``value``."""
        return float(self.counts[self.values <= value].sum() / self.counts.sum())


class Sample(NamedTuple):
    """Draws of a plan, what each of them needs and costs, and the seed that they came from.

    unmet: draws in which a component may not run what it needs, or misses its latency SLO; missed: in which
    any does.
    """

    samples: int
    seed: int
    drawn: Mapping[Key, Drawn]
    unmet: Mapping[str, int]
    missed: int
    certainty: Certainty
    priced: bool

    @property
    def inputs(self) -> Mapping[Path, Spread]:
        """The spread of each number that was drawn."""
        return {key[1:]: drawn.spread for key, drawn in self.drawn.items() if key[0] == "input"}

    @property
    def cost(self) -> Spread:
        """Expected USD a month of everything."""
        return self.drawn["cost",].spread

    def component_cost(self, name: str) -> Spread:
        """Expected USD a month of one component."""
        return self.drawn["cost", name].spread

    def instances(self, name: str) -> Spread | None:
        """Instances that a component needs in the busiest hour; None where it is not counted in them."""
        counts = self.drawn.get(("instances", name))
        return None if counts is None else counts.spread

    def instances_to_meet(self, name: str, share: float) -> Met | None:
        """Return the fewest instances that are enough in ``share`` of the scenarios; None as above."""
        counts = self.drawn.get(("instances", name))
        if counts is None:
            return None
        return Met(counts.at(share), counts.share_up_to(counts.at(share)))

    def response_s(self, name: str) -> Mapping[str, Spread] | None:
        """p50, p95 and p99 of the response time in the busiest hour; None without a latency SLO."""
        found = {key[2]: drawn.spread for key, drawn in self.drawn.items() if key[:2] == ("response", name)}
        return found or None

    def met(self, name: str) -> float | None:
        """Share of the scenarios in which a component runs what it needs and keeps its latency SLO."""
        return 1.0 - self.unmet[name] / self.samples if name in self.unmet else None

    @property
    def all_met(self) -> float:
        """Share of the scenarios in which every component does."""
        return 1.0 - self.missed / self.samples


def sample(file: PlanFile, catalog: Catalog, samples: int, seed: int) -> Sample:
    """Return ``samples`` draws of the plan in ``file``; the same for the same seed.

    More than :data:`MAX_SAMPLES` are made in blocks, of which only counts are kept. A percentile is then the
    largest value drawn among those that share its first 14 bits: at most 0.006 % above the exact one.
    """
    if samples <= MAX_SAMPLES:
        scenarios = draw(file, samples, seed)
        return _tally(scenarios, estimate_many(file, catalog, scenarios), seed, exact=True)
    context = replace(context_of(file, catalog), silent=True)
    estimate_on(context, Scenarios())  # reads the catalogs
    count = -(-samples // _BLOCK)
    blocks = [range(start, min(start + _TOGETHER, count)) for start in range(0, count, _TOGETHER)]
    with usual_executor(len(blocks)) as run:
        return reduce(_with, run(partial(_blocks, context, samples, seed, _BLOCK), blocks))


def _blocks(context: Context, samples: int, seed: int, size: int, indices: range) -> Sample:
    return reduce(_with, (_block(context, samples, seed, size, index) for index in indices))


def _block(context: Context, samples: int, seed: int, size: int, index: int) -> Sample:
    """Return one block of ``samples`` draws, which depends on nothing but its index."""
    scenarios = draw(context.file, min(size, samples - index * size), seed, index)
    parts = kept(context, summary_of, rows_of(context), scenarios)
    return _tally(scenarios, joined(parts), seed, exact=False)


def _tally(scenarios: Scenarios, summary: Summary, seed: int, *, exact: bool) -> Sample:
    flags = summary.unmet
    return Sample(
        samples=scenarios.count,
        seed=seed,
        drawn={key: _counted(np.sort(values), None, exact) for key, values in _columns(scenarios, summary)},
        unmet={name: int(unmet.sum()) for name, unmet in flags.items()},
        missed=int(np.max(list(flags.values()), axis=0).sum()) if flags else 0,
        certainty=summary.certainty,
        priced=summary.priced,
    )


def _columns(scenarios: Scenarios, summary: Summary) -> Iterator[tuple[Key, Array]]:
    yield from ((("input", *path), values) for path, values in scenarios.values.items())
    yield ("cost",), summary.expected
    yield from ((("cost", name), usd) for name, usd in summary.component_cost.items())
    yield from ((("instances", name), counts) for name, counts in summary.peak_instances.items())
    for name, times in summary.response_s.items():
        yield from (
            (("response", name, p), row) for p, row in zip(("p50", "p95", "p99"), times.T, strict=True)
        )


def _counted(rising: Array, counts: NDArray[np.int64] | None, exact: bool) -> Drawn:
    """Count what is alike among ``rising`` values, each of which came once or as often as ``counts`` say."""
    alike = rising if exact else (rising + 0.0).view(np.int64) >> _COARSE_BITS
    last = np.flatnonzero(np.append(alike[1:] != alike[:-1], True))
    passed = last + 1 if counts is None else np.cumsum(counts)[last]
    return Drawn(rising[last], np.diff(passed, prepend=0))


def _with(one: Sample, other: Sample) -> Sample:
    """Return the draws of two blocks as one; in which order they come changes nothing."""
    drawn = {}
    for key, (values, counts) in one.drawn.items():
        more = other.drawn[key]
        every = np.concatenate([values, more.values])
        order = np.argsort(every, kind="stable")
        drawn[key] = _counted(every[order], np.concatenate([counts, more.counts])[order], exact=False)
    return one._replace(
        samples=one.samples + other.samples,
        drawn=drawn,
        unmet={name: unmet + other.unmet[name] for name, unmet in one.unmet.items()},
        missed=one.missed + other.missed,
        certainty=Certainty(*map(max, one.certainty, other.certainty)),
        priced=one.priced or other.priced,
    )


def spread_of(values: Array) -> Spread:
    """Return the 5th, 50th and 95th percentile, each a value that occurs."""
    found = np.quantile(values, (0.05, 0.5, 0.95), method="inverted_cdf")
    return Spread(*found.tolist())
