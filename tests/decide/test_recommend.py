"""Recommendations: each saving is the difference of two estimates, and none breaks anything."""

import json
from functools import partial
from pathlib import Path

import pytest
from helpers import ROOT, SHIPPED, component, plan_of

from capplan.catalog.catalog import Catalog
from capplan.decide.recommend import LEAST_SAVING_USD, Advice, _changes, _with_change, recommend
from capplan.errors import InputError
from capplan.estimate import estimate, estimate_again
from capplan.plan.overlay import merge, nested
from capplan.plan.read import parse_plan, read_plan, validate
from capplan.report.blocks import Style
from capplan.report.formats import written
from capplan.report.recommend import assignment, recommend_document, report_of
from capplan.report.render import report_of as estimate_report

EXAMPLES = ("afpi", "levqor", "amas", "llm-governance", "llm-observatory")

PLAN = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand:
      requests_per_second: 100
      profile: flat
      entry: {web: 1, vms: 1, tasks: 1, pods: 1, idle: 1}
    services:
      web:
        platform: cloud-run
        service_time: 200ms
        cpu_time: 20ms
        instances: {min: 8, max: 50}
        calls: {sql: 1}
      vms:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        cpu_time: 200ms
        instances: {min: 4, max: 30}
        interruptible: true
      tasks:
        platform: fargate
        cpu: 1
        memory: 2Gi
        throughput: 5/s
        instances: {min: 2, max: 40}
        interruptible: true
      pods: {platform: kubernetes, cpu: 1, memory: 1Gi, cpu_time: 1ms, instances: 6}
      idle: {platform: kubernetes, cpu: 2, memory: 1Gi, cpu_time: 1ms, instances: {min: 4, max: 20}}
    clusters:
      main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: 5}}}
    databases:
      sql: {platform: rds, engine: postgres, machine: db.r6g.4xlarge, cpu_time: 5ms, storage: 50Gi}
    caches:
      redis: {platform: memorystore, size: 40Gi, content: {keys: 1, value_size: 2Gi}}
      nodes: {platform: elasticache, machine: cache.r6g.2xlarge, content: {keys: 1, value_size: 2Gi}}
"""


@pytest.fixture(scope="module")
def advice() -> Advice:
    return recommend(plan_of(PLAN), SHIPPED)


def faults(result) -> set[tuple[str, str]]:
    return {(f.code, f.subject) for f in result.findings if f.severity != "info"}


def expected(result) -> float:
    return float(result.total.expected[0, 0])


def hints(advice: Advice, name: str) -> dict[str, str]:
    return {h.change.kind: assignment(h) for h in advice.hints if h.change.component == name}


def test_every_saving_is_the_difference_of_two_estimates(advice):
    assert len(advice.hints) >= 10
    now = estimate(plan_of(PLAN), SHIPPED)
    for hint in advice.hints:
        then = estimate(plan_of(PLAN, assignment(hint)), SHIPPED)
        saved = expected(now) - expected(then)
        assert hint.saving_usd_per_month == pytest.approx(saved, rel=1e-9), assignment(hint)
        assert saved >= LEAST_SAVING_USD
        assert faults(then) <= faults(now), assignment(hint)


@pytest.mark.parametrize("example", EXAMPLES)
def test_of_the_examples_too(example):
    path, catalog = ROOT / "examples" / example, Catalog(None)
    found = recommend(read_plan(path), catalog)
    now = estimate(read_plan(path), catalog)
    assert found.standings
    for hint in found.hints:
        then = estimate(read_plan(path, [assignment(hint)]), catalog)
        assert hint.saving_usd_per_month == pytest.approx(expected(now) - expected(then), rel=1e-9), (
            assignment(hint)
        )
        assert faults(then) <= faults(now), assignment(hint)


def test_best_first_and_one_of_each_kind(advice):
    savings = [hint.saving_usd_per_month for hint in advice.hints]
    assert savings == sorted(savings, reverse=True)
    kinds = [(hint.change.component, hint.change.kind) for hint in advice.hints]
    assert len(kinds) == len(set(kinds))
    assert all(hint.change.risk for hint in advice.hints)


def test_what_is_hinted_at_each_kind_of_component(advice):
    assert hints(advice, "vms").keys() == {"spot", "commitment", "family", "idle minimum", "right-size"}
    assert hints(advice, "vms")["spot"] == "services.vms.purchase.spot=0.7"
    assert hints(advice, "tasks").keys() == {"spot", "architecture"}
    assert hints(advice, "web")["idle minimum"] == "services.web.instances.min=1"
    assert hints(advice, "redis")["size"] == "caches.redis.size=null"
    assert hints(advice, "nodes")["right-size"] == "caches.nodes.machine=auto"
    assert hints(advice, "sql")["right-size"] == "databases.sql.machine=auto"
    assert {"commitment", "family"} <= hints(advice, "main/default").keys()


AZURE = """
    name: t
    regions: {azure: westeurope}
    demand: {requests_per_second: 100, profile: flat}
    services:
      vms: {platform: vm-group, provider: azure, machine: Standard_D2s_v3, cpu_time: 100ms}
