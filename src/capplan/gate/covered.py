"""What of a month a bill covers."""

from __future__ import annotations

import math
from calendar import monthrange
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

_DAY_H = 24.0


class Covered(NamedTuple):
    """The days from the first charge of a month to the last, and the days that it has.

    scaled: whether the estimate is compared for these days alone. Charges that all lie on one day may be
    those of that day, or of the month, whose sums many exports write so; then it is what they are nearer to.
    """

    days: int
    month_days: int
    scaled: bool
    planned_hours: float

    @property
    def hours(self) -> float:
        """Hours of what is covered."""
        return _DAY_H * (self.days if self.scaled else self.month_days)

    @property
    def share(self) -> float:
        """What an estimate of a month is multiplied by: whole months are compared as they are."""
        return self.hours / self.planned_hours if self.scaled else 1.0


class Month(NamedTuple):
    """What a month was estimated to cost and how long it was taken to be. usd: NaN where it is unknown."""

    usd: float
    hours: float


def covered(rows: pd.DataFrame, month: str, planned: Month) -> Covered:
    """Return what rows of usage cover of a month, YYYY-MM. rows: cost, and start and end in days since 1970.

    Corrections of earlier months say nothing of this one. An invoice may follow another zone's clock, so it
    may begin and end a day beside the month.
    """
    year, number = int(month[:4]), int(month[5:])
    month_days = monthrange(year, number)[1]
    first = (datetime(year, number, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
    own = rows[(rows["end"] > first - 1) & (rows["start"] < first + month_days + 1)]
    if own.empty:
        return Covered(0, month_days, scaled=False, planned_hours=planned.hours)
    begin, end = max(own["start"].min(), first), min(own["end"].max(), first + month_days)
    found = Covered(max(1, int(end - begin)), month_days, scaled=True, planned_hours=planned.hours)
    whole = found.days >= month_days or (
        found.days == 1 and _is_month(own["cost"].sum(), found.share, planned)
    )
    return found._replace(scaled=not whole)


def _is_month(usd: float, share: float, planned: Month) -> bool:
    """Say whether a cost is nearer, as a ratio, to that of a month than to that of the share of it."""
    if not (usd > 0.0 and planned.usd > 0.0):
        return True
    return bool(usd / planned.usd > math.sqrt(share))
