"""Rate limits from the capacity that the plan has: what every client may send in each load tier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from capplan.arrays import Array, Floats, in_scenario, per_scenario
from capplan.catalog.tiers import Tier, TierTable
from capplan.components import checks
from capplan.components.base import Component, Context
from capplan.components.measures import Measure, Pick, measure
from capplan.components.tiertables import beyond_table
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.ratelimits import RateLimits
from capplan.quantities import plain


def build_rate_limits(ctx: Context, services: Sequence[Component]) -> Iterator[Component]:
    """Yield the components of ``plan.rate_limits``."""
    by_name = {service.name: service for service in services}
    for name, limits in ctx.plan.rate_limits.items():
        yield _rate_limits(ctx, name, limits, by_name)


def _rate_limits(ctx: Context, name: str, limits: RateLimits, services: Mapping[str, Component]) -> Component:
    """Return the limits computed for each tier and endpoint, beside those of the table."""
    path = ("rate_limits", name)
    service = services[limits.service]
    table = ctx.tier_table(limits.tiers, "load", (*path, "tiers"))
    _check_shares(ctx, limits, path)
    capacity = _capacity_rps(service)
    if capacity is None:
        what = f"the plan does not say what '{limits.service}' carries at its maximum"
        remedy = "Give it instances.max and a throughput, service_time or cpu_time."
        raise InputError(ctx.places.problem((*path, "service"), what, remedy))
    measures = [
        *_load_measures(limits, table, capacity, service),
        *(m for tier in table.tiers for m in _tier_measures(limits, tier, capacity)),
    ]
    return Component(
        name=name,
        kind="rate-limits",
        platform="rate-limits",
        provider=service.provider,
        region=service.region,
        path=path,
        measures=measures,
        findings=[
            *_above_capacity(name, measures),
            *beyond_table(name, table, _load_ratio(limits, capacity, service)[0]),
        ],
        pick=_current(limits, table, capacity, service),
    )


def load_tiers(ctx: Context, service: str) -> tuple[list[float], list[float]]:
    """Return what a rate limiter lets in by load tier, as shares of the first, and the edges between them.

    Limits are those of a mean request: by the endpoints' shares. A service without any has one tier.
    """
    for name, limits in ctx.plan.rate_limits.items():
        if limits.service != service:
            continue
        table = ctx.tier_table(limits.tiers, "load", ("rate_limits", name, "tiers"))
        weights = {group: in_scenario(endpoint.share) for group, endpoint in limits.endpoints.items()}
        means = [sum(weights.get(g, 0.0) * limit for g, limit in t.limits.items()) for t in table.tiers]
        if means[0] > 0:
            return [mean / means[0] for mean in means], [tier.below for tier in table.tiers[:-1]]
    return [1.0], []


def _check_shares(ctx: Context, limits: RateLimits, path: tuple[str, ...]) -> None:
    total = sum((e.share for e in limits.endpoints.values()), 0.0)
    if not np.allclose(total, 1.0, atol=0.005):
        shown = f"{100 * float(np.ravel(total)[0]):g}%"
        raise InputError(ctx.places.problem((*path, "endpoints"), f"shares add up to {shown}, not 100%", ""))


def _capacity_rps(service: Component) -> Array | None:
    """Return the load that the service carries with every instance that it may have, (scenarios | 1, 1)."""
    sizing = service.sizing
    if sizing is None or sizing.carried_rps is None or not np.all(np.isfinite(sizing.carried_rps)):
        return None
    return sizing.carried_rps


def _load_measures(
    limits: RateLimits, table: TierTable, capacity: Array, service: Component
) -> Iterator[Measure]:
    yield measure("capacity", capacity * 60, "requests/min", "what the service carries at its maximum")
    ratio, formula = _load_ratio(limits, capacity, service)
    yield measure("load ratio", 100 * ratio, "%", formula)
    if limits.requests_per_minute is None or service.sizing is None:
        return
    per_instance = service.sizing.capacity_rps
    count = np.ceil(limits.requests_per_minute / 60 / per_instance) + service.sizing.bounds.spare
    need = np.maximum(count, service.sizing.bounds.minimum)
    yield measure("instances for it", need, "", "requests/s ÷ what one carries + spare, at least min")


def _load_ratio(limits: RateLimits, capacity: Array, service: Component) -> tuple[Array, str]:
    """Return the load over the capacity, (scenarios | 1, 1): as the plan says, or in its busiest hour."""
    if limits.requests_per_minute is not None:
        ratio = limits.requests_per_minute / 60 / capacity
        return per_scenario(ratio), "requests_per_minute ÷ capacity"
    peak = np.zeros((1, 1)) if service.peak_rps is None else service.peak_rps
    return per_scenario(peak / capacity), "requests/s of the busiest hour ÷ capacity"


def _current(limits: RateLimits, table: TierTable, capacity: Array, service: Component) -> Pick:
    ratio, _ = _load_ratio(limits, capacity, service)
    return Pick(tuple(tier.name for tier in table.tiers), table.falls_into(ratio)[:, 0])


def _tier_measures(limits: RateLimits, tier: Tier, capacity: Array) -> Iterator[Measure]:
    """Yield for every endpoint the table's limit, and what a client may send in a minute in this tier.

    Active clients grow with the load: at the tier's upper edge they are that share of all. If each of them
    then uses its whole limit, the sum must be what the service carries.
    """
    active = limits.clients * min(tier.below, 1.0)
    edge = measure(f"{tier.name}: below", 100 * min(tier.below, 1.0), "%", "load ratio where the tier ends")
    yield edge._replace(detail=True)
    for name, endpoint in limits.endpoints.items():
        allowed = admitted_per_minute(capacity, endpoint.share, endpoint.cost, active)
        said = tier.limits.get(name)
        formula = "the table's limit beside capacity × share ÷ cost ÷ clients active at the tier's edge"
        asked = allowed if said is None else said
        yield measure(f"{tier.name}: {name}", asked, "/min each", formula, allowed)
        bucket = np.maximum(np.floor(allowed * limits.burst / 60), 1.0)
        tokens = measure(f"{tier.name}: {name}, bucket", bucket, "tokens", "limit × burst")
        yield tokens._replace(detail=True)


def admitted_per_minute(capacity_rps: Array, share: Floats, cost: Floats, clients: Floats) -> Array:
    """Return the requests that each of ``clients`` may send in a minute without overloading the service."""
    return capacity_rps * 60 * share / cost / clients


def _above_capacity(name: str, measures: list[Measure]) -> Iterator[Finding]:
    """Yield a finding where a limit of the table admits more than the service carries."""
    over = [
        m for m in measures if m.unit == "/min each" and m.has is not None and np.any(m.needs > m.has * 1.005)
    ]
    if over:
        worst = max(over, key=lambda m: float((m.needs / np.asarray(m.has)).max()))
        ratio = float((worst.needs / np.asarray(worst.has)).max())
        message = (
            f"{len(over)} limits admit more than the service carries when all clients use them, "
            f"{worst.name} by a factor of {plain(ratio, 2)}"
        )
        yield checks.LIMIT_ABOVE_CAPACITY.finding(name, message, "Lower the limits, or raise instances.max.")
