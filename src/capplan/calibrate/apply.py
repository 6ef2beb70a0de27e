"""Write what was measured into the text of a plan: intervals that say where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from capplan.calibrate.outcome import Estimated
from capplan.plan.edit import edited_plan, short

_FIELDS = {
    "service_time_s": ("service_time", 1000.0, "ms"),
    "cs2": ("cs2", 1.0, ""),
    "cpu_time_s": ("cpu_time", 1000.0, "ms"),
    "concurrency": ("concurrency", 1.0, ""),
    "throughput_rps": ("throughput", 1.0, ""),
    "memory_base_gib": ("memory_base", 1024.0, "Mi"),
    "memory_per_request_gib": ("memory_per_request", 1024.0, "Mi"),
}
"""Field of a service, factor and unit of each figure."""


def with_measured(
    text: str, service: str, figures: Mapping[str, Estimated | None], origin: str, name: str, directory: Path
) -> str:
    """Return the plan ``text`` with the figures of a ``service``, from ``origin``; comments and layout stay.

    Raises :class:`InputError` if the result is not a plan.
    """
    known = {
        _FIELDS[key]: figure for key, figure in figures.items() if key in _FIELDS and figure and figure.value
    }
    changes: dict[Sequence[str], object] = {
        ("services", service, field): _written(figure, factor, unit) | {"source": "measured", "from": origin}
        for (field, factor, unit), figure in known.items()
    }
    return edited_plan(text, changes, name, directory)


def _written(figure: Estimated, factor: float, unit: str) -> dict[str, object]:
    value, low, high = (_number(part * factor, unit) for part in figure)
    return {"value": value} if low == high else {"p5": low, "p50": value, "p95": high}


def _number(value: float, unit: str) -> object:
    return f"{short(value):g}{unit}" if unit else short(value)
