"""What VPA and KRR recommend, at points that somebody published or anyone can check by hand."""

import numpy as np
import pytest

from capplan.autoscale.rightsize import krr
from capplan.autoscale.rightsize.histogram import CPU_CORES, Histogram
from capplan.autoscale.rightsize.recorded import read_usage
from capplan.autoscale.rightsize.usage import RecordedUsage, Samples, advice
from capplan.autoscale.rightsize.vpa import Recommender
from capplan.errors import InputError


def constant(cores, used_bytes, minutes):
    recommender = Recommender()
    for minute in range(minutes):
        recommender.cpu(60.0 * minute, cores)
        recommender.memory(60.0 * minute, used_bytes)
    return recommender.recommendation()


def test_vpa_adds_17_percent_to_a_constant_half_core():
    found = constant(0.5, 100 * 2**20, 1440)
    assert found.target.cpu_milli == 587
    assert found.target.memory_bytes == 250 * 2**20


def test_vpa_knows_nothing_after_five_minutes():
    assert constant(0.5, 2**30, 6).upper_bound.cpu_milli > 100_000


def test_vpa_amounts_end_where_the_recommender_s_do():
    # One sample spans no time, so that confidence is 0: the lower bound is the floor, the upper the most.
    found = constant(0.5, 2**30, 1)
    assert found.lower_bound.cpu_milli == 25
    assert found.upper_bound == (10**14, 10**14)


def test_vpa_splits_its_floor_between_containers():
    recommender = Recommender()
    recommender.cpu(0.0, 0.001)
    assert recommender.recommendation(2).target.cpu_milli == 12


def test_a_percentile_is_the_end_of_the_bucket_that_reaches_it():
    histogram = Histogram(CPU_CORES)
    for cores in (0.005, 0.5):
        histogram.add(cores, 1.0, 0.0)
    assert histogram.percentile(0.5) == pytest.approx(0.01)
    assert histogram.percentile(0.51) > 0.5


def test_krr_takes_the_busiest_pod_not_the_pool():
    idle, busy = np.full(200, 0.01), np.linspace(0.0, 1.0, 101)
    assert krr.simple_cpu([idle, busy]).request == pytest.approx(0.95)
    assert krr.limited_cpu([busy]) == pytest.approx((0.66, 0.96))


def test_krr_rounds_the_share():
    samples = np.linspace(0.0, 1.0, 1001)
    assert krr.simple_cpu([samples], 99.9).request == 1.0


def test_krr_memory_is_the_peak_and_15_percent_in_whole_mebibytes():
    peak = np.array([100.0] * 99 + [1000.0 * 2**20])
    assert krr.memory([peak]).request == 1150 * 2**20
    assert krr.memory([peak], oom_limit_bytes=1000 * 2**20).limit == 1250 * 2**20
    assert krr.memory([np.full(100, 1.0)]).request == 100 * 2**20


def test_krr_needs_100_points():
    assert krr.simple_cpu([np.ones(99)]) == krr.Request(None, None)
    assert krr.memory([np.ones(99)]) == krr.Request(None, None)


def test_usage_from_a_file_by_pod(tmp_path):
    file = tmp_path / "use.csv"
    file.write_text(
        "timestamp,cpu_cores,memory_bytes,pod\n"
        "2026-01-01T00:01:00Z,0.2,100,a\n2026-01-01T00:00:00Z,0.1,90,a\n2026-01-01T00:00:00Z,0.5,80,b\n"
    )
    found = read_usage([str(file)])["use"]
    assert {pod: usage.cpu.values.tolist() for pod, usage in found.items()} == {"a": [0.1, 0.2], "b": [0.5]}
    assert found["a"].memory.values.tolist() == [90, 100]
    assert found["a"].cpu.time_s[0] % 86_400 == 0


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ("timestamp,cpu_cores\n", "memory_bytes"),
        ("timestamp,cpu_cores,memory_bytes\n2026-01-01,x,1\n", ":2:"),
        ("timestamp,cpu_cores,memory_bytes\n2026-01-01,1,inf\n", ":2:"),
        ("timestamp,cpu_cores,memory_bytes\n2026-01-01,1,1\n2026-01-02,1e300,1\n", ":3:"),
        ("timestamp,cpu_cores,memory_bytes\n", "holds no rows"),
        ("timestamp,cpu_cores,memory_bytes\n0,1,1\n60,1,1\n", ":2: timestamp '0' is no time since 1970"),
        ("timestamp,cpu_cores,memory_bytes\n2026-01-01,,1\n", ":2: cpu_cores '' must be 0 or more"),
    ],
)
def test_usage_that_is_none(tmp_path, rows, where):
    file = tmp_path / "use.csv"
    file.write_text(rows)
    with pytest.raises(InputError, match=where):
        read_usage([str(file)])


def test_memory_that_nobody_knows_is_not_recommended():
    none = RecordedUsage(Samples(np.arange(200) * 60.0, np.full(200, 0.3)), None)
    assert not advice("api", {"": none}).has_memory
