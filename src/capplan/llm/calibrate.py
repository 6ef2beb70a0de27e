"""Constants that agree with measurements: a pattern search over the shares and overheads of gpus.yaml."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Array
from capplan.llm.facts import LlmFacts
from capplan.llm.measured import MeasuredSample, engine_name, predict

Path = tuple[str, ...]

_CAP = 0.7
"""Beyond a factor of two a measurement is taken for a mistake and not followed further."""

_PRIOR_WEIGHT = 0.001
_FIRST_STEP, _LAST_STEP = 0.16, 0.005

_ROUNDS = 2
"""Searches, each with the simulator's part of the last."""


class Calibrated(NamedTuple):
    """Constants by path below ``speed``, before and after; the mean error (capped, logarithmic) of both."""

    before: dict[Path, float]
    after: dict[Path, float]
    error_before: float
    error_after: float


def calibrate(
    sample: MeasuredSample, facts: LlmFacts, paths: Sequence[Path], freedom: float = 0.3
) -> Calibrated:
    """Return the constants at ``paths`` that explain the sample best.

    Minimises the mean of min(|ln(predicted / measured)|, 0.7), each benchmark weighted by the root of its
    rows, with a penalty that lets constants move by about ``freedom`` from where they are (pattern search,
    Hooke and Jeeves 1961). Raises ValueError where no row can be predicted.
    """
    target = copy.deepcopy(dict(facts))
    start = {path: float(at(target["speed"], path)) for path in paths}
    best, before = np.zeros(len(paths)), np.inf
    for _ in range(_ROUNDS):
        error = _error_of(sample, target, start, freedom)
        before = min(before, error(np.zeros(len(paths))))
        best, lowest = _searched(error, best)
        _move(target, start, best)
    after = {path: float(at(target["speed"], path)) for path in paths}
    return Calibrated(start, after, before, lowest)


def _searched(error: Callable[[Array], float], best: Array) -> tuple[Array, float]:
    """Return where the error is lowest, searched from ``best``, and how low."""
    lowest, step = error(best), _FIRST_STEP
    while step > _LAST_STEP:
        found, value = _explored(error, best, lowest, step)
        if value >= lowest:
            step /= 2
            continue
        # What was an improvement in one round often is in the next: try it before exploring again.
        ahead = 2 * found - best
        best, lowest = found, value
        found, value = _explored(error, ahead, error(ahead), step)
        if value < lowest:
            best, lowest = found, value
    return best, lowest


def _explored(
    error: Callable[[Array], float], point: Array, lowest: float, step: float
) -> tuple[Array, float]:
    """Return the best that changing one constant after another by ``step`` finds, and its error."""
    point = point.copy()
    for index in range(point.size):
        here = point[index]
        for change in (step, -step):
            point[index] = here + change
            value = error(point)
            if value < lowest - 1e-7:
                lowest = value
                break
            point[index] = here
    return point, lowest


def _error_of(
    sample: MeasuredSample, facts: dict[str, Any], start: dict[Path, float], freedom: float
) -> Callable[[Array], float]:
    """Return the error as a function of how far the logarithms of the constants move.

    A simulated benchmark takes too long to search with. How far it is from the closed form hardly depends on
    the constants, so that of ``facts`` as they are is kept.
    """
    weights = _weights(sample)
    aim = np.array([row.value for row in sample.rows]) * predict(sample, facts, simulated=False)
    aim /= predict(sample, facts)
    if np.all(np.isnan(aim)):
        raise ValueError("no row of the sample depends on the constants")

    def error(moved: Array) -> float:
        _move(facts, start, moved)
        off = np.abs(np.log(predict(sample, facts, simulated=False) / aim))
        known = ~np.isnan(off)
        mean = float(np.sum((weights * np.minimum(off, _CAP))[known]) / np.sum(weights[known]))
        return mean + _PRIOR_WEIGHT * float(np.sum((moved / freedom) ** 2))

    return error


def _move(facts: dict[str, Any], start: dict[Path, float], moved: Array) -> None:
    for (path, value), change in zip(start.items(), moved, strict=True):
        put(facts["speed"], path, min(value * float(np.exp(change)), most(path)))


def most(path: Path) -> float:
    """Return how large a constant may become: shares of what the hardware can do are at most all of it."""
    return 1.0 if path[0] == "families" or path[-1] == "efficiency" else np.inf


def _weights(sample: MeasuredSample) -> Array:
    """Return a weight for each row: a benchmark of a hundred rows is not worth a hundred benchmarks."""
    cells = [(row.model, row.gpu, row.engine, row.metric) for row in sample.rows]
    rows = Counter(cells)
    return np.array([rows[cell] ** -0.5 for cell in cells])


def paths_for(sample: MeasuredSample, facts: LlmFacts) -> list[Path]:
    """Return the constants that the sample can say something about: its GPUs, precisions and engines."""
    paths: dict[Path, None] = {}
    for configuration in sample.configurations:
        family = configuration.gpu.family
        kind = configuration.precision.alike
        for group, key in (("weights", kind), ("mfu", kind)):
            own = facts["speed"]["families"].get(family, {})
            owner = family if key in own.get(group, {}) else "any"
            paths["families", owner, group, key] = None
    for row in sample.rows:
        engine = engine_name(row.engine)
        paths["engines", engine, "layer_us"] = None
        paths["engines", engine, "step_us"] = None
    return list(paths)


def at(tree: Any, path: Path) -> Any:
    """Return the value at ``path``."""
    for key in path:
        tree = tree[key]
    return tree


def put(tree: dict[str, Any], path: Path, value: object) -> None:
    """Set the value at ``path``, making the mappings on the way."""
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value


def overlay(found: Calibrated, source: str, rows: int) -> str:
    """Return YAML that lies over the constants of gpus.yaml: what moved, with its source."""
    tree: dict[str, Any] = {}
    for path, value in found.after.items():
        put(tree, path, float(f"{value:.4g}"))
    lines = [
        "# Speed constants fitted to a benchmark of one's own: name this file as `calibration` in a plan.",
        "speed:",
        f"  source: fitted to {rows} rows of {source}",
        *_yaml(tree, 1),
    ]
    return "\n".join(lines) + "\n"


def _yaml(tree: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield f"{'  ' * depth}{key}:"
            yield from _yaml(value, depth + 1)
        else:
            yield f"{'  ' * depth}{key}: {value}"