"""


def test_a_machine_that_is_both_arm_and_burstable_has_both_risks():
    found = [h.change for h in recommend(plan_of(AZURE), SHIPPED).hints if h.change.kind == "family"]
    assert [change.value for change in found] == ["Standard_B2ps_v2"]
    assert "ARM" in found[0].risk
    assert "burstable" in found[0].risk


def test_a_fixed_number_of_pods_keeps_its_maximum():
    """`instances: 6` becomes a range; with a minimum alone the maximum would be gone."""
    text = PLAN.replace("nodes: 5", "nodes: {min: 0, max: 5}")
    found = recommend(plan_of(text), SHIPPED)
    assert hints(found, "pods")["idle minimum"] == 'services.pods.instances={"min": 1, "max": 6}'
    many = recommend(plan_of(PLAN.replace("nodes: 5", "nodes: 9")), SHIPPED)
    assert (
        hints(many, "main/default")["idle minimum"]
        == 'clusters.main.pools.default.nodes={"min": 1, "max": 9}'
    )


def test_a_machine_that_is_too_large_is_right_sized():
    """Two machines of 32 cores for one busy core; a smaller type, and one more of it, carry the same."""
    text = """
        name: t
        regions: {aws: us-east-1}
        demand: {requests_per_second: 100, profile: flat}
        services:
          api:
            platform: vm-group
            provider: aws
            machine: m5.8xlarge
            cpu_time: 10ms
            instances: {min: 2, max: 40}
    """
    found = recommend(plan_of(text), SHIPPED)
    assert hints(found, "api")["right-size"] == "services.api.machine=auto"
    assert found.hints[0].saving_usd_per_month > 0.8 * expected(found.estimate)


def test_requests_that_are_not_used_are_too_large():
    """4 pods of 2 cores for 20 requests/s of 1 ms: next to nothing of it is used."""
    text = PLAN.replace("nodes: 5", "nodes: {min: 0, max: 5}")
    assert hints(recommend(plan_of(text), SHIPPED), "idle")["over-provisioned"] == "services.idle.cpu=50m"


def test_another_region_is_cheaper_as_a_whole():
    found = recommend(plan_of(PLAN, "regions.aws=eu-west-1"), SHIPPED)
    assert any(key == "region" for key in hints(found, "aws"))


def test_a_change_that_breaks_something_is_not_recommended():
    """The cheapest class is the cheapest that still accepts the connections."""
    pool = "services.web.calls.sql={per_request: 1, pool: {max: 60}}"
    found = recommend(plan_of(PLAN, pool), SHIPPED)
    # 50 instances × 60 connections need 27 GiB of memory.
    assert hints(found, "sql")["right-size"] == "databases.sql.machine=auto"
    then = estimate(plan_of(PLAN, pool, "databases.sql.machine=auto"), SHIPPED)
    assert "too-many-connections" not in {f.code for f in then.findings}
    assert component(then, "sql").pick.name(0) != "db.r6g.4xlarge"


def test_an_unpriced_change_is_no_saving():
    """A region without prices would look free."""
    found = recommend(plan_of(PLAN), SHIPPED)
    for hint in found.hints:
        then = estimate(plan_of(PLAN, assignment(hint)), SHIPPED)
        assert "unpriced" not in {f.code for f in then.findings} - {f.code for f in found.estimate.findings}


def test_standings_say_how_far_it_is_to_the_next_boundary(advice):
    stands = {s.component: s for s in advice.standings}
    # 20 requests/s of 200 ms CPU at 70 % of 4 cores: 1.43 machines of 14/s each; 30 carry 420/s.
    assert stands["vms"].boundary == "max 30"
    assert stands["vms"].growth == pytest.approx(30 * 14 / 20 - 1)
    assert stands["redis"].why == "memory"
    assert stands["main/default"].tier == "5 nodes"


def test_one_node_is_one():
    alone = recommend(plan_of(PLAN.replace("nodes: 5", "nodes: 1")), SHIPPED)
    assert [s.boundary for s in alone.standings if s.component == "main/default"] == ["max 1 node"]


def test_the_boundary_is_where_the_estimate_breaks(advice):
    (stand,) = [s for s in advice.standings if s.component == "vms"]
    base = 100.0
    for factor, breaks in ((1 + stand.growth - 1e-6, False), (1 + stand.growth + 1e-3, True)):
        then = estimate(plan_of(PLAN, f"demand.requests_per_second={base * factor}"), SHIPPED)
        assert (("max-too-small", "vms") in {(f.code, f.subject) for f in then.findings}) == breaks


def test_a_tiers_end_is_a_boundary():
    found = recommend(read_plan(ROOT / "examples" / "llm-governance"), Catalog(None))
    (stand,) = [s for s in found.standings if s.component == "frontend"]
    # A quarter of 600 requests/s at the peak: medium, until 1,000.
    assert stand.tier.startswith("medium")
    assert (stand.boundary, stand.growth) == ("the next tier", pytest.approx(1000 / 150 - 1))


def test_nothing_to_save_is_said():
    tight = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 1, profile: flat}
        services:
          api: {platform: cloud-run, service_time: 10ms}
    """
    found = recommend(plan_of(tight), SHIPPED)
    assert found.hints == []
    assert "No change was found that saves money without breaking anything." in written(
        report_of(found), "table", Style(80)
    )


