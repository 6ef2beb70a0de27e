"""Counts that keep a promise: as one instance more at a time would find them, looked up or searched."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from helpers import component, estimate_of
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.capacity import promised
from capplan.capacity.queueing import erlang_c
from capplan.capacity.queueing.general import law_of, survival
from capplan.capacity.queueing.sharing import sharing_law, sharing_percentile
from capplan.capacity.queueing.staffing import credited_percentile
from capplan.capacity.response import Promise, Station

some = settings(max_examples=40, deadline=None)
shares = st.sampled_from([0.5, 0.95, 0.99])
variability = st.sampled_from([0.0, 0.3, 1.0, 1.3, 2.0, 4.0])
places = st.sampled_from([0.5, 1.0, 2.0, 3.7, 8.0, 500.0])
loads = st.floats(-2, 3).map(lambda exponent: 10.0**exponent)
promises = st.floats(0.3, 12)


@st.composite
def stations(draw):
    time = draw(st.sampled_from([0.01, 0.05, 0.2, 1.0]))
    delay, ca2 = draw(st.sampled_from([0.0, 0.03])), draw(st.sampled_from([0.5, 1.0, 3.0]))
    return Station(draw(places), time, delay, draw(variability), ca2, draw(st.booleans()))


groups = st.lists(stations(), min_size=1, max_size=2)


def climbed(promise, rps):
    """Return the count that trying one server after the other finds, by integrals alone."""
    counts = [
        fewest_servers(station, share, target, rps) / max(station.servers, 1.0)
        for station in promise.stations
        for share, target in promise.targets.items()
    ]
    return max(np.ceil(count * (1 - 1e-9)) for count in counts)


def fewest_servers(station, share, target, rps):
    time = station.service_time_s / min(station.servers, 1.0)
    p, cs2, ca2 = np.array([share]), np.array([station.cs2]), np.array([station.ca2])
    if station.shared:
        bare = sharing_percentile(p, sharing_law(np.zeros(1), np.ones(1), cs2))
    else:
        bare = credited_percentile(p, cs2)
    shortest = 1.001 * bare * time
    x = np.maximum(target - station.delay_s, shortest) / time
    hopeless = target - station.delay_s < shortest
    load, servers = np.array([rps * time]), np.floor(rps * time) + 1
    while True:
        c = np.array([servers])
        waits = erlang_c(c, load)
        if station.shared:
            kept = sharing_percentile(p, sharing_law(waits, c - load, cs2)) <= x
        else:
            laws = [cs2, np.ones(1)] if station.cs2 > 1 and share > 0.9 else [cs2]
            late = max(survival(x, law_of(waits, c, load, law, ca2)) for law in laws)
            kept = late <= (1 - share) * (1 + 1e-12)
        if kept and (not hopeless or waits <= 1e-7 * (1 + 1e-8)):
            return servers
        servers += 1


@settings(max_examples=100, deadline=None)
@given(
    st.lists(stations(), min_size=1, max_size=2), shares, promises, st.lists(loads, min_size=1, max_size=4)
)
def test_counts_are_those_that_one_more_at_a_time_finds(at, share, target, rates):
    promise = Promise({share: target * at[0].service_time_s}, at)
    expected = [climbed(promise, rps) for rps in rates]
    assert promise.instances(np.array([rates])).tolist() == [expected]
    varying = promise.each(lambda value: np.array([[value], [value]]))
    assert varying.instances(np.array([rates])).tolist() == [expected, expected]


@some
@given(groups, shares, promises, st.integers(0, 2**32 - 1))
def test_a_table_gives_what_a_search_gives(at, share, target, seed):
    promise = Promise({share: target * at[0].service_time_s}, at)
    draw = np.random.default_rng(seed)
    fill = draw.uniform(0, 5, (9000, 1)) * draw.integers(0, 2, (9000, 1))
    rps = fill / max(station.service_time_s for station in at)
    looked_up = promised._Fixed(promise)
    counts = looked_up.counts(rps)
    assert looked_up._limits.rates.size > 1  # it was no search
    assert np.array_equal(counts, promised._searched(promise, rps))
    further = np.concatenate([rps, 3 * rps])
    assert np.array_equal(looked_up.counts(further), promised._searched(promise, further))


@some
@given(stations(), shares, promises, st.integers(1, 60))
def test_the_highest_load_is_the_last_that_a_count_carries(station, share, target, count):
    promise = Promise({share: target * station.service_time_s}, [station])
    rate = promise.rate(np.array([[float(count)]]))
    assert promise.instances(rate) <= count < promise.instances(np.nextafter(rate, np.inf))


@pytest.mark.filterwarnings("error")
@some
@given(stations(), shares, promises, st.floats(0, 15), st.floats(1, 4))
def test_counts_never_fall_up_to_a_million_thousand_million_requests(station, share, target, exponent, more):
    promise = Promise({share: target * station.service_time_s}, [station])
    low = 10.0**exponent
    fewer, enough = promise.instances(np.array([[low, low * more]]))[0]
    assert 1 <= fewer <= enough < np.inf
    time = promise.percentile(share, np.array([[low]]), np.array([[fewer]]))
    assert np.isfinite(time).all()
    assert promise.percentile(share, np.array([[low]]), np.array([[fewer + 1]])) <= time * (1 + 1e-9)


PLAN = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 40M, peak_to_average: 2.5}
    services:
      api:
        {platform: vm-group, provider: aws, machine: t3.micro, throughput: 75/s, service_time: 125ms,
         concurrency: 100, instances: {min: 2, max: 10}, slo: {p95: 500ms}}
"""


def test_a_load_beyond_ten_million_servers_has_a_count():
    api = component(estimate_of(PLAN), "api")
    assert float(api.sizing.peak[0, 0]) == np.ceil(1e8 / 75)
    assert api.sizing.binding() == "throughput"
    zones = "services.api.redundancy={zones: 3, survive_zones: 1}"
    kept = estimate_of(PLAN, "services.api.instances.max=1500000", zones)
    assert float(component(kept, "api").sizing.peak[0, 0]) == 3 * np.ceil(np.ceil(1e8 / 75) / 2)


def test_more_load_never_costs_less():
    rates = [10.0**exponent for exponent in range(16)]
    unbounded = "services.api.instances.max=1e18"
    found = [estimate_of(PLAN, unbounded, f"demand.requests_per_second={rate}") for rate in rates]
    cost = [float(each.total.expected[0, 0]) for each in found]
    count = [float(component(each, "api").sizing.peak[0, 0]) for each in found]
    assert np.isfinite(cost).all()
    assert cost == sorted(cost)
    assert count == sorted(count)
    assert count[-1] >= 2.5e15 / 75 * (1 - 1e-8)


def test_a_thousand_million_instances_take_no_memory():
    fails = "services.api.redundancy.instance_availability=99.5%"
    sets = ("services.api.instances.max=1e9", "services.api.slo.availability=99.99%", fails)
    estimate_of(PLAN, *sets, "demand.requests_per_second=10")
    tracemalloc.start()
    api = component(estimate_of(PLAN, *sets), "api").sizing
    carried = float(api.carried_rps[0, 0])
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert carried == pytest.approx(0.995 * 75e9, rel=1e-4)
    assert memory < 100e6
