"""Times that add up along calls: one after the other, several at once, and what is not always called.

A time is a mixture of cases, such as a call that a cache answers and one that it does not; each case has a
weight, a mean and a variance, and parts are independent of each other. Sums add means and variances, case by
case. Of a few unlike times that start together the longest is Clark's (1961); of N alike ones it is that of
the Weibull law with their mean and variance, exact for exponential times. A case follows the gamma law with
its mean and variance up to cv² = 1 (by Wilson and Hilferty, 1931), the lognormal one from cv² = 2 on, and a
mix of both in between. Errors at p95 against simulation: exponential times, sums of them, and calls of them
that are not always made, −3 … +4 %; sums of two lognormal parts with cv² from 0.1 to 2, −1 … +14 %; the
longer one −13 … +13 %; the slowest of N = 2 … 1000 exponential times −3 … +2 %, of 2 … 100 gamma times with
cv² from 0.25 to 2 −16 … +13 %, of lognormal ones −32 … +4 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, per_scenario

_POINTS = 128
"""Quantiles that stand for the law of the slowest of many."""
_MOST_CASES = 12
_MOST_CALLS = 32
"""Calls in turn that are told apart; of more the number that a cache leaves hardly varies."""
_BISECTIONS = 48


class Time(NamedTuple):
    """A response time, seconds: its cases, (scenarios | 1, cases), and the means of what it is made of.

    weights: of the cases, 1 in all. Overloaded: the mean is infinite.
    """

    weights: Array
    means: Array
    variances: Array
    parts: Mapping[str, Array]

    @property
    def mean(self) -> Array:
        """The mean of all cases, (scenarios | 1, 1)."""
        return _weighted(self.weights, self.means)

    @property
    def variance(self) -> Array:
        """The variance within and between the cases, (scenarios | 1, 1); 0 for an infinite time."""
        square = _weighted(self.weights, self.variances + _finite(self.means) ** 2)
        found = np.maximum(square - _finite(self.mean) ** 2, 0.0)
        return np.where(np.isfinite(self.mean), found, 0.0)

    def percentile(self, share: float) -> Array:
        """Return the time that ``share`` of the requests do not exceed, (scenarios | 1, 1)."""
        endless = _weighted(self.weights, np.isinf(self.means).astype(float)) > 1 - share
        # Cantelli's inequality bounds every percentile by mean and variance.
        means, variances = _finite(self.means), np.where(np.isinf(self.means), 0.0, self.variances)
        most = (means + np.sqrt(variances * share / (1 - share))).max(axis=1, keepdims=True)
        low, high = np.zeros(most.shape), most * (1 + 1e-9)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            reached = _weighted(
                self.weights, np.where(np.isinf(self.means), 0.0, _below(middle, means, variances))
            )
            low, high = np.where(reached < share, middle, low), np.where(reached < share, high, middle)
        return np.where(endless, np.inf, high)


def _weighted(weights: Array, values: Array) -> Array:
    """Return the mean of the cases; what never happens does not count, not even if it is infinite."""
    return np.asarray(
        np.where(weights > 0, weights * np.where(weights > 0, values, 0.0), 0.0).sum(axis=1, keepdims=True)
    )


def _below(x: Array, mean: Array, variance: Array) -> Array:
    """Return the probability that a time with this mean and variance is at most ``x``."""
    never = mean <= 0
    average = np.where(never, 1.0, mean)
    cv2 = np.maximum(np.where(never, 0.0, variance) / average**2, 1e-10)
    ratio = np.maximum(x / average, 1e-300)
    root = 1 / (3 * np.sqrt(1 / cv2))
    gamma = _normal((np.cbrt(ratio) - (1 - root**2)) / root)
    spread = np.log1p(cv2)
    lognormal = _normal((np.log(ratio) + spread / 2) / np.sqrt(spread))
    mix = np.clip(cv2 - 1, 0.0, 1.0)
    return np.where(never, 1.0, (1 - mix) * gamma + mix * lognormal)


def spread_of(mean: Array, variance: Array, parts: Mapping[str, Array]) -> Time:
    """Return a time of one case, (scenarios | 1, 1)."""
    return Time(np.ones(mean.shape), mean, variance, parts)


def time_of(name: str, mean: Floats, cs2: Floats = 1.0) -> Time:
    """Return the time of one component; ``cs2`` is its variance ÷ mean²."""
    seconds = per_scenario(mean)
    return spread_of(seconds, per_scenario(cs2) * seconds**2, {name: seconds})


def after(first: Time, second: Time) -> Time:
    """Return the time of one thing after another: every case of the one with every case of the other."""
    parts = dict(first.parts)
    for name, mean in second.parts.items():
        parts[name] = parts.get(name, 0.0) + mean
    weights = _pairs(first.weights, second.weights, np.multiply)
    means = _pairs(first.means, second.means, np.add)
    return _merged(Time(weights, means, _pairs(first.variances, second.variances, np.add), parts))


def _pairs(first: Array, second: Array, join: np.ufunc) -> Array:
    found = join(first[:, :, np.newaxis], second[:, np.newaxis, :])
    return np.asarray(found.reshape(found.shape[0], -1))


def _merged(time: Time) -> Time:
    """Return a time of not too many cases: neighbours by their mean become one with the same moments."""
    cases = time.means.shape[1]
    if cases <= _MOST_CASES:
        return time
    order = np.argsort(time.means, axis=1, kind="stable")
    weights, means, variances = (
        np.take_along_axis(np.broadcast_to(v, order.shape), order, axis=1) for v in time[:3]
    )
    edges = np.linspace(0, cases, _MOST_CASES + 1).astype(int)
    groups = [Time(weights[:, a:b], means[:, a:b], variances[:, a:b], {}) for a, b in pairwise(edges)]
    totals = [group.weights.sum(axis=1, keepdims=True) for group in groups]
    inside = [
        group._replace(weights=group.weights / np.where(total > 0, total, 1.0))
        for group, total in zip(groups, totals, strict=True)
    ]
    joined = (totals, [group.mean for group in inside], [group.variance for group in inside])
    weights, means, variances = (np.concatenate(column, axis=1) for column in joined)
    return Time(weights, means, variances, time.parts)


def repeated(one: Time, made: Floats, answered: Floats) -> Time:
    """Return the time of calls ``made`` in turn, of which a cache answers the share ``answered``.

    How many it leaves is binomial; a part of a call is one that is made with that probability.
    """
    calls, left = np.broadcast_arrays(per_scenario(made), per_scenario(1 - np.asarray(answered)))
    asked, mean, variance = calls * left, one.mean, one.variance
    parts = {name: _times(asked, part) for name, part in one.parts.items()}
    whole = np.floor(calls)
    if calls.max() > _MOST_CALLS or np.all((left == 1) & (whole == calls)):
        spread = asked * (variance + (1 - left) * _finite(mean) ** 2)
        return spread_of(_times(asked, mean), spread, parts)
    times = np.arange(math.ceil(calls.max()) + 1.0).reshape(1, -1)
    last = (calls - whole) * left
    weights = (1 - last) * _binomial(whole, left, times) + last * _binomial(whole, left, times - 1)
    return _merged(Time(weights, _times(times, mean), times * variance, parts))


def _binomial(count: Array, share: Array, times: Array) -> Array:
    """Return the probability of so many of ``count`` independent events, each of probability ``share``."""
    ways = [[math.comb(int(n), int(k)) if k >= 0 else 0 for k in times.flat] for n in count.flat]
    missing = np.maximum(count - times, 0.0)
    return np.asarray(np.array(ways, dtype=float) * share ** np.maximum(times, 0.0) * (1 - share) ** missing)


def slowest(one: Time, made: Floats, answered: Floats) -> Time:
    """Return the time of calls ``made`` at once: that of the slowest of those that no cache answers."""
    calls, left = np.broadcast_arrays(per_scenario(made), per_scenario(1 - np.asarray(answered)))
    whole = np.floor(calls)
    happens = 1 - (1 - left) ** whole * (1 - (calls - whole) * left)
    some = calls * left / np.where(happens > 0, happens, 1.0)
    mean, variance = _slowest_of(np.maximum(some, 1.0), one)
    longer = np.where(np.isfinite(mean) & (one.mean > 0), mean / _above_zero(one.mean), 1.0)
    parts = {name: _times(happens, part * longer) for name, part in one.parts.items()}
    nothing = np.zeros(np.broadcast_shapes(happens.shape, mean.shape))
    cases = ((1 - happens, happens), (nothing, mean), (nothing, variance))
    weights, means, variances = (
        np.concatenate([np.broadcast_to(value, nothing.shape) for value in pair], axis=1) for pair in cases
    )
    return Time(weights, means, variances, parts)


def _times(factor: Array, mean: Array) -> Array:
    """Return ``factor`` times a mean; none of an infinite one is none."""
    return np.where(factor > 0, factor * np.where(factor > 0, mean, 0.0), 0.0)


def _slowest_of(count: Array, one: Time) -> tuple[Array, Array]:
    """Return mean and variance of the slowest of ``count`` alike times, from the quantiles of its law."""
    known = np.isfinite(one.mean) & (one.mean > 0)
    mean, variance = np.where(known, one.mean, 1.0), np.where(known, one.variance, 0.0)
    cv2 = variance / mean**2
    slope, gamma = _weibull(cv2)
    share = (np.arange(_POINTS) + 0.5) / _POINTS
    # -log(1 - share^(1/count)), in a form that keeps the digits of shares next to 1.
    tail = -np.log(-np.expm1(np.log(share) / count))
    found, alone = (mean / gamma * place**slope for place in (tail, -np.log1p(-share)))
    # A single time is itself: what the quantiles miss of its law is scaled away.
    average = mean * _mean(found) / _mean(alone)
    spread = (
        variance * found.var(axis=1, keepdims=True) / np.maximum(alone.var(axis=1, keepdims=True), 1e-300)
    )
    return np.where(known, average, one.mean), spread


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(axis=1, keepdims=True))


def _weibull(cv2: Array) -> tuple[Array, Array]:
    """Return 1/k and Γ(1 + 1/k) of the Weibull law with this squared coefficient of variation."""
    slopes, found, gammas = _weibull_table()
    slope = np.interp(cv2, found, slopes)
    return slope, np.interp(slope, slopes, gammas)


@cache
def _weibull_table() -> tuple[Array, Array, Array]:
    """Return 1/k, the cv² that it gives, and Γ(1 + 1/k): from constant times to a cv² of some hundred."""
    slopes = np.linspace(0.0, 4.0, 2001)
    first, second = (np.array([math.gamma(1 + n * slope) for slope in slopes]) for n in (1, 2))
    return slopes, second / first**2 - 1, first


def longest(times: Sequence[Time]) -> Time:
    """Return the time of several that start together; its parts are those of the longest on average."""
    found = times[0]
    for other in times[1:]:
        found = _longer(found, other)
    return found


def _longer(one: Time, other: Time) -> Time:
    infinite = np.isinf(one.mean) | np.isinf(other.mean)
    first, second = _finite(one.mean), _finite(other.mean)
    spread = np.sqrt(np.maximum(one.variance + other.variance, 1e-300))
    gap = (first - second) / spread
    above, density = _normal(gap), np.exp(-(gap**2) / 2) / math.sqrt(2 * math.pi)
    mean = first * above + second * (1 - above) + spread * density
    square = (
        (first**2 + one.variance) * above
        + (second**2 + other.variance) * (1 - above)
        + (first + second) * spread * density
    )
    parts = one.parts if np.mean(one.mean) >= np.mean(other.mean) else other.parts
    return spread_of(np.where(infinite, np.inf, mean), np.maximum(square - mean**2, 0.0), parts)


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0.0)


def _above_zero(values: Array) -> Array:
    return np.where(np.isfinite(values) & (values > 0), values, 1.0)


def _normal(z: Array) -> Array:
    """Return the standard normal distribution function, to 10⁻⁷ (Abramowitz and Stegun, 7.1.26)."""
    t = 1 / (1 + 0.3275911 / math.sqrt(2) * np.abs(z))
    tail = np.polyval((1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0), t)
    upper = tail * np.exp(-np.minimum(z * z, 1400.0) / 2) / 2
    return np.where(z > 0, 1 - upper, upper)
