"""The log of scale events, which policies count."""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals
from capplan.autoscale.hpa.rules import Rules


class Events(NamedTuple):
    """Changes in one direction, and when; an outdated entry may be overwritten, and stays outdated."""

    changes: Ints
    times_s: Reals
    outdated: Ints
    size: Ints


def events(capacity: int) -> Events:
    """Return an empty log for at most ``capacity`` events."""
    return Events(ints(capacity), reals(capacity), ints(capacity), ints(1))


@compiled
def changed(events: Events, period_s: float, now_s: float) -> int:
    """Return the replicas that events younger than the period added or removed."""
    total = 0
    for i in range(events.size[0]):
        if now_s - events.times_s[i] < period_s:
            total += events.changes[i]
    return total


@compiled
def store(events: Events, rules: Rules, change: int, now_s: float) -> None:
    """Record a change over the last outdated entry, or behind the last.

    Entries are outdated once they are older than the longest period of their own direction, even if a
    longer period of the other direction still counts them.
    """
    longest = 0.0
    for period_s in rules.periods_s:
        longest = max(longest, period_s)
    slot = events.size[0]
    for i in range(events.size[0]):
        if now_s - events.times_s[i] > longest:
            events.outdated[i] = 1
        if events.outdated[i]:
            slot = i
    if slot == len(events.changes):
        raise IndexError("the log of scale events is full")
    events.changes[slot] = change
    events.times_s[slot] = now_s
    events.outdated[slot] = 0
    if slot == events.size[0]:
        events.size[0] += 1
