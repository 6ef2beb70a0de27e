"""Loads that are made up: with season, growth, steps and bursts of known size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from capplan.history.read import History

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def weekly(weeks: float, noise: float = 0.1, seed: int = 1, growth: float = 0.0) -> np.ndarray:
    """Return hourly requests with a day and a weekend, noise on the logarithm, and growth a week."""
    hours = np.arange(int(weeks * 168))
    day = 1 + 0.6 * np.cos(2 * np.pi * (hours % 24 - 15) / 24)
    week = np.where(hours // 24 % 7 >= 5, 0.5, 1.0)
    rng = np.random.default_rng(seed)
    return 3600 * 20 * day * week * np.exp(growth * hours / 168 + rng.normal(0, noise, hours.size))


def history(values: np.ndarray, step_s: float = 3600.0) -> History:
    """Return requests in each step since a Monday at midnight."""
    return History(
        name="load.csv",
        value="requests",
        unit_s=step_s,
        step_s=step_s,
        values=np.asarray(values, dtype=float),
        begins_s=MONDAY.timestamp(),
        has_clock=True,
        said=(),
    )


def csv(values: np.ndarray, step_s: float = 3600.0, header: str = "timestamp,requests") -> str:
    """Return the same as a file."""
    rows = (
        f"{MONDAY + timedelta(seconds=step_s * i):%Y-%m-%dT%H:%M:%SZ},{value:.0f}"
        for i, value in enumerate(values)
    )
    return "\n".join([header, *rows]) + "\n"
