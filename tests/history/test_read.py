"""Histories of every form in equal steps, and those that are none."""

# ruff: noqa: E501  (a table of files reads best with a row a line)

import gzip
import json

import numpy as np
import pytest
from history.recorded import csv, weekly

from capplan.errors import InputError
from capplan.history.read import coarse, read_history

HOURS = [f"2026-01-05T{hour:02}:00:00Z" for hour in range(24)]


def read(tmp_path, text, time=None, value=None, is_rate=None):
    file = tmp_path / "load.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_history(file, time, value, is_rate)


def table(header, rows):
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def test_columns_are_found_by_what_they_hold(tmp_path):
    text = table("host,when,peak,rps", [("a", at, 5 + i, 2 + i) for i, at in enumerate(HOURS)])
    found = read(tmp_path, text)
    assert (found.value, found.unit_s, found.step_s, found.values.size) == ("peak", 3600, 3600, 24)
    assert any("'peak' is taken as the load, and not 'rps'" in said for said in found.said)
    named = read(tmp_path, text, "when", "rps")
    assert (named.unit_s, named.values[3]) == (1.0, 5)
    assert read(tmp_path, text, "when", "rps", is_rate=False).unit_s == 3600


def test_a_number_of_the_row_is_not_its_load(tmp_path):
    rows = [(i, at, 200, 2 + i % 7) for i, at in enumerate(HOURS)]
    assert read(tmp_path, table("id,when,status,hits", rows)).value == "hits"
    assert (
        read(tmp_path, table("when,status", [row[1:3] for row in rows[:-1]] + [(HOURS[-1], 404)])).value
        == "status"
    )


def test_a_file_without_rows_says_so(tmp_path):
    with pytest.raises(InputError, match="has no rows below the names of its columns"):
        read(tmp_path, "time,requests\n")


@pytest.mark.parametrize(
    ("name", "unit_s"),
    [("req/s", 1), ("Requests per second", 1), ("http_requests/min", 60), ("rpm", 60), ("hits_per_day", 86_400), ("papers", 3600)],
)  # fmt: skip
def test_a_rate_is_told_by_the_name_of_its_column(tmp_path, name, unit_s):
    assert (
        read(tmp_path, table(f"time,{name}", [(at, 5 + i % 3) for i, at in enumerate(HOURS)])).unit_s
        == unit_s
    )


def test_json_lines_are_rows_and_no_answer_of_prometheus(tmp_path):
    rows = [json.dumps({"time": at, "requests": 5 + i}) for i, at in enumerate(HOURS)]
    assert read(tmp_path, "\n".join(rows)).values.tolist() == list(range(5, 29))


def test_a_counter_is_read_as_what_it_grows_by(tmp_path):
    counts = np.cumsum(np.arange(100, 140))
    rows = [(1_767_571_200 + 60 * i, count) for i, count in enumerate(counts)]
    found = read(tmp_path, table("ts,http_requests_total", rows))
    assert (found.unit_s, found.values.size) == (1.0, 39)
    assert found.values == pytest.approx(np.arange(101, 140) / 60)
    assert any("read as a counter" in said for said in found.said)
    stated = read(tmp_path, table("ts,http_requests_total", rows), is_rate=False)
    assert stated.values == pytest.approx(counts)
    assert any("never falls" in said for said in read(tmp_path, table("ts,hits", rows)).said)


def test_a_compressed_file_is_read_as_it_is(tmp_path):
    text = csv(weekly(1))
    assert (read(tmp_path, gzip.compress(text.encode())).values == read(tmp_path, text).values).all()


@pytest.mark.parametrize(
    ("name", "unit_s"),
    [("t_s", 1), ("minute", 60), ("timestamp_ms", 1e-3), ("hours", 3600), ("elapsed_min", 60)],
)
def test_times_since_the_start_are_told_by_the_name_of_their_column(tmp_path, name, unit_s):
    found = read(tmp_path, table(f"{name},tweets", [(i * 120 / unit_s, i) for i in range(50)]))
    assert (found.step_s, found.values.size, found.has_clock) == (120, 50, False)
    assert any("hours of the day are not known" in said for said in found.said)


