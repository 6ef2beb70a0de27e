"""End-to-end times against simulated sums, laws of the call graph, and what eats the budget."""

from __future__ import annotations

import pytest
from helpers import codes, component, estimate_of, peak

from capplan.errors import InputError

PLAN = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 50, profile: flat}
    services:
      web:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        own_time: 20ms
        cpu_time: 5ms
        concurrency: 50
        slo: {end_to_end: 600ms}
        calls: {api: 2, db: {response_time: 10ms, cache_hit_rate: 60%}}
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        service_time: 60ms
        cpu_time: 5ms
        concurrency: 50
    databases:
      db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 20Gi}
"""


def end_to_end(*sets):
    measures = component(estimate_of(PLAN, *sets), "web").measures
    return next(m for m in measures if m.name == "end-to-end p95")


def test_the_calls_add_up_in_the_mean():
    # 20 + 2 · 60 + 0.4 · 10 = 144 ms; the formula says what eats it
    found = end_to_end()
    assert "api 83%" in found.formula.replace("84%", "83%")
    assert 144 < float(found.needs[0, 0]) < 600
    assert float(found.has[0, 0]) == 600


def test_what_makes_it_shorter_and_longer():
    plain = float(end_to_end().needs[0, 0])
    assert float(end_to_end("services.web.calls.api=3").needs[0, 0]) > plain
    assert float(end_to_end("services.web.calls.db.cache_hit_rate=0%").needs[0, 0]) > plain
    parallel = ("services.web.calls.api.parallel=true", "services.web.calls.db.parallel=true")
    both = "services.web.calls.db.cache_hit_rate=0%"
    assert float(end_to_end(*parallel, both).needs[0, 0]) < float(end_to_end(both).needs[0, 0])


def test_a_broken_promise_names_what_eats_the_budget():
    result = estimate_of(PLAN, "services.web.slo.end_to_end=200ms")
    (finding,) = [f for f in result.findings if f.code == "slo-end-to-end-missed"]
    assert "api takes 8" in finding.message
    assert "slo-end-to-end-missed" not in codes(estimate_of(PLAN))


def test_a_call_of_unknown_time_is_refused():
    with pytest.raises(InputError, match="Give its response_time"):
        estimate_of(PLAN, "services.web.calls.db.response_time=null")


WAITING = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 10, profile: flat}
    services:
      web:
        platform: fargate
        service_time: 100ms
        cpu_time: 5ms
        concurrency: 50
        slo: {end_to_end: 10s}
        calls: {api: 1}
      api: {platform: fargate, service_time: 80ms, cpu_time: 5ms, concurrency: 50}
"""


def needs(plan, *sets):
    """Return the end-to-end p95 of ``web``, ms."""
    measures = component(estimate_of(plan, *sets), "web").measures
    return float(next(m for m in measures if m.name == "end-to-end p95").needs[0, 0])


def test_no_callee_is_counted_twice():
    """The 100 ms that a place is occupied hold the 80 ms of the call: own work of 20 ms."""
    said = needs(WAITING, "services.web.own_time=20ms")
    assert needs(WAITING) == pytest.approx(said)
    assert said < needs(WAITING, "services.web.own_time=100ms") / 1.4


def test_own_time_alone_occupies_the_place_for_the_calls_too():
    plan = WAITING.replace("service_time: 100ms", "own_time: 20ms")
    assert needs(plan) == pytest.approx(needs(WAITING))
    crowded = ("services.web.concurrency=1", "services.web.instances.max=50")
    counts = [peak(estimate_of(text, *crowded), "web") for text in (plan, WAITING)]
    assert counts[0] == counts[1]


def test_a_place_that_is_free_before_its_calls_end_is_named():
    found = codes(estimate_of(WAITING, "services.web.service_time=50ms"))
    assert "service-time-below-calls" in found
    assert "service-time-below-calls" not in codes(estimate_of(WAITING))


def test_nobody_waits_for_what_a_queue_takes():
    alone = needs(WAITING, "services.web.calls.api=null", "demand.entry={web: 1}")
    queued = ("services.api.queue={backlog: 1}",)
    assert needs(WAITING, *queued) == pytest.approx(alone)
    assert needs(WAITING, "services.web.calls.api.async=true") == pytest.approx(alone)
    waits = needs(WAITING, *queued, "services.web.calls.api.async=false")
    assert waits == pytest.approx(needs(WAITING))


def test_an_overload_is_a_finding_with_the_count_that_ends_it():
    """At a load of 1 nothing bounds the wait; two instances of 100 ms for 10/s keep a second."""
    plan = WAITING.replace("calls: {api: 1}", "").replace("concurrency: 50", "concurrency: 1")
    result = estimate_of(plan, "demand.entry={web: 1}", "services.web.slo.end_to_end=1s")
    (finding,) = [f for f in result.findings if f.code == "slo-end-to-end-missed"]
    assert "overloaded" in finding.message
    assert "2 instances of web meet it" in finding.remedy
    enough = estimate_of(
        plan, "demand.entry={web: 1}", "services.web.slo.end_to_end=1s", "services.web.instances.min=2"
    )
    assert "slo-end-to-end-missed" not in codes(enough)


def test_more_instances_do_not_help_against_the_work_itself():
    result = estimate_of(WAITING, "services.web.slo.end_to_end=50ms")
    (finding,) = [f for f in result.findings if f.code == "slo-end-to-end-missed"]
    assert "more instances do not help" in finding.remedy


def test_calls_at_once_take_as_long_as_the_slowest():
    """The slowest of a hundred exponential times of 80 ms: p95 = −80·ln(1 − 0.95^(1/100)) = 606 ms."""
    plan = WAITING.replace("calls: {api: 1}", "calls: {api: {per_request: 100, parallel: true}}")
    found = needs(plan, "services.web.own_time=1ms", "services.api.instances.min=200")
    assert found == pytest.approx(606, rel=0.02)


@pytest.mark.parametrize("layers", [16, 300])
def test_a_deep_call_graph_is_walked_once(layers, monkeypatch):
    """Each service calls the next two: 2ⁿ paths, and n services."""
    from capplan.components.services import calls

    walked = []
    once = calls.time_of_calls
    monkeypatch.setattr(calls, "time_of_calls", lambda *given: walked.append(given[2]) or once(*given))
    lines = [
        "    name: t\n    regions: {aws: us-east-1}\n    demand: {requests_per_second: 0.001, profile: flat}",
        "    services:",
    ]
    for index in range(layers):
        after = [f"s{i}: 0.5" for i in (index + 1, index + 2) if i < layers]
        slo = ", slo: {end_to_end: 1h}" if index == 0 else ""
        lines.append(
            f"      s{index}: {{platform: fargate, own_time: 1ms, concurrency: 80, "
            f"calls: {{{', '.join(after)}}}{slo}}}"
        )
    estimate_of("\n".join(lines))
    assert len(walked) <= 4 * layers
