"""Connections: what pools open against a database, and how large they ought to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from capplan.arrays import Array, Floats, in_scenario
from capplan.components import checks
from capplan.components.base import Component, Context
from capplan.components.measures import Measure, measure
from capplan.components.services.platforms import surge_of
from capplan.findings import Finding
from capplan.plan.services import Call, ConnectionPool, Service

BLOCKED_SHARE = 0.01
"""Share of the calls that may find every connection of their pool busy."""


def pools_to(ctx: Context, database: str) -> Iterator[tuple[str, Service, ConnectionPool]]:
    """Yield every service that keeps a pool of connections to ``database``."""
    for name in ctx.load.callers.get(database, ()):
        service = ctx.plan.services[name]
        pool = service.calls[database].pool
        if pool is not None:
            yield name, service, pool


def connections_of(ctx: Context, database: str, services: Mapping[str, Component]) -> Array | None:
    """Return the connections that all pools open when every autoscaler is at its maximum, (scenarios | 1, 1).

    Those of a rollout, which runs old and new instances together, are among them. None where the plan says
    nothing of pools.
    """
    total = None
    for name, service, pool in pools_to(ctx, database):
        opened = _most_instances(services[name], service) * pool.max
        total = opened if total is None else total + opened
    return total


def _most_instances(component: Component, service: Service) -> Array:
    """Return the instances at the ceiling and in a rollout; those needed at the peak where there is none."""
    if component.sizing is None:
        return np.ones((1, 1))
    sizing = component.sizing
    most = sizing.peak if sizing.ceiling is None else sizing.ceiling
    return most + np.ceil(most * surge_of(service))


def too_many(
    ctx: Context, name: str, wanted: Array | None, allowed: Array, services: Mapping[str, Component]
) -> Iterator[Finding]:
    """Yield the finding that pools open more connections than the database accepts, with a way out."""
    if wanted is None or not np.any(wanted > allowed):
        return
    worst = int((wanted - allowed).max(axis=1).argmax())
    most = in_scenario(wanted, worst)
    limit = in_scenario(allowed, worst)
    instances = sum(float(_most_instances(services[s], of).max()) for s, of, _ in pools_to(ctx, name))
    fits = int(limit // max(instances, 1.0))
    message = (
        f"pools open up to {most:,.0f} connections with every autoscaler at its maximum and a rollout, "
        f"but the class accepts {limit:,.0f}"
    )
    server_pool = _pgbouncer_pool(ctx, name)
    remedy = f"Set pool.max to {fits}" if fits else "Use fewer instances"
    if server_pool is not None:
        sizes = f"max_client_conn {most:,.0f}, default_pool_size {float(np.max(server_pool)):,.0f}"
        remedy += f", or put PgBouncer in between: {sizes}"
    else:
        remedy += ", or put PgBouncer in between; with pool.hold_time, capplan computes its size"
    yield checks.TOO_MANY_CONNECTIONS.finding(name, message, f"{remedy}.")


def connection_measures(ctx: Context, database: str, accepted: Array) -> Iterator[Measure]:
    """Yield what a database accepts, and the server connections that a pooler before it needs."""
    offered = measure(
        "connections accepted", accepted, "", "what the class or the plan lets applications open"
    )
    yield offered._replace(detail=True)
    size = _pgbouncer_pool(ctx, database)
    if size is not None:
        formula = "fewest with at most 1 % of the calls blocked: Erlang B of calls/s × hold_time"
        yield measure("PgBouncer pool", size, "connections", formula)._replace(detail=True)


def _pgbouncer_pool(ctx: Context, database: str) -> Floats | None:
    """Return the server connections that carry all calls with few of them blocked: Erlang B.

    None where there is no pool, or one of which the plan does not say how long a call holds a connection.
    """
    from capplan.capacity.queueing import servers_for_blocking

    pools = list(pools_to(ctx, database))
    if not pools:
        return None
    busy = np.zeros((1, 1))
    for name, service, pool in pools:
        if pool.hold_time is None:
            return None
        busy = busy + ctx.load.peak(name) * _calls(service.calls[database]) * pool.hold_time
    return servers_for_blocking(busy, BLOCKED_SHARE)


def _calls(call: Call) -> Floats:
    """Return the calls for each request that reach the database."""
    return call.per_request * (1 - call.deduplicated) * (1 - call.cache_hit_rate)


def pool_measures(ctx: Context, name: str, service: Service, component: Component) -> Iterator[Measure]:
    """Yield for each pool of a service the connections that its calls need, by Little's law and Erlang B."""
    for callee, call in service.calls.items():
        pool = call.pool
        if pool is None or pool.hold_time is None or component.sizing is None:
            continue
        from capplan.capacity.queueing import erlang_b, servers_for_blocking

        per_instance = ctx.load.peak(name) / np.maximum(component.sizing.peak_running, 1.0)
        busy = per_instance * _calls(call) * pool.hold_time
        needs = servers_for_blocking(busy, BLOCKED_SHARE)
        formula = "fewest with at most 1 % of the calls blocked: Erlang B of calls/s × hold_time"
        yield measure(f"pool to {callee}", needs, "connections", formula, pool.max)
        blocked = 100 * erlang_b(np.asarray(pool.max, dtype=float), busy)
        yield measure(f"pool to {callee}: blocked", blocked, "%", "Erlang B at pool.max")
