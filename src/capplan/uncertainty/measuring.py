"""What to measure next: the number whose measurement narrows the bill most for a day of work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from capplan.plan.bind import Path
from capplan.plan.intervals import Interval
from capplan.uncertainty.grounds import ASSUMED, UNSTATED, Ground, Grounds


class Effort(NamedTuple):
    """What a measurement takes: days of work, and how it is done."""

    days: float
    how: str


_LOG = Effort(0.25, "access log")
_LOAD_TEST = Effort(1.0, "load test")
_BILLED = Effort(0.25, "usage export")
_COUNTED = Effort(0.5, "counters, a week")
_QUERIED = Effort(0.25, "query of the store")
_PRICED = Effort(0.1, "price list")
_TRIED = Effort(1.0, "production")

_EFFORTS = {
    **dict.fromkeys(("users_per_day", "requests_per_user", "requests_per_month", "requests_per_day"), _LOG),
    **dict.fromkeys(("requests_per_second", "peak_to_average", "ca2", "growth_per_month", "entry"), _LOG),
    **dict.fromkeys(("service_time", "own_time", "cpu_time", "cs2", "throughput", "concurrency"), _LOAD_TEST),
    **dict.fromkeys(("memory_base", "memory_per_request", "hit_time", "hold_time"), _LOAD_TEST),
    **dict.fromkeys(("input_tokens", "output_tokens", "requests_per_conversation"), _BILLED),
    **dict.fromkeys(("response_size", "size_per_request"), _BILLED),
    **dict.fromkeys(("price_per_request", "usd_per_1m_input_tokens", "usd_per_1m_output_tokens"), _PRICED),
    **dict.fromkeys(("per_request", "cache_hit_rate", "deduplicated", "hit_rate", "hit_rate_at"), _COUNTED),
    **dict.fromkeys(("prefix_cache_hit_rate", "semantic_cache_hit_rate", "new_keys", "keys"), _COUNTED),
    **dict.fromkeys(("share", "read_share", "backlog", "fallback", "retries"), _COUNTED),
    **dict.fromkeys(("rows_per_second", "rows_per_request", "row_size", "compression_ratio"), _QUERIED),
    **dict.fromkeys(("value_size", "storage", "storage_growth_per_month", "working_set"), _QUERIED),
    **dict.fromkeys(("io_per_request", "daily_change"), _QUERIED),
}
"""By the field of the plan. The days are orders of magnitude: they rank, and promise nothing."""


_CENT = 0.01


class Unmeasured(NamedTuple):
    """A number to measure: by how much the bill varies while it is unknown, USD a month, and the effort."""

    ground: Ground
    usd: float
    effort: Effort

    @property
    def usd_per_day(self) -> float:
        """By how much a day of measuring narrows the bill."""
        return self.usd / self.effort.days


def to_measure(grounds: Grounds) -> list[Unmeasured]:
    """Return what is worth measuring, most for a day of work first.

    That is what is assumed or an interval. Of what has no source, it is the fields that can be measured: the
    others are choices.
    """
    return sorted(_candidates(grounds), key=lambda one: (-one.usd_per_day, one.ground.path))


def _candidates(grounds: Grounds) -> Iterator[Unmeasured]:
    for ground in grounds.numbers:
        effort = _effort(ground.path)
        if ground.source == ASSUMED or isinstance(ground.value, Interval):
            effort = effort or _TRIED
        elif ground.source != UNSTATED:
            continue
        if effort is not None and ground.swing >= _CENT:
            yield Unmeasured(ground, ground.swing, effort)


def _effort(path: Path) -> Effort | None:
    return next((_EFFORTS[name] for name in reversed(path) if name in _EFFORTS), None)
