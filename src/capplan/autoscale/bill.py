"""What simulated instances cost, by the same rules and prices as an estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, ceil_count, hourly_max, in_scenario
from capplan.capacity.nodes import nodes_for
from capplan.components.base import Component, Context
from capplan.components.egress import egress_meters
from capplan.components.llm.replica import disk_note, weight_volumes
from capplan.components.machines import Machines, machine_meters, pool_meters
from capplan.components.others import build_resources
from capplan.components.services.platforms import platform_of
from capplan.cost.lines import CostLine, cost_lines, total_cost
from capplan.cost.machines import Fleet
from capplan.cost.meters import EXTERNAL, Meter
from capplan.estimate import Estimate
from capplan.quantities import HOUR_S


class Run(NamedTuple):
    """Instances of a service that ran, requests/s that came, and pods that nodes are there for.

    Each is (ticks,).
    """

    instances: Array
    rps: Array
    kept: Array


class SimulatedBill(NamedTuple):
    """USD a month, if every month were like the simulated time: in all, and by component."""

    total: float
    by_component: Mapping[str, float]
    nodes: Mapping[str, Array]


def bill(estimate: Estimate, runs: Mapping[str, Run], tick_s: float) -> SimulatedBill:
    """Return what the plan costs a month with these instances in place of the estimate's."""
    ctx = estimate.context
    meters: list[Meter] = []
    nodes: dict[str, Array] = {}
    for component in estimate.components:
        if component.name in runs and component.kind == "llm":
            meters += _model(ctx, component, runs[component.name], tick_s)
        elif component.name in runs:
            meters += _service(ctx, component, runs[component.name], tick_s)
        elif component.kind == "node-pool":
            nodes[component.name] = _nodes(estimate, component, runs)
            meters += _pool(ctx, component, _hourly(nodes[component.name], tick_s))
        elif component.kind != "resource":
            meters += component.meters
    held = build_resources(ctx, list(_as_run(estimate, runs, nodes, tick_s)))
    meters += [meter for component in held for meter in component.meters]
    lines = cost_lines(meters, ctx.catalog, ctx.terms)
    names = dict.fromkeys(line.meter.component for line in lines)
    costs = {name: _expected([line for line in lines if line.meter.component == name]) for name in names}
    return SimulatedBill(_expected(lines), costs, nodes)


def _as_run(
    estimate: Estimate, runs: Mapping[str, Run], nodes: Mapping[str, Array], tick_s: float
) -> Iterator[Component]:
    """Yield the components with what ran of them in place of what the estimate expects."""
    ran = {**{name: run.instances for name, run in runs.items()}, **nodes}
    for component in estimate.components:
        sizing = component.sizing
        if sizing is not None and component.name in ran:
            sizing = sizing._replace(running=_hourly(ran[component.name], tick_s))
        yield component._replace(sizing=sizing)


def _expected(lines: Sequence[CostLine]) -> float:
    return in_scenario(total_cost(lines).expected)


def _hourly(values: Array, tick_s: float) -> Array:
    """Return means over hours, (1, hours); what is left of a last hour counts as one."""
    per_hour = max(round(HOUR_S / tick_s), 1)
    starts = np.arange(0, values.size, per_hour)
    counts = np.diff(np.append(starts, values.size))
    return np.asarray(np.add.reduceat(values, starts) / counts)[None]


def _service(ctx: Context, component: Component, run: Run, tick_s: float) -> Iterator[Meter]:
    service = ctx.plan.services[component.name]
    assert component.sizing is not None
    sizing = component.sizing._replace(running=_hourly(run.instances, tick_s))
    name, region = component.name, component.region
    provider = component.provider
    yield from platform_of(service).meters(ctx, name, service, region, _hourly(run.rps, tick_s), sizing)
    yield from egress_meters(ctx, name, provider, region, service.response_size)


def _model(ctx: Context, component: Component, run: Run, tick_s: float) -> Iterator[Meter]:
    """Yield the meters of the machines that the replicas of a model ran on, and of its API as estimated."""
    replica, sizing = component.replica, component.sizing
    assert replica is not None
    assert sizing is not None
    machine = ctx.machine(component.provider, replica.machine, (*component.path, "machine"))
    hourly = _hourly(np.ceil(run.kept / replica.per_machine), tick_s)
    ceiling = None if sizing.ceiling is None else ceil_count(sizing.ceiling / replica.per_machine)
    fleet = Fleet(hourly, ceil_count(sizing.floor / replica.per_machine), ceiling)
    machines = Machines(
        component=component.name,
        provider=component.provider,
        region=component.region,
        sku=machine,
        fleet=fleet,
        purchase=ctx.plan.llm[component.name].purchase,
        path=component.path,
    )
    yield from machine_meters(ctx, machines, replica.add_on, replica.disk, disk_note(replica.configuration))
    ran = sizing._replace(running=_hourly(run.instances, tick_s))
    yield from weight_volumes(ctx, component, replica, ran)
    yield from (meter for meter in component.meters if meter.provider == EXTERNAL)


def _nodes(estimate: Estimate, pool: Component, runs: Mapping[str, Run]) -> Array:
    """Return the nodes of a pool, (ticks,): those that hold all its pods, within its bounds."""
    assert pool.node is not None
    assert pool.sizing is not None
    groups = []
    for component in estimate.components:
        pods, sizing = component.pods, component.sizing
        if pods is None or sizing is None or _pool_of(estimate, component) != pool.name:
            continue
        run = runs.get(component.name)
        count = hourly_max(sizing.running) if run is None else run.kept[None]
        groups.append(pods.group(count))
    needed = np.maximum(nodes_for(groups, pool.node), pool.sizing.bounds.minimum)
    maximum = pool.sizing.bounds.maximum
    if maximum is not None:
        needed = np.minimum(needed, maximum)
    return np.asarray(needed[0])


def _pool_of(estimate: Estimate, component: Component) -> str:
    assert component.pods is not None
    cluster = component.pods.cluster
    return f"{cluster}/{component.pods.pool or next(iter(estimate.plan.clusters[cluster].pools), '')}"


def _pool(ctx: Context, component: Component, running: Array) -> list[Meter]:
    cluster, _, name = component.name.partition("/")
    pool = ctx.plan.clusters[cluster].pools[name]
    sizing = component.sizing
    assert sizing is not None
    machine = ctx.machine(component.provider, pool.machine, (*component.path, "machine"))
    fleet = Fleet(running, sizing.floor, sizing.ceiling)
    machines = Machines(
        component=component.name,
        provider=component.provider,
        region=component.region,
        sku=machine,
        fleet=fleet,
        purchase=pool.purchase,
        path=component.path,
    )
    return pool_meters(ctx, machines, component.platform, pool)
