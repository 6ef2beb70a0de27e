"""Write what was measured into the text of a plan, as intervals; comments and layout stay."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from capplan.calibrate.outcome import Estimated
from capplan.errors import InputError, Problem, nearest
from capplan.plan.read import parse_plan

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
    """Return the plan ``text`` with the figures of ``service``, each with its origin as a comment.

    Raises :class:`InputError` if there is no such service, or the result is not a plan.
    """
    for key, (field, factor, unit) in _FIELDS.items():
        figure = figures.get(key)
        if figure is not None and figure.value > 0:
            text = _placed(text, service, field, _written(figure, factor, unit), origin, name)
    parse_plan(text, name, directory)
    return text


def difference(before: str, after: str, name: str) -> list[str]:
    """Return what changes, as the lines of a unified difference."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, "", "", 1, ""))


def _written(figure: Estimated, factor: float, unit: str) -> str:
    low, middle, high = (f"{value * factor:.4g}{unit}" for value in (figure.low, figure.value, figure.high))
    return middle if low == middle == high else f"{{p5: {low}, p50: {middle}, p95: {high}}}"


def _placed(text: str, service: str, field: str, value: str, origin: str, name: str) -> str:
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    services = _child(root, "services")
    node = _child(services, service)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        known = [key.value for key, _ in getattr(services, "value", [])]
        raise InputError(Problem(name, f"the plan has no service '{service}'", nearest(service, known)))
    old = _child(node, field)
    if old is not None:
        end = old.end_mark.index
        end = end if getattr(old, "flow_style", True) is not False else len(text[:end].rstrip())
        return _commented(text[: old.start_mark.index] + value + text[end:], old.start_mark.index + len(value), origin)
    if node.flow_style:
        at = node.start_mark.index + 1
        return f"{text[:at]}{field}: {value}, {text[at:]}"
    key, first = node.value[0]
    at = first.end_mark.index if isinstance(first, yaml.ScalarNode) else key.start_mark.index - 1
    end = text.find("\n", at) if isinstance(first, yaml.ScalarNode) else text.rfind("\n", 0, at + 1)
    end = len(text) if end < 0 else end
    line = f"{' ' * key.start_mark.column}{field}: {value}"
    done = f"{text[:end]}\n{line}{text[end:]}"
    return _commented(done, end + 1 + len(line), origin)


def _commented(text: str, at: int, origin: str) -> str:
    """Return the text with the origin behind the value that ends ``at``, where nothing else follows on its line."""
    end = text.find("\n", at)
    rest = text[at : len(text) if end < 0 else end]
    return text if rest.strip() else f"{text[:at]}  # measured: {origin}{text[at:]}"


def _child(node: Any, name: str) -> Any:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)