def test_rows_without_a_step_are_requests(tmp_path):
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 600, 3000))
    found = read(tmp_path, table("t_s,tokens", [(f"{t:.3f}", 7) for t in times]))
    assert found.unit_s == 1.0
    assert found.values.mean() == pytest.approx(5, rel=0.05)
    tokens = read(tmp_path, table("t_s,tokens", [(f"{t:.3f}", 7) for t in times]), "t_s", "tokens")
    assert tokens.values.sum() == pytest.approx(7 * found.values.sum())


def test_what_is_missing_stays_missing(tmp_path):
    text = table("ds,views", [(at, "" if i in (3, 4) else i) for i, at in enumerate(HOURS)])
    found = read(tmp_path, text)
    assert np.isnan(found.values).nonzero()[0].tolist() == [3, 4]
    assert any(
        "8.333% of its steps are missing and left out; the longest gap, 3 hours" in said
        for said in found.said
    )


def test_repeated_rows_are_averaged_and_said(tmp_path):
    found = read(tmp_path, table("ds,views", [*((at, i) for i, at in enumerate(HOURS)), (HOURS[5], 25)]))
    assert found.values[5] == 15
    assert any("4% of its rows repeat" in said for said in found.said)


def test_answers_of_prometheus_are_rates(tmp_path):
    values = [[1_767_571_200 + 60 * i, str(1 + i % 3)] for i in range(40)]
    answer = {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}] * 2},
    }
    found = read(tmp_path, json.dumps(answer))
    assert (found.unit_s, found.step_s, found.values[1]) == (1.0, 60, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (table("timestamp,requests", [(at, -1) for at in HOURS]), r"load.csv:2: requests '-1' is negative"),
        (table("timestamp,requests", [(at, 7) for at in HOURS]), "7 in every step, so there is nothing to forecast"),
        (table("timestamp,requests", [(at, "x") for at in HOURS]), "no column beside 'timestamp' holds numbers"),
        (table("a,b", [(1, 2), (3, 4)]), r"no column holds times.*--trace-columns TIME,VALUE.*Its columns: a, b"),
        (table("timestamp,requests", [(HOURS[0], 1)]), "at least two different times"),
        (table("timestamp,requests", [(at, i) for i, at in enumerate(HOURS) if i not in range(2, 20)]), "75% of its steps are missing"),
        (table("timestamp,requests", [(at, i) for i, at in enumerate(HOURS[:9])] * 2), r"50% of its rows repeat"),
        (table("timestamp,requests", [(HOURS[0], 1), ("2026-01-05T01:00:00+02:00", 2), ("2026-01-05T02:00:00", 3)]), "names no zone"),
        ("timestamp,requests\n2026-13-01T00:00:00Z,1\n2026-13-01T01:00:00Z,2\n", "is not a time"),
        (table("2026-01-05 00:00,5", [(at, i) for i, at in enumerate(HOURS)]), "the first row holds a time"),
        ("", "empty"),
    ],
)  # fmt: skip
def test_what_is_no_history_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_forecasts_are_made_in_hours_or_a_few_hundred_steps(tmp_path):
    minutes = read(tmp_path, csv(np.repeat(weekly(1), 60) / 60, 60.0))
    hours = coarse(minutes)
    assert (hours.step_s, hours.values.size, hours.unit_s) == (3600, 168, 60)
    assert hours.values[7] == pytest.approx(weekly(1)[7] / 60, rel=1e-3)
    assert coarse(minutes._replace(values=minutes.values[: 60 * 24])).step_s == 300
    assert coarse(hours) is hours
    late = coarse(minutes._replace(values=minutes.values[50:], begins_s=minutes.begins_s + 3000))
    assert late.begins_s == hours.begins_s + 3600
