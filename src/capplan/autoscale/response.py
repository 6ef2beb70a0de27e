"""Response times by utilization, and what an SLO leaves of them, as the time loop reads them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.compiled import Reals, reals
from capplan.autoscale.loop import RHO_STEPS, RHO_TOP
from capplan.capacity.queueing import mmc_wait_mean
from capplan.capacity.sizing import Sizing
from capplan.plan.services import Service
from capplan.quantities import plain

_ROWS = 128
_NEVER_S = 1e6

UTILIZATIONS = np.linspace(0.0, RHO_TOP, RHO_STEPS)
"""Where tables have their columns."""


class Response(NamedTuple):
    """Tables of response times and of the slack that the SLO leaves; the SLO in words and in s."""

    p95_s: Reals
    slack_s: Reals
    slo: str
    slo_s: float


def response_of(service: Service, sizing: Sizing, full_rps: float, most: int) -> Response:
    """Return those of a service whose instances serve ``full_rps`` each, for up to ``most`` instances."""
    if service.queue is not None:
        drain_s = float(service.queue.drain_time)
        return Response(reals(RHO_STEPS), reals([drain_s] * RHO_STEPS), f"drain {drain_s:g} s", drain_s)
    promise = sizing.promise
    if promise is None:
        return Response(reals(RHO_STEPS), reals([math.inf] * RHO_STEPS), "", math.inf)
    rows = min(max(most, 1), _ROWS)
    instances = np.repeat(np.arange(1.0, rows + 1), RHO_STEPS)[None]
    rho = np.tile(UTILIZATIONS, rows)[None]
    load = rho * instances * full_rps
    targets = {share: float(np.max(target)) for share, target in promise.targets.items()}
    shares = {share: promise.percentile(share, load, instances) for share in {0.95, *targets}}
    slack = np.min([target - shares[share] for share, target in targets.items()], axis=0)
    said = ", ".join(
        f"p{plain(100 * share, 6)} {plain(1000 * target, 6)} ms" for share, target in targets.items()
    )
    return Response(table(shares[0.95]), table(slack), said, targets.get(0.95, math.inf))


def in_progress_of(full_rps: float, time_s: float, cpu_rps: float, cores: float, places: float) -> Reals:
    """Return the requests in progress in an instance by load, up to :data:`RHO_TOP` of ``full_rps``.

    Each takes ``time_s``, and longer the more share the ``cores``, which carry ``cpu_rps``; there is room for
    ``places``. Every instance has a queue of its own.
    """
    load_rps, servers = UTILIZATIONS * full_rps, max(math.floor(cores), 1)
    wait_s = mmc_wait_mean(load_rps, servers / cpu_rps, servers)
    return reals(np.minimum(load_rps * (time_s + wait_s), places).tolist())


def table(values: Array) -> Reals:
    """Return times in rows of instances as the loop reads them; what never ends takes very long."""
    finite = np.nan_to_num(values.ravel(), nan=_NEVER_S, posinf=_NEVER_S, neginf=-_NEVER_S)
    return reals(finite.tolist())
