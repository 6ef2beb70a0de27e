"""Services: sized by the capacity of one instance, metered by the rules of their platform."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from capplan.arrays import Array, Floats, hourly_max, hourly_mean
from capplan.capacity.limits import Limit
from capplan.capacity.sizing import Bounds, Sizing, kept_ready, size
from capplan.components.base import Component, Context, Path
from capplan.components.egress import egress_meters
from capplan.components.services.carrying import Instance, limits_of
from capplan.components.services.controls import control_findings, control_of, queue_findings
from capplan.components.services.findings import findings_of, has_latency_slo
from capplan.components.services.platforms import platform_of
from capplan.errors import InputError
from capplan.plan.services import Service, desired_of

if TYPE_CHECKING:
    from capplan.capacity.response import Promise, ResponseTimes


def build_services(ctx: Context, _: Sequence[Component] = ()) -> Iterable[Component]:
    """Return the services of the plan, sized and metered."""
    services = {name: _service(ctx, name, service) for name, service in ctx.plan.services.items()}
    if any(service.slo.end_to_end is not None for service in ctx.plan.services.values()):
        from capplan.components.services.end_to_end import with_end_to_end

        services = with_end_to_end(ctx, services)
    return services.values()


def _service(ctx: Context, name: str, service: Service) -> Component:
    path: Path = ("services", name)
    return ctx.taken_over(path) or _built(ctx, name, service, path)


def _built(ctx: Context, name: str, service: Service, path: Path) -> Component:
    platform = platform_of(service)
    provider = platform.provider(ctx, service)
    service, tier = platform.prescribed(ctx, name, service, path)
    region = ctx.region(provider, platform.region(ctx, service), path)
    rps = ctx.load.rps(name)
    carried = ctx.load.to_carry(name)
    sizing = kept_ready(_sizing(ctx, name, service, carried, path), rps, carried)
    response = _response(sizing, rps)
    pods = platform.pods(ctx, service)
    meters = platform.meters(ctx, name, service, region, rps, sizing)
    told = None if ctx.silent else control_of(service, sizing, rps)
    component = Component(
        name=name,
        kind="service",
        platform=service.platform,
        provider=provider,
        region=region,
        path=path,
        load=ctx.load,
        sizing=sizing,
        meters=[*meters, *egress_meters(ctx, name, provider, region, service.response_size)],
        findings=[]
        if ctx.silent
        else [
            *(tier.said if tier is not None else ()),
            *findings_of(name, service, rps, sizing, response),
            *control_findings(name, sizing, told),
            *queue_findings(name, service, sizing, told),
        ],
        response=response,
        control=told,
        billed_with=None if pods is None or ctx.plan.clusters[pods.cluster].autopilot else pods.cluster,
        pick=tier,
        pods=pods,
    )
    return _with_pools(ctx, service, _with_availability(ctx, service, component))


def _with_availability(ctx: Context, service: Service, component: Component) -> Component:
    if service.slo.availability is None or component.sizing is None:
        return component
    from capplan.components.services.availability import availability_findings, availability_measures

    return component._replace(
        measures=list(availability_measures(ctx, service, component.sizing)),
        findings=[*component.findings, *availability_findings(component.name, service)],
    )


def _with_pools(ctx: Context, service: Service, component: Component) -> Component:
    """Return the service with the connections that its pools to databases hold."""
    if not any(call.pool for call in service.calls.values()):
        return component
    from capplan.components.connections import pool_measures

    pools = pool_measures(ctx, component.name, service, component)
    return component._replace(measures=[*component.measures, *pools])


def _sizing(ctx: Context, name: str, service: Service, rps: Array, path: Path) -> Sizing:
    instance = platform_of(service).instance(ctx, service, path)
    limits = limits_of(service, instance)
    _check_carries(ctx, limits, service, instance, path)
    if service.queue is None:
        found = size(rps, limits, _bounds(service, limits), _promise(ctx, service, instance))
        return _on_schedule(ctx, service, found)
    from capplan.components.services.backlog import with_backlog

    loaded = with_backlog(rps, hourly_max(rps), service.queue)
    return _on_schedule(ctx, service, size(loaded, limits, _bounds(service, limits)))


def _on_schedule(ctx: Context, service: Service, sizing: Sizing) -> Sizing:
    """Return the sizing with what cron triggers keep running; the mean of a week where no hour differs."""
    crons = () if service.workload is None else service.workload.autoscaler.cron
    if not crons:
        return sizing
    from capplan.demand.schedule import scheduled

    pattern, hours = ctx.pattern, sizing.running.shape[1]
    asked = scheduled(crons, pattern.begins_s, pattern.step_s, hours if hours > 1 else 168)
    kept = np.maximum(sizing.running, asked if sizing.ceiling is None else np.minimum(asked, sizing.ceiling))
    return sizing._replace(running=kept if hours > 1 else hourly_mean(kept))


def _promise(ctx: Context, service: Service, instance: Instance) -> Promise | None:
    if not has_latency_slo(service):
        return None
    from capplan.components.services.latency import promise_of

    return promise_of(service, instance, ctx.plan.demand.ca2)


def _response(sizing: Sizing, rps: Array) -> ResponseTimes | None:
    if sizing.promise is None:
        return None
    from capplan.capacity.response import ResponseTimes

    return ResponseTimes(sizing.promise, rps, sizing.running, sizing.peak_running, sizing.peak)


def _bounds(service: Service, limits: Sequence[Limit]) -> Bounds:
    """Return the autoscaler's bounds; a default never crosses the bound that the plan gives.

    What nothing is known of but its bounds keeps them: they record what runs.
    """
    platform = platform_of(service)
    floor: Floats | None = service.instances.min
    ceiling: Floats | None = service.instances.max
    if ceiling is None:
        ceiling = platform.ceiling
        if ceiling is not None and floor is not None:
            ceiling = np.maximum(ceiling, floor)
    if floor is None:
        floor = platform.floor
        floor = floor if ceiling is None else np.minimum(floor, ceiling)
    least = platform.least(service) if limits else 0.0
    floor = np.maximum(floor, least if ceiling is None else np.minimum(least, ceiling))
    redundancy = service.redundancy
    bounds = Bounds(
        floor,
        ceiling,
        redundancy.spare,
        redundancy.zones,
        redundancy.survive_zones,
        desired=desired_of(service.instances),
    )
    if service.slo.availability is None:
        return bounds
    up, target = redundancy.instance_availability, service.slo.availability
    return bounds._replace(instance_availability=up, availability=target)


def _check_carries(
    ctx: Context, limits: Sequence[Limit], service: Service, instance: Instance, path: Path
) -> None:
    for limit in limits:
        if not np.all(np.asarray(limit.rps_per_instance) > 0):
            what = f"an instance has no {limit.name} left for a single request ({limit.formula})"
            raise InputError(ctx.places.problem(path, what, "Make the instance larger."))
    if np.any(service.memory_base > np.asarray(instance.memory_gib)):
        what = "is more memory than an instance has"
        raise InputError(ctx.places.problem((*path, "memory_base"), what, "Make the instance larger."))
