"""Models that a plan serves itself as services of the time loop: replicas on GPU nodes that start cold.

The autoscaler is the one of the rendered manifests: requests that run, as many as do at the load that a
replica is sized for, unless the plan configures another. A replica serves what its KV cache has room for;
beyond the promised speed it is late.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.compiled import reals
from capplan.autoscale.fleet import FleetSpec
from capplan.autoscale.loop import RHO_STEPS
from capplan.autoscale.loop import SimulatedService as Simulated
from capplan.autoscale.response import UTILIZATIONS, Response, table
from capplan.autoscale.scalers import Size, on_schedule, scaler_of
from capplan.autoscale.settings import Settings
from capplan.autoscale.setup import (
    MODEL,
    TIMEOUT_S,
    Subject,
    ceiling_of,
    check_size,
    initial_of,
    traffic_of,
)
from capplan.autoscale.signals import Use
from capplan.components.base import Component
from capplan.components.llm.component import facts_of_llm, local_part, served_of
from capplan.components.llm.lengths import lengths_of
from capplan.components.llm.replica import Replica
from capplan.estimate import Estimate
from capplan.llm.capacity import speed_at
from capplan.llm.serving import Served
from capplan.plan.llm import Llm
from capplan.plan.services import Kubernetes
from capplan.plan.workload import Vllm, Workload


def model_subjects(estimate: Estimate, rps: Mapping[str, Array], settings: Settings) -> Iterator[Subject]:
    """Yield every model of the plan that runs on GPUs of its own; ``rps`` by tick, before caches.

    Two pools, of which one waits for the other, are no service of the time loop.
    """
    by_name = {component.name: component for component in estimate.components}
    for name, llm in estimate.plan.llm.items():
        component = by_name[name]
        local = rps[name] * float(local_part(llm))
        if component.replica is not None and not component.parts and np.any(local > 0):
            yield _subject(estimate, llm, component, component.replica, local, settings)


def _subject(
    estimate: Estimate,
    llm: Llm,
    component: Component,
    replica: Replica,
    rps: Array,
    settings: Settings,
) -> Subject:
    assert component.sizing is not None
    part = float(local_part(llm))
    for_room = component.sizing.limits[0]
    full_rps = part * _one(for_room.rps_per_instance) / _one(for_room.target)
    target_rps = float(np.min(component.sizing.capacity_rps)) * part
    context = estimate.context
    lengths = lengths_of(llm, context.directory)
    served = served_of(llm, replica.configuration, facts_of_llm(context, llm), lengths)
    response = _response(llm, served, full_rps, _one(replica.room))
    size = Size(int(_one(component.sizing.floor)), ceiling_of(component.sizing), 1.0, target_rps)
    check_size(estimate, component, size)
    service = _as_service(llm, replica)
    places, name = estimate.file.places, component.name
    scaler, scaler_name = scaler_of(service, size, places, name, settings.versions)
    scaler = on_schedule(scaler, service, settings, rps.size)
    timeout_s = TIMEOUT_S if settings.timeout_s is None else settings.timeout_s
    simulated = Simulated(
        traffic=traffic_of(full_rps, timeout_s, settings),
        fleet=_fleet(llm, replica, settings),
        use=_use(served, full_rps, _one(replica.room), settings),
        scaler=scaler,
        p95_s=response.p95_s,
        slack_s=response.slack_s,
        initial=initial_of(component.sizing, size, rps, target_rps),
        blind_from_s=settings.blind_s[0],
        blind_until_s=settings.blind_s[1],
    )
    return Subject(
        name=name,
        platform=MODEL,
        scaler_name=scaler_name,
        simulated=simulated,
        rps=rps,
        target_rps=target_rps,
        slo=response.slo,
        slo_s=response.slo_s,
        backlog=0.0,
    )


def _one(value: object) -> float:
    return float(np.min(value))  # type: ignore[call-overload]


def _use(served: Served, full_rps: float, room: float, settings: Settings) -> Use:
    """Return how many requests run at each load; what CPU they need nobody knows."""
    speed = speed_at(served, np.linspace(0.0, 1.0, RHO_STEPS) * full_rps, room)
    running = np.minimum(np.broadcast_to(speed.concurrency, RHO_STEPS), room)
    return Use(
        cpu_milli=1000 / full_rps,
        request_milli=1000,
        memory_base=0.0,
        memory_each=0.0,
        memory_request=1.0,
        service_time_s=room / full_rps,
        lag_ticks=round(settings.metric_lag_s / settings.tick_s),
        running=reals(running.tolist()),
        full_rps=full_rps,
    )


def _as_service(llm: Llm, replica: Replica) -> Kubernetes:
    """Return the service whose autoscaler is rendered for the model."""
    plain = Kubernetes.model_validate({"platform": "kubernetes"})
    workload: Workload = llm.workload or Workload.model_validate({})
    if llm.engine == "vllm":
        workload = workload.model_copy(update={"vllm": Vllm.model_validate({"model": llm.model})})
    share = {"concurrency": replica.running_share}
    return plain.model_copy(
        update={
            "gpu": replica.configuration.on_one,
            "concurrency": float(max(1, math.floor(_one(replica.users)))),
            "target_utilization": plain.target_utilization.model_copy(update=share),
            "workload": workload,
        }
    )


def _fleet(llm: Llm, replica: Replica, settings: Settings) -> FleetSpec:
    """Return how long a replica takes: its node, then the image, then the weights."""
    cold = llm.cold_start
    load_s = float(np.max(replica.configuration.memory().weights)) / 1e9 / float(cold.weights_gb_per_s)
    startup_s = float(cold.image) + load_s if settings.startup_s is None else settings.startup_s
    node_s = float(cold.node) if settings.node_start_s is None else settings.node_start_s
    return FleetSpec(startup_s, max(int(replica.per_machine), 1), node_s)


def _response(llm: Llm, served: Served, full_rps: float, room: float) -> Response:
    """Return the time to the first token, and what is left of its promise while that of the others is kept.

    One row does: it depends on the load of a replica only.
    """
    speed = speed_at(served, UTILIZATIONS * full_rps, room)
    ttft_s, tpot_s = (np.inf if target is None else float(target) for target in (llm.slo.ttft, llm.slo.tpot))
    first_s, each_s = np.broadcast_arrays(speed.ttft_p95_s, speed.tpot_s)
    slack_s = np.where(each_s <= tpot_s, ttft_s - first_s, -np.inf)
    promises = (("ttft", ttft_s), ("tpot", tpot_s))
    said = ", ".join(f"{what} {1000 * at_s:g} ms" for what, at_s in promises if np.isfinite(at_s))
    return Response(table(first_s), table(slack_s), said, ttft_s)
