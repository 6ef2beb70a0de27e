"""Times in recorded figures: one reading for a whole column, or none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.moments import Order, moments
from capplan.tabular import Column

NEW_YEAR_2026 = 1767225600


def seconds(*cells: str, usual: Order | None = None) -> list[float]:
    return moments(Column("t.csv", "when", cells, range(2, len(cells) + 2)), usual).seconds.tolist()


def said(*cells: str) -> str:
    return "; ".join(moments(Column("t.csv", "when", cells, range(2, len(cells) + 2))).said)


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("seconds", 1), ("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)],
)
def test_epoch_numbers_are_told_apart_by_their_size(unit: str, factor: int) -> None:
    cells = [str(time * factor) for time in (NEW_YEAR_2026, NEW_YEAR_2026 + 3600)]
    assert seconds(*cells) == pytest.approx([NEW_YEAR_2026, NEW_YEAR_2026 + 3600])
    assert said(*cells) == f"times in 'when' are {unit} since 1970"


@moderate
@given(st.integers(320_000_000, 7_000_000_000), st.sampled_from([0, 3, 6, 9]))
def test_any_time_of_two_centuries_is_read_in_its_unit(time: int, digits: int) -> None:
    assert seconds(str(time * 10**digits)) == pytest.approx([time])


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "2026-01-01",
            "2026-01-01T00:00",
            "2026-01-01 00:00:00",
            "2026/01/01 00:00",
            "2026-01-01T00:00:00.0000000",
        ),
        *(
            "2026-01-01T00:00:00Z",
            "2026-01-01 00:00:00 UTC",
            "2026-01-01T01:00:00+01:00",
            "2025-12-31 19:00:00 -0500",
        ),
        *(
            "01 Jan 2026",
            "1-Jan-2026 00:00",
            "01/Jan/2026:00:00:00 +0000",
            "January 1, 2026 12:00 AM",
            "1.1.2026 0:00",
        ),
    ],
)
def test_ways_to_write_one_moment(cell: str) -> None:
    assert seconds(cell) == [NEW_YEAR_2026]


def test_days_after_the_twelfth_show_the_order_for_all() -> None:
    assert seconds("01/08/2026", "13/08/2026") == seconds("2026-08-01", "2026-08-13")
    assert seconds("08/01/2026", "08/13/2026") == seconds("2026-08-01", "2026-08-13")
    assert said("01/08/2026", "13/08/2026") == "dates in 'when' are day/month/year, as '13/08/2026' shows"
    assert seconds("01.08.2026", "02.08.2026") == seconds("2026-08-01", "2026-08-02")


def test_an_order_that_nothing_shows_is_refused_unless_it_is_documented() -> None:
    with pytest.raises(InputError, match=r"t\.csv:3: when '02/08/2026' may be day/month or month/day"):
        seconds("01/01/2026", "02/08/2026")
    assert seconds("02/08/2026", usual="month/day") == seconds("2026-02-08")
    assert seconds("13/08/2026", usual="month/day") == seconds("2026-08-13")
    with pytest.raises(InputError, match=r"t\.csv:3: when '08/13/2026' has another order than '13/08/2026'"):
        seconds("13/08/2026", "08/13/2026")


def test_clocks_that_change_keep_their_distance() -> None:
    """The night of 2026-10-25 in Berlin has two hours from 2:00, and that of 2026-03-29 none."""
    autumn = seconds("2026-10-25T01:30+02:00", "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00")
    spring = seconds("2026-03-29T01:30+01:00", "2026-03-29T03:30+02:00")
    assert [later - autumn[0] for later in autumn] == [0, 3600, 7200]
    assert spring[1] - spring[0] == 3600


def test_times_without_a_zone_are_said() -> None:
    assert said("2026-01-01T00:00") == "times in 'when' name no zone and are read as UTC"
    assert said("2026-01-01T00:00Z") == ""
    assert said("2026-01-01") == ""


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (["2026-01-01", ""], r"t\.csv:3: .*blank"),
        (["2026-01-01", "soon"], r"t\.csv:3: when 'soon' is not a time"),
        (["2026-02-30"], "is not a time"),
        (["2026-01-01T24:30"], "is not a time"),
        (["2026-01-01T00:00Z", "2026-01-01T01:00"], r"t\.csv:3: .*names no zone, unlike the first row"),
        (["2026-01-01T00:00", "2026-01-01T01:00Z"], r"t\.csv:3: .*names a zone, unlike the first row"),
        (["1767225600", "1767225600000"], r"t\.csv:3: .*is not in seconds since 1970 as the first"),
        (["1767225600", "2026-01-01"], r"t\.csv:3: .*is not a time written as the first"),
        (["0", "60"], "is no time since 1970"),
        (["20260101"], "is no time since 1970"),
        (["0001-01-01"], "lies outside the years"),
        (["9999-12-31T23:59:59-14:00"], "lies outside the years"),
        (["1e400"], "is no time since 1970"),
    ],
)
def test_times_that_are_none(cells: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        seconds(*cells)


@moderate
@given(st.datetimes(datetime(1980, 1, 2), datetime(2199, 12, 30)))
def test_what_is_written_is_read(at: datetime) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    exact = at.replace(tzinfo=UTC).timestamp()
    assert seconds(at.isoformat()) == pytest.approx([exact], abs=2e-6)
    assert seconds(f"{at:%d.%m.%Y %H:%M:%S}") == pytest.approx([exact], abs=1)
