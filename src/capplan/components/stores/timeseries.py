"""Hypertables: what they hold once they are full, when that is, and how they are cut into chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from capplan.arrays import Array, Floats, per_scenario
from capplan.capacity.stores import chunk_interval_hours, steady_state_gib
from capplan.components.base import Context
from capplan.components.measures import Measure, measure
from capplan.plan.databases import TimeSeries

_MONTH_S = 365 * 86_400 / 12


def rows_per_s(ctx: Context, name: str, series: TimeSeries) -> Floats:
    """Return the rows that arrive in a second, on average."""
    return series.rows_per_second + series.rows_per_request * ctx.load.average(name)


def steady_gib(ctx: Context, name: str, series: TimeSeries) -> Array:
    """Return the size of one hypertable when as much is dropped as arrives, (scenarios | 1, 1)."""
    young = series.retain if series.compress_after is None else series.compress_after
    rows = rows_per_s(ctx, name, series)
    return per_scenario(
        steady_state_gib(rows, series.row_size, young, series.compression_ratio, series.retain)
    )


def series_gib(ctx: Context, name: str, tables: Mapping[str, TimeSeries]) -> Floats:
    """Return the size of all hypertables of the database ``name``."""
    return sum((steady_gib(ctx, name, series) for series in tables.values()), np.zeros((1, 1)))


def series_measures(
    ctx: Context, name: str, tables: Mapping[str, TimeSeries], memory_gib: Array
) -> Iterator[Measure]:
    """Yield size, time to fill and chunk interval of every hypertable."""
    for table, series in tables.items():
        rows = rows_per_s(ctx, name, series)
        yield measure(
            f"{table}: size",
            steady_gib(ctx, name, series),
            "GiB",
            "rows/s × row_size × (compress_after + (retain − compress_after) ÷ ratio)",
        )
        yield measure(f"{table}: full after", series.retain / _MONTH_S, "months", "retain")
        compress = np.inf if series.compress_after is None else series.compress_after
        interval = chunk_interval_hours(rows, series.row_size, memory_gib, compress, series.retain)
        formula = "longest that fits in a quarter of the memory, half of compress_after, a tenth of retain"
        yield measure(f"{table}: chunk interval", interval, "h", formula)
