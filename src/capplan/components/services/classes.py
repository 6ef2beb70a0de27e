"""Classes of requests, reduced to the mean request of their service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.errors import InputError
from capplan.plan.model import Plan
from capplan.plan.places import Places
from capplan.plan.services import Service

_NONE = 1e-9
"""A share of requests that is none."""


class _Kind(NamedTuple):
    """Requests of a kind, as a share of all, with their times, s; None where nothing says them."""

    share: Floats
    service_s: Floats | None
    cpu_s: Floats | None
    cs2: Floats


def with_mean_requests(plan: Plan, places: Places) -> Plan:
    """Return the plan with the times of a mean request where classes have times of their own.

    Raises :class:`InputError` where shares exceed the whole, or where only some requests have a time.
    """
    given = {n: _mixed(s, ("services", n), places) for n, s in plan.services.items() if s.classes}
    return plan.model_copy(update={"services": {**plan.services, **given}})


def _mixed(service: Service, path: tuple[str, ...], places: Places) -> Service:
    kinds = list(_kinds(service, path, places))
    said = service.classes.values()
    update: dict[str, Floats] = {}
    if any(one.service_time is not None for one in said):
        update["service_time"] = _mean(kinds, "service_s", path, places)
    if any(one.cpu_time is not None for one in said):
        kinds = [kind._replace(cpu_s=kind.service_s if kind.cpu_s is None else kind.cpu_s) for kind in kinds]
        update["cpu_time"] = _mean(kinds, "cpu_s", path, places)
    timed = next((t for t in ("service_s", "cpu_s") if all(getattr(k, t) is not None for k in kinds)), None)
    if timed and (update or any(one.cs2 is not None for one in said)):
        update["cs2"] = _cs2(kinds, timed)
    found: Service = service.model_copy(update=update)
    return found


def _kinds(service: Service, path: tuple[str, ...], places: Places) -> Iterator[_Kind]:
    """Yield each class, and the requests of no class."""
    total: Floats = sum((one.share for one in service.classes.values()), 0.0)
    if np.any(total > 1 + _NONE):
        what = f"shares add up to {100 * float(np.max(total)):.6g}%, more than 100%"
        raise InputError(places.problem((*path, "classes"), what))
    for one in service.classes.values():
        yield _Kind(
            one.share,
            _first(one.service_time, service.service_time),
            _first(one.cpu_time, service.cpu_time),
            service.cs2 if one.cs2 is None else one.cs2,
        )
    if np.any(total < 1 - _NONE):
        rest: Floats = np.maximum(1 - total, 0.0)
        yield _Kind(rest, service.service_time, service.cpu_time, service.cs2)


def _first(own: Floats | None, other: Floats | None) -> Floats | None:
    return other if own is None else own


def _mean(kinds: list[_Kind], which: str, path: tuple[str, ...], places: Places) -> Floats:
    times = [getattr(kind, which) for kind in kinds]
    if any(time is None for time in times):
        field = "service_time" if which == "service_s" else "cpu_time"
        what = f"is required, because only some of the classes give {field}"
        raise InputError(places.problem((*path, field), what))
    mean: Floats = sum((kind.share * time for kind, time in zip(kinds, times, strict=True)), 0.0)
    return mean


def _cs2(kinds: list[_Kind], which: str) -> Floats:
    """Return variance ÷ mean² of the mixture: second moments add, each mean² × (1 + cs²)."""
    mean: Floats = sum((kind.share * getattr(kind, which) for kind in kinds), 0.0)
    square = sum((kind.share * getattr(kind, which) ** 2 * (1 + kind.cs2) for kind in kinds), 0.0)
    known = np.asarray(mean) > 0
    found: Floats = np.where(known, square / np.where(known, mean, 1.0) ** 2 - 1, 1.0)
    return np.maximum(found, 0.0)
