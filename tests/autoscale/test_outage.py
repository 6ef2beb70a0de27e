"""A stretch of time in which nobody measures anything."""

import numpy as np
import pytest
from autoscale.worlds import TICK_S, metrics, run, service
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale import signals as s
from capplan.autoscale.keda import ScaledObject
from capplan.autoscale.loop import HPA, KEDA, KNATIVE, TRACKING, WINDOW

BEGINS, ENDS = 100, 160
RISING = [20.0 * TICK_S] * BEGINS + [60.0 * TICK_S] * 200
FALLING = RISING[::-1]


def outage(kind, keda=None, measures=None, **changes):
    """Return a service that nobody measures from tick 100 to 160; six instances do for 40 requests/s."""
    made = service(kind, initial=3, measures=measures, **changes)
    made = made._replace(blind_from_s=BEGINS * TICK_S, blind_until_s=ENDS * TICK_S)
    return made._replace(scaler=made.scaler._replace(keda=keda)) if keda else made


def keda(fallback=10, failures=3, low=1, asked=s.ON_AVERAGE):
    measures = metrics((s.REQUESTS, asked, 7000))
    return outage(KEDA, ScaledObject(low=low, fallback=fallback, failures=failures), measures, low=low)


@pytest.mark.parametrize("kind", [HPA, KEDA, TRACKING, KNATIVE])
@pytest.mark.parametrize("arrivals", [RISING, FALLING])
def test_who_sees_nothing_changes_nothing(kind, arrivals):
    wanted = run(outage(kind), arrivals).wanted
    assert len(set(wanted[BEGINS:ENDS])) == 1


def test_afterwards_it_goes_on():
    wanted = run(outage(HPA), RISING).wanted
    assert wanted[ENDS - 1] == 3
    assert wanted[-1] >= 6


def test_a_platform_that_sees_its_own_load_goes_on():
    blind, seeing = run(outage(WINDOW), RISING), run(service(WINDOW, initial=3), RISING)
    assert np.array_equal(blind.wanted, seeing.wanted)


def test_keda_falls_back_after_more_failures_than_allowed():
    """The HPA looks every tick; the fourth failure in a row is more than three."""
    wanted = run(keda(), RISING).wanted
    assert set(wanted[BEGINS : BEGINS + 3]) == {3}
    assert wanted[BEGINS + 3] > 3
    assert wanted[ENDS - 1] == 10


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_the_threshold_counts_looks(failures):
    wanted = run(keda(failures=failures), RISING).wanted
    assert int(np.argmax(wanted[BEGINS:] > 3)) == failures


def test_a_value_target_falls_back_too():
    assert run(keda(asked=s.ON_TOTAL), [7.0 * TICK_S] * 300).wanted[ENDS - 1] == 10


def test_a_lower_fallback_waits_for_the_window():
    """Five minutes are 20 looks: the highest proposal of the window counts."""
    wanted = run(keda(fallback=1), RISING).wanted
    assert wanted[BEGINS + 19] == 3
    assert wanted[ENDS - 1] == 1


def test_cpu_has_no_fallback():
    made = outage(KEDA, ScaledObject(low=1, fallback=10, only_resources=True))
    assert set(run(made, RISING).wanted[BEGINS:ENDS]) == {3}


def test_at_zero_nothing_fails_and_nothing_starts():
    arrivals = [0.0] * BEGINS + [20.0 * TICK_S] * 200
    wanted = run(keda(low=0), arrivals).wanted
    assert wanted[BEGINS - 1] == 0
    assert set(wanted[BEGINS:ENDS]) == {0}
    assert wanted[-1] >= 3


@moderate
@given(st.lists(st.integers(0, 2000), min_size=20, max_size=60), st.integers(0, 20), st.integers(1, 20))
def test_without_a_fallback_it_never_takes_away(arrivals, begins, ticks):
    made = service(HPA, initial=5)._replace(
        blind_from_s=begins * TICK_S, blind_until_s=(begins + ticks) * TICK_S
    )
    wanted = run(made, arrivals).wanted[begins : begins + ticks]
    assert np.all(np.diff(wanted) >= 0)
