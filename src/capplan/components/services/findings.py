"""What the reader must know of a service's sizing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from capplan.arrays import Array, in_scenario
from capplan.capacity.sizing import Sizing
from capplan.components import checks
from capplan.components.idle import idle_findings
from capplan.components.services import checks as scaling
from capplan.findings import Finding
from capplan.plan.services import Service
from capplan.quantities import plain

if TYPE_CHECKING:
    from capplan.capacity.response import ResponseTimes


def findings_of(
    name: str, service: Service, rps: Array, sizing: Sizing, response: ResponseTimes | None
) -> Iterator[Finding]:
    """Yield what the reader must know of a service that is sized for the load ``rps``."""
    excess = sizing.peak - sizing.peak_running
    if excess.any():
        yield _over_ceiling(name, sizing, int(excess.argmax()))
    yield from idle_findings(name, sizing, "instances")
    if not sizing.limits and np.any(rps > 0):
        message = "the plan does not say what an instance carries, so only min and max decide"
        yield checks.UNSIZED.finding(name, message, "Give service_time, cpu_time or throughput.")
    least, said = float(np.min(sizing.floor)), service.instances.min
    if said is not None and np.any(said < sizing.floor):
        message = f"instances.min is 0, but its autoscaler keeps {least:g}: nothing would wake it from none"
        yield scaling.ZERO_MINIMUM.finding(name, message)
    if has_latency_slo(service):
        from capplan.components.services.latency import latency_findings

        yield from latency_findings(name, service, response)


def has_latency_slo(service: Service) -> bool:
    """Say whether a service promises a response time."""
    return any(target is not None for target in (service.slo.p50, service.slo.p95, service.slo.p99))


def _over_ceiling(name: str, sizing: Sizing, worst: int) -> Finding:
    """Return the finding of the ``worst`` scenario, which exceeds its ceiling by most."""
    peak = _figure(sizing.peak_rps, worst)
    need = in_scenario(sizing.peak, worst)
    ceiling = _figure(sizing.ceiling, worst)
    required = sizing.required[min(worst, len(sizing.required) - 1)]
    hours = required > ceiling
    when = f" (over the maximum in {int(hours.sum())} of {hours.size} hours)" if hours.size > 1 else ""
    message = (
        f"{_carries(sizing, ceiling, worst)}; the busiest hour brings {plain(peak)} "
        f"and needs {need:,.0f}{when}"
    )
    return checks.MAX_TOO_SMALL.finding(name, message, f"Raise instances.max to {need:,.0f}.")


def _carries(sizing: Sizing, ceiling: float, scenario: int) -> str:
    """Say what the ceiling carries; to work it out for a latency SLO takes as long as all the rest."""
    if sizing.promise is not None:
        return f"max {plain(ceiling, 6)} does not keep the SLO"
    return f"max {plain(ceiling, 6)} carries {plain(_figure(sizing.carried_rps, scenario))} requests/s"


def _figure(values: Array | None, scenario: int) -> float:
    return float("inf") if values is None else in_scenario(values, scenario)
