"""Answers of Prometheus to range queries."""

import json

import numpy as np
import pytest

from capplan.demand import prometheus
from capplan.demand.trace import read_recording
from capplan.errors import InputError
from capplan.plan.demand import Trace


def answer(*series):
    """Series are (labels, [(time, text of a value)])."""
    result = [{"metric": labels, "values": values} for labels, values in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


@pytest.fixture
def saved(tmp_path):
    def save(document):
        path = tmp_path / "answer.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return save


def test_samples_that_are_no_number_are_none(saved):
    path = saved(answer(({"job": "a"}, [[10, "1.5"], [20, "NaN"], [30, "+Inf"], [40, "2"]])))
    (series,) = prometheus.read_matrix(path)
    assert series.labels == {"job": "a"}
    assert series.time_s.tolist() == [10, 40]
    assert series.values.tolist() == [1.5, 2]


def test_a_counter_becomes_a_rate_also_where_it_begins_again(saved):
    counter = [[0, "100"], [10, "120"], [20, "5"], [40, "25"]]
    (series,) = prometheus.read_matrix(saved(answer(({"__name__": "requests_total"}, counter))))
    assert series.time_s.tolist() == [10, 20, 40]
    assert series.values.tolist() == [2, 0.5, 1]


def test_a_trace_is_the_sum_of_all_series(saved):
    first = ({"pod": "a"}, [[0, "1"], [60, "2"], [120, "3"]])
    second = ({"pod": "b"}, [[60, "10"], [120, "20"], [180, "40"]])
    path = saved(answer(first, second))
    recording = read_recording(Trace(file=path.name), path.parent)
    assert recording.step_s == 60
    assert recording.rps.tolist() == [1, 12, 23, 40]
    assert prometheus.total(path)[0].tolist() == [0, 60, 120, 180]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "is not a response of Prometheus"),
        ({"data": {"resultType": "vector", "result": []}}, "holds a vector, which covers one moment only"),
        ({"status": "error", "error": "parse error"}, "Prometheus refused the query: parse error"),
        ({"data": []}, "is not a response of Prometheus"),
        ({"data": {"resultType": "matrix"}}, "is not a response of Prometheus"),
        (answer(), "holds no samples"),
        (answer(({}, [[0, "NaN"]])), "holds no samples"),
        (answer(({}, [[0, "a"]])), "series 1 of the result is not one of a matrix"),
        (answer(({}, [[0]])), "series 1 of the result is not one of a matrix"),
        ({"data": {"resultType": "matrix", "result": ["a"]}}, "series 1 of the result is not one"),
        (answer(({}, [[0, "-1"]])), "series 1 of the result has a time or a value below 0"),
        (answer(({}, [[0, "1e308"]])), "series 1 of the result has a time or a value .* beyond any"),
        (answer(({}, [[1e300, "1"]])), "series 1 of the result has a time or a value .* beyond any"),
    ],
)
def test_what_is_no_range_is_told(saved, document, message):
    with pytest.raises(InputError, match=message):
        prometheus.read_matrix(saved(document))


def test_one_moment_is_no_trace(saved):
    path = saved(answer(({}, [[0, "1"]])))
    with pytest.raises(InputError, match="at least two different times"):
        read_recording(Trace(file=path.name), path.parent)


def test_csv_is_no_answer(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("timestamp,requests\n2026-01-01T00:00:00Z,60\n2026-01-01T00:01:00Z,120\n")
    assert not prometheus.is_answer(file)
    assert not prometheus.is_answer(tmp_path / "none")
    assert np.allclose(read_recording(Trace(file=file.name), tmp_path).rps, [1, 2])
