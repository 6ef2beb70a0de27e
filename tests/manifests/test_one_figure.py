"""A figure of the estimate is the same in what is rendered."""

import re
import textwrap

import pytest
from helpers import component, estimate_of

from capplan.arrays import in_scenario
from capplan.errors import InputError
from capplan.estimate import Estimate
from capplan.manifests.artefact import Rendered
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.manifests.verify.run import verify_rendered

SHOP = """
    name: shop
    regions: {gcp: europe-west1, aws: eu-west-1, azure: westeurope}
    demand: {requests_per_second: 90, profile: flat}
    services:
      web:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        service_time: 40ms
        cpu_time: 15ms
        concurrency: 25
        instances: {min: 2, max: 40}
    clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 30}}}}}
"""
ORDERS = """
    databases:
      orders:
        platform: rds
        engine: postgres
        machine: db.r6g.xlarge
        storage: 20Gi
        time_series: {rows: {rows_per_second: 40, row_size: 150B, retain: 60d, compress_after: 8d}}
"""


def files_of(site: Site) -> list[Rendered]:
    return render(site, Templates(), RenderOptions())


def needs(estimate: Estimate, name: str, measure: str) -> float:
    return next(in_scenario(m.needs) for m in component(estimate, name).measures if m.name == measure)


def findings_of(text: str, *sets: str) -> set[str]:
    site = Site(estimate_of(text, *sets))
    return {f"{finding.severity} {finding.code}" for finding in verify_rendered(site, files_of(site))}


def test_the_dev_overlay_is_not_judged_by_the_peak_of_the_plan():
    hpa = "services.web.workload={autoscaler: {triggers: {requests: 20}}}"
    assert not {code for code in findings_of(SHOP, hpa) if code.startswith("error")}
    assert "error ceiling-below-peak" in findings_of(SHOP, hpa, "services.web.instances.max=4")


def test_the_chunk_interval_of_the_estimate_is_that_of_the_sql():
    estimate = estimate_of(textwrap.dedent(SHOP) + textwrap.dedent(ORDERS), "services.web.calls={orders: 1}")
    hours = needs(estimate, "orders", "rows: chunk interval")
    (sql,) = [file.text for file in files_of(Site(estimate)) if file.path.endswith("-timeseries.sql")]
    (days,) = re.findall(r"chunk_time_interval => INTERVAL '(\d+) days'", sql)
    assert hours == 24 * int(days) == 72


@pytest.mark.parametrize(
    ("platform", "most"),
    [
        ("platform: kubernetes, cpu: 500m, memory: 512Mi", 40 + 10),
        ("platform: fargate, cpu: 0.5, memory: 1Gi", 40 + 40),
        ("platform: cloud-run", 40),
    ],
)
def test_connections_are_counted_with_the_instances_of_a_rollout(platform, most):
    pool = f"services.web={{{platform}, service_time: 40ms, concurrency: 25, instances: {{max: 40}}"
    pool += ", calls: {orders: {pool: {max: 7}}}}"
    text = textwrap.dedent(SHOP) + textwrap.dedent(ORDERS)
    role = "arn:aws:iam::123456789012:role/tasks"
    account = f"manifests.aws={{subnets: [subnet-0123456789abcdef0], execution_role: '{role}'}}"
    estimate = estimate_of(text, "services.web=null", pool, account)
    assert needs(estimate, "orders", "connections") == 7 * most
    sets = ("services.web=null", pool, account, "databases.orders.machine=db.t3.micro")
    (finding,) = [
        f for f in component(estimate_of(text, *sets), "orders").findings if "pools open" in f.message
    ]
    assert f"up to {7 * most} connections" in finding.message
    site = Site(estimate_of(text, *sets))
    found = [f for f in verify_rendered(site, files_of(site)) if f.code == finding.code]
    assert [f.message.split(",")[0] for f in found] == [f"pools open up to {7 * most} connections"]


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ("platform: cloud-run, cpu: 0.5, memory: 512Mi, concurrency: 2", "concurrency must be 1"),
        ("platform: cloud-run, cpu: 0.3, memory: 1Gi, concurrency: 1", "at most 0.5 GiB"),
        ("platform: cloud-run, cpu: 1, memory: 8Gi", "at most 4 GiB"),
        ("platform: cloud-run, cpu: 3, memory: 2Gi", "no instance with 3 vCPU"),
        ("platform: container-apps, cpu: 1, memory: 4Gi", "cannot have 1 vCPU and 4 GiB"),
    ],
)
def test_a_shape_that_its_platform_refuses_is_refused_by_the_estimate(service, why):
    with pytest.raises(InputError, match=why):
        estimate_of(SHOP, "services.web=null", f"services.web={{{service}, service_time: 40ms}}")


def test_a_minimum_of_none_is_one_where_only_instances_are_measured():
    """An HPA takes no minimum of 0: it is 1 in the estimate, in the file, and in the bill."""
    none = estimate_of(SHOP, "services.web.instances.min=0", "demand.requests_per_second=0")
    assert float(component(none, "web").sizing.floor[0, 0]) == 1
    assert [f.code for f in component(none, "web").findings] == ["zero-minimum"]
    (hpa,) = [
        f.value for f in files_of(Site(none)) if f.path.endswith("base/web/horizontalpodautoscaler-web.yaml")
    ]
    assert hpa["spec"]["minReplicas"] == 1
    keda = "services.web.workload={autoscaler: {kind: keda, triggers: {requests: 20}}}"
    asleep = estimate_of(SHOP, "services.web.instances.min=0", keda)
    assert float(component(asleep, "web").sizing.floor[0, 0]) == 0
    assert not component(asleep, "web").findings
