"""A faster start is never worse on the same arrivals: where that is a law, and where it is not."""

import math

import numpy as np
import pytest
from autoscale.worlds import RATE_RPS, TICK_S, metrics, run, service, traffic
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale import signals as s
from capplan.autoscale.loop import HPA, KEDA

ON_REQUESTS = metrics((s.REQUESTS, s.ON_AVERAGE, 7000))
ON_QUEUE = metrics((s.QUEUE, s.ON_AVERAGE, 50_000))
loads = st.lists(st.integers(0, 4000), min_size=1, max_size=60)
starts = st.sampled_from([0.0, 5.0, 15.0, 60.0])
delays = st.sampled_from([5.0, 15.0, 90.0, 300.0])


def both(arrivals, faster_s, slower_s, **changes):
    """Return the timelines of a faster and a slower start."""
    return tuple(run(service(startup_s=start_s, **changes), arrivals) for start_s in (faster_s, slower_s))


@moderate
@given(loads, starts, delays, st.sampled_from([5.0, 30.0, math.inf]))
def test_it_serves_no_fewer_and_turns_no_more_away(arrivals, faster_s, by_s, timeout_s):
    """Any load, at any moment, where the autoscaler goes by what comes in; the default timeout included."""
    patience = traffic(timeout_s=timeout_s)
    fast, slow = both(arrivals, faster_s, faster_s + by_s, measures=ON_REQUESTS, traffic=patience)
    assert np.array_equal(fast.wanted, slow.wanted)
    assert np.all(fast.ready >= slow.ready)
    assert np.all(np.cumsum(fast.served) >= np.cumsum(slow.served) * (1 - 1e-9) - 1e-6)
    assert np.all(np.cumsum(fast.shed) <= np.cumsum(slow.shed) * (1 + 1e-9) + 1e-6)


@moderate
@given(loads, starts, delays)
def test_it_is_late_no_longer_if_nobody_leaves(arrivals, faster_s, by_s):
    patient = traffic(timeout_s=math.inf)
    fast, slow = both(arrivals, faster_s, faster_s + by_s, measures=ON_REQUESTS, traffic=patient)
    assert fast.late.sum() <= slow.late.sum()
    assert np.all(fast.waiting <= slow.waiting * (1 + 1e-9) + 1e-6)


@moderate
@given(
    st.integers(20, 900),
    st.integers(0, 1600),
    st.sampled_from([0, 4, 20]),
    starts,
    delays,
    st.sampled_from([30.0, math.inf]),
    st.sampled_from([(HPA, None), (HPA, ON_REQUESTS), (KEDA, ON_REQUESTS)]),
)
def test_one_rise_of_the_load_is_met_no_worse(before, more, ramp, faster_s, by_s, timeout_s, scaler):
    """From a count that fits: an HPA on CPU (the default) or on requests, or KEDA; the default timeout."""
    kind, measures = scaler
    rise = np.linspace(before, before + more, ramp).round()
    arrivals = [before] * 10 + rise.tolist() + [before + more] * (90 - ramp)
    settled = math.ceil(before / TICK_S / (0.7 * RATE_RPS))
    world = {"kind": kind, "measures": measures, "high": 60, "initial": settled}
    fast, slow = both(arrivals, faster_s, faster_s + by_s, traffic=traffic(timeout_s=timeout_s), **world)
    assert fast.late.sum() <= slow.late.sum()
    assert fast.shed.sum() <= slow.shed.sum() * (1 + 1e-9) + 1e-6


@pytest.mark.parametrize(
    ("why", "arrivals", "starts_s", "world"),
    [
        (
            "the slower one turned 750 of 1,200 away, not 300, and had less left to do in the quiet after",
            [150, 0, 1200, 0, 0],
            (0.0, 30.0),
            {"measures": ON_REQUESTS},
        ),
        (
            "the slower one asked for 7 instances while it caught up, and still had them at the second rise",
            [231] * 7 + [403] * 10 + [1053] * 30,
            (15.0, 30.0),
            {},
        ),
        (
            "the slower one had the longer queue, and so got the instances that the load will need",
            [318] * 10 + np.linspace(318, 2126, 20).round().tolist() + [2126] * 70,
            (0.0, 5.0),
            {"kind": KEDA, "measures": ON_QUEUE, "high": 60, "initial": 4, "traffic": traffic(timeout_s=1e9)},
        ),
    ],
)
def test_elsewhere_it_is_not_a_law(why, arrivals, starts_s, world):
    fast, slow = both(arrivals, *starts_s, **world)
    assert fast.late.sum() > slow.late.sum(), why
