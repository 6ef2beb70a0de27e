"""The log of proposals, and what it holds back: stabilisation."""

from __future__ import annotations

from typing import NamedTuple

from capplan.autoscale.compiled import Ints, Reals, compiled, ints, reals


class Log(NamedTuple):
    """Proposals and when they were made; ``size[0]`` entries are in use."""

    replicas: Ints
    times_s: Reals
    size: Ints


def log(capacity: int) -> Log:
    """Return an empty log for at most ``capacity`` entries."""
    return Log(ints(capacity), reals(capacity), ints(1))


@compiled
def record(log: Log, slot: int, proposal: int, now_s: float) -> None:
    """Write a proposal over the entry at ``slot``, or behind the last."""
    if slot == len(log.replicas):
        raise IndexError("the log of recommendations is full")
    log.replicas[slot] = proposal
    log.times_s[slot] = now_s
    if slot == log.size[0]:
        log.size[0] += 1


@compiled
def stabilised_legacy(log: Log, proposal: int, window_s: float, now_s: float) -> int:
    """Return the highest proposal of the window, without ``behavior``: only scale-down waits.

    An entry exactly as old as the window still counts. The last older entry is overwritten.
    """
    highest, slot = proposal, log.size[0]
    for i in range(log.size[0]):
        if now_s - log.times_s[i] > window_s:
            slot = i
        elif log.replicas[i] > highest:
            highest = log.replicas[i]
    record(log, slot, proposal, now_s)
    return highest


@compiled
def stabilised(
    log: Log, proposal: int, current: int, up_window_s: float, down_window_s: float, now_s: float
) -> int:
    """Return ``current``, raised to the lowest and then lowered to the highest recent proposal.

    An entry exactly as old as a window no longer counts, and is not overwritten yet.
    """
    lowest = highest = proposal
    slot = log.size[0]
    for i in range(log.size[0]):
        age_s = now_s - log.times_s[i]
        if age_s < up_window_s and log.replicas[i] < lowest:
            lowest = log.replicas[i]
        if age_s < down_window_s and log.replicas[i] > highest:
            highest = log.replicas[i]
        if age_s > up_window_s and age_s > down_window_s:
            slot = i
    record(log, slot, proposal, now_s)
    return min(max(current, lowest), highest)
