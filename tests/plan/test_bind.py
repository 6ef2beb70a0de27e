"""Scenarios, and binding a plan to them."""

import numpy as np
import pytest
from helpers import FLAT_VM, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.plan.bind import Scenarios, at, bind, grid

RPS = ("demand", "requests_per_second")
SPARE = ("services", "api", "redundancy", "spare")


def test_no_axes_is_one_scenario():
    assert grid({}).count == 1
    assert not grid({}).values


def test_the_last_axis_varies_fastest():
    scenarios = grid({RPS: [1, 2], SPARE: [0, 1, 2]})
    assert scenarios.count == 6
    assert scenarios.values[RPS].tolist() == [1, 1, 1, 2, 2, 2]
    assert scenarios.values[SPARE].tolist() == [0, 1, 2, 0, 1, 2]


@moderate
@given(st.lists(st.lists(st.floats(0, 9), min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_grid_holds_every_combination_once(axes):
    scenarios = grid({(str(index),): axis for index, axis in enumerate(axes)})
    assert scenarios.count == np.prod([len(axis) for axis in axes])
    found = sorted(zip(*(v.tolist() for v in scenarios.values.values()), strict=True))
    expected = sorted(tuple(map(float, row)) for row in np.stack([m.ravel() for m in np.meshgrid(*axes)], 1))
    assert found == expected


@moderate
@given(st.lists(st.floats(0, 9), min_size=1, max_size=9), st.data())
def test_the_parts_of_scenarios_make_the_whole(axis, data):
    whole = grid({RPS: axis})
    cut = data.draw(st.integers(0, len(axis)))
    parts = [whole.part(0, cut), whole.part(cut, len(axis) + 5)]
    assert [p.count for p in parts] == [cut, len(axis) - cut]
    assert np.concatenate([p.values[RPS] for p in parts]).tolist() == whole.values[RPS].tolist()


def test_bound_numbers_are_columns_and_the_rest_stays():
    plan = plan_of(FLAT_VM).plan
    bound = bind(plan, grid({RPS: [1, 2, 3], SPARE: [0, 1]}))
    assert bound.demand.requests_per_second.shape == (6, 1)
    assert bound.services["api"].redundancy.spare.shape == (6, 1)
    assert bound.services["api"].throughput == 10.0
    assert plan.demand.requests_per_second == 100.0, "binding must not change the plan it is given"


def test_binding_to_nothing_is_the_plan_itself():
    plan = plan_of(FLAT_VM).plan
    assert bind(plan, Scenarios()) is plan


def test_at_finds_values_and_refuses_the_rest():
    plan = plan_of(FLAT_VM).plan
    assert at(plan, RPS) == 100.0
    assert at(plan, ("services", "api", "platform")) == "vm-group"
    for path in (("demand", "nope"), ("services", "nope"), ("name", "deeper")):
        with pytest.raises(KeyError):
            at(plan, path)


def test_the_calls_of_a_copy_at_another_site_vary_too():
    sites = "sites={one: {}, two: {regions: {aws: us-west-2}}}"
    databases = "databases={db: {platform: rds, engine: mysql, machine: db.t3.large}}"
    plan = plan_of(FLAT_VM, sites, databases, "services.api.calls={db: 2}").plan
    varied = ("services", "api", "calls", "db", "per_request")
    bound = bind(plan, grid({varied: [1, 3]}))
    copies = bound.services["api-two"].calls["db-two"].per_request
    assert copies.ravel().tolist() == [1, 3]
