"""Workers that take messages from a queue."""

import pytest
from helpers import codes, component, estimate_of, moderate, peak
from hypothesis import given
from hypothesis import strategies as st

WORKERS = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 10, profile: flat}
    services:
      worker:
        platform: kubernetes
        throughput: 2/s
        instances: {min: 0, max: 1000}
        queue: {backlog: 0, drain_time: 1m}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 0, max: 1000}}}}
"""


def workers(**queue: object) -> float:
    fields = ", ".join(f"{name}: {value}" for name, value in queue.items())
    return peak(estimate_of(WORKERS, f"services.worker.queue={{{fields}}}"), "worker")


@pytest.mark.parametrize(
    ("backlog", "drain", "count"),
    [
        (0, "1m", 5),  # 10 messages/s by workers that take 2/s
        (600, "1m", 10),  # and 10/s more, so that 600 are gone in a minute
        (600, "10m", 6),
        (1, "1h", 6),
    ],
)
def test_the_backlog_is_gone_in_time(backlog, drain, count):
    assert workers(backlog=backlog, drain_time=drain) == count


@pytest.mark.parametrize(("backlog", "count"), [(0, 5), (250, 6), (5000, 6), (36_000, 10)])
@pytest.mark.parametrize("target", [1, 25, 10_000])
def test_an_autoscalers_threshold_is_no_capacity(backlog, count, target):
    """KEDA adds a worker for every `target_length` messages; what a worker carries is another thing."""
    assert workers(backlog=backlog, drain_time="1h", target_length=target) == count


def simulated_drain_s(count: int, backlog: float) -> float:
    """Work second by second: 10 messages/s arrive, each worker takes 2/s."""
    waiting, seconds = float(backlog), 0
    while waiting > 0 and seconds < 100_000:
        waiting = max(0.0, waiting + 10 - 2 * count)
        seconds += 1
    return seconds


@pytest.mark.parametrize("backlog", [1, 100, 999, 12_345])
@pytest.mark.parametrize("drain_s", [30, 300, 3600])
def test_it_is_the_fewest_that_drain_in_time(backlog, drain_s):
    count = int(workers(backlog=backlog, drain_time=f"{drain_s}s"))
    assert simulated_drain_s(count, backlog) <= drain_s + 1
    assert simulated_drain_s(count - 1, backlog) > drain_s


@moderate
@given(
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.integers(1, 3600),
    st.integers(0, 3600),
    st.integers(1, 100),
)
def test_more_backlog_or_less_time_never_need_fewer(backlog, more, drain, longer, target):
    now = workers(backlog=backlog, drain_time=f"{drain}s", target_length=target)
    assert workers(backlog=backlog + more, drain_time=f"{drain}s", target_length=target) >= now
    assert workers(backlog=backlog, drain_time=f"{drain + longer}s", target_length=target) <= now


def test_in_hours_of_less_load_there_is_less_to_drain():
    result = estimate_of(WORKERS, "demand.profile=office-hours", "services.worker.queue.backlog=6000")
    running = component(result, "worker").sizing.running
    busiest = int(component(result, "worker").rps.argmax())
    assert running.max() == running[0, busiest]
    assert running.min() < running.max() / 2


def test_the_backlog_is_part_of_the_utilization():
    """10 messages/s and 10/s of backlog keep 10 workers of 2/s fully busy."""
    result = estimate_of(WORKERS, "services.worker.queue.backlog=600")
    assert float(component(result, "worker").utilization[0, 0]) == pytest.approx(1.0)


def test_over_the_maximum_the_message_counts_the_backlog():
    result = estimate_of(WORKERS, "services.worker.queue.backlog=600", "services.worker.instances.max=8")
    assert "max-too-small" in codes(result)
    (finding,) = [f for f in result.findings if f.code == "max-too-small"]
    assert "max 8 carries 16 requests/s; the busiest hour brings 20 and needs 10" in finding.message


def test_a_sweep_of_backlogs_takes_scenarios_apart():
    swept = estimate_of(WORKERS, sweep=("services.worker.queue.backlog=0,600,6000",))
    assert [peak(swept, "worker", i) for i in range(3)] == [5, 10, 55]
