"""What autoscaling.md says that people miss of the HPA, replayed."""

import pytest

from capplan.autoscale.compiled import ints
from capplan.autoscale.hpa import reasons
from capplan.autoscale.hpa.events import events, store
from capplan.autoscale.hpa.limits import down_limit, up_limit
from capplan.autoscale.hpa.metrics import ERROR
from capplan.autoscale.hpa.pods import READY, UNREADY, Pod, PodSample, Readiness, pod_class
from capplan.autoscale.hpa.recommendations import log, record, stabilised
from capplan.autoscale.hpa.reconcile import reconcile, state
from capplan.autoscale.hpa.rules import PERCENT, PODS, ScalingPolicy, down_rules, up_rules
from capplan.autoscale.hpa.spec import hpa
from capplan.autoscale.hpa.tolerance import Tolerance, within


def replayed(spec, proposals, current, sync_s=15.0, memory=None):
    """Return the counts after each sync."""
    memory, counts = memory or state(spec, sync_s), []
    for tick, proposal in enumerate(proposals):
        failures = ints([reasons.FAILED_GET_EXTERNAL])
        current = reconcile(spec, memory, current, ints([proposal]), failures, tick * sync_s)
        counts.append(current)
    return counts


def test_without_behavior_a_spike_doubles():
    assert replayed(hpa(1, 100), [100] * 5, 1) == [4, 8, 16, 32, 64]


@pytest.mark.parametrize(("start", "first"), [(1, 5), (2, 6)])
def test_with_an_empty_behavior_a_spike_adds_four_first(start, first):
    spec = hpa(1, 100, up_rules(), down_rules())
    assert replayed(spec, [100], start) == [first]


@pytest.mark.parametrize(("behavior", "seconds"), [(False, 60), (True, 45)])
def test_from_2_to_40(behavior, seconds):
    spec = hpa(1, 100, *((up_rules(), down_rules()) if behavior else ()))
    counts = replayed(spec, [40] * 10, 2)
    assert counts.index(40) * 15 == seconds


def test_percent_policies_carry_double_noise():
    none = events(1)
    assert up_limit(up_rules([ScalingPolicy(PERCENT, 10, 60)]), none, none, 100, 0.0) == 111
    assert down_limit(down_rules([ScalingPolicy(PERCENT, 90, 60)]), none, none, 100, 0.0) == 9


def test_scale_down_waits_for_the_window():
    counts = replayed(hpa(1, 100), [10] + [2] * 25, 10)
    assert counts[:21] == [10] * 21
    assert counts[21] == 2


def test_a_broken_metric_forbids_only_to_scale_down():
    spec = hpa(1, 100)
    both = ints([reasons.FAILED_GET_PODS, reasons.FAILED_GET_EXTERNAL])
    assert reconcile(spec, state(spec, 15.0), 5, ints([3, ERROR]), both, 0.0) == 5
    memory = state(spec, 15.0)
    assert reconcile(spec, memory, 5, ints([8, ERROR]), both, 0.0) == 8
    assert reasons.status(memory.reasons[reasons.SCALING_ACTIVE]) == "True/ValidMetricFound"


def test_tolerance_before_1_33_is_a_distance():
    # 1 + 0.1 is a little above 1.1 in binary, 1 - 0.1 is not a little below 0.9, and so on: edges may differ.
    assert within(1.1, Tolerance())
    assert within(0.9, Tolerance())
    assert not within(1.1, Tolerance(by_distance=True))
    assert not within(0.0, Tolerance(1.0, 0.3))


def test_a_manual_zero_stays_since_1_36():
    assert replayed(hpa(0, 10), [5], 0) == [0]
    assert replayed(hpa(0, 10, version=(1, 35)), [5], 0) == [4]
    assert replayed(hpa(1, 10, version=(1, 35)), [5], 0) == [0]


def test_tolerance_of_its_own_counts_since_1_35():
    own = Tolerance(0.02, 0.3)
    assert hpa(1, 2, tolerance=own).tolerance == own
    assert hpa(1, 2, tolerance=own, version=(1, 34)).tolerance == Tolerance()


def test_a_broken_metric_does_not_matter_where_the_others_agree_with_what_runs():
    spec = hpa(1, 100)
    both = ints([reasons.FAILED_GET_PODS, reasons.FAILED_GET_EXTERNAL])
    memory = state(spec, 15.0)
    assert reconcile(spec, memory, 5, ints([5, ERROR]), both, 0.0) == 5
    assert reasons.status(memory.reasons[reasons.SCALING_ACTIVE]) == "True/ValidMetricFound"


def test_an_event_exactly_as_old_as_the_longest_period_keeps_its_place():
    ups, rules = events(3), up_rules([ScalingPolicy(PODS, 4, 30.0)])
    for now_s in (0.0, 30.0, 61.0):
        store(ups, rules, 4, now_s)
    assert ups.size[0] == 2
    assert list(ups.times_s[:2]) == [0.0, 61.0]


def test_a_proposal_exactly_as_old_as_both_windows_keeps_its_place():
    proposals = log(3)
    record(proposals, 0, 7, 0.0)
    assert stabilised(proposals, 5, 9, 60.0, 60.0, 60.0) == 5
    assert list(proposals.replicas[: proposals.size[0]]) == [7, 5]
    stabilised(proposals, 3, 9, 60.0, 60.0, 61.0)
    assert list(proposals.replicas[: proposals.size[0]]) == [3, 5]


def test_a_pod_is_new_until_the_initialisation_is_over_and_no_longer():
    just_ready, sample = Pod("p", start_age_s=300.0, transition_age_s=10.0), PodSample(1, 0.0, 60.0)
    assert pod_class(just_ready, sample, True, Readiness()) == READY
    assert pod_class(just_ready._replace(start_age_s=299.0), sample, True, Readiness()) == UNREADY
    assert pod_class(just_ready._replace(ready="Unknown"), sample, True, Readiness()) == READY
