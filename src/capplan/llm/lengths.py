"""How long requests are: the joint distribution of their inputs and outputs, from quantiles or as recorded.

Points stand for requests, each for a share of them, so that any mean is a weighted sum, and a million
recorded requests take no longer than a hundred.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.normal import normal_quantile

LATE = 0.95
"""Share of the requests that a time to the first token is promised to."""

LARGEST = 1e8
"""Tokens that no request has."""

MISSED = 0.01
"""Share of the requests, the longest of them, that a server may be too small for."""


class RequestLengths(NamedTuple):
    """What share of the requests has which lengths, all of them relative to the means in tokens.

    shares: by point, (points,); inputs, outputs: likewise, or (points, scenarios, 1). prompts: shares of
    strata by the length of the input, with their means and their mean squares ÷ those. totals: evenly spaced
    quantiles of input and output together ÷ their mean. means: tokens in and out. requests: recorded, 0 for
    quantiles. reusable: share of the input that repeats the beginning of earlier ones, None where nobody
    knows.
    """

    shares: Array
    inputs: Array
    outputs: Array
    prompts: tuple[Array, Array, Array]
    totals: Array
    means: tuple[Floats, Floats]
    requests: int = 0
    reusable: float | None = None

    def mean(self, values: Array) -> Array:
        """Return the mean over the requests of what each point has, (points, …)."""
        return averaged(self.shares, values)

    def tokens(self, inputs: Floats, outputs: Floats, dimensions: int = 0) -> tuple[Array, Array]:
        """Return the tokens of each point, (points, …), with room for as many ``dimensions`` besides."""
        dimensions = max(dimensions, np.ndim(inputs), np.ndim(outputs))
        return inputs * led(self.inputs, dimensions), outputs * led(self.outputs, dimensions)

    def seen(self, inputs: Floats, outputs: Floats) -> Floats:
        """Return the mean context of a sequence that decodes; each for as many steps as it has outputs."""
        seen: Floats = (
            inputs * self.mean(self.inputs * self.outputs) + outputs * self.mean(self.outputs**2) / 2
        )
        return seen

    @property
    def variety(self) -> Floats:
        """Mean square of the inputs ÷ the square of their mean."""
        variety: Floats = self.mean(self.inputs**2)
        return variety

    @property
    def late_input(self) -> Floats:
        """Input that so many stay below as are promised a time to the first token, ÷ the mean."""
        shares, lengths, _ = self.prompts
        late: Floats = lengths[np.searchsorted(np.cumsum(shares), LATE)]
        return late

    def longest(self, inputs: Floats, outputs: Floats, missed: float = MISSED) -> Floats:
        """Return the tokens of the longest request but for the share ``missed`` of them."""
        at = round((1 - missed) * (len(self.totals) - 1))
        longest: Floats = (inputs + outputs) * self.totals[at]
        return longest

    def beyond(self, inputs: Floats, outputs: Floats, most: Floats) -> float:
        """Return the share of the requests with more than ``most`` tokens, in the worst scenario."""
        mean = inputs + outputs
        longer = mean * led(self.totals, np.ndim(mean)) > most * (1 + 1e-9)
        return float(np.max(np.mean(longer, axis=0)))


def led(values: Array, dimensions: int) -> Array:
    """Return values of points, (points, …), so that they broadcast with arrays of ``dimensions``."""
    first, *others = values.shape
    return values.reshape(first, *[1] * (dimensions - len(others)), *others)


def averaged(shares: Array, values: Array) -> Array:
    """Return the mean of values, (points, …); a product of matrices is the quickest way to it."""
    return (shares @ values.reshape(len(shares), -1)).reshape(values.shape[1:])


_STRATA, _SPREADS, _TOTALS = 16, 16, 1000


def recorded(inputs: Array, outputs: Array, reusable: float | None = None) -> RequestLengths:
    """Return the lengths of recorded requests, (requests,) each, in at most 256 points.

    Requests are divided by input, and then by output. Where they are long there are more points, for what
    counts are squares of the lengths: those of published traces are kept within 2 %, the means exactly.
    """
    mass = 1.0 + inputs**2 / np.mean(inputs**2) + outputs**2 / np.mean(outputs**2)
    order = np.argsort(inputs, kind="stable")
    row = np.empty(inputs.size, dtype=int)
    row[order] = _cut(mass[order], _STRATA)
    order = np.lexsort((outputs, row))
    cells = [_cut(mass[order][row[order] == each], _SPREADS) + _SPREADS * each for each in np.unique(row)]
    first = np.flatnonzero(np.diff(np.concatenate(cells), prepend=-1))
    shares = np.diff(np.append(first, inputs.size)) / inputs.size
    points = [np.add.reduceat(each[order], first) / (shares * inputs.size) for each in (inputs, outputs)]
    levels = np.append((np.arange(_TOTALS - 1) + 0.5) / _TOTALS, 1.0)
    totals = np.quantile(inputs + outputs, levels, method="inverted_cdf")
    return _made(shares, points[0], points[1], totals)._replace(requests=inputs.size, reusable=reusable)


Quantiles = tuple[Floats, Floats, Floats]
"""Lengths that 50, 90 and 99 % of the requests stay below."""

_POINTS, _STRIDE = 256, 157
"""Points of a lattice of rank 1: each coordinate takes all its quantiles, as if independent of the other."""


def of_quantiles(inputs: Quantiles | Floats, outputs: Quantiles | Floats) -> RequestLengths:
    """Return independent lengths of inputs and outputs; a number stands for a length that all have."""
    place = np.arange(_POINTS)
    drawn = [(each + 0.5) / _POINTS for each in (place, place * _STRIDE % _POINTS)]
    tokens = [
        _at(said, quantile)
        if isinstance(said, tuple)
        else np.asarray(said) * led(np.ones(_POINTS), np.ndim(said))
        for said, quantile in zip((inputs, outputs), drawn, strict=True)
    ]
    dimensions = max(each.ndim for each in tokens) - 1
    first, second = (led(each, dimensions) for each in tokens)
    return _made(np.full(_POINTS, 1 / _POINTS), first, second, np.sort(first + second, axis=0))


def _at(said: Quantiles, quantile: Array) -> Array:
    """Return the lengths at the quantiles: their logarithms lie on lines between those that are known.

    So three quantiles of a lognormal distribution give all others.
    """
    z = normal_quantile(quantile).reshape(-1, *[1] * max(map(np.ndim, said)))
    p50, p90, p99 = map(np.log, said)
    at90, at99 = normal_quantile(np.array([0.9, 0.99]))
    longer = p90 + (z - at90) * (p99 - p90) / (at99 - at90)
    lengths: Array = np.exp(np.where(z < at90, p50 + z * (p90 - p50) / at90, longer))
    return lengths


def _cut(mass: Array, most: int) -> NDArray[np.int64]:
    """Return which of ``most`` parts of equal mass each belongs to, from the first to the last."""
    upto = np.cumsum(mass)
    part: NDArray[np.int64] = np.minimum((upto - mass / 2) / upto[-1] * most, most - 1).astype(np.int64)
    return part


def _made(shares: Array, inputs: Array, outputs: Array, totals: Array) -> RequestLengths:
    means = [averaged(shares, each) for each in (inputs, outputs)]
    inputs, outputs = (each / mean for each, mean in zip((inputs, outputs), means, strict=True))
    by_input = np.argsort(inputs.reshape(inputs.shape[0], -1)[:, 0], kind="stable")
    weights, lengths = shares[by_input], inputs[by_input]
    column = lengths.reshape(lengths.shape[0], -1)[:, 0]
    first = np.flatnonzero(
        np.diff(_cut(weights * (1 + column**2 / (weights @ column**2)), _STRATA), prepend=-1)
    )
    strata = np.add.reduceat(weights, first)
    weighted = led(weights, lengths.ndim - 1)
    sums = [np.add.reduceat(weighted * lengths**power, first, axis=0) for power in (1, 2)]
    total = means[0] + means[1]
    prompts = (strata, sums[0] / led(strata, lengths.ndim - 1), sums[1] / sums[0])
    return RequestLengths(
        shares, inputs, outputs, prompts, totals / total, (_plain(means[0]), _plain(means[1]))
    )


def _plain(value: Array) -> Floats:
    return float(value) if value.ndim == 0 else value


APART = 0.1
"""Difference between a mean that is said and that of the lengths which nobody would call the same."""


def described(lengths: RequestLengths | None, inputs: Floats, outputs: Floats) -> str:
    """Say how many requests were recorded, how long they are, and what of them a prefix cache can hold."""
    if lengths is None:
        return ""
    found = [f"{lengths.requests:,.0f} recorded"] if lengths.requests else []
    found.append(f"99 % have at most {float(np.max(lengths.longest(inputs, outputs))):,.0f} in all")
    if any(
        np.any(np.abs(mean / own - 1) > APART)
        for mean, own in zip((inputs, outputs), lengths.means, strict=True)
    ):
        found.append("scaled to these means")
    if lengths.reusable is not None:
        found.append(f"a prefix cache holds at most {lengths.reusable:.0%} of the input")
    return f" ({'; '.join(found)})"
