"""Very many scenarios: chunks and threads change no digit."""

import numpy as np
import pytest
from helpers import FLAT_VM, ROOT, SHIPPED, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan import many
from capplan.arrays import hourly_max
from capplan.capacity.limits import Limit
from capplan.capacity.sizing import Bounds, size
from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.many import estimate_many, summary_of
from capplan.plan.bind import Scenarios
from capplan.plan.read import read_plan

AFPI = read_plan(ROOT / "examples" / "afpi")
LEVQOR = read_plan(ROOT / "examples" / "levqor")

RANGES = {
    "afpi": {
        ("demand", "users_per_day"): (0, 20_000),
        ("demand", "requests_per_user"): (0, 1000),
        ("services", "backend", "service_time"): (0.01, 2),
        ("services", "backend", "concurrency"): (1, 1000),
        ("services", "backend", "instances", "min"): (0, 3),
        ("external_apis", "llm-api", "price_per_request"): (0, 0.1),
    },
    "levqor": {
        ("demand", "requests_per_second"): (0, 1000),
        ("demand", "peak_to_average"): (1, 2.9),
        ("services", "backend", "throughput"): (5, 500),
        ("services", "backend", "redundancy", "spare"): (0, 3),
        ("services", "backend", "purchase", "spot"): (0, 1),
        ("services", "backend", "purchase", "commit_1y"): (0, 1),
    },
}
"""What varies in the examples, and between which values."""


def drawn(plan: str, count: int, seed: int) -> Scenarios:
    draw = np.random.default_rng(seed)
    return Scenarios(count, {path: draw.uniform(*limits, count) for path, limits in RANGES[plan].items()})


def assert_same(one: many.Summary, other: many.Summary) -> None:
    assert one.peak_instances.keys() == other.peak_instances.keys()
    assert one.component_cost.keys() == other.component_cost.keys()
    for name, peaks in one.peak_instances.items():
        np.testing.assert_array_equal(peaks, other.peak_instances[name], strict=True)
    for name, costs in one.component_cost.items():
        np.testing.assert_array_equal(costs, other.component_cost[name], strict=True)
    np.testing.assert_array_equal(one.floor, other.floor, strict=True)
    np.testing.assert_array_equal(one.expected, other.expected, strict=True)
    np.testing.assert_array_equal(one.ceiling, other.ceiling)


@settings(max_examples=40, deadline=None)
@given(
    plan=st.sampled_from([("afpi", AFPI), ("levqor", LEVQOR)]),
    count=st.integers(1, 70),
    parts=st.integers(1, 6),
    more=st.integers(0, 9),
    seed=st.integers(0, 2**32),
)
def test_the_size_of_a_chunk_changes_nothing(plan, count, parts, more, seed):
    name, file = plan
    scenarios = drawn(name, count, seed)
    whole = summary_of(estimate(file, SHIPPED, scenarios))
    assert_same(estimate_many(file, SHIPPED, scenarios, max(count // parts, 1) + more), whole)


@pytest.mark.parametrize(("alternative", "path"), [("eks", "levqor"), ("ram-2gb", "levqor")])
def test_alternatives_in_chunks(alternative, path):
    file = read_plan(ROOT / "examples" / path, alternative=alternative)
    load = {("demand", "requests_per_second"): np.linspace(0, 2000, 101)}
    scenarios = Scenarios(101, load)
    assert_same(estimate_many(file, SHIPPED, scenarios, 9), summary_of(estimate(file, SHIPPED, scenarios)))


def test_the_chunk_that_is_chosen_changes_nothing():
    scenarios = drawn("afpi", 3500, 1)
    assert_same(estimate_many(AFPI, SHIPPED, scenarios), summary_of(estimate(AFPI, SHIPPED, scenarios)))


def test_every_array_has_a_value_for_each_scenario():
    summary = estimate_many(plan_of(FLAT_VM), SHIPPED, Scenarios(5), 2)
    assert summary.peak_instances["api"].tolist() == [10.0] * 5
    assert summary.expected.shape == summary.floor.shape == (5,)
    assert summary.component_cost["api"].tolist() == summary.expected.tolist()


def test_without_a_maximum_no_chunk_has_a_ceiling():
    """Not even one in which nothing runs: how far it could scale, nobody says."""
    file = plan_of(FLAT_VM, "services.api.instances={min: 0}")
    scenarios = Scenarios(4, {("demand", "requests_per_second"): np.array([0.0, 0.0, 0.0, 5.0])})
    assert summary_of(estimate(file, SHIPPED, scenarios.part(0, 2))).ceiling is None
    assert estimate_many(file, SHIPPED, scenarios, 2).ceiling is None
    assert summary_of(estimate(file, SHIPPED, scenarios)).ceiling is None


def test_books_are_read_once(monkeypatch):
    read = []
    with_books = Catalog.with_books
    monkeypatch.setattr(Catalog, "with_books", lambda *args: read.append(1) or with_books(*args))
    file = read_plan(ROOT / "examples" / "afpi", books=["afpi"])
    estimate_many(file, SHIPPED, drawn("afpi", 20, 1), 3)
    assert len(read) == 1


def test_what_is_wrong_with_one_scenario_is_said():
    ratio = np.full(40, 2.0)
    ratio[33] = 100.0
    with pytest.raises(InputError, match="peak_to_average: got 100"):
        estimate_many(LEVQOR, SHIPPED, Scenarios(40, {("demand", "peak_to_average"): ratio}), 4)


@given(
    rps=st.lists(st.floats(0, 1e6), min_size=1, max_size=24),
    capacity=st.floats(1e-3, 1e4),
    minimum=st.integers(0, 5),
    spare=st.integers(0, 3),
    zones=st.integers(1, 4),
    lost=st.integers(0, 3),
)
def test_the_busiest_hour_is_sized_as_the_others(rps, capacity, minimum, spare, zones, lost):
    bounds = Bounds(float(minimum), 10.0, float(spare), float(zones), float(min(lost, zones - 1)))
    sizing = size(np.array([rps]), [Limit("throughput", capacity, 1.0, "", {})], bounds)
    assert sizing.peak.tolist() == hourly_max(sizing.required).tolist()
    assert sizing.peak_running.tolist() == hourly_max(sizing.running).tolist()
