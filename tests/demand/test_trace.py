"""A recorded load."""

import textwrap

import numpy as np
import pytest
from helpers import SHIPPED, load_of, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.demand.trace import read_recording
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.demand import Trace


def write(directory, rows, header="timestamp,requests"):
    (directory / "load.csv").write_text("\n".join([header, *rows]) + "\n")
    return Trace(file="load.csv")


def read_trace(trace, directory):
    """Return the mean load, and its shape."""
    load = read_recording(trace, directory).rps
    return load.mean(), load / load.mean()


def hourly(values):
    return [f"2026-01-01T{hour:02d}:00:00Z,{value}" for hour, value in enumerate(values)]


def test_requests_in_a_step_become_a_rate(tmp_path):
    average, shape = read_trace(write(tmp_path, hourly([3600, 7200, 10800])), tmp_path)
    assert average == pytest.approx(2)
    assert shape == pytest.approx([0.5, 1, 1.5])


def test_rates_are_taken_as_they_are(tmp_path):
    write(tmp_path, hourly([1, 2, 3]), "when,rps")
    trace = Trace(file="load.csv", time="when", value="rps", unit="requests_per_second")
    assert read_trace(trace, tmp_path)[0] == pytest.approx(2)


def test_a_gap_is_interpolated(tmp_path):
    rows = [row for row in hourly([100, 200, 0, 400, 500]) if "T02" not in row]
    _, shape = read_trace(write(tmp_path, rows), tmp_path)
    assert shape * 300 == pytest.approx([100, 200, 300, 400, 500])


def test_rows_in_any_order(tmp_path):
    ordered = read_trace(write(tmp_path, hourly([1, 2, 3])), tmp_path)
    mixed = read_trace(write(tmp_path, hourly([1, 2, 3])[::-1]), tmp_path)
    assert np.array_equal(ordered[1], mixed[1])


