"""What to measure next: the number whose measurement narrows the bill most for a day of work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from capplan.plan.bind import Path
from capplan.plan.intervals import Interval
from capplan.uncertainty.grounds import ASSUMED, UNSTATED, Ground, Grounds

_WORK: dict[tuple[float, str], str] = {
    (0.25, "access log"): "users_per_day requests_per_user requests_per_month requests_per_day entry ca2 "
    "requests_per_second peak_to_average growth_per_month",
    (1.0, "load test"): "service_time own_time cpu_time cs2 throughput concurrency memory_base hit_time "
    "memory_per_request hold_time",
    (0.25, "usage export"): "input_tokens output_tokens requests_per_conversation response_size "
    "size_per_request",
    (0.1, "price list"): "price_per_request usd_per_1m_input_tokens usd_per_1m_output_tokens",
    (0.5, "counters, a week"): "per_request cache_hit_rate deduplicated hit_rate hit_rate_at new_keys keys "
    "prefix_cache_hit_rate semantic_cache_hit_rate share read_share backlog fallback retries",
    (0.25, "query of the store"): "rows_per_second rows_per_request row_size compression_ratio value_size "
    "storage storage_growth_per_month working_set io_per_request daily_change",
}
"""Days of work and how to measure: fields of the plan. The days rank, and promise nothing."""
_EFFORTS = {name: work for work, names in _WORK.items() for name in names.split()}
_ANY_OTHER = (1.0, "production")
_CENT = 0.01


class Unmeasured(NamedTuple):
    """A number to measure, the days of work that it takes, and how it is done."""

    ground: Ground
    days: float
    how: str

    @property
    def usd_per_day(self) -> float:
        """By how much a day of measuring narrows the bill, USD a month."""
        return self.ground.swing / self.days


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
            effort = effort or _ANY_OTHER
        elif ground.source != UNSTATED:
            continue
        if effort is not None and ground.swing >= _CENT:
            yield Unmeasured(ground, *effort)


def _effort(path: Path) -> tuple[float, str] | None:
    return next((_EFFORTS[name] for name in reversed(path) if name in _EFFORTS), None)
