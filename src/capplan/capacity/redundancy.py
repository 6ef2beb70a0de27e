"""Instances beyond the need, for what may fail."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array, Floats


def with_zone_loss(need: Array, zones: Floats, lost: Floats) -> Array:
    """Return the fewest instances, spread evenly over ``zones``, of which ``need`` survive.

    The ``lost`` fullest zones fail. With need = a·m + b, where m = zones − lost survive and 0 ≤ b < m,
    each of the zones holds a instances, and b > 0 more must be found in surviving zones after every lost
    one got its extra: a·zones, or a·zones + lost + b. ``need`` is whole, shape (scenarios, hours); zones
    and lost broadcast. N+k is the case of one instance a zone.
    """
    surviving = zones - lost
    full, left = np.divmod(need, surviving)
    return full * zones + np.where(left > 0, lost + left, 0.0)


def shortfall(instances: Array, need: Array, instance_availability: Floats) -> Array:
    """Return the probability that fewer than ``need`` of the ``instances`` are up, each on its own.

    Binomial: Σ_{i<need} C(n, i)·aⁱ·(1 − a)^(n − i), added up as logarithms. Whatever takes several down at
    once, such as a zone or a bad release, comes on top.
    """
    n, k, a = np.broadcast_arrays(instances, need, np.asarray(instance_availability, dtype=float))
    down = np.arange(float(np.max(n, initial=0.0)) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_up, log_down = np.log(a)[..., None], np.log1p(-a)[..., None]
        steps = np.log(np.maximum(n[..., None] - down, 0) / (down + 1)) + log_down - log_up
        first = n[..., None] * log_up
        log_p = np.concatenate((first, first + np.cumsum(steps, axis=-1)), axis=-1)[..., :-1]
    too_many = down > (n - k)[..., None]
    share: Array = np.sum(np.where(too_many & (down <= n[..., None]), np.exp(log_p), 0.0), axis=-1)
    return np.where(a >= 1, np.where(n < k, 1.0, 0.0), share)


def with_availability(need: Array, instance_availability: Floats, target: Floats) -> Array:
    """Return the fewest instances of which ``need`` are up for ``target`` of the time.

    ``need`` is whole; none are needed for none. Worked out once for each case that differs.

    Raises:
        ValueError: a target is 1 and instances fail, which no number makes up for.
    """
    cases = np.broadcast_arrays(need, np.asarray(instance_availability, float), np.asarray(target, float))
    if np.any((cases[2] >= 1) & (cases[1] < 1)):
        raise ValueError("no number of instances that fail is available all the time")
    distinct, which = np.unique(np.stack([x.ravel() for x in cases]), axis=1, return_inverse=True)
    wanted, up, promised = distinct
    instances = wanted.copy()
    (late,) = np.nonzero(wanted > 0)
    while late.size:
        missing = shortfall(instances[late], wanted[late], up[late])
        late = late[missing > (1 - promised[late]) * (1 + 1e-9)]
        instances[late] += 1
    answer: Array = instances[which.ravel()].reshape(cases[0].shape)
    return answer
