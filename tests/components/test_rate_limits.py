"""Rate limits computed from the capacity that the plan has, beside those of the document."""

from pathlib import Path

import numpy as np
import pytest
from helpers import SHIPPED, codes, component, estimate_of, moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.components.ratelimits import load_tiers
from capplan.errors import InputError

LEVQOR = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 200, profile: office-hours, peak_to_average: 2.5}
    services:
      backend:
        platform: vm-group
        provider: aws
        machine: t3.micro
        throughput: 75/s
        instances: {min: 2, max: 10}
        redundancy: {spare: 1}
    rate_limits:
      api:
        service: backend
        clients: 400
        tiers: levqor-load
        requests_per_minute: 450
        endpoints:
          default: {share: 50%}
          ai-chat: {share: 10%, cost: 4}
          workflows: {share: 20%}
          billing: {share: 5%}
          health: {share: 15%, cost: 0.1}
"""
CAPACITY_PER_MINUTE = 9 * 75 * 60
"""Ten instances, one of them spare."""


def figures(*sets: str) -> dict:
    return {m.name: m for m in component(estimate_of(LEVQOR, *sets), "api").measures}


def number(measure) -> float:
    return float(measure.needs[0, 0])


def allowed(measure) -> float:
    return float(measure.has[0, 0])


def test_the_capacity_is_that_of_the_maximum_without_the_spare():
    assert number(figures()["capacity"]) == pytest.approx(CAPACITY_PER_MINUTE)


@pytest.mark.parametrize(
    ("tier", "default", "chat", "workflows", "billing", "health"),
    # The document's table, requests of a client in a minute.
    [
        ("low", 200, 50, 100, 30, 200),
        ("medium", 100, 30, 60, 20, 100),
        ("high", 70, 20, 40, 15, 50),
        ("critical", 50, 10, 20, 10, 30),
    ],
)
def test_the_documents_limits_stand_beside_the_computed(tier, default, chat, workflows, billing, health):
    found = figures()
    said = {"default": default, "ai-chat": chat, "workflows": workflows, "billing": billing, "health": health}
    edge = {"low": 0.3, "medium": 0.6, "high": 0.8, "critical": 0.95}[tier]
    shares = {
        "default": (0.5, 1),
        "ai-chat": (0.1, 4),
        "workflows": (0.2, 1),
        "billing": (0.05, 1),
        "health": (0.15, 0.1),
    }
    for endpoint, limit in said.items():
        measure = found[f"{tier}: {endpoint}"]
        assert number(measure) == limit
        share, cost = shares[endpoint]
        computed = CAPACITY_PER_MINUTE * share / cost / (400 * edge)
        assert allowed(measure) == pytest.approx(computed)
        # The mark in the table: the document admits more than there is.
        assert measure.short() == (limit > computed)


def test_when_all_clients_use_their_limits_the_service_is_full():
    found = figures()
    for tier in SHIPPED.tier_table("levqor-load", Path()).tiers:
        work = sum(
            allowed(found[f"{tier.name}: {endpoint}"]) * cost
            for endpoint, cost in (
                ("default", 1),
                ("ai-chat", 4),
                ("workflows", 1),
                ("billing", 1),
                ("health", 0.1),
            )
        )
        assert work * 400 * min(tier.below, 1) == pytest.approx(CAPACITY_PER_MINUTE)


@pytest.mark.parametrize(
    ("per_minute", "ratio", "tier", "instances"),
    [(450, 450 / CAPACITY_PER_MINUTE, "low", 2), (30_000, 0.7407, "high", 8), (40_500, 1.0, "critical", 10)],
)
def test_load_ratio_tier_and_instances(per_minute, ratio, tier, instances):
    """Required instances as in the document: ⌈requests/s ÷ 75⌉ and one more, at least two."""
    result = estimate_of(LEVQOR, f"rate_limits.api.requests_per_minute={per_minute}")
    found = {m.name: m for m in component(result, "api").measures}
    assert number(found["load ratio"]) == pytest.approx(100 * ratio, rel=1e-3)
    assert component(result, "api").pick.name(0) == tier
    assert number(found["instances for it"]) == instances


def test_the_documents_own_example():
    """450 requests a minute of a capacity of 1,000 are a load of 0.45: medium."""
    small = ("services.backend.throughput=1000/min", "services.backend.instances={min: 1, max: 2}")
    result = estimate_of(LEVQOR, *small)
    found = {m.name: m for m in component(result, "api").measures}
    assert number(found["load ratio"]) == pytest.approx(45)
    assert component(result, "api").pick.name(0) == "medium"


def test_token_buckets_hold_what_may_come_at_once():
    found = figures("rate_limits.api.burst=30s")
    limit, bucket = found["low: billing"], found["low: billing, bucket"]
    assert number(bucket) == np.floor(allowed(limit) / 2)
    assert bucket.detail
    assert number(figures("rate_limits.api.burst=0")["low: billing, bucket"]) == 1


def test_limits_that_admit_more_than_the_service_carries_are_a_warning():
    # 200 a minute for half the requests of 4,000 × 30 % clients: far above 20,250 a minute.
    result = estimate_of(LEVQOR, "rate_limits.api.clients=4000")
    (finding,) = [f for f in result.findings if f.subject == "api"]
    assert finding.code == "limit-above-capacity"
    assert "limit-above-capacity" not in codes(estimate_of(LEVQOR, "rate_limits.api.clients=20"))


@moderate
@given(st.integers(1, 10_000), st.integers(1, 10_000), st.integers(1, 50))
def test_more_clients_are_admitted_less_and_more_instances_more(clients, more, instances):
    few = figures(f"rate_limits.api.clients={clients}")
    many = figures(f"rate_limits.api.clients={clients + more}")
    larger = figures(f"rate_limits.api.clients={clients}", f"services.backend.instances.max={10 + instances}")
    for name in (n for n in few if few[n].unit == "/min each"):
        assert allowed(many[name]) < allowed(few[name]) < allowed(larger[name])


def test_scenarios_stand_apart():
    sweep = ("rate_limits.api.requests_per_minute=450,15000,30000,40000",)
    result = estimate_of(LEVQOR, sweep=sweep)
    assert [component(result, "api").pick.name(i) for i in range(4)] == ["low", "medium", "high", "critical"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            "rate_limits.api.endpoints.default.share=60%",
            "rate_limits.api.endpoints: shares add up to 110%, not 100%",
        ),
        (
            "services.backend.instances.max=null",
            "rate_limits.api.service: the plan does not say what 'backend' carries",
        ),
        (
            "services.backend.throughput=null",
            "rate_limits.api.service: the plan does not say what 'backend' carries",
        ),
        ("rate_limits.api.service=backed", "'backed' is not a service. Did you mean 'backend'?"),
        ("rate_limits.api.tiers=levqor-capacity", "is a table of capacity, not of load"),
        (
            "rate_limits.api.tiers=levqor",
            "rate_limits.api.tiers: no tier table 'levqor'. Did you mean 'levqor-",
        ),
        ("rate_limits.api.tiers=auto", "rate_limits.api.tiers: the plan has no table of load tiers"),
        ("rate_limits.api.endpoints.health=null", "shares add up to 85%, not 100%"),
        ("rate_limits.api.clients=0", "rate_limits.api.clients: must be above 0"),
    ],
)
def test_bad_input(change, says):
    with pytest.raises(InputError) as caught:
        estimate_of(LEVQOR, change)
    assert says in str(caught.value)


def test_auto_takes_the_plans_table():
    named, auto = figures(), figures("rate_limits.api.tiers=auto", "tiers.load=levqor-load")
    assert named.keys() == auto.keys()


@pytest.mark.parametrize(
    ("rps", "tier"),
    # The busiest hour of 2.5 times the mean, over nine instances of 75 requests/s.
    [(40, "low"), (120, "medium"), (200, "high"), (260, "critical"), (900, "critical")],
)
def test_without_a_measured_load_the_tier_is_that_of_the_busiest_hour(rps, tier):
    sets = ("rate_limits.api.requests_per_minute=null", f"demand.requests_per_second={rps}")
    found = component(estimate_of(LEVQOR, *sets), "api")
    assert found.pick.name(0) == tier
    ratio = next(measure for measure in found.measures if measure.name == "load ratio")
    assert number(ratio) == pytest.approx(100 * 2.5 * rps / (9 * 75), rel=1e-3)


OWN_TIERS = """
schema: 1
name: own
kind: load
by: load_ratio
source: {as_of: unknown, text: the team's own}
tiers:
  - {name: calm, below: 50%, limits: {read: 90, write: 30}}
  - {name: busy, below: 90%, limits: {read: 45, write: 3}}
"""


def test_a_limiter_lets_in_less_by_the_tables_own_tiers(tmp_path: Path):
    (tmp_path / "own.yaml").write_text(OWN_TIERS)
    endpoints = "{read: {share: 80%}, write: {share: 20%}}"
    sets = (f"rate_limits.api.tiers={tmp_path / 'own.yaml'}", f"rate_limits.api.endpoints={endpoints}")
    context = estimate_of(LEVQOR, "rate_limits.api.endpoints=null", *sets).context
    shares, edges = load_tiers(context, "backend")
    assert shares == pytest.approx([1.0, (0.8 * 45 + 0.2 * 3) / (0.8 * 90 + 0.2 * 30)])
    assert edges == [0.5]
    assert load_tiers(context, "another") == ([1.0], [])
