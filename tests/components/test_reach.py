"""Requests that arrive nowhere, and components that none arrives at, are named."""

from __future__ import annotations

from helpers import codes, estimate_of

PLAN = """
    name: t
    regions: {aws: us-east-1, gcp: us-central1}
    demand: {requests_per_second: 5, profile: flat}
    services:
      web: {platform: fargate, cpu_time: 5ms, calls: {db: 1}}
    databases:
      db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 20Gi}
    external_apis:
      mail: {price_per_request: 0.01}
    resources:
      disk: {provider: aws, service: ebs, sku: gp3, quantity: 100}
"""


def uncalled(*sets):
    return {f.subject: f.severity for f in estimate_of(PLAN, *sets).findings if f.code == "uncalled"}


def test_what_nobody_calls_is_named_unless_it_is_held_anyway():
    assert uncalled() == {"mail": "warning"}
    assert uncalled("services.web.calls={mail: 1}", "services.web.calls.db=null") == {"db": "info"}
    assert uncalled("services.web.calls={mail: 1, db: 1}") == {}


def test_an_entry_elsewhere_leaves_a_service_without_requests():
    assert uncalled("demand.entry={db: 1}", "services.web.calls={mail: 1}") == {
        "web": "warning",
        "mail": "warning",
    }


def test_without_demand_nothing_is_missed():
    assert uncalled("requests_per_second=0") == {}


def test_demand_that_nothing_takes_is_an_error():
    only = ("services=null", "databases=null", "external_apis=null")
    result = estimate_of(PLAN, *only)
    (finding,) = [f for f in result.findings if f.code == "demand-enters-nowhere"]
    assert finding.severity == "error"
    assert "5 requests/s" in finding.message
    assert "demand-enters-nowhere" not in codes(estimate_of(PLAN, *only, "requests_per_second=0"))
