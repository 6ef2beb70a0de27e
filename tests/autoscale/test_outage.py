"""A stretch of time in which nobody measures anything."""

import numpy as np
import pytest
from autoscale.worlds import TICK_S, metrics, run, service
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.autoscale import signals as s
from capplan.autoscale.compiled import reals
from capplan.autoscale.keda import CURRENT, HIGHER, LOWER, STATIC, ScaledObject
from capplan.autoscale.loop import HPA, KEDA, KNATIVE, TRACKING, WINDOW

BEGINS, ENDS = 100, 160
RISING = [20.0 * TICK_S] * BEGINS + [60.0 * TICK_S] * 200
FALLING = RISING[::-1]


def outage(kind, keda=None, measures=None, **changes):
    """Return a service that nobody measures from tick 100 to 160; six instances do for 40 requests/s."""
    made = service(kind, initial=3, measures=measures, **changes)
    made = made._replace(blind_from_s=BEGINS * TICK_S, blind_until_s=ENDS * TICK_S)
    return made._replace(scaler=made.scaler._replace(keda=keda)) if keda else made


def keda(fallback=10, failures=3, low=1, asked=s.ON_AVERAGE, **changes):
    """Return a service under KEDA 2.18, whose polls count no failures; changes may make it newer."""
    measures = metrics((s.REQUESTS, asked, 7000))
    spec = ScaledObject(low=low, fallback=fallback, failures=failures, **{"polls_fail": False, **changes})
    return outage(KEDA, spec, measures, low=low)


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


IDLE_BEFORE = [0.0] * BEGINS + [20.0 * TICK_S] * 200


def test_polls_count_failures_since_2_19():
    """Looks come every tick and polls every other tick, so four failures take three ticks."""
    wanted = run(keda(polls_fail=True), RISING).wanted
    assert set(wanted[BEGINS : BEGINS + 2]) == {3}
    assert wanted[BEGINS + 2] > 3


def test_a_fallback_wakes_a_service_at_zero_since_2_19():
    wanted = run(keda(low=0, fallback=6, polls_fail=True), IDLE_BEFORE).wanted
    woken = BEGINS + int(np.argmax(wanted[BEGINS:] > 0))
    assert woken == pytest.approx(BEGINS + 3 * 30 / TICK_S, abs=2), "the fourth poll that fails"
    assert wanted[woken + 2] == 6
    assert wanted[ENDS - 1] == 6


def test_an_active_fallback_keeps_the_cooldown_fresh_since_2_19():
    """The load ends with the outage half over; old versions count the cooldown from before it."""
    arrivals = [20.0 * TICK_S] * (BEGINS + 10) + [0.0] * 190
    cooldown_s = 20 * TICK_S
    gone = {
        polls_fail: int(np.argmax(run(made, arrivals).wanted == 0))
        for polls_fail in (False, True)
        for made in [keda(low=0, cooldown_s=cooldown_s, polls_fail=polls_fail)]
    }
    assert gone[False] <= ENDS + 2
    assert gone[True] >= ENDS + 20


@pytest.mark.parametrize(("falls_to", "settles_at"), [(STATIC, 10), (CURRENT, 3), (HIGHER, 10), (LOWER, 3)])
def test_a_fallback_can_go_by_what_runs(falls_to, settles_at):
    assert run(keda(falls_to=falls_to), RISING).wanted[ENDS - 1] == settles_at


def test_what_time_it_is_is_known_in_an_outage():
    measures = metrics((s.SCHEDULED, s.ON_AVERAGE, 1000))._replace(scheduled=reals([0.0] * 110 + [8.0] * 190))
    made = outage(KEDA, ScaledObject(low=2), measures, low=2)
    wanted = run(made, [1.0] * 300).wanted
    assert (wanted[109], wanted[ENDS - 1]) == (2, 8)


def test_at_zero_nothing_fails_and_nothing_starts_before_2_19():
    wanted = run(keda(low=0), IDLE_BEFORE).wanted
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
