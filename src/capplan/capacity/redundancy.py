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
