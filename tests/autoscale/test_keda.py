"""KEDA's operator beyond its own tests."""

import pytest

from capplan.autoscale.compiled import reals
from capplan.autoscale.keda import NEVER_S, NO_WRITE, ScaledObject, fallback_metric, is_active, poll


def test_activation_is_strict():
    assert not is_active(5.0, 5.0)
    assert is_active(5.001, 5.0)


def test_the_cooldown_counts_from_the_last_activity_and_only_to_zero():
    active = reals([NEVER_S])
    spec = ScaledObject(low=0, cooldown_s=300)
    assert poll(spec, active, 4, True, False, 100.0) == NO_WRITE
    assert poll(spec, active, 4, False, False, 400.0) == NO_WRITE
    assert poll(spec, active, 4, False, False, 401.0) == 0
    assert poll(spec._replace(low=2), active, 4, False, False, 401.0) == NO_WRITE


def test_it_never_jumps_to_more_than_the_minimum():
    assert poll(ScaledObject(low=0), reals([NEVER_S]), 0, True, False, 0.0) == 1
    assert poll(ScaledObject(low=5, idle=0), reals([NEVER_S]), 0, True, False, 0.0) == 5


def test_paused_does_nothing():
    assert poll(ScaledObject(paused=True, forced=True), reals([NEVER_S]), 0, True, False, 0.0) == NO_WRITE


def test_a_failing_scaler_keeps_what_runs_unless_it_falls_back_to_nothing():
    spec = ScaledObject(low=0)
    assert poll(spec, reals([NEVER_S]), 3, False, True, 1e6) == NO_WRITE
    assert poll(spec._replace(fallback=0), reals([NEVER_S]), 3, False, True, 1e6) == 0


@pytest.mark.parametrize(
    ("behavior", "replicas"),
    [("static", 4), ("currentReplicas", 6), ("currentReplicasIfHigher", 6), ("currentReplicasIfLower", 4)],
)
def test_fallback(behavior, replicas):
    assert fallback_metric(3, 3, behavior, 4, 6, 10) is None
    assert fallback_metric(4, 3, behavior, 4, 6, 10) == 10 * replicas


def test_a_fallback_for_a_value_target_is_divided_by_the_ready_pods():
    assert fallback_metric(1, 0, "static", 10, 0, 10, ready=3) == 33.333
    assert fallback_metric(1, 0, "static", 10, 0, 10, ready=0) is None


def test_a_formula_hears_of_a_failing_measure_that_it_is_missing():
    assert fallback_metric(1, 0, "scalingModifiers", 10, 5, 10) is None
