"""What runs today beside the least and the most: expected figures never fall below it in silence."""

import pytest
from helpers import SHIPPED, codes, component, estimate_of, monthly, plan_of
from rendering import rendered

from capplan.autoscale.choice import ScalerChoice, overlay
from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare
from capplan.errors import InputError
from capplan.report.json_format import estimate_document

PLAN = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 60, profile: flat}
    services:
      web:
        platform: vm-group
        provider: aws
        machine: m5.large
        throughput: 40
        instances: {min: 1, desired: 6, max: 10}
"""
POOL = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 0}
    clusters:
      main:
        platform: eks
        pools: {default: {machine: m5.large, nodes: {min: 1, desired: 6, max: 10}}}
"""
HOUR_USD = 0.096
"""m5.large in us-east-1."""


def counts(result, name):
    shown = next(c for n, c in estimate_document(result)["components"].items() if n == name)
    return [shown["instances"][key] for key in ("min", "average", "max")]


DISK_USD = 80 * 0.08
"""EKS' default boot disk, 80 GiB of gp3."""


@pytest.mark.parametrize(("text", "name", "disk"), [(PLAN, "web", 0), (POOL, "main/default", DISK_USD)])
def test_what_runs_today_is_the_floor_of_the_expected_cost_and_of_nothing_else(text, name, disk):
    result = estimate_of(text)
    assert counts(result, name) == [1, 6, 10]
    cost = result.cost_of(name)
    expected = [count * (730 * HOUR_USD + disk) for count in (1, 6, 10)]
    assert [float(part[0, 0]) for part in (cost.floor, cost.expected, cost.ceiling)] == pytest.approx(
        expected
    )
    assert component(result, name).sizing.binding() == "desired"


def test_counts_of_each_zone_are_multiplied():
    zones = "clusters.main.pools.default"
    result = estimate_of(POOL, f"{zones}.nodes_per_zone=true", f"{zones}.zones=3")
    assert counts(result, "main/default") == [3, 18, 30]


def test_more_than_the_load_needs_is_said():
    assert "more-than-needed" in codes(estimate_of(PLAN))
    assert "more-than-needed" not in codes(estimate_of(PLAN, "services.web.instances.desired=2"))


def test_nothing_is_idle_where_nobody_knows_the_need():
    assert "more-than-needed" not in codes(estimate_of(POOL))
    assert "more-than-needed" not in codes(estimate_of(PLAN, "demand.requests_per_second=0"))


def test_more_load_still_needs_more():
    busy = estimate_of(PLAN, "demand.requests_per_second=300")
    assert counts(busy, "web") == [1, 8, 10]
    assert component(busy, "web").sizing.binding() == "throughput"


def test_a_pool_at_its_pods_ceilings_has_no_fewer_nodes_than_today():
    pods = "services.api={platform: kubernetes, cpu: 1, memory: 1Gi, instances: {min: 1, max: 2}}"
    result = estimate_of(POOL, pods)
    assert counts(result, "main/default")[2] == 6


@pytest.mark.parametrize("desired", [0, 11])
def test_it_lies_between_the_least_and_the_most(desired):
    with pytest.raises(InputError, match=f"{'min' if desired == 0 else 'desired'} .* is above"):
        estimate_of(PLAN, f"services.web.instances.desired={desired}")


def test_simulations_start_there():
    web = {"service_time": "50ms", "concurrency": 2, "instances": "{min: 1, desired: 6, max: 10}"}
    sets = [f"services.web.{key}={value}" for key, value in web.items()]
    assert prepare(plan_of(PLAN, *sets), SHIPPED, Settings()).subjects[0].simulated.initial == 6
    alone = prepare(plan_of(PLAN, *sets, "services.web.instances.desired=null"), SHIPPED, Settings())
    assert alone.subjects[0].simulated.initial == 2


@pytest.mark.parametrize(("low", "high", "desired"), [(1, 10, 6), (1, 4, 4), (8, 10, 8)])
def test_tuned_bounds_keep_it_between_them(low, high, desired):
    sets = ["services.web.service_time=50ms", "services.web.concurrency=2"]
    subject = prepare(plan_of(PLAN, *sets), SHIPPED, Settings()).subjects[0]
    service = plan_of(PLAN).plan.services["web"]
    changed = overlay(subject, service, ScalerChoice(1.0, low, high, None, None))
    assert changed["instances"] == {"min": low, "desired": desired, "max": high}


def test_rendered_groups_and_pools_start_there():
    pools = (
        "clusters={main: {platform: eks, pools: {default: {machine: m5.large, nodes: {min: 1, desired: 6}}}}}"
    )
    files = rendered(PLAN, pools)
    groups = [item.value for item in files.values() if isinstance(item.value, dict)]
    sizes = [(g["MinSize"], g["DesiredCapacity"]) for g in groups if "DesiredCapacity" in g]
    assert sizes == [(1, 6)]
    scripts = " ".join(item.text for path, item in files.items() if path.endswith(".sh"))
    assert "--nodes 6" in scripts
    assert monthly(estimate_of(PLAN, pools), "main/default") == pytest.approx(6 * (730 * HOUR_USD + DISK_USD))
