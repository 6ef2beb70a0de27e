"""Autoscalers that go by the messages that wait."""

import numpy as np
import pytest

from capplan.capacity.waiting import Backlogged

LOAD = np.array([3.0, 12.0, 30.0])
"""Messages a second; an instance works off 1.5."""


def waits(threshold: float, **changed: float) -> Backlogged:
    return Backlogged(threshold, 1.5, np.zeros(3), 40)._replace(**changed)


def test_a_threshold_of_many_messages_runs_what_the_load_takes():
    assert waits(400.0).runs(LOAD) == pytest.approx(LOAD / 1.5, rel=0.05)


def test_a_threshold_of_fewer_messages_than_an_instance_works_off_between_two_looks_overshoots():
    tight = waits(10.0)
    assert tight.between == 22.5
    assert np.all(tight.runs(LOAD) > 1.3 * LOAD / 1.5)
    assert tight.runs(LOAD).max() <= 40


def test_an_autoscaler_that_forgets_at_once_overshoots_less():
    assert waits(10.0, window_s=15.0).runs(LOAD).mean() < 0.8 * waits(10.0).runs(LOAD).mean()


def test_what_other_measures_hold_leaves_no_backlog():
    held = waits(10.0)._replace(low=np.ceil(LOAD / 1.5) + 1)
    assert held.runs(LOAD) == pytest.approx(held.low)


def test_a_calm_threshold_is_calm_and_none_is_found_for_less_than_the_load_takes():
    needed = float((LOAD / 1.5).mean())
    calm = waits(10.0).calm(LOAD, 1.1 * needed)
    assert calm is not None
    assert waits(calm).runs(LOAD).mean() <= 1.1 * needed
    assert waits(10.0).calm(LOAD, 0.5 * needed) is None
