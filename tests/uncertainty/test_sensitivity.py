"""First-order indices against Ishigami's function, whose values are known in closed form."""

import numpy as np
import pytest
from helpers import SHIPPED, plan_of

from capplan.plan.read import read_plan
from capplan.uncertainty.moves import ends_of
from capplan.uncertainty.sensitivity import first_order_indices, tornado


def test_indices_of_ishigamis_function():
    rng = np.random.default_rng(0)
    x = {(name,): rng.uniform(-np.pi, np.pi, 50_000) for name in "abc"}
    y = np.sin(x[("a",)]) + 7 * np.sin(x[("b",)]) ** 2 + 0.1 * x[("c",)] ** 4 * np.sin(x[("a",)])
    found = first_order_indices(x, y)
    # Ishigami and Homma (1990): 0.3139, 0.4424, 0
    assert np.allclose([found[(name,)] for name in "abc"], [0.3139, 0.4424, 0.0], atol=0.01)


def test_a_result_that_does_not_vary_is_explained_by_nothing():
    assert first_order_indices({("a",): np.arange(100.0)}, np.ones(100)) == {("a",): 0.0}


RATE_LIMITED = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      web:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        throughput: 10/s
        target_utilization: {throughput: 95%}
        instances: {max: 100}
        purchase: {commit_1y: 60%, commit_3y: 40%}
    rate_limits:
      limits:
        service: web
        clients: 50
        tiers: levqor-load
        endpoints: {a: {share: 75%}, b: {share: 15%}, c: {share: 10%, cost: 3}}
"""


def bars_of(text):
    file = plan_of(text)
    return {".".join(bar.path): (bar.low, bar.high) for bar in tornado(file, SHIPPED).bars}


def test_shares_make_room_for_the_one_that_moves_and_stop_at_the_whole():
    found = bars_of(RATE_LIMITED)
    assert found["rate_limits.limits.endpoints.a.share"] == pytest.approx((0.675, 0.825))
    assert found["services.web.target_utilization.throughput"] == pytest.approx((0.855, 1.0))
    assert found["services.web.purchase.commit_1y"] == pytest.approx((0.54, 0.6))


HALVES = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1}
    demand: {requests_per_second: 100, profile: flat, entry: {one: 1, two: 1}}
    services:
      one: {platform: kubernetes, cpu: 500m, memory: 1Gi, cpu_time: 40ms}
      two: {platform: kubernetes, cpu: 500m, memory: 1Gi, cpu_time: 40ms}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}
"""


def test_halves_of_a_core_make_no_whole():
    """Pods of half a core beside each other, or beside machines, which have no such field."""
    machines = "two: {platform: vm-group, provider: aws, machine: m5.large, cpu_time: 40ms}"
    pods = "two: {platform: kubernetes, cpu: 500m, memory: 1Gi, cpu_time: 40ms}"
    assert pods in HALVES
    path = ("services", "one", "cpu")
    for text in (HALVES, HALVES.replace(pods, machines)):
        assert ends_of(plan_of(text), path, (0.45, 0.55)) == ({path: 0.45}, {path: 0.55})


def test_what_a_gate_allows_is_no_input():
    plan = RATE_LIMITED + "    gates: {assumptions: {max_share: 30%}}\n"
    assert bars_of(plan) == bars_of(RATE_LIMITED)


def test_a_number_moves_only_as_far_as_the_plan_can_be_estimated():
    """A day's peak is less than 24 times its mean, and no section of the plan says so."""
    weights = f"[{', '.join(['1'] + 23 * ['0'])}]"
    text = RATE_LIMITED.replace("profile: flat", f"profile: {weights}, peak_to_average: 23")
    found = bars_of(text)
    assert found["demand.peak_to_average"] == pytest.approx((20.7, 23))
    assert found["demand.requests_per_second"] == pytest.approx((90, 110))


def test_hit_rates_at_thresholds_vary_one_by_one(root):
    file = read_plan(root / "examples" / "amas")
    bars = {bar.path: bar for bar in tornado(file, SHIPPED).bars}
    used, unused = (
        bars["caches", "semantic-cache", "semantic", "hit_rate_at", at] for at in ("0.85", "0.95")
    )
    assert used.cost_low > used.cost_high
    assert unused.swing == 0
