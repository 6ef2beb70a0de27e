"""How far one reconcile may go: policies, or the fixed limit without them."""

from __future__ import annotations

import math

from capplan.autoscale.compiled import compiled
from capplan.autoscale.hpa.events import Events, changed
from capplan.autoscale.hpa.rules import DISABLED, MIN, PERCENT, Rules

_MOST = 2**31 - 1


@compiled
def period_start(current: int, ups: Events, downs: Events, period_s: float, now_s: float) -> int:
    """Return the replicas at the start of a period: both directions are undone."""
    return current - changed(ups, period_s, now_s) + changed(downs, period_s, now_s)


@compiled
def up_limit(rules: Rules, ups: Events, downs: Events, current: int, now_s: float) -> int:
    """Return the most replicas that the policies allow; never below ``current``.

    The expression is Kubernetes' own: 100 pods and 10 % allow 111, because 1 + 0.1 is not 1.1 in binary.
    """
    if rules.select == DISABLED:
        return current
    limit = _MOST if rules.select == MIN else -_MOST
    for i in range(len(rules.kinds)):
        base = period_start(current, ups, downs, rules.periods_s[i], now_s)
        allowed = base + rules.amounts[i]
        if rules.kinds[i] == PERCENT:
            allowed = math.ceil(base * (1 + rules.amounts[i] / 100))
        if (allowed < limit) == (rules.select == MIN):
            limit = allowed
    return max(limit, current)


@compiled
def down_limit(rules: Rules, ups: Events, downs: Events, current: int, now_s: float) -> int:
    """Return the fewest replicas that the policies allow; never above ``current``."""
    if rules.select == DISABLED:
        return current
    limit = -_MOST if rules.select == MIN else _MOST
    for i in range(len(rules.kinds)):
        base = period_start(current, ups, downs, rules.periods_s[i], now_s)
        allowed = base - rules.amounts[i]
        if rules.kinds[i] == PERCENT:
            allowed = int(base * (1 - rules.amounts[i] / 100))
        if (allowed > limit) == (rules.select == MIN):
            limit = allowed
    return min(limit, current)


@compiled
def legacy_limit(current: int, factor: float) -> int:
    """Return the most replicas of one reconcile without ``behavior``: twice as many, at least 4."""
    return int(max(factor * current, 4.0))
