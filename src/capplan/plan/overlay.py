"""Changes laid over a plan before it is read: alternatives, `--set`, the values of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capplan.errors import InputError, Problem, nearest
from capplan.plan.intervals import is_interval, is_sourced
from capplan.plan.model import COMPONENTS

Raw = dict[str, Any]


_BOUNDS = ("min", "max")
_SHORT: dict[str, tuple[str, ...]] = {"instances": _BOUNDS, "nodes": _BOUNDS, "replicas": _BOUNDS}
_SHORT_IN: dict[str, tuple[str, ...]] = {"calls": ("per_request",), "triggers": ("threshold",)}
"""What a single number stands for: by the field, or by the mapping that it is an entry of."""


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any], within: str = "") -> Raw:
    """Return ``base`` with ``overlay`` laid over it: mappings merge, null removes, the rest replaces.

    A single number that stands for a mapping is widened to it first. ``within``: the field that both are of.
    """
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and not (is_interval(value) or is_sourced(value)):
            merged[key] = merge(_widened(old, key, within), value, key)
        else:
            merged[key] = value
    return merged


def _widened(value: object, key: str, within: str) -> Mapping[str, Any]:
    fields = short_for(key, within)
    if isinstance(value, Mapping) and not (fields and is_sourced(value)):
        return value
    return {} if value is None else dict.fromkeys(fields, value)


def short_for(key: str, within: str) -> tuple[str, ...]:
    """Return the fields that a single number at ``key`` stands for; none where it stands for itself."""
    return _SHORT_IN.get(within) or _SHORT.get(key, ())


def nested(path: tuple[str, ...], value: object) -> Raw:
    """Return the overlay that says ``value`` at ``path`` and nothing else."""
    for key in reversed(path):
        value = {key: value}
    return value  # type: ignore[return-value]


def assignment(text: str, option: str) -> tuple[str, str]:
    """Split ``path=value`` as given to ``option``."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip() or not value.strip():
        what = f"expected PATH=VALUE, got '{text}'"
        raise InputError(Problem(option, what, "Example: demand.users_per_day=20k"))
    return path.strip(), value.strip()


def full_path(raw: Mapping[str, Any], path: str, roots: Mapping[str, object], option: str) -> tuple[str, ...]:
    """Return the path that the user means: as given, or the only one in the plan that ends so.

    ``users_per_day`` is enough for ``demand.users_per_day`` where nothing else ends in that name.
    """
    parts = tuple(path.split("."))
    if parts[0] in roots:
        _check_component(raw, parts, option)
        return parts
    ending = [found for found in _paths(raw) if found[-len(parts) :] == parts]
    if len(ending) == 1:
        return ending[0]
    if ending:
        shown = ", ".join(sorted(".".join(found) for found in ending[:5]))
        raise InputError(Problem(option, f"'{path}' is ambiguous", f"Write one of {shown}."))
    leaves = {".".join(found) for found in _paths(raw)}
    tails = {found.rsplit(".", 1)[-1]: found for found in sorted(leaves)}
    guess = nearest(path, leaves) if "." in path else nearest(path, tails)
    raise InputError(Problem(option, f"the plan has no '{path}'", guess))


def _check_component(raw: Mapping[str, Any], parts: tuple[str, ...], option: str) -> None:
    """Refuse a field of a component that the plan has not, where one of its own is called nearly the same."""
    named = raw.get(parts[0])
    if parts[0] not in COMPONENTS or len(parts) < 3 or not isinstance(named, Mapping) or parts[1] in named:
        return
    guess = nearest(parts[1], named)
    if guess.startswith("Did you mean"):
        raise InputError(Problem(option, f"the plan has no '{parts[0]}.{parts[1]}'", guess))


def _paths(raw: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in raw.items():
        if above == () and key == "alternatives":
            continue
        yield (*above, key)
        if isinstance(value, Mapping):
            yield from _paths(value, (*above, key))
