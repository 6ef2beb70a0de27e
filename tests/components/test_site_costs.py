"""What stands between sites: DNS, global load balancers, and traffic, priced where the plan says how much."""

import json

import numpy as np
import pytest
from helpers import SHIPPED, plan_of

from capplan.errors import InputError
from capplan.estimate import estimate

PLAN = """
name: shop
regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
demand: {requests_per_second: 100, profile: flat}
sites: {us: {}, eu: {regions: {gcp: europe-west1, aws: eu-west-1, azure: westeurope}%s}}
%s
services:
  web:
    {platform: %s, cpu: 1, memory: 2Gi, service_time: 100ms, concurrency: 10, response_size: 10Ki, calls: %s}
databases:
  db: {platform: %s, engine: postgres, machine: %s, storage: 50Gi%s}
"""
ON = {
    "gcp": ("cloud-run", "cloud-sql", "db-custom-2-8192"),
    "aws": ("fargate", "rds", "db.m5.large"),
    "azure": ("container-apps", "azure-postgresql", "GP_Standard_D2ds_v5"),
}
MONTH_S = 730 * 3600
SENT_GIB = 100 * MONTH_S * 10 / 2**20


def of(provider="gcp", routing="", site=", standby: warm", database="", calls="{db: 1}"):
    service, platform, machine = ON[provider]
    routing = f"site_routing: {{{routing}}}" if routing else ""
    text = PLAN % (site, routing, service, calls, platform, machine, database)
    return estimate(plan_of(text), SHIPPED)


def billed(found, component):
    return {
        line.sku: round(float(line.cost.expected[0, 0]), 4) for line in found.lines_of(component) if line.cost
    }


def said(found, code):
    return [finding.message for finding in found.findings if finding.code == code]


@pytest.mark.parametrize(
    ("provider", "routing", "costs"),
    [
        (
            "aws",
            "by: dns, queries_per_request: 0.1",
            {
                "hosted-zone-first-25": 0.5,
                "query-first-1e9": 10.512,
                "health-check-aws": 1,
                "health-check-aws-option": 2,
            },
        ),
        ("aws", "by: dns, queries_per_request: 0, interval: 10s", {"health-check-aws-option": 4}),
        (
            "gcp",
            "by: dns, provider: aws, queries_per_request: 0",
            {"health-check-other": 1.5, "health-check-other-option": 4},
        ),
        (
            "azure",
            "by: dns, queries_per_request: 0.1",
            {"hosted-zone": 0.5, "query-first-1e9": 14.1912, "health-check": 0.72},
        ),
        (
            "gcp",
            "by: load-balancer",
            {"forwarding-rules-first-5": 18.25, "egress-data": round(SENT_GIB * 0.008, 4)},
        ),
        (
            "aws",
            "by: load-balancer",
            {"accelerator": 18.25, "data-transfer-premium": round(SENT_GIB * 0.015, 4)},
        ),
    ],
)
def test_routing_is_priced_by_what_passes_it(provider, routing, costs):
    found = billed(of(provider, routing), "sites")
    assert {sku: found[sku] for sku in costs} == pytest.approx(costs)


def test_front_door_sends_the_answers_instead_of_the_regions():
    plain, fronted = of("azure", "by: dns, queries_per_request: 0"), of("azure", "by: load-balancer")
    assert any("egress" in line.meter.service for line in plain.lines_of("web"))
    assert not any("egress" in line.meter.service for line in fronted.lines_of("web"))
    quantity = sum(
        float(line.quantity.expected[0, 0])
        for line in fronted.lines_of("sites")
        if line.meter.sku == "standard-data-out"
    )
    assert quantity == pytest.approx(SENT_GIB)


@pytest.mark.parametrize(
    ("provider", "database", "sku", "gib", "usd"),
    [
        ("gcp", ", write_size: 1Ki, read_share: 80%", "between-areas", 20 * MONTH_S / 2**20, 0.08),
        ("aws", ", write_size: 1Ki", "to-eu-west-1", 100 * MONTH_S / 2**20, 0.02),
        ("azure", ", write_size: 1Ki", "from-north-america", 100 * MONTH_S / 2**20, 0.05),
        (
            "aws",
            ", read_share: 100%, time_series: {t: {rows_per_second: 10, row_size: 1Ki, retain: 30d}}",
            "to-eu-west-1",
            10 * MONTH_S / 2**20,
            0.02,
        ),
    ],
)
def test_the_writes_of_a_database_are_sent_to_its_standby(provider, database, sku, gib, usd):
    found = of(provider, database=database)
    line = next(line for line in found.lines_of("db") if line.sku == sku)
    assert float(line.quantity.expected[0, 0]) == pytest.approx(gib)
    assert line.unit_price == usd
    assert not said(found, "traffic-unknown")


