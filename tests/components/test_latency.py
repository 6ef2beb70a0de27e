"""The latency constraint: agreement with Erlang C, laws, and what cannot be kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers import codes, component, estimate_of, moderate, peak, row
from hypothesis import given
from hypothesis import strategies as st

from capplan.capacity.queueing import ggc_response_percentile, servers_for_response
from capplan.report.json_format import estimate_document

POOL = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 400, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        service_time: 50ms
        cpu_time: 1ms
        concurrency: 1
        instances: {min: 1}
        slo: {p95: 160ms}
"""
"""Twenty busy places, one an instance: exactly M/M/c."""


def test_the_constraint_is_that_of_erlang_c():
    result = estimate_of(POOL)
    found = component(result, "api")
    assert found.sizing.constraints["latency"][0, 0] == servers_for_response(0.95, 0.16, 400, 0.05)
    assert found.sizing.binding() == "latency"
    assert peak(result, "api") > 20
    kept = row(found.response.at_peak(0.95), 0)
    assert kept == pytest.approx(
        float(ggc_response_percentile(0.95, 400, 0.05, peak(result, "api"))), rel=1e-12
    )
    assert kept <= 0.16


def test_json_reports_latency_at_the_peak_and_by_hour():
    document = estimate_document(estimate_of(POOL, "demand.profile=office-hours"))
    api = document["components"]["api"]
    assert api["latency_ms"]["p50"] < api["latency_ms"]["p95"] <= 160 < api["latency_ms"]["p99"]
    assert len(api["by_hour"]["latency_ms"]["p95"]) == len(api["by_hour"]["utilization"]) == 168
    assert max(api["by_hour"]["latency_ms"]["p95"]) <= 160
    assert max(api["by_hour"]["utilization"]) <= 1
    json.dumps(document, allow_nan=False)


def test_shared_cores_answer_slower_than_the_work_alone():
    said = ("services.api.concurrency=null", "services.api.service_time=60ms", "services.api.cpu_time=20ms")
    api = component(estimate_of(POOL, *said), "api")
    assert 0.04 + 0.02 < row(api.response.at_peak(0.95), 0) <= 0.16
    tight = component(estimate_of(POOL, *said, "services.api.slo.p95=96ms"), "api")
    assert tight.sizing.constraints["latency"][0, 0] > api.sizing.constraints["latency"][0, 0]


def test_an_slo_below_the_service_time_is_an_error_and_not_a_number_of_instances():
    result = estimate_of(POOL, "services.api.slo.p95=40ms")
    (finding,) = [f for f in result.findings if f.code == "slo-below-service-time"]
    assert finding.severity == "error"
    assert "149.8 ms" in finding.message
    assert 20 < peak(result, "api") < 60


def test_where_only_the_default_variability_forbids_it_it_is_a_warning():
    assumed = estimate_of(POOL, "services.api.slo.p95=100ms")
    assert [f.severity for f in assumed.findings if f.code == "slo-below-service-time"] == ["warning"]
    said = estimate_of(POOL, "services.api.slo.p95=100ms", "services.api.cs2=1")
    assert [f.severity for f in said.findings if f.code == "slo-below-service-time"] == ["error"]
    steady = estimate_of(POOL, "services.api.slo.p95=100ms", "services.api.cs2=0.1")
    assert "slo-below-service-time" not in codes(steady)


def test_a_maximum_that_breaks_the_promise_is_found():
    result = estimate_of(POOL, "services.api.instances={min: 1, max: 21}")
    assert {"slo-missed", "max-too-small"} <= codes(result)
    (missed,) = [f for f in result.findings if f.code == "slo-missed"]
    enough = peak(result, "api")
    assert f"to {enough:.0f}" in missed.remedy
    raised = estimate_of(POOL, f"services.api.instances={{min: 1, max: {enough:.0f}}}")
    assert not {"slo-missed", "max-too-small"} & codes(raised)
    overloaded = estimate_of(POOL, "services.api.instances={min: 1, max: 19}")
    assert estimate_document(overloaded)["components"]["api"]["latency_ms"]["p95"] is None
    api = component(result, "api").sizing
    assert float(api.carried_rps[0, 0]) < 400


def test_without_a_time_the_slo_is_not_checked():
    result = estimate_of(
        POOL,
        "services.api.service_time=null",
        "services.api.cpu_time=null",
        "services.api.concurrency=null",
        "services.api.throughput=30/s",
    )
    assert "slo-not-checked" in codes(result)


def test_a_sweep_is_what_its_points_are():
    together = estimate_of(POOL, sweep=("services.api.slo.p95=155ms,160ms,300ms", "demand.ca2=1,4"))
    alone = [
        peak(estimate_of(POOL, f"services.api.slo.p95={slo}", f"demand.ca2={ca2}"), "api")
        for slo in ("155ms", "160ms", "300ms")
        for ca2 in (1, 4)
    ]
    assert np.broadcast_to(component(together, "api").sizing.peak[:, 0], 6).tolist() == alone
    assert alone == sorted(alone[:2], key=float) + alone[2:]


@moderate
@given(
    st.floats(1, 3000),
    st.floats(0.02, 2),
    st.floats(1, 2),
    st.sampled_from([0, 0.5, 1, 2, 4]),
    st.sampled_from(["cpu_time=40ms", "cpu_time=1ms"]),
)
def test_more_of_anything_that_hurts_never_needs_fewer(rps, slo, more, cs2, cpu):
    def needed(*sets):
        base = (f"demand.requests_per_second={rps}", f"services.api.slo.p95={slo}s", f"services.api.{cpu}")
        return peak(estimate_of(POOL, *base, f"services.api.cs2={cs2}", *sets), "api")

    plain = needed()
    assert needed(f"services.api.slo.p95={slo / more}s") >= plain
    assert needed(f"demand.requests_per_second={rps * more}") >= plain
    assert needed(f"services.api.cs2={cs2 * more}") >= plain
    assert needed(f"demand.ca2={more}") >= plain
    assert needed("services.api.redundancy={zones: 3, survive_zones: 1}") >= plain
