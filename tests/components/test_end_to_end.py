"""End-to-end times against simulated sums, laws of the call graph, and what eats the budget."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import codes, component, estimate_of

from capplan.components.services.end_to_end import Time, _after, _longest
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
        service_time: 20ms
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


def lognormal(rng, time, count):
    mean, variance = time.mean.item(), time.variance.item()
    sigma = np.sqrt(np.log1p(variance / mean**2))
    return mean * np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2)


def time(mean, cv2):
    return Time(np.array([[mean]]), np.array([[cv2 * mean**2]]), {"x": np.array([[mean]])})


@pytest.mark.parametrize("cv2", [0.2, 1.0, 2.0])
def test_sums_and_longest_are_near_simulation(cv2):
    rng = np.random.default_rng(1)
    one, two, three = time(1.0, cv2), time(0.5, 1.0), time(0.8, cv2)
    drawn = [lognormal(rng, t, 400_000) for t in (one, two, three)]
    assert _after(one, two).p95().item() == pytest.approx(np.quantile(drawn[0] + drawn[1], 0.95), rel=0.11)
    longest = _longest([one, three])
    both = np.maximum(drawn[0], drawn[2])
    assert longest.p95().item() == pytest.approx(np.quantile(both, 0.95), rel=0.13)


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
    assert "api eats 8" in finding.message
    assert "slo-end-to-end-missed" not in codes(estimate_of(PLAN))


def test_a_call_of_unknown_time_is_refused():
    with pytest.raises(InputError, match="Give its response_time"):
        estimate_of(PLAN, "services.web.calls.db.response_time=null")