def test_a_continent_whose_prices_nobody_knows_is_unpriced_and_not_free():
    found = of(database=", write_size: 1Ki, recovery: {standby_region: me-west1}", site=", standby: hot")
    assert [
        line.sku
        for line in found.lines_of("db")
        if line.status == "unpriced" and "write" in line.meter.formula
    ] == ["inter-region"]
    assert not found.certainty.complete


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "the bill lacks writes for the standby to europe-west1"),
        (
            {"database": ", write_size: 1Ki", "site": ", components: [web]"},
            "the bill lacks calls of web-eu to db",
        ),
        ({"routing": "by: dns", "database": ", write_size: 1Ki"}, "the bill lacks the DNS queries"),
        (
            {"routing": "by: load-balancer", "database": ", write_size: 1Ki"},
            "the bill lacks the data of requests",
        ),
    ],
)
def test_what_the_plan_does_not_say_is_said_to_be_unknown(asked, message):
    found = said(of(**asked), "traffic-unknown")
    assert len(found) == 1
    assert message in found[0]


def test_every_scenario_has_its_own_writes(capplan, tmp_path):
    service, platform, machine = ON["gcp"]
    text = PLAN % (", standby: warm", "", service, "{db: 1}", platform, machine, ", write_size: 1Ki")
    (tmp_path / "plan.yaml").write_text(text)
    swept = capplan("estimate", tmp_path, "--sweep", "databases.db.write_size=1Ki,3Ki", "--format", "json")
    one, three = (s["monthly_cost"]["expected"] for s in json.loads(swept.stdout)["scenarios"])
    assert three - one == pytest.approx(2 * 100 * MONTH_S / 2**20 * 0.08)


def test_nothing_is_unknown_of_a_database_that_is_only_read():
    assert not said(of(database=", read_share: 100%"), "traffic-unknown")


def test_calls_to_another_site_leave_its_region():
    found = of(site=", components: [web], share: 25%", calls="{db: {per_request: 2, size: 4Ki}}")
    line = next(line for line in found.lines_of("sites") if line.sku == "between-areas")
    assert line.meter.region == "us-central1"
    assert float(line.quantity.expected[0, 0]) == pytest.approx(25 * 2 * 4 * MONTH_S / 2**20)


def test_who_lists_a_router_among_resources_is_believed():
    assert said(of(), "sites-unrouted")
    assert not said(of(routing="by: load-balancer"), "sites-unrouted")
    listed = "resources: {dns: {provider: aws, service: route53, sku: hosted-zone-first-25, quantity: 1}}"
    service, platform, machine = ON["gcp"]
    text = PLAN % (", standby: warm", listed, service, "{}", platform, machine, "")
    assert not said(estimate(plan_of(text), SHIPPED), "sites-unrouted")


def test_what_notices_a_lost_site_decides_how_long_recovery_takes():
    def rto(routing):
        sites = next(
            c
            for c in of(
                routing=f"{routing}, provider: aws" if routing.startswith("by: dns") else routing
            ).components
            if c.name == "sites"
        )
        return next(float(np.max(m.needs)) for m in sites.measures if m.name == "RTO, site lost")

    assert rto("") == 1 + 15
    assert rto("by: dns, interval: 10s, failures: 3, ttl: 30s") == pytest.approx(1 + 15)
    assert rto("by: dns, interval: 30s, failures: 4, ttl: 1m") == pytest.approx(3 + 15)
    assert rto("by: load-balancer, interval: 10s, failures: 3, ttl: 30s") == pytest.approx(0.5 + 15)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"routing": "by: load-balancer, provider: aws"}, "Global Accelerator reaches only what runs on aws"),
        ({"routing": "by: anycast"}, "site_routing.by"),
        ({"routing": "by: dns}\nsite_recovery: {switch: 1m"}, "site_routing says how long that takes"),
        ({"routing": "by: dns, interval: 1s"}, "the interval is 10s to 5m"),
        ({"routing": "by: dns, ttl: 0s"}, "the ttl 1s to 24h"),
        ({"routing": "by: dns, failures: 11"}, "failures are at most 10"),
        ({"routing": "by: dns, host: 'a b'"}, "site_routing.host"),
    ],
)
def test_routing_that_cannot_be_is_refused(asked, message):
    with pytest.raises(InputError) as error:
        of(**asked)
    assert message in str(error.value)


STORE = """
name: files
regions: {aws: us-east-1}
demand: {requests_per_second: 10, profile: flat, entry: {files: 1}}
resources:
  files: {provider: aws, service: s3, sku: standard-first-50TB%s, copied_to: %s}
"""


def test_a_copied_store_is_stored_twice_and_sent_once():
    text = STORE % (", size_per_request: 1Mi, retain: 10d", "us-west-2")
    found = estimate(plan_of(text), SHIPPED)
    by_region = {
        (line.meter.region, line.meter.service): float(line.quantity.expected[0, 0]) for line in found.lines
    }
    stored = 10 * 86400 * 10 / 1024
    assert by_region["us-east-1", "s3"] == by_region["us-west-2", "s3"] == pytest.approx(stored)
    assert by_region["us-east-1", "data-transfer"] == pytest.approx(10 * MONTH_S / 1024)


def test_a_copy_whose_writes_nobody_states_is_unknown_and_one_in_place_is_refused():
    found = estimate(plan_of(STORE % (", quantity: 100", "us-west-2")), SHIPPED)
    assert "traffic-unknown" in {finding.code for finding in found.findings}
    for region, message in (
        ("us-east-1", "it is in us-east-1 already"),
        ("us-west-9", "no region 'us-west-9'"),
    ):
        with pytest.raises(InputError, match=message):
            estimate(plan_of(STORE % ("", region)), SHIPPED)
