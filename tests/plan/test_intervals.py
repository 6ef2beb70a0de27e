"""Intervals: a law whose quantiles are the given ones, what is refused, and draws that the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import FLAT_VM, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.normal import normal_quantile
from capplan.plan.bind import at
from capplan.plan.draws import draw, intervals_of

LEVELS = np.array([0.05, 0.5, 0.95])


def interval(text: str, path: str = "demand.requests_per_second"):
    return at(plan_of(FLAT_VM, f"{path}={text}").plan, path.split("."))


def test_normal_quantiles_against_tables():
    # Abramowitz and Stegun, table 26.5
    found = normal_quantile(np.array([0.5, 0.9, 0.95, 0.99, 0.999, 1e-9]))
    assert found == pytest.approx([0, 1.2815515655, 1.6448536270, 2.3263478740, 3.0902323062, -5.9978070150])


@moderate
@given(st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=3).map(sorted))
def test_the_quantiles_of_a_quantity_are_the_given_ones(values):
    low, middle, high = values
    found = interval(f"{{p5: {low!r}, p50: {middle!r}, p95: {high!r}}}")
    assert found == middle
    assert found.quantiles(LEVELS) == pytest.approx(values, rel=1e-9)
    assert (found.quantiles(np.array([1e-9, 1 - 1e-9])) >= 0).all()


@pytest.mark.parametrize(
    ("path", "text", "values", "bounds"),
    [
        (
            "services.api.target_utilization.throughput",
            "{p5: 40%, p50: 70%, p95: 90%}",
            [0.4, 0.7, 0.9],
            (0, 1),
        ),
        (
            "services.api.target_utilization.throughput",
            "{p5: 40%, p50: 70%, p95: 100%}",
            [0.4, 0.7, 1],
            (0, 1),
        ),
        ("demand.growth_per_month", "{p5: -5%, p50: 2%, p95: 20%}", [-0.05, 0.02, 0.2], (-1, np.inf)),
        ("demand.requests_per_second", "{p5: 0, p50: 10, p95: 40}", [0, 10, 40], (0, np.inf)),
        ("services.api.redundancy.spare", "{p5: 0, p50: 1, p95: 3}", [0, 1, 3], (0, np.inf)),
    ],
)
def test_every_kind_of_number_keeps_its_bounds(path, text, values, bounds):
    found = interval(text, path)
    assert found.quantiles(LEVELS) == pytest.approx(values)
    drawn = found.quantiles(np.linspace(1e-6, 1 - 1e-6, 1001))
    assert drawn.min() >= bounds[0]
    assert drawn.max() <= bounds[1]
    assert (np.diff(drawn) >= 0).all()


def test_low_and_high_are_never_crossed():
    found = interval("{low: 10, mid: 20, high: 60}")
    assert found.quantiles(np.array([1e-12, 0.5, 1 - 1e-12])) == pytest.approx([10, 20, 60], abs=1e-3)


def test_without_a_middle_it_lies_halfway_on_the_scale_of_the_law():
    assert interval("{p5: 100, p95: 400}") == pytest.approx(200)
    assert interval("{low: 100, high: 400}") == 250
    assert interval("{p5: 20%, p95: 80%}", "services.api.target_utilization.cpu") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{p5: 5, p50: 3, p95: 9}", "p50 is not between p5 and p95"),
        ("{p5: 9, p95: 3}", "p5 is above p95"),
        ("{p5: 1}", "needs p95"),
        ("{low: 1, p95: 3}", "not p95"),
        ("{p5: -1, p95: 3}", "at least 0"),
        ("{p5: x, p95: 3}", "x"),
    ],
)
def test_what_is_no_interval_is_refused_with_its_place(text, said):
    with pytest.raises(InputError, match=said) as caught:
        interval(text)
    assert "requests_per_second" in str(caught.value)


UNCERTAIN = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: {p5: 60, p50: 100, p95: 300}, profile: flat}
    services:
      api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: {p5: 8/s, p95: 12/s}}
"""


def test_the_middle_is_what_an_estimate_takes():
    plan = plan_of(UNCERTAIN).plan
    assert plan.demand.requests_per_second == 100
    assert [".".join(path) for path in intervals_of(plan_of(UNCERTAIN))] == [
        "demand.requests_per_second",
        "services.api.throughput",
    ]


def test_an_interval_replaces_another_whole():
    file = plan_of(UNCERTAIN, "demand.requests_per_second={low: 1, high: 3}")
    assert file.plan.demand.requests_per_second == 2


def test_draws_are_a_latin_hypercube_that_the_seed_and_the_path_decide():
    file = plan_of(UNCERTAIN)
    rps, throughput = ("demand", "requests_per_second"), ("services", "api", "throughput")
    drawn = draw(file, 200, 7)
    again = draw(file, 200, 7)
    assert (drawn.values[rps] == again.values[rps]).all()
    assert (drawn.values[rps] != draw(file, 200, 8).values[rps]).any()
    edges = at(file.plan, rps).quantiles(np.linspace(0, 1, 201)[1:-1])
    assert (np.histogram(drawn.values[rps], np.concatenate(([0], edges, [np.inf])))[0] == 1).all()
    alone = draw(plan_of(UNCERTAIN, "services.api.throughput=10/s"), 200, 7)
    assert (alone.values[rps] == drawn.values[rps]).all()
    assert throughput not in alone.values


def test_draws_fill_the_plane_better_than_chance():
    one, other = draw(plan_of(UNCERTAIN), 1024, 1).values.values()
    cells = np.histogram2d(one.argsort().argsort(), other.argsort().argsort(), bins=16)[0]
    assert cells.var() < 3  # by chance it would be 4, the mean


@pytest.mark.parametrize("coefficient", [0.7, -0.5])
def test_correlated_intervals_have_the_rank_correlation_and_keep_their_law(coefficient):
    both = "between: [requests_per_second, throughput]"
    said = f"uncertainty.correlations=[{{{both}, coefficient: {coefficient}}}]"
    free, bound = draw(plan_of(UNCERTAIN), 4000, 1), draw(plan_of(UNCERTAIN, said), 4000, 1)
    ranks = [values.argsort().argsort() for values in bound.values.values()]
    assert np.corrcoef(ranks)[0, 1] == pytest.approx(coefficient, abs=0.03)
    for path, values in bound.values.items():
        assert np.quantile(values, LEVELS) == pytest.approx(np.quantile(free.values[path], LEVELS), rel=2e-3)


def test_a_correlation_of_what_is_certain_is_refused():
    said = "uncertainty.correlations=[{between: [requests_per_second, machine], coefficient: 0.5}]"
    with pytest.raises(InputError, match="'machine' is not an interval"):
        draw(plan_of(UNCERTAIN, said), 100, 1)


def test_coefficients_that_contradict_each_other_are_refused():
    three = plan_of(
        UNCERTAIN,
        "demand.growth_per_month={p5: 0%, p95: 9%}",
        "uncertainty.correlations=[{between: [requests_per_second, throughput], coefficient: 0.95},"
        " {between: [requests_per_second, growth_per_month], coefficient: 0.95},"
        " {between: [throughput, growth_per_month], coefficient: -0.9}]",
    )
    with pytest.raises(InputError, match="contradict"):
        draw(three, 100, 1)
