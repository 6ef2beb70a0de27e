"""What a bill shows of a plan's numbers: machines that ran, what was stored, how much was asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.errors import InputError, Problem
from capplan.gate.actual import Actual, Drift
from capplan.plan.edit import short
from capplan.plan.read import PlanFile

_VOLUMES = ("requests_per_second", "requests_per_day", "requests_per_month", "users_per_day")
_PER_REQUEST = ("request", "token", "second")
"""Units of what requests use; hours and months are those of what stands there."""

_AGREE = 0.05
"""Ratio within which lines must agree on how much more was asked for than planned."""

Change = tuple[tuple[str, ...], object]


def shown_by(found: Actual, file: PlanFile) -> Mapping[Sequence[str], object]:
    """Return the fields of the plan to write, by path, marked as measured.

    Only SKUs of a single component count. Raises :class:`InputError` where the bill shows nothing of
    the plan.
    """
    if found.by_month:
        raise InputError(
            Problem("--apply", "takes one month, and the bill has several", "Choose it with --period.")
        )
    mark = {"source": "measured", "from": f"bill of {found.months[0]}"}
    changes = [*_standing(found, file), *_asked_for(found, file)]
    if not changes:
        raise InputError(Problem("--apply", "the bill shows no count, size or demand of the plan"))
    return {path: {"value": value, **mark} for path, value in changes}


def _standing(found: Actual, file: PlanFile) -> Iterator[Change]:
    """Yield instances that ran and GiB that were stored, on average over what the bill covers."""
    (month,) = found.covered.values()
    for component, drift in _own(found):
        assert drift.billed is not None
        assert drift.estimated is not None
        if drift.estimated.unit == "hour" and component in file.raw.get("services", {}):
            yield from _running(file, component, drift.billed.quantity / month.hours)
        for section in ("databases", "object_stores"):
            stored = file.raw.get(section, {}).get(component, {})
            if drift.estimated.unit == "GiB-month" and "storage" in stored:
                gib = drift.billed.quantity / month.share
                yield (section, component, "storage"), f"{short(gib)}GiB"


def _running(file: PlanFile, service: str, running: float) -> Iterator[Change]:
    instances = file.plan.services[service].instances
    count, path = max(1, round(running)), ("services", service, "instances")
    if instances.min is not None and instances.min == instances.max:
        yield path, count
    elif (instances.min or 0) <= count <= (count if instances.max is None else instances.max):
        yield (*path, "desired"), count


def _asked_for(found: Actual, file: PlanFile) -> Iterator[Change]:
    """Yield the volume of the demand, if all that requests use agrees how much more it was."""
    ratios = [
        drift.billed.quantity / drift.estimated.quantity
        for _, drift in _own(found)
        if drift.billed
        and drift.estimated
        and drift.estimated.quantity
        and drift.estimated.unit.removesuffix("s").endswith(_PER_REQUEST)
    ]
    field = next((name for name in _VOLUMES if getattr(file.plan.demand, name) is not None), None)
    if ratios and field is not None and max(ratios) <= min(ratios) * (1.0 + _AGREE):
        mean = sum(ratios) / len(ratios)
        yield ("demand", field), short(float(getattr(file.plan.demand, field)) * mean)


def _own(found: Actual) -> Iterator[tuple[str, Drift]]:
    """Yield what is matched and belongs to one component, with its name."""
    owners: dict[str, set[str]] = {}
    lines: Sequence[Mapping[str, Any]] = found.document["cost_lines"]
    for line in lines:
        owners.setdefault(f"{line['provider']}/{line['service']}/{line['sku']}", set()).add(line["component"])
    for drift in found.drifts:
        own = owners.get(drift.name, set())
        if drift.estimated and drift.billed and drift.difference is not None and len(own) == 1:
            yield next(iter(own)), drift
