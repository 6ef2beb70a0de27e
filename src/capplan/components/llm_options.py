"""Every way to serve a model, by what it costs a month at the promised speed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, ceil_count
from capplan.catalog.rows import RATES
from capplan.components.llm_offers import Offer
from capplan.llm.capacity import Carried, Promise, carried, speed_at
from capplan.llm.confidence import Confidence, confidence_of
from capplan.llm.configuration import Configuration
from capplan.llm.facts import Facts
from capplan.llm.look import Asked
from capplan.llm.roofline import stacked, taken
from capplan.llm.serving import Served


class Demand(NamedTuple):
    """What has to be served: requests/s by hour, (hours,), and how replicas are provided.

    target: share of a replica's capacity to plan with. least, spare: replicas at least, and beyond the need.
    """

    rps: Array
    hours_per_month: float
    target: float
    least: float = 1.0
    spare: float = 0.0


class Option(NamedTuple):
    """A configuration on an offer, bought at a rate, and what comes of it.

    lost: why it is not the first, empty for the one that is. Speeds are those of the busiest hour.
    """

    configuration: Configuration
    offer: Offer | None
    rate: str
    replicas: float
    machines: float
    tpot_s: float
    ttft_p95_s: float
    usd_per_month: float | None
    confidence: Confidence
    lost: str

    @property
    def feasible(self) -> bool:
        """Whether it keeps what was promised, at a price that somebody knows."""
        return self.usd_per_month is not None


def rank(
    configurations: Sequence[Configuration],
    offers: Sequence[Offer],
    asked: Asked,
    demand: Demand,
    facts: Facts,
    rates: Iterable[str] = RATES,
) -> list[Option]:
    """Return every option, the cheapest first, then those that cannot serve with the reason."""
    wanted = list(rates)
    able = [c for c in configurations if not c.obstacles()]
    options = [_unable(c, "; ".join(c.obstacles())) for c in configurations if c.obstacles()]
    if able:
        options += _evaluated(able, offers, asked, demand, facts, wanted)
    options.sort(key=lambda o: (o.usd_per_month is None, o.usd_per_month or 0.0, o.tpot_s))
    first = next((option for option in options if option.feasible), None)
    return [_with_reason(option, first) for option in options]


def pareto(options: Sequence[Option]) -> list[Option]:
    """Return the options that no other beats in both monthly cost and TPOT, cheapest first."""
    best, kept = float("inf"), []
    for option in options:
        if option.feasible and option.tpot_s < best * (1 - 1e-9):
            best = option.tpot_s
            kept.append(option)
    return kept


def best_of_each(options: Sequence[Option]) -> list[Option]:
    """Return the cheapest machine and rate of each configuration, in the order given."""
    found: dict[tuple[str, str, float], Option] = {}
    for option in options:
        c = option.configuration
        found.setdefault((c.precision.name, c.gpu.name, c.tensor_parallel), option)
    return list(found.values())


def _evaluated(
    able: Sequence[Configuration],
    offers: Sequence[Offer],
    asked: Asked,
    demand: Demand,
    facts: Facts,
    rates: Sequence[str],
) -> list[Option]:
    served = Served(
        stacked([c.work() for c in able]),
        stacked([c.reached(facts) for c in able]),
        asked.inputs,
        asked.outputs,
        np.array([c.engine.mixes for c in able]),
        asked.cached,
    )
    memory = stacked([c.memory() for c in able])
    does = carried(served, memory, np.array([c.engine.max_sequences for c in able]), asked.promise)
    replicas = _replicas(does, demand)
    each = demand.rps.max() / np.maximum(replicas.max(axis=1), 1.0)
    fits = does.users >= 1
    speed = speed_at(_chosen(served, fits), each[fits], does.room[fits])
    tpot, ttft = np.full(len(able), np.inf), np.full(len(able), np.inf)
    tpot[fits], ttft[fits] = speed.tpot_s, speed.ttft_p95_s
    tokens = asked.inputs + served.reached.growth * asked.outputs
    missing = np.asarray(memory.missing(tokens, served.reached))
    options: list[Option] = []
    for index, configuration in enumerate(able):
        if not fits[index]:
            reason = _hindrance(does, index, float(missing[index]) / 1e9, asked.promise)
            options.append(_unable(configuration, reason))
            continue
        one = _Found(configuration, replicas[index], float(tpot[index]), float(ttft[index]))
        options += _priced(one, offers, demand, rates)
    return options


class _Found(NamedTuple):
    configuration: Configuration
    replicas: Array
    tpot_s: float
    ttft_p95_s: float


def _chosen(served: Served, which: NDArray[np.bool_]) -> Served:
    positions = np.flatnonzero(which)
    return served._replace(
        work=taken(served.work, positions),
        reached=taken(served.reached, positions),
        mixes=np.asarray(served.mixes)[positions],
    )


def _replicas(does: Carried, demand: Demand) -> Array:
    """Return the replicas of each configuration in each hour, (configurations, hours)."""
    rate = np.where(does.users >= 1, does.rate, np.inf).reshape(-1, 1) * demand.target
    return np.maximum(ceil_count(demand.rps.reshape(1, -1) / rate) + demand.spare, demand.least)


def _priced(found: _Found, offers: Sequence[Offer], demand: Demand, rates: Sequence[str]) -> list[Option]:
    configuration = found.configuration
    confidence = confidence_of(configuration)
    fitting = [o for o in offers if o.gpu == configuration.gpu.name and _holds(o, configuration)]
    if not fitting:
        return [
            _unable(configuration, f"no machine with {configuration.tensor_parallel:g} of this GPU on offer")
        ]
    options = []
    for offer in fitting:
        machines = ceil_count(found.replicas / (offer.gpus // configuration.tensor_parallel))
        for rate in rates:
            usd = offer.usd_per_hour[rate]
            # Whoever commits pays for the busiest hour all month.
            hours = machines.max() if rate.startswith("commit") else machines.mean()
            options.append(
                Option(
                    configuration,
                    offer,
                    rate,
                    float(found.replicas.max()),
                    float(machines.max()),
                    found.tpot_s,
                    found.ttft_p95_s,
                    None if usd is None else float(hours) * demand.hours_per_month * usd,
                    confidence,
                    "" if usd is not None else f"no {rate} price",
                )
            )
    return options


def _holds(offer: Offer, configuration: Configuration) -> bool:
    """Whether a machine holds a replica; GPUs are added to a machine as many as a replica takes."""
    wanted = configuration.tensor_parallel
    return offer.gpus >= wanted if offer.add_on is None else offer.gpus == wanted


def _hindrance(does: Carried, index: int, missing_gb: float, promise: Promise) -> str:
    if does.room[index] < 1:
        return f"does not fit, {missing_gb:.1f} GB short"
    if does.tpot_users[index] < 1:
        return f"TPOT above {1e3 * float(promise.tpot_s):.0f} ms even with one user"
    return f"TTFT above {float(promise.ttft_s):g} s even with one user"


def _unable(configuration: Configuration, reason: str) -> Option:
    unknown = float("inf")
    confidence = confidence_of(configuration)
    return Option(configuration, None, "", 0.0, 0.0, unknown, unknown, None, confidence, reason)


def _with_reason(option: Option, first: Option | None) -> Option:
    if option is first or first is None or not option.feasible:
        return option
    more = (option.usd_per_month or 0.0) - (first.usd_per_month or 0.0)
    percent = 100 * more / (first.usd_per_month or 1.0)
    return option._replace(lost=f"+${more:,.0f} a month (+{percent:.0f} %)")
