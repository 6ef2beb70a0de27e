"""Autoscalers that hold the highest need of a while: Cloud Run, and Google's managed instance groups.

Cloud Run: instances for the requests in progress and for the busy cores of the last minute, each at its
target; an idle instance stays up to 15 minutes (cloud.google.com/run/docs/about-instance-autoscaling; its
internals are not published). Instance groups: CPU against the target, and the highest need of ten minutes
(cloud.google.com/compute/docs/autoscaler).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale.compiled import compiled
from capplan.autoscale.hpa.recommendations import Log, stabilised_legacy


class Window(NamedTuple):
    """Targets and times.

    places: requests that an instance takes at once, 0 where their number does not matter; places_target and
    cpu_target: shares of places and cores that it aims at. milli_cores: of an instance. average_s: over
    which load is averaged. hold_s: how long an instance stays that is not needed.
    """

    places: float = 0.0
    places_target: float = 0.6
    milli_cores: float = 1000.0
    cpu_target: float = 0.6
    average_s: float = 60.0
    hold_s: float = 900.0


@compiled
def needed(spec: Window, in_progress: float, busy_milli: float, just_now: float) -> int:
    """Return the instances for the averages ``in_progress`` and ``busy_milli``.

    ``just_now``, requests in progress at the moment, start instances at once where all places are taken.
    """
    wanted = busy_milli / (spec.cpu_target * spec.milli_cores)
    if spec.places > 0:
        wanted = max(wanted, in_progress / (spec.places_target * spec.places), just_now / spec.places)
    return math.ceil(wanted - 1e-9)


@compiled
def held(spec: Window, log: Log, wanted: int, low: int, high: int, now_s: float) -> int:
    """Return the highest need of the last while, within the bounds."""
    return min(max(stabilised_legacy(log, wanted, spec.hold_s, now_s), low), high)
