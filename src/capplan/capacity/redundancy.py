"""Instances beyond the need, for what may fail."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Array, Floats


def with_zone_loss(need: Array, zones: Floats, lost: Floats) -> Array:
    """Return the fewest instances, spread evenly over ``zones``, such that ``need`` survive.

    The ``lost`` fullest zones fail. With need = a·m + b, where m = zones − lost survive and 0 ≤ b < m,
    each of the zones holds a instances, and b > 0 more must be found in surviving zones after every lost
    one got its extra: a·zones, or a·zones + lost + b. ``need`` is whole, shape (scenarios, hours); zones
    and lost broadcast. N+k is the case of one instance a zone.
    """
    surviving = zones - lost
    full, left = np.divmod(need, surviving)
    return full * zones + np.where(left > 0, lost + left, 0.0)


def with_availability(need: Array, instance_availability: Floats, target: Floats) -> Array:
    """Return the fewest instances such that ``need`` are up for ``target`` of the time.

    ``need`` is whole; none are needed for none. Worked out once for each case that differs.

    Raises:
        ValueError: a target is 1 and instances fail, which no number makes up for.
    """
    cases = np.broadcast_arrays(need, np.asarray(instance_availability, float), np.asarray(target, float))
    if np.any((cases[2] >= 1) & (cases[1] < 1)):
        raise ValueError("no number of instances that fail is available all the time")
    from capplan.capacity.binomial import shortfall
    from capplan.capacity.search import Flags, Indices, fewest

    distinct, which = np.unique(np.stack([x.ravel() for x in cases]), axis=1, return_inverse=True)
    wanted, up, promised = distinct

    def enough(index: Indices, instances: Array) -> Flags:
        missing = shortfall(instances, wanted[index], up[index])
        kept: Flags = (wanted[index] == 0) | (missing <= (1 - promised[index]) * (1 + 1e-9))
        return kept

    step = np.floor(wanted * (1 - up) / np.maximum(up, 1e-300))
    answer: Array = fewest(wanted, step, enough)[which.ravel()].reshape(cases[0].shape)
    return answer