def test_formats_agree(advice):
    document = json.loads(json.dumps(recommend_document(advice), allow_nan=False))
    assert document["schema_version"] == 1
    assert [r["set"] for r in document["recommendations"]] == [assignment(hint) for hint in advice.hints]
    assert set(document["components"]) == {s.component for s in advice.standings}
    report = report_of(advice)
    text, table = (written(report, fmt, Style(80)) for fmt in ("table", "markdown"))
    assert max(map(len, text.splitlines())) <= 80
    assert table.count("\n| ") >= len(advice.hints) + len(advice.standings)


def test_the_command(capplan):
    run = capplan("recommend", ROOT / "examples" / "llm-observatory", "--format", "json")
    assert (run.exit_code, run.stderr) == (0, "")
    assert json.loads(run.stdout)["plan"] == "llm-observatory"
    again = capplan("recommend", ROOT / "examples" / "llm-observatory", "--format", "json")
    assert again.stdout == run.stdout
    assert capplan("recommend", ROOT / "examples" / "llm-observatory", "--alternative", "gpc").exit_code == 2


def test_alternatives_and_settings_are_advised_on():
    file = read_plan(ROOT / "examples" / "llm-observatory", alternative="gcp")
    found = recommend(file, Catalog(None))
    assert all("aws" not in hint.change.path for hint in found.hints)
    with pytest.raises(InputError):
        read_plan(ROOT / "examples" / "llm-observatory", alternative="nowhere")


def tried_both_ways(file):
    """Estimate every third change whole, and with what was estimated before; return how many."""
    catalog = Catalog()
    now = estimate(file, catalog)
    changes = list(_changes(now, catalog))[::3]
    for change in changes:
        raw = merge(file.raw, nested(change.path, change.value))
        whole = answer(partial(whole_estimate, file._replace(raw=raw), catalog))
        shared = answer(partial(shared_estimate, file, now, change, catalog))
        assert shared == whole, change
    return len(changes)


def whole_estimate(file, catalog):
    return estimate(file._replace(plan=validate(file.raw, file.places)), catalog)


def shared_estimate(file, now, change, catalog):
    return estimate_again(now, _with_change(file, change), catalog)


def answer(estimated):
    """Return all that an estimate says, or what is wrong."""
    try:
        found = estimated()
    except InputError as error:
        return str(error)
    return written(estimate_report(found), "json", Style(80, ascii_only=True))


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_estimates_share_changes_no_figure(example):
    tried_both_ways(read_plan(ROOT / "examples" / example))


def test_what_estimates_share_changes_no_figure_of_a_plan_of_everything():
    assert tried_both_ways(plan_of(PLAN)) > 7


