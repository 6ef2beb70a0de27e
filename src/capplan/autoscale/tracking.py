"""Target tracking: EC2 Auto Scaling groups and ECS services.

Two CloudWatch alarms watch the metric minute by minute: three minutes above the target scale out in
proportion, fifteen below 90 % of it scale in. Instances that warm up count as capacity and not in the
metric, and nothing is taken away until they are done, or before the cooldown is over
(docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html; the number of minutes is what
the alarms show that it creates). It "scales out proportionally to the metric as fast as it can, but scales in
more gradually" (docs.aws.amazon.com/AmazonECS/latest/developerguide/service-autoscaling-targettracking.html):
in steps, a cooldown apart, as long as the alarm stays. How large a step is AWS does not say.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals

_SCALE_IN_BELOW = 0.9

_STEP_IN = 0.1
"""Share of the instances that one step takes away, and at least one of them: an assumption."""


class Tracking(NamedTuple):
    """Target of the metric, milli-units an instance, and the times."""

    target_milli: float = 500.0
    minutes_out: int = 3
    minutes_in: int = 15
    warmup_s: float = 300.0
    cooldown_s: float = 300.0


class Alarms(NamedTuple):
    """Minutes in a row above and below, and when the group last grew and last changed."""

    minutes: Ints
    changed_s: Reals


def alarms() -> Alarms:
    """Return alarms that have seen nothing."""
    return Alarms(ints(2), reals([-1e9, -1e9]))


@compiled
def tracked(spec: Tracking, alarms: Alarms, current: int, metric_milli: float, now_s: float) -> int:
    """Return the wanted count after one more minute of ``metric_milli``, before bounds."""
    above = metric_milli > spec.target_milli
    below = metric_milli < _SCALE_IN_BELOW * spec.target_milli
    alarms.minutes[0] = alarms.minutes[0] + 1 if above else 0
    alarms.minutes[1] = alarms.minutes[1] + 1 if below else 0
    wanted = math.ceil(current * metric_milli / spec.target_milli - 1e-9)
    if alarms.minutes[0] >= spec.minutes_out and wanted > current:
        alarms.minutes[0] = 0
        alarms.changed_s[0] = alarms.changed_s[1] = now_s
        return wanted
    warm = now_s - alarms.changed_s[0] >= spec.warmup_s
    rested = now_s - alarms.changed_s[1] >= spec.cooldown_s
    if alarms.minutes[1] >= spec.minutes_in and wanted < current and warm and rested:
        alarms.changed_s[1] = now_s
        return max(wanted, current - max(int(_STEP_IN * current), 1))
    return current
