"""Quantities as people write them."""

import math

import pytest
from helpers import moderate
from hypothesis import example, given
from hypothesis import strategies as st

from capplan import quantities as q

PARSERS = (
    q.parse_number,
    q.parse_cpu,
    q.parse_memory,
    q.parse_duration,
    q.parse_share,
    q.parse_rate,
    q.parse_money,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (q.parse_number, 250, 250),
        (q.parse_number, "10_000", 10_000),
        (q.parse_number, "10k", 10_000),
        (q.parse_number, "10K", 10_000),
        (q.parse_number, "1.5M", 1_500_000),
        (q.parse_number, "2G", 2e9),
        (q.parse_number, "1e6", 1e6),
        (q.parse_number, " 7 ", 7),
        (q.parse_number, "1.5 M", 1_500_000),
        (q.parse_cpu, "500m", 0.5),
        (q.parse_cpu, "0.5", 0.5),
        (q.parse_cpu, 2, 2),
        (q.parse_memory, "512Mi", 0.5),
        (q.parse_memory, "2Gi", 2),
        (q.parse_memory, "2GiB", 2),
        (q.parse_memory, "1Ti", 1024),
        (q.parse_memory, "2GB", 2e9 / 2**30),
        (q.parse_memory, "2G", 2e9 / 2**30),
        (q.parse_memory, "1073741824B", 1),
        (q.parse_memory, 0, 0),
        (q.parse_duration, "300ms", 0.3),
        (q.parse_duration, "15s", 15),
        (q.parse_duration, "5m", 300),
        (q.parse_duration, "5min", 300),
        (q.parse_duration, "1h30m", 5400),
        (q.parse_duration, "1h 30m", 5400),
        (q.parse_duration, "250us", 0.00025),
        (q.parse_duration, "1d", 86400),
        (q.parse_duration, "1w", 604800),
        (q.parse_duration, "1.5h", 5400),
        (q.parse_duration, 0, 0),
        (q.parse_share, "70%", 0.7),
        (q.parse_share, 0.7, 0.7),
        (q.parse_share, "0.7", 0.7),
        (q.parse_share, "99.95%", 0.9995),
        (q.parse_share, "250%", 2.5),
        (q.parse_rate, "75/s", 75),
        (q.parse_rate, "4500/min", 75),
        (q.parse_rate, "270k/h", 75),
        (q.parse_rate, "8.64M/day", 100),
        (q.parse_rate, 75, 75),
        (q.parse_rate, "75", 75),
        (q.parse_money, "$0.05", 0.05),
        (q.parse_money, "0.05", 0.05),
        (q.parse_money, "$1.2k", 1200),
    ],
)
def test_value(parse, text, value):
    assert parse(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("parse", "text", "why"),
    [
        (q.parse_number, "ten", "a number"),
        (q.parse_number, "1.2.3", "a number"),
        (q.parse_number, "1,000", "a number"),
        (q.parse_number, "10kk", "a number"),
        (q.parse_number, None, "nothing"),
        (q.parse_number, True, "true"),
        (q.parse_number, [1], "a list"),
        (q.parse_number, {"p50": 1}, "a mapping"),
        (q.parse_number, math.nan, "finite"),
        (q.parse_number, "1e999", "finite"),
        (q.parse_cpu, "500Mi", "cores"),
        (q.parse_memory, 512, "without a unit"),
        (q.parse_memory, "512", "memory with its unit"),
        # Kubernetes reads 512m of memory as half a byte; nobody means that.
        (q.parse_memory, "512m", "memory with its unit"),
        (q.parse_memory, "2gb", "memory with its unit"),
        (q.parse_duration, 5, "without a unit"),
        (q.parse_duration, "5M", "a duration with its unit"),
        (q.parse_duration, "5 fortnights", "a duration with its unit"),
        (q.parse_share, 70, "write 70% if you mean percent"),
        (q.parse_share, "70", "write 70% if you mean percent"),
        (q.parse_share, "%", "a share"),
        (q.parse_share, "5k%", "a share"),
        (q.parse_rate, "75/", "a rate"),
        (q.parse_rate, "75/fortnight", "a rate"),
        (q.parse_rate, "/s", "a rate"),
        (q.parse_money, "€5", "an amount in USD"),
        (q.parse_money, "$", "an amount in USD"),
    ],
)
def test_refused_with_a_reason(parse, text, why):
    with pytest.raises(ValueError, match=why):
        parse(text)


