"""MSTL, which takes a load apart into trend and seasons, as one more candidate (`capplan[forecast]`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from capplan.arrays import Array
from capplan.errors import InputError, Problem
from capplan.history.forecast import Candidate

_MOST_STEPS = 2000


def candidate(seasons: Sequence[int]) -> Candidate:
    """Return statsforecast's MSTL with these seasons and an automatic trend (Bandara and others, 2021).

    Raises :class:`InputError` where statsforecast is not installed.
    """
    try:
        from statsforecast.models import MSTL  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        what = "needs statsforecast"
        raise InputError(Problem("--mstl", what, "pip install 'capplan[forecast]'")) from None

    def forecast(logs: Array, horizon: int) -> Array:
        tail = logs[-_MOST_STEPS:]
        fitting = [season for season in seasons if 2 * season < tail.size]
        known = np.flatnonzero(~np.isnan(tail))
        if not fitting or known.size < 2 * min(fitting):
            return np.full(horizon, np.nan)
        filled = np.interp(np.arange(tail.size), known, tail[known])
        ahead: Array = MSTL(season_length=fitting).forecast(y=filled, h=horizon)["mean"]
        return ahead

    return forecast
