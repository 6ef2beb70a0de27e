"""Every way to serve a model, ordered by its monthly cost at the promised speed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, ceil_count
from capplan.capacity.sizing import Bounds, with_redundancy
from capplan.components.llm.bills import Bills, Bought
from capplan.components.llm.offers import Offer
from capplan.llm.capacity import Carried, TokenPromise, carried, one_request, speed_at
from capplan.llm.confidence import Confidence, confidence_of
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts
from capplan.llm.look import UNTIMED, RequestShape
from capplan.llm.roofline import stacked, taken
from capplan.llm.serving import Served, time_per_token
from capplan.plan.llm import ColdStart
from capplan.quantities import plain

if TYPE_CHECKING:
    from capplan.plan.workload import Vllm


class ServingDemand(NamedTuple):
    """What has to be served: requests/s by hour, (hours,), and how replicas are provided.

    target: share of a replica's capacity to plan with. sustained_use: whether Google's discount counts.
    pod_cpu, pod_gib: what the pod of a replica requests. vllm: what the plan says of the server.
    """

    rps: Array
    hours_per_month: float
    target: float
    bounds: Bounds
    cold_start: ColdStart
    sustained_use: bool = True
    pod_cpu: float = 0.0
    pod_gib: float = 0.0
    vllm: Vllm | None = None


class ServingOption(NamedTuple):
    """A configuration on an offer, bought in a way, and what comes of it.

    lost: why it is not the first, empty for the one that is. missed_by: how far it is from serving, in what
    its reason is about. Speeds are those of the busiest hour; plain_tpot_s: without speculation, for options
    that speculate.
    """

    configuration: Configuration
    offer: Offer | None
    bought: str
    replicas: float
    machines: float
    tpot_s: float
    ttft_p95_s: float
    usd_per_month: float | None
    confidence: Confidence
    lost: str
    missed_by: float = np.inf
    plain_tpot_s: float | None = None

    @property
    def feasible(self) -> bool:
        """Whether it keeps what was promised, at a price that somebody knows."""
        return self.usd_per_month is not None


def rank(
    configurations: Sequence[Configuration],
    offers: Sequence[Offer],
    asked: RequestShape,
    demand: ServingDemand,
    facts: LlmFacts,
    ways: Mapping[str, Bought],
) -> list[ServingOption]:
    """Return every option, the cheapest first, then those that cannot serve with the reason.

    ``ways`` to buy machines have names. Each option costs what an estimate of it would, the API aside.
    """
    configurations = [each for one in configurations for each in _everywhere(one, offers)]
    obstacles = [_obstacle(c, asked) for c in configurations]
    options = [_unable(c, why) for c, why in zip(configurations, obstacles, strict=True) if why]
    able = [c for c, why in zip(configurations, obstacles, strict=True) if not why]
    if able:
        options += _evaluated(able, offers, asked, demand, facts, ways)
    options.sort(key=lambda o: (o.usd_per_month is None, o.usd_per_month or 0.0, o.tpot_s))
    first = next((option for option in options if option.feasible), None)
    return [_with_reason(option, first) for option in options]


def _everywhere(one: Configuration, offers: Sequence[Offer]) -> list[Configuration]:
    """Return the configuration on each kind of machines that it may run on: their networks differ."""
    there = (one.on(offer.gpus, offer.gbit_per_s) for offer in offers if offer.gpu == one.gpu.name)
    kinds = [*{each.spread: each for each in there}.values()] or [one]
    able = [each for each in kinds if not each.obstacles()] if len(kinds) > 1 else []
    return able or [max(kinds, key=lambda each: each.spread.per_machine)]


def pareto(options: Sequence[ServingOption]) -> list[ServingOption]:
    """Return the options that no other beats in both monthly cost and TPOT, cheapest first."""
    best, kept = float("inf"), []
    for option in options:
        if option.feasible and option.tpot_s < best * (1 - 1e-9):
            best = option.tpot_s
            kept.append(option)
    return kept


def nearest_misses(options: Sequence[ServingOption]) -> list[str]:
    """Return of each kind of reason the option that is nearest to serving, with the reason."""
    found: dict[str, ServingOption] = {}
    for option in sorted(options, key=lambda option: option.missed_by):
        found.setdefault(option.lost.split(" ")[0], option)
    return [f"{option.configuration.brief()}: {option.lost}" for option in found.values()]


def best_of_each(options: Sequence[ServingOption]) -> list[ServingOption]:
    """Return the cheapest machine and way to buy of each configuration, in the order given."""
    found: dict[tuple[str, str], ServingOption] = {}
    for option in options:
        c = option.configuration
        found.setdefault((c.precision.name, c.hardware()), option)
    return list(found.values())


class _Sized(NamedTuple):
    """Configurations that keep what was promised: replicas by hour, (n, hours), and speeds, (n,)."""

    configurations: Sequence[Configuration]
    replicas: Array
    tpot_s: Array
    ttft_p95_s: Array
    plain_tpot_s: Array | None


def _evaluated(
    able: Sequence[Configuration],
    offers: Sequence[Offer],
    asked: RequestShape,
    demand: ServingDemand,
    facts: LlmFacts,
    ways: Mapping[str, Bought],
) -> list[ServingOption]:
    drafts: list[Any] = [c.drafting(facts) for c in able]
    served = Served(
        work=stacked([c.work() for c in able]),
        reached=stacked([c.reached(facts) for c in able]),
        inputs=asked.inputs,
        outputs=asked.outputs,
        mixes=np.array([c.engine.mixes for c in able]),
        cached=asked.cached,
        stages=np.array([c.spread.pipeline for c in able]),
        chunk=np.array([float(c.settings.batched_tokens) for c in able]),
        drafting=stacked(drafts) if any(drafts) else None,
        lengths=asked.lengths,
    )
    memory = stacked([c.memory() for c in able])
    does = carried(served, memory, np.array([c.max_sequences for c in able]), asked.promise)
    replicas = _replicas(does, demand)
    missing = np.asarray(memory.missing(one_request(served))) / 1e9
    alone = np.asarray(time_per_token(served, 1.0))
    hindrances = [
        _hindrance(does, index, float(missing[index]), float(alone[index]), asked.promise)
        or _too_many(float(replicas[index].max()), demand.bounds)
        for index in range(len(able))
    ]
    good = np.array([hindrance is None for hindrance in hindrances])
    options = [_unable(one, *why) for one, why in zip(able, hindrances, strict=True) if why]
    if good.any():
        sized = _sized(able, served, does, replicas, demand, np.flatnonzero(good))
        options += _priced(sized, offers, demand, ways)
    return options


def _sized(
    able: Sequence[Configuration],
    served: Served,
    does: Carried,
    replicas: Array,
    demand: ServingDemand,
    which: NDArray[np.int64],
) -> _Sized:
    each = demand.rps.max() / np.maximum(replicas[which].max(axis=1), 1.0)
    chosen = served._replace(
        work=taken(served.work, which),
        reached=taken(served.reached, which),
        mixes=np.asarray(served.mixes)[which],
        stages=np.asarray(served.stages)[which],
        chunk=np.asarray(served.chunk)[which],
        drafting=taken(served.drafting, which),
    )
    speed = speed_at(chosen, each, does.room[which])
    tpot, ttft = np.asarray(speed.tpot_s), np.asarray(speed.ttft_p95_s)
    plain = None
    if chosen.drafting is not None:
        plain = np.asarray(speed_at(chosen._replace(drafting=None), each, does.room[which]).tpot_s)
    return _Sized([able[index] for index in which], replicas[which], tpot, ttft, plain)


def _replicas(does: Carried, demand: ServingDemand) -> Array:
    """Return the replicas of each configuration in each hour, (configurations, hours)."""
    rate = np.where(does.users >= 1, does.rate, np.inf).reshape(-1, 1) * demand.target
    need = ceil_count(demand.rps.reshape(1, -1) / rate)
    return np.maximum(with_redundancy(need, demand.bounds), demand.bounds.minimum)


def _priced(
    sized: _Sized, offers: Sequence[Offer], demand: ServingDemand, ways: Mapping[str, Bought]
) -> Iterator[ServingOption]:
    bills = Bills(
        sized.configurations,
        sized.replicas,
        demand.bounds,
        demand.cold_start,
        demand.hours_per_month,
        demand.vllm,
    )
    for index, one in enumerate(sized.configurations):
        holding = [offer for offer in offers if offer.gpu == one.gpu.name and _holds(offer, one)]
        if not holding:
            yield _unable(one, f"no machine with {one.on_one:g} of this GPU is sold")
            continue
        roomy = [offer for offer in holding if _has_room(offer, one, demand)]
        if not roomy:
            yield _unable(one, f"its pod fits no machine with {one.on_one:g} of this GPU")
        peak, confidence = float(sized.replicas[index].max()), confidence_of(one)
        for offer in roomy:
            for name, bought in ways.items():
                usd = bills.usd(index, offer, bought, demand.sustained_use)
                yield ServingOption(
                    configuration=one,
                    offer=offer,
                    bought=name,
                    replicas=peak,
                    machines=float(ceil_count(peak / one.per_machine(offer.gpus))),
                    tpot_s=float(sized.tpot_s[index]),
                    ttft_p95_s=float(sized.ttft_p95_s[index]),
                    usd_per_month=usd,
                    confidence=confidence,
                    lost="" if usd is not None else f"no {name} price",
                    plain_tpot_s=None if sized.plain_tpot_s is None else float(sized.plain_tpot_s[index]),
                )


def _holds(offer: Offer, one: Configuration) -> bool:
    """Whether a machine holds a replica, or its part; GPUs are added to one as many as a replica takes."""
    if one.machines > 1:
        return one.on(offer.gpus, offer.gbit_per_s) == one
    return offer.gpus >= one.gpus if offer.add_on is None else offer.gpus == one.gpus


def _has_room(offer: Offer, configuration: Configuration, demand: ServingDemand) -> bool:
    """Whether a machine has CPU and memory for the pods of all the replicas that its GPUs hold."""
    pods, node = max(configuration.per_machine(offer.gpus), 1.0), offer.node
    return bool(pods * demand.pod_cpu <= node.cpu and pods * demand.pod_gib <= node.memory_gib)


def _obstacle(configuration: Configuration, asked: RequestShape) -> str:
    """Return why the configuration cannot run this at all, memory aside; empty if it can."""
    too_long = asked.too_long(configuration)
    untimed = "" if configuration.is_timed else UNTIMED
    return too_long or "; ".join(configuration.obstacles()) or untimed


Miss = tuple[str, float]
"""Why something cannot serve, and by how much."""


def _hindrance(
    does: Carried, index: int, missing_gb: float, alone_s: float, promise: TokenPromise
) -> Miss | None:
    if does.room[index] < 1:
        return f"does not fit, {missing_gb:,.1f} GB short", missing_gb
    if does.tpot_users[index] < 1:
        promised = f"above the promised {1e3 * float(promise.tpot_s):.3g} ms"
        return f"TPOT {1e3 * alone_s:.3g} ms with one user, {promised}", alone_s
    if does.ttft_users[index] <= 0:
        return f"TTFT above {float(promise.ttft_s):g} s even with one user", np.inf
    return None


def _too_many(peak: float, bounds: Bounds) -> Miss | None:
    most = bounds.maximum
    if most is None or peak <= float(most):
        return None
    return f"{peak:,.0f} replicas in the busiest hour, but replicas.max is {plain(float(most), 6)}", peak


def _unable(configuration: Configuration, reason: str, missed_by: float = np.inf) -> ServingOption:
    unknown = float("inf")
    confidence = confidence_of(configuration)
    return ServingOption(
        configuration=configuration,
        offer=None,
        bought="",
        replicas=0.0,
        machines=0.0,
        tpot_s=unknown,
        ttft_p95_s=unknown,
        usd_per_month=None,
        confidence=confidence,
        lost=reason,
        missed_by=missed_by,
    )


def _with_reason(option: ServingOption, first: ServingOption | None) -> ServingOption:
    if option is first or first is None or not option.feasible:
        return option
    more = (option.usd_per_month or 0.0) - (first.usd_per_month or 0.0)
    percent = 100 * more / (first.usd_per_month or 1.0)
    return option._replace(lost=f"+${more:,.0f} a month (+{percent:.0f} %)")
