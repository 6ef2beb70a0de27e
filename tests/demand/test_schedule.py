"""Cron triggers over time."""

from datetime import UTC, datetime

import numpy as np
import pytest

from capplan.demand.schedule import scheduled
from capplan.plan.workload import CronTrigger

HOUR_S = 3600.0


def trigger(start, end, replicas=5, timezone="UTC"):
    return CronTrigger.model_validate(
        {"start": start, "end": end, "timezone": timezone, "replicas": replicas}
    )


def hours(triggers, begins, count, tick_s=HOUR_S):
    """Return what is asked for at the full hours from a moment in UTC."""
    at_s = datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp()
    return scheduled(triggers, at_s, tick_s, count).tolist()


def test_office_hours_on_weekdays():
    found = np.reshape(hours([trigger("0 8 * * 1-5", "0 18 * * 1-5")], "2026-03-02", 168), (7, 24))
    assert found[:5, 8:18].tolist() == [[5.0] * 10] * 5
    assert found.sum() == 5 * 5 * 10


def test_a_night_spans_midnight():
    found = hours([trigger("0 22 * * *", "0 6 * * *")], "2026-03-02", 24)
    assert [hour for hour, asked in enumerate(found) if asked] == [0, 1, 2, 3, 4, 5, 22, 23]


def test_time_zones_have_summer_time():
    """08:00 in New York is 13:00 UTC on the Saturday before 8 March 2026, and 12:00 on the Monday after."""
    morning = trigger("0 8 * * *", "0 9 * * *", timezone="America/New_York")
    found = np.reshape(hours([morning], "2026-03-07", 72), (3, 24))
    assert [int(day.argmax()) for day in found] == [13, 12, 12]


def test_the_highest_of_several_counts():
    both = [trigger("0 8 * * *", "0 18 * * *", 3), trigger("0 12 * * *", "0 13 * * *", 9)]
    assert hours(both, "2026-03-02", 24)[11:14] == [3.0, 9.0, 3.0]


def test_it_goes_by_the_minute():
    found = hours([trigger("30 0 * * *", "45 0 * * *")], "2026-03-02", 240, tick_s=15.0)
    assert np.flatnonzero(found).tolist() == list(range(120, 180))


def test_the_first_monday_or_the_first_day():
    """Of two given days one is enough: 1 March 2026 is a Sunday, the 2nd a Monday."""
    found = np.reshape(hours([trigger("0 0 1 * 1", "0 1 1 * 1")], "2026-03-01", 72), (3, 24))
    assert found[:, 0].tolist() == [5.0, 5.0, 0.0]


def test_an_end_without_a_start_ends_nothing():
    """KEDA compares the next end with the next start: after Monday 18:00 the end on Tuesday comes first."""
    found = np.reshape(hours([trigger("0 8 * * 1", "0 18 * * *")], "2026-03-02", 168), (7, 24))
    assert found.sum(axis=1).tolist() == [5.0 * 16, *[5.0 * 24] * 5, 5.0 * 18]


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc", ""])
def test_a_zone_exists(zone):
    with pytest.raises(ValueError, match="not a time zone"):
        trigger("0 8 * * *", "0 9 * * *", timezone=zone)


@pytest.mark.parametrize("begins", ["0001-01-03", "9999-12-30"])
def test_calendars_have_ends(begins):
    assert hours([trigger("0 8 * * *", "0 9 * * *", timezone="Asia/Tokyo")], begins, 24).count(5.0) == 1


def test_a_time_has_a_length():
    with pytest.raises(ValueError, match="start and end are the same"):
        trigger("0 8 * * *", "0 8 * * *")
