"""`machine: auto`: the cheapest that keeps every constraint in the wanted share of draws, with reasons."""

from __future__ import annotations

import pytest
from helpers import SHIPPED, component, estimate_of, monthly, plan_of

import capplan.estimate
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.report.blocks import Report, Style
from capplan.report.explain import explain_blocks
from capplan.report.formats import written
from capplan.uncertainty.sample import sample

OPEN = """
    name: t
    regions: {aws: us-east-1, gcp: us-central1}
    demand: {requests_per_second: 400, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: auto
        service_time: 50ms
        cpu_time: 20ms
        concurrency: 16
        memory_base: 2Gi
        memory_per_request: 100Mi
        instances: {min: 2, max: 12}
"""


def chosen(result, name="api"):
    return result.context.candidates[name][0]


def test_nothing_that_meets_the_constraints_is_cheaper():
    result = estimate_of(OPEN)
    best = chosen(result)
    assert result.plan.services["api"].machine == best.name
    assert monthly(result) == pytest.approx(best.cost)
    for other in ("m5.large", "m5.xlarge", "c5.xlarge", "r5.large", "c5.2xlarge"):
        alone = estimate_of(OPEN, f"services.api.machine={other}")
        meets = component(alone, "api").sizing.peak[0, 0] <= 12
        assert not meets or monthly(alone) >= monthly(result) - 1e-9


def test_every_rejected_candidate_has_a_reason():
    first, *others = estimate_of(OPEN).context.candidates["api"]
    assert first.reason == ""
    assert len(others) > 100
    assert all(candidate.reason for candidate in others)
    kinds = {candidate.reason.partition(":")[0] for candidate in others}
    assert {"price", "burstable", "arm", "GPU"} <= kinds


def test_families_limit_the_choice():
    result = estimate_of(OPEN, "services.api.machine=[m5, t3]")
    assert chosen(result).name.split(".")[0] in ("m5", "t3")
    reasons = {c.name: c.reason for c in result.context.candidates["api"]}
    assert reasons["c5.large"] == "family: none of m5, t3"


def test_no_machine_is_an_error_with_what_binds():
    with pytest.raises(InputError, match=r"no machine meets every constraint.*max: up to"):
        estimate_of(OPEN, "services.api.concurrency=1", "services.api.instances={min: 1, max: 2}")
    with pytest.raises(InputError, match="meets the needs"):
        estimate_of(OPEN, "services.api.machine=[nonsuch]")


def test_the_share_that_is_met_is_the_one_asked_for_or_more_in_fresh_draws():
    said = ("demand.requests_per_second={p5: 200, p50: 400, p95: 1000}", "services.api.slo={p95: 300ms}")
    for meet in (0.5, 0.8, 0.95):
        result = estimate_of(OPEN, *said, f"uncertainty.meet={meet}")
        best = chosen(result)
        assert best.met >= meet
        fresh = sample(result.file, SHIPPED, 4000, 99)
        assert fresh.met("api") == pytest.approx(best.met, abs=0.01)


def test_a_larger_share_never_costs_less():
    uncertain = "demand.requests_per_second={p5: 200, p50: 400, p95: 1000}"
    costs = [
        chosen(estimate_of(OPEN, uncertain, f"uncertainty.meet={m}")).cost for m in (0.3, 0.6, 0.9, 0.97)
    ]
    assert costs == sorted(costs)


def test_with_a_price_of_shortage_the_regret_decides():
    said = (
        "demand.requests_per_second={p5: 200, p50: 400, p95: 1000}",
        "services.api.instances={min: 2, max: 7}",
    )
    cheap = chosen(estimate_of(OPEN, *said, "uncertainty={shortage_cost: $1}"))
    dear = chosen(estimate_of(OPEN, *said, "uncertainty={shortage_cost: $1M}"))
    assert cheap.met < dear.met
    assert cheap.cost < dear.cost


POOL = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 400, profile: flat}
    services:
      web: {platform: kubernetes, cpu: 3, memory: 10Gi, service_time: 20ms, concurrency: 4}
    clusters:
      c: {platform: gke, pools: {default: {machine: auto, nodes: {min: 1, max: 60}}}}
"""


def test_a_node_pool_gets_machines_that_its_pods_fit():
    result = estimate_of(POOL)
    best = chosen(result, "c/default")
    assert component(result, "c/default").sizing is not None
    assert not [f for f in result.findings if f.code == "pod-fits-no-node"]
    reasons = {c.name: c.reason for c in result.context.candidates["c/default"]}
    assert any(reason.startswith("does not fit") for reason in reasons.values())
    for other in ("e2-standard-4", "n2-standard-4", "e2-standard-8"):
        alone = estimate_of(POOL, f"clusters.c.pools.default.machine={other}")
        if not [f for f in alone.findings if f.severity == "error"]:
            assert monthly(alone) >= best.cost - 1e-9


def explained(found):
    return written(Report(lambda: explain_blocks(found, "candidates")), "table", Style(80))


def test_the_candidates_are_explained():
    text = explained(estimate_of(OPEN))
    assert "api: candidates" in text
    assert "chosen" in text
    named = explained(estimate(plan_of(OPEN, "services.api.machine=m5.large"), SHIPPED))
    assert "capplan has no machine to choose" in named


def several(count, *said):
    common = "platform: vm-group, provider: aws, machine: [m5, c5], instances: {min: 2}"
    more = "".join(f"      s{n}: {{{common}, cpu_time: {n + 2}ms}}\n" for n in range(count))
    entry = ", ".join(["api: 400", *(f"s{n}: {700 * n + 90}" for n in range(count))])
    demand = f"demand={{requests_per_second: 1, profile: flat, entry: {{{entry}}}}}"
    return estimate_of(OPEN + more, demand, "services.api.machine=[m5, r5]", *said)


DEPENDENT = {
    "nothing": (),
    "an uncertain load": ("services.s0.cpu_time={p5: 1ms, p50: 2ms, p95: 6ms}",),
    "a commitment": ("services.s1.purchase={commit_1y: 50%}",),
    "a disk of each instance": (
        "resources.log={provider: aws, service: ebs, sku: gp3, quantity: 10, each: s1}",
    ),
}


@pytest.mark.parametrize("said", DEPENDENT.values(), ids=DEPENDENT)
def test_a_service_alone_gets_the_machine_that_it_gets_in_the_whole_plan(said, monkeypatch):
    alone = several(2, *said).context.candidates
    monkeypatch.setattr("capplan.components.machine_choice._stands_alone", lambda *_: False)
    whole = several(2, *said).context.candidates
    for name, candidates in whole.items():
        assert [c.name for c in alone[name]] == [c.name for c in candidates]
        assert [c.met for c in alone[name]] == [c.met for c in candidates]
        costs = [c.cost or 0 for c in candidates]
        assert [c.cost or 0 for c in alone[name]] == pytest.approx(costs)


def test_machines_of_many_services_take_time_in_proportion(monkeypatch):
    built = []
    build = capplan.estimate.components_of
    monkeypatch.setattr(
        "capplan.estimate.components_of", lambda ctx: built.extend(found := build(ctx)) or found
    )
    sizes = []
    for count in (1, 5):
        built.clear()
        several(count, "services.api.machine=m5.large")
        sizes.append(len(built))
    assert sizes[1] < 6 * sizes[0]
