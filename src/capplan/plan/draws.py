"""Draws: many scenarios of a plan's intervals, the same for the same seed on every machine."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel

from capplan.errors import InputError, Problem, nearest
from capplan.plan.bind import Path, Scenarios
from capplan.plan.intervals import Interval
from capplan.plan.overlay import full_path

if TYPE_CHECKING:
    import numpy as np

    from capplan.arrays import Array
    from capplan.plan.read import PlanFile

MAX_SAMPLES = 2_000_000
"""Draws that are made together; more are made in blocks, of which only percentiles are kept."""
_MOST_SAMPLES = 1_000_000_000


def intervals_of(file: PlanFile) -> dict[Path, Interval]:
    """Return the intervals of the plan by their path, in the order of the plan."""
    found = dict(_intervals(file.plan, ()))
    for path in found:
        if any(part.isdecimal() for part in path):
            what = "an interval cannot stand in a list"
            raise InputError(file.places.problem(path, what, "Give one number."))
    return found


def _intervals(value: object, path: Path) -> Iterator[tuple[Path, Interval]]:
    if isinstance(value, Interval):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _intervals(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _intervals(inner, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _intervals(inner, (*path, str(index)))


def draw(file: PlanFile, samples: int, seed: int, block: int = 0) -> Scenarios:
    """Return ``samples`` scenarios of the plan's intervals, evenly spread; of each ``block`` others.

    A Latin hypercube (McKay et al., 1979): each interval is drawn once from each of ``samples`` equally
    likely strata. Which strata meet in a scenario is decided by the ranks of Richtmyer's sequence, the
    multiples of √2, √3, √5, … modulo 1, each shifted by the seed; shares of scenarios come out up to four
    times as exact as with strata that meet by chance, as far as few inputs matter. Correlated intervals are
    reordered to the ranks of a Gaussian copula, which keeps the strata (Iman and Conover, 1982).
    """
    import numpy as np

    intervals = intervals_of(file)
    steps = np.arange(1, samples + 1)
    ranks = {
        path: _ranks(steps * root + _generator((*path, "shift"), seed, block).random())
        for path, root in zip(intervals, np.sqrt(_primes(len(intervals))), strict=True)
    }
    ranks |= _correlated(file, intervals, ranks)
    inside = {path: _generator(path, seed, block).random(samples) for path in intervals}
    values = {
        path: interval.quantiles(np.clip((ranks[path] + inside[path]) / samples, 1e-12, 1 - 1e-12))
        for path, interval in intervals.items()
    }
    return Scenarios(samples, values)


def _ranks(points: Array) -> Array:
    """Return how many of the ``points``, modulo 1, lie below each of them."""
    import numpy as np

    ranks = np.empty(points.size)
    ranks[np.argsort(points % 1, kind="stable")] = np.arange(points.size)
    return ranks


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _generator(path: Path, seed: int, block: int) -> np.random.Generator:
    import numpy as np

    numbers = [seed, zlib.crc32(".".join(path).encode()), block]
    return np.random.Generator(np.random.PCG64(numbers if block else numbers[:2]))


def _correlated(
    file: PlanFile, intervals: Mapping[Path, Interval], ranks: Mapping[Path, Array]
) -> dict[Path, Array]:
    """Return new ranks of the intervals that the plan correlates."""
    import numpy as np

    from capplan.normal import normal_quantile

    paths, matrix = correlation_matrix(file, intervals)
    if not paths:
        return {}
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        what = "these correlations contradict each other, so no numbers can have them"
        raise InputError(file.places.problem(("uncertainty", "correlations"), what)) from None
    normal = np.stack([normal_quantile((ranks[path] + 0.5) / ranks[path].size) for path in paths])
    order = np.argsort(factor @ normal, axis=1, kind="stable")
    return {path: np.argsort(row).astype(float) for path, row in zip(paths, order, strict=True)}


def correlation_matrix(file: PlanFile, intervals: Mapping[Path, Interval]) -> tuple[list[Path], Array]:
    """Return the intervals that are correlated, and the correlations of the normal laws that rank them.

    A rank correlation r takes normal variables correlated by 2·sin(π·r/6) (Pearson, 1907).
    """
    import numpy as np

    said = file.plan.uncertainty
    pairs: dict[tuple[Path, Path], float] = {}
    for index, correlation in enumerate(said.correlations if said else ()):
        where = ("uncertainty", "correlations", str(index))
        between = [_named(file, intervals, text, where) for text in correlation.between]
        pairs |= {(one, other): correlation.coefficient for one in between for other in between}
    paths = list(dict.fromkeys(one for one, _ in pairs))
    matrix = np.array([[1.0 if a == b else pairs.get((a, b), 0.0) for b in paths] for a in paths])
    return paths, np.where(matrix == 1, 1.0, 2 * np.sin(np.pi * matrix / 6))


def _named(file: PlanFile, intervals: Mapping[Path, Interval], text: str, where: Sequence[str]) -> Path:
    path = full_path(file.raw, text, type(file.plan).model_fields, "uncertainty.correlations")
    if path not in intervals:
        known = [".".join(known) for known in intervals]
        problem = file.places.problem(where, f"'{text}' is not an interval", nearest(text, known))
        raise InputError(problem)
    return path


def checked_samples(samples: int, most: int = _MOST_SAMPLES) -> int:
    """Return the number of samples; refuse too few and too many."""
    if not 20 <= samples <= most:
        raise InputError(Problem("--samples", f"expected 20 to {most:,}, got {samples:,}"))
    return samples