PODS_AND_POOLS = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 300, profile: office-hours, entry: {a: 1}}
    services:
      a:
        {platform: kubernetes, cpu: 500m, memory: 1Gi, cpu_time: 5ms, instances: {min: 4, max: 40},
         slo: {p95: 100ms},
         calls: {b: 1, db: {per_request: 1, response_time: 5ms, pool: {max: 5, hold_time: 10ms}}}}
      b:
        {platform: kubernetes, cpu: 2, memory: 1Gi, cpu_time: 1ms, instances: {min: 3, max: 40},
         calls: {own: {per_request: 1, response_time: 5ms}}}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 3, max: 50}}}}
    databases:
      db: {platform: cloud-sql, engine: postgres, machine: auto, cpu_time: 2ms, storage: 10Gi}
      own: {platform: kubernetes, engine: postgres, cpu: 1, memory: 2Gi, storage: 10Gi}
"""


@pytest.mark.parametrize("more", [(), ("services.b.slo.end_to_end=1s",), ("services.a.own_time=5ms",)])
def test_what_estimates_share_changes_no_figure_of_pods_pools_and_databases(more):
    assert tried_both_ways(plan_of(PODS_AND_POOLS, *more)) > 1
    assert tried_both_ways(plan_of(PODS_AND_POOLS, "clusters.main.pools.default.machine=auto", *more)) > 1


def test_where_prices_are_missing_savings_are_unknown():
    unpriced = "{name: t, demand: {requests_per_second: 1, profile: flat}, external_apis: {pay: {}}}"
    found = recommend(plan_of(unpriced), SHIPPED)
    said = written(report_of(found), "table", Style(80))
    assert "Prices are missing, so it is unknown whether any change saves money." in said
    assert "No change was found" not in said
    assert [w["code"] for w in recommend_document(found)["warnings"]] == ["unpriced"]


@pytest.mark.parametrize("spot", [True, False])
def test_a_saving_on_what_stands_at_its_highest_is_at_most_that(spot):
    """Nobody knows the spot price of AKS's machines: the on-demand one is the most that it can be."""
    plan = """
        name: t
        regions: {azure: eastus}
        demand: {requests_per_second: 1, profile: flat}
        services:
          web: {platform: kubernetes, cpu_time: 5ms}
        clusters:
          k: {platform: aks, pools: {p: {machine: Standard_D4s_v5, nodes: {min: 9, max: 20}}}}
    """
    found = recommend(plan_of(plan, f"clusters.k.pools.p.purchase.spot={'100%' if spot else '0%'}"), SHIPPED)
    marks = [h.at_most for h in found.hints if h.change.component == "k/p" and h.change.kind != "purchase"]
    assert marks
    assert spot is any(marks)
    assert spot is ("up to " in written(report_of(found), "table", Style(80)))
    bounds = [r["bound"] for r in recommend_document(found)["recommendations"]]
    assert spot is ("upper" in bounds)


MODEL = """
name: chat
regions: {gcp: us-central1}
demand: {requests_per_second: 8, profile: flat}
services: {web: {platform: cloud-run, service_time: 1s, calls: {chat: 1}}}
llm:
  chat:
    model: llama-3.1-8b
    precision: bf16
    gpu: A100-40GB
    machine: a2-highgpu-2g
    tensor_parallel: 2
    input_tokens: 800
    output_tokens: 150
    slo: {ttft: 3s, tpot: 100ms}
    redundancy: {spare: 1}
    api: {model: mini, usd_per_1m_input_tokens: 0.05, usd_per_1m_output_tokens: 0.2}
"""


def test_models_are_bought_placed_and_replaced_for_less():
    file = parse_plan(MODEL, "plan.yaml", Path())
    hints = {
        hint.change.kind: hint for hint in recommend(file, Catalog()).hints if hint.change.component == "chat"
    }
    assert {"spot", "commitment", "GPU", "precision", "api"} <= set(hints)
    for kind, hint in hints.items():
        change = parse_plan(MODEL, "plan.yaml", Path(), [assignment(hint)])
        saved = estimate(file, Catalog()).total.expected - estimate(change, Catalog()).total.expected
        assert float(saved.max()) == pytest.approx(hint.saving_usd_per_month), kind
    assert hints["GPU"].change.value["precision"] == "bf16"
    assert hints["precision"].change.value["precision"] != "bf16"
