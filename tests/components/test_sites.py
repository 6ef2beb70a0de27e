"""Sites: one plan in several regions, what it costs, and what it carries when one of them is lost."""

import json

import numpy as np
import pytest
from helpers import SHIPPED, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.site import Site
from capplan.plan.bind import bind, grid

PLAN = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 300, profile: %s}
sites: %s
survive_sites: %d
services:
  web: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 10/s, calls: {db: 1, cache: 2, pay: 0.1}}
clusters:
  k: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}
databases:
  db: {platform: cloud-sql, engine: postgres, machine: db-custom-2-8192, storage: 50Gi}
caches:
  cache: {platform: memorystore, size: 2Gi}
external_apis: {pay: {price_per_request: $0.0001}}
tags: {front: [web]}
"""
TWO = "{us: {}, eu: {regions: {gcp: europe-west1}}}"


def of(sites, survive=0, profile="flat"):
    return estimate(plan_of(PLAN % (profile, sites, survive)), SHIPPED)


def instances(found):
    return {c.name: float(c.sizing.peak.max()) for c in found.components if c.kind == "service"}


def test_each_site_runs_its_share_in_its_own_region():
    found = of("{us: {}, eu: {regions: {gcp: europe-west1}, share: 20%}}")
    assert instances(found) == {"web": 24, "web-eu": 6}
    where = {c.name: c.region for c in found.components if c.kind in ("service", "database", "cache")}
    assert where == {
        **dict.fromkeys(("web", "db", "cache"), "us-central1"),
        **dict.fromkeys(("web-eu", "db-eu", "cache-eu"), "europe-west1"),
    }
    assert set(found.plan.tags["front"]) == {"web", "web-eu"}


def test_a_site_of_its_own_costs_what_the_plan_costs_without_sites():
    assert of("{us: {}}").total.expected == pytest.approx(of("{}").total.expected)


def test_what_sites_share_is_billed_once():
    apart, together = of(TWO), of("{}")
    assert apart.cost_of("pay").expected == pytest.approx(together.cost_of("pay").expected)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_surviving_a_site_takes_n_over_n_minus_one(count):
    """The closed form of N+1 regions: each carries 1/(n - 1) of the load."""
    regions = ["us-central1", "europe-west1", "asia-east1", "us-east1"][:count]
    sites = "{" + ", ".join(f"s{i}: {{regions: {{gcp: {r}}}}}" for i, r in enumerate(regions)) + "}"
    assert set(instances(of(sites, 1)).values()) == {np.ceil(30 / (count - 1))}
    assert set(instances(of(sites)).values()) == {np.ceil(30 / count)}


@moderate
@given(st.lists(st.integers(1, 9), min_size=3, max_size=4), st.integers(0, 12))
def test_surviving_more_never_costs_less_and_the_rest_carries_everything(weights, ahead):
    total = sum(weights)
    regions = ["us-central1", "europe-west1", "asia-east1", "us-east1"]
    sites = ", ".join(
        f"s{i}: {{regions: {{gcp: {regions[i]}}}, share: {weight / total!r}, hours_ahead: {ahead * i % 24}}}"
        for i, weight in enumerate(weights)
    )
    found = [of(f"{{{sites}}}", survive, "consumer-diurnal") for survive in range(len(weights))]
    costs = [float(e.total.expected.max()) for e in found]
    assert costs == sorted(costs)
    names = [c.name for c in found[1].components if c.kind == "service"]
    load = found[1].load
    whole = sum(load.rps(name) for name in names)
    for lost in names:
        rest = sum(load.to_carry(name) for name in names if name != lost)
        assert np.all(rest >= whole * (1 - 1e-9))


def test_load_is_conserved_over_sites_in_other_time_zones():
    away = "{us: {}, asia: {regions: {gcp: asia-east1}, hours_ahead: 12}}"
    load, plain = of(away, 0, "consumer-diurnal").load, of("{}", 0, "consumer-diurnal").load
    here, there = load.rps("web"), load.rps("web-asia")
    assert there == pytest.approx(np.roll(here, -12, axis=1))
    assert here + there == pytest.approx((plain.rps("web") + np.roll(plain.rps("web"), -12, axis=1)) / 2)
    assert load.average("db") + load.average("db-asia") == pytest.approx(plain.average("db"))


@pytest.mark.parametrize("standby", ["warm", "hot"])
def test_a_standby_has_no_load_beside_sites_in_other_time_zones(standby):
    away = "asia: {regions: {gcp: asia-east1}, hours_ahead: 12}"
    found = of(
        f"{{us: {{}}, {away}, eu: {{regions: {{gcp: europe-west1}}, standby: {standby}}}}}", 0, "weekly"
    )
    assert not np.any(found.load.rps("web-eu"))
    assert instances(found)["web-eu"] == (instances(found)["web-asia"] if standby == "hot" else 1)


@pytest.mark.parametrize(
    ("standby", "services", "stores"),
    [
        ("pilot", {"web": 30}, {"db", "cache"}),
        ("warm", {"web": 30, "web-eu": 1}, {"db", "cache", "cache-eu"}),
        ("hot", {"web": 30, "web-eu": 30}, {"db", "cache", "cache-eu"}),
    ],
)
def test_a_standby_keeps_data_the_least_or_everything(standby, services, stores):
    found = of(f"{{us: {{}}, eu: {{regions: {{gcp: europe-west1}}, standby: {standby}}}}}")
    assert instances(found) == services
    assert {c.name for c in found.components if c.kind in ("database", "cache")} == stores
    assert found.plan.databases["db"].recovery.standby_region == "europe-west1"
    assert not np.any(found.load.rps("web-eu")) if "web-eu" in services else True


def test_a_site_may_run_only_some_components_with_the_cluster_that_they_need():
    found = of("{us: {}, eu: {regions: {gcp: europe-west1}, components: [web]}}")
    names = {c.name for c in found.components}
    assert {"web-eu", "k-eu"} <= names
    assert not {"db-eu", "cache-eu"} & names
    assert found.plan.services["web-eu"].calls.keys() == {"db", "cache", "pay"}
    assert found.load.average("db") == pytest.approx(300)


@pytest.mark.parametrize(
    ("sites", "survive", "said"),
    [
        ("{}", 1, "survive_sites"),
        (TWO, 2, "cannot lose 2 of 2 active sites"),
        ("{us: {share: 20%}, eu: {share: 20%}}", 0, "add up to 0.4"),
        ("{us: {standby: warm}, eu: {}}", 0, "the first site serves requests"),
        ("{us: {}, eu: {standby: warm, share: 10%}}", 0, "a standby has no share"),
        ("{us: {}, eu: {components: [webb]}}", 0, "Did you mean 'web'"),
        ("{us: {}, eu: {regions: {gcp: europe-wst1}}}", 0, "gcp has no region 'europe-wst1'"),
    ],
)
def test_sites_that_cannot_be_are_refused(sites, survive, said):
    with pytest.raises(InputError) as error:
        of(sites, survive)
    assert said in str(error.value)


def test_a_wrong_region_is_told_where_the_site_says_it():
    with pytest.raises(InputError, match=r"sites\.eu\.regions\.gcp: gcp has no region 'europe-wst1'"):
        of("{us: {}, eu: {regions: {gcp: europe-wst1}}}")


def test_a_component_with_the_name_of_a_copy_is_refused():
    text = (PLAN % ("flat", TWO, 0)).replace("cache:", "web-eu:")
    with pytest.raises(InputError, match=r"caches\.web-eu: is what a component of the site 'eu' is called"):
        plan_of(text.replace("cache: 2", "web-eu: 2"))


def test_a_number_that_varies_varies_at_every_site(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN % ("flat", TWO, 0))
    one = capplan("estimate", tmp_path, "--set", "services.web.throughput=5/s", "--format", "json").stdout
    swept = capplan(
        "estimate", tmp_path, "--sweep", "services.web.throughput=5/s,10/s", "--format", "json"
    ).stdout
    totals = [found["monthly_cost"]["expected"] for found in json.loads(swept)["scenarios"]]
    assert totals[0] == pytest.approx(json.loads(one)["monthly_cost"]["expected"])
    assert totals[0] > totals[1]


@pytest.mark.parametrize(
    ("sites", "goal", "rpo", "rto", "missed"),
    [
        # A standby's minute of lag; a minute to switch and a quarter of an hour to promote the database.
        ("{us: {}, eu: {regions: {gcp: europe-west1}, standby: warm}}", "rto: 16m", 1, 16, False),
        ("{us: {}, eu: {regions: {gcp: europe-west1}, standby: warm}}", "rto: 15m", 1, 16, True),
        (
            "{us: {}, eu: {regions: {gcp: europe-west1}, standby: pilot, starts_in: 40m}}",
            "rto: 1h",
            1,
            41,
            False,
        ),
        ("{us: {}, eu: {regions: {gcp: europe-west1}, standby: pilot}}", "rto: 10h", 1, np.inf, True),
        # Each site has data of its own, and no copy of the other's.
        (TWO, "rpo: 1h", np.inf, np.inf, True),
    ],
)
def test_the_system_recovers_as_its_slowest_link(sites, goal, rpo, rto, missed):
    text = PLAN % ("flat", sites, 0) + f"site_recovery: {{{goal}}}\n"
    found = estimate(plan_of(text), SHIPPED)
    measures = {
        m.name: float(m.needs.max()) for c in found.components if c.name == "sites" for m in c.measures
    }
    assert measures == {"RPO, site lost": rpo, "RTO, site lost": rto}
    assert ("site-objective" in {finding.code for finding in found.findings}) is missed


def test_one_site_can_be_changed_alone(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN % ("flat", TWO, 0))
    found = capplan("estimate", tmp_path, "--set", "services.web-eu.throughput=5/s", "--format", "json")
    counts = {
        name: c["instances"]["peak"]
        for name, c in json.loads(found.stdout)["components"].items()
        if name in ("web", "web-eu")
    }
    assert counts == {"web": 15, "web-eu": 30}


def test_a_call_that_varies_varies_in_the_copies_too():
    """Copies call the database of their own site, and the API that all sites share."""
    plan = plan_of(PLAN % ("flat", TWO, 0))
    axes = {("services", "web", "calls", callee, "per_request"): [1.0, 3.0] for callee in ("db", "pay")}
    bound = bind(plan.plan, grid(axes)).services
    many = [[1.0], [1.0], [3.0], [3.0]]
    assert bound["web"].calls["db"].per_request.tolist() == many
    assert bound["web-eu"].calls["db-eu"].per_request.tolist() == many
    assert bound["web-eu"].calls["pay"].per_request.tolist() == [[1.0], [3.0], [1.0], [3.0]]


@pytest.mark.parametrize("limit", ["throughput: 10/s", "cpu_time: 60ms, service_time: 60ms"])
def test_a_hot_standby_runs_all_the_time_what_the_busiest_hour_needs(limit):
    """No request reaches it before the loss, so there is no load that an autoscaler could follow."""
    text = PLAN % ("office-hours", "{us: {}, eu: {regions: {gcp: europe-west1}, standby: hot}}", 0)
    found = estimate(plan_of(text.replace("throughput: 10/s", limit)), SHIPPED)
    sized = {each.name: each.sizing for each in found.components}
    usual, ready = sized["web"], sized["web-eu"]
    assert np.all(ready.running == usual.peak)
    assert np.all(ready.floor == usual.peak)
    assert usual.running.mean() < usual.peak
    assert Site(found).services["web-eu"].lo == usual.peak


def test_sites_that_usually_serve_nothing_share_what_others_lose():
    """Nothing reaches them before, so they run at their peak; a sweep has shares of 0 beside others."""
    idle = (
        "{us: {}, eu: {regions: {gcp: europe-west1}, share: 0}, asia: {regions: {gcp: asia-east1}, share: 0}}"
    )
    found = of(idle, 1)
    assert instances(found) == {"web": 30, "web-eu": 15, "web-asia": 15}
    assert np.all(next(c.sizing.running for c in found.components if c.name == "web-eu") == 15)


def test_two_sites_in_one_region_are_lost_together():
    with pytest.raises(InputError, match="are those of 'us', so both are lost"):
        of("{us: {}, eu: {regions: {gcp: us-central1}}}")


def test_a_model_that_stands_by_is_served_in_the_way_that_its_load_asks_for():
    text = """
name: answers
regions: {gcp: us-central1}
demand: {requests_per_second: 5}
llm:
  m: {model: llama-3.1-8b, provider: gcp, machine: auto, input_tokens: 500, output_tokens: 200}
services:
  api: {platform: cloud-run, service_time: 100ms, concurrency: 40, calls: {m: 1}}
sites: {us: {}, eu: {regions: {gcp: europe-west4}, standby: hot}}
"""
    found = {c.name: c for c in estimate(plan_of(text), SHIPPED).components}
    here, there = found["m"].sizing, found["m-eu"].sizing
    assert np.all(here.peak == there.peak)
    assert np.all(there.running == there.peak)