@moderate
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_being_written(number):
    assert q.parse_number(number) == number
    assert q.parse_number(repr(number)) == number


@moderate
@given(st.integers(0, 10**9))
def test_suffixes_are_powers_of_a_thousand(count):
    written = (q.parse_number(f"{count}{suffix}") for suffix in ("", "k", "M", "G", "T"))
    assert list(written) == [count * 1000.0**power for power in range(5)]


@moderate
@given(st.integers(1, 1_000_000))
def test_underscores_separate_digits(count):
    assert q.parse_number(f"{count:_}") == count


@moderate
@given(st.integers(0, 100_000))
def test_millicores(milli):
    assert q.parse_cpu(f"{milli}m") == pytest.approx(milli / 1000)


@moderate
@given(st.integers(0, 2**20))
def test_memory_units_agree(mib):
    assert q.parse_memory(f"{mib}Mi") == mib / 1024
    assert q.parse_memory(f"{mib * 1024}Ki") == mib / 1024
    assert q.parse_memory(f"{mib * 2**20}B") == pytest.approx(mib / 1024)


@moderate
@given(st.integers(0, 200), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(hours, minutes, seconds, millis):
    written = f"{hours}h{minutes}m{seconds}s{millis}ms"
    assert q.parse_duration(written) == pytest.approx(hours * 3600 + minutes * 60 + seconds + millis / 1000)


@moderate
@given(st.integers(0, 100))
@example(70)
def test_percent_is_exactly_the_fraction(percent):
    """70 % must be the float 0.7, or two ways to write a plan would size differently."""
    assert q.parse_share(f"{percent}%") == percent / 100


@moderate
@given(st.integers(1, 10**9))
def test_rates_per_minute_hour_and_day_agree(per_second):
    written = (
        f"{per_second}/s",
        f"{per_second * 60}/min",
        f"{per_second * 3600}/h",
        f"{per_second * 86400}/day",
    )
    assert [q.parse_rate(text) for text in written] == pytest.approx([per_second] * 4)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(10**300), 10**300),
    st.text(max_size=20),
    st.from_regex(r"[-+]?[0-9_.]{0,4}[a-zA-Z%/$ ]{0,4}[0-9.]{0,3}[a-z]{0,3}", fullmatch=True),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@pytest.mark.parametrize("parse", PARSERS)
@moderate
@given(value=scalars)
def test_whatever_is_written_gives_a_finite_number_or_a_message(parse, value):
    try:
        number = parse(value)
    except ValueError:
        return
    assert isinstance(number, float)
    assert math.isfinite(number)


@pytest.mark.parametrize("parse", PARSERS)
def test_an_integer_too_large_for_a_float_is_refused(parse):
    with pytest.raises(ValueError, match="finite"):
        parse(10**400)


@pytest.mark.parametrize("text", ["5m-3s", "-5m", "5m+3s", "5m 3", "", "m"])
def test_a_duration_is_parts_that_add_up(text):
    with pytest.raises(ValueError, match="duration"):
        q.parse_duration(text)


def test_a_long_text_that_is_no_duration_is_refused_at_once():
    """Two neighbouring parts must not be cut at every letter: that took exponentially long."""
    with pytest.raises(ValueError, match="duration"):
        q.parse_duration("1m1" * 1000 + "!")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "nothing"), (True, "true"), ({}, "a mapping"), ([], "a list"), (5, "5"), ("x", "'x'")],
)
def test_shown(value, text):
    assert q.shown(value) == text


def test_long_values_are_cut_in_messages():
    assert len(q.shown("x" * 500)) < 90