@moderate
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=24).filter(lambda v: sum(v) > 1e-3))
def test_no_request_is_lost_or_invented(tmp_path_factory, values):
    directory = tmp_path_factory.mktemp("trace")
    average, shape = read_trace(write(directory, hourly(values)), directory)
    assert average * 3600 * len(values) == pytest.approx(sum(values))
    assert shape.mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("rows", "header", "what"),
    [
        (
            ["2026-01-01T00:00Z,1", "2026-01-01T01:00Z,x"],
            "timestamp,requests",
            r"load\.csv:3: requests 'x' is not a number",
        ),
        (
            ["2026-01-01T00:00Z,1", "2026-01-01T01:00Z,-5"],
            "timestamp,requests",
            r"load\.csv:3: requests '-5' is negative",
        ),
        (
            ["2026-01-01T00:00Z,1", "soon,5"],
            "timestamp,requests",
            r"load\.csv:3: timestamp 'soon' is not a time",
        ),
        (["2026-01-01T00:00Z,1"], "timestamp,requests", "two different times"),
        (["2026-01-01T00:00Z,1", "2026-01-01T00:00Z,2"], "timestamp,requests", "two different times"),
        (["2026-01-01T00:00Z,0", "2026-01-01T01:00Z,0"], "timestamp,requests", "holds no load"),
        (
            ["2026-01-01T00:00Z,1", "2026-01-01T01:00Z,2"],
            "time,requests",
            r"no column 'timestamp'\. Did you mean 'time'",
        ),
        (
            ["2026-01-01T00:00Z,1", "2026-01-01T01:00Z,2"],
            "timestamp,requests_per_second",
            "no column 'requests'.*demand.trace.time or value.*--trace-columns TIME,VALUE",
        ),
    ],
)
def test_what_is_no_load_is_refused(tmp_path, rows, header, what):
    with pytest.raises(InputError, match=what):
        read_trace(write(tmp_path, rows, header), tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_trace(Trace(file="nope.csv"), tmp_path)


def test_what_is_not_csv_is_refused(tmp_path):
    (tmp_path / "load.csv").write_bytes(b"")
    with pytest.raises(InputError, match="not a readable CSV file"):
        read_trace(Trace(file="load.csv"), tmp_path)


PLAN = """
    name: t
    demand: {trace: {file: load.csv}}
    services: {web: {platform: cloud-run, service_time: 1s}}
"""


def test_a_trace_gives_volume_and_shape(tmp_path):
    write(tmp_path, hourly([3600, 7200, 10800]))
    file = plan_of(PLAN, directory=tmp_path)
    load = load_of(file)
    assert load.rps("web")[0] == pytest.approx([1, 2, 3])
    assert load.profile == "load.csv"


def test_a_volume_scales_the_shape_of_a_trace(tmp_path):
    write(tmp_path, hourly([3600, 7200, 10800]))
    file = plan_of(PLAN, "demand.requests_per_second=20", directory=tmp_path)
    assert load_of(file).rps("web").tolist()[0] == pytest.approx([10, 20, 30])


def minutes(*shown, value=6000):
    return [f"2026-01-01T{minute // 60:02d}:{minute % 60:02d}Z,{value}" for minute in shown]


def test_one_stray_row_is_no_year_of_load(tmp_path):
    rows = [*minutes(*range(60)), "2027-01-01T01:00Z,0"]
    with pytest.raises(
        InputError, match=r"99\.99% of its steps are missing.* 365 days, ends at \S+load\.csv:62"
    ):
        read_trace(write(tmp_path, rows), tmp_path)


@pytest.mark.parametrize(
    "row", ["2026-01-01T23:00:01Z,3", "2026-01-01T23:29:00Z,3", "2025-12-31T23:59:59Z,3"]
)
def test_a_stray_row_at_an_end_is_no_hour(tmp_path, row):
    values = [3600] * 24
    found = read_recording(write(tmp_path, [*hourly(values), row]), tmp_path)
    assert found.rps == pytest.approx(np.ones(24))
    assert len(found.gaps) == 1
    assert "load.csv:26 is left out" in found.gaps[0]


def test_a_pair_of_series_has_no_stray_row(tmp_path):
    rows = [f"2026-01-01T{hour:02d}:{m:02d}:00Z,3600" for hour in range(24) for m in (0, 15, 30, 45, 46)]
    assert not [said for said in read_recording(write(tmp_path, rows), tmp_path).gaps if "left out" in said]


def test_what_is_made_up_is_said_and_the_limit_can_be_raised(tmp_path):
    trace = write(tmp_path, minutes(*range(95), *range(98, 101)))
    (said,) = read_recording(trace, tmp_path).gaps
    assert said.startswith(
        "2.97% of its steps are missing and interpolated; the longest gap, 4 minutes, ends at"
    )
    trace = write(tmp_path, minutes(*range(60), *range(120, 180)))
    with pytest.raises(InputError, match=r"33\.\d+% of its steps are missing, more than 20%"):
        read_recording(trace, tmp_path)
    assert read_recording(trace.model_copy(update={"max_gaps": 0.5}), tmp_path).rps.size == 180
    assert not read_recording(write(tmp_path, minutes(*range(150), *range(151, 200))), tmp_path).gaps


def test_a_blank_value_is_a_gap_and_a_time_given_twice_is_said(tmp_path):
    rows = [*minutes(*range(10)), "2026-01-01T00:10Z,", *minutes(11), *minutes(12, 12, value=60)]
    found = read_recording(write(tmp_path, rows), tmp_path)
    assert found.rps.tolist() == [100.0] * 12 + [1.0]
    missing, repeated = found.gaps
    assert missing.startswith("7.692% of its steps are missing")
    assert repeated == "7.692% of its rows repeat the time of another row and are averaged with it"
    with pytest.raises(InputError, match="50% of its rows repeat the time of another row, more than 20%"):
        read_recording(write(tmp_path, minutes(*range(5), *range(5))), tmp_path)


def test_epoch_seconds_are_no_nanoseconds(tmp_path):
    rows = [f"{1767225600 + 3600 * hour},3600" for hour in range(3)]
    found = read_recording(write(tmp_path, rows), tmp_path)
    assert (found.step_s, found.rps.tolist()) == (3600.0, [1.0, 1.0, 1.0])
    assert found.said == ["times in 'timestamp' are seconds since 1970"]


def test_simulate_reads_a_trace_as_estimate_does(tmp_path, capplan):
    write(tmp_path, [*minutes(*range(60)), "2027-01-01T01:00Z,0"])
    (tmp_path / "plan.yaml").write_text(textwrap.dedent(PLAN))
    said = {capplan(command, tmp_path).stderr for command in ("estimate", "simulate", "check")}
    assert len(said) == 1
    assert "99.99% of its steps are missing" in said.pop()
    fixed = tmp_path / "fixed.yaml"
    fixed.write_text(
        "name: fixed\nregions: {gcp: us-central1}\ndemand: {requests_per_second: 5}\n"
        "services: {web: {platform: cloud-run, service_time: 1s}}\n"
    )
    assert "99.99%" in capplan("simulate", fixed, "--trace", tmp_path / "load.csv").stderr
    write(tmp_path, minutes(*range(60), *range(120, 180)))
    run = capplan("simulate", fixed, "--trace", tmp_path / "load.csv", "--trace-gaps", "40%", "--steady")
    assert run.exit_code == 0
    assert "33.33% of its steps are missing and interpolated" in run.stderr


def test_gaps_are_findings_of_an_estimate(tmp_path):
    write(tmp_path, minutes(*range(95), *range(98, 101)))
    found = estimate(plan_of(PLAN + "    regions: {gcp: us-central1}", directory=tmp_path), SHIPPED).findings
    assert [finding.severity for finding in found if finding.code == "trace-gaps"] == ["warning"]
