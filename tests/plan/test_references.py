"""What a plan says about itself must hold."""

from itertools import pairwise

import pytest
from helpers import plan_of

from capplan.errors import InputError

BASE = """
    name: t
    demand: {requests_per_second: 1}
    services:
      web: {platform: cloud-run, service_time: 1s, calls: {api: 1}}
      api: {platform: cloud-run, service_time: 1s, calls: {db: 2}}
    databases:
      db: {platform: rds, engine: mysql, machine: db.r6g.large}
"""
POD = "services.pod={platform: kubernetes, throughput: 1/s"
CLUSTER = "clusters.k={platform: gke, pools: {p: {machine: e2-medium, nodes: 1}}}"
OTHER = "clusters.l={platform: gke, pools: {p: {machine: e2-medium, nodes: 1}}}"


def test_the_base_is_consistent():
    assert plan_of(BASE).plan.name == "t"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (["demand.requests_per_second=null"], "has no volume"),
        (
            ["demand.requests_per_day=5"],
            "the volume is given twice, requests_per_day and requests_per_second",
        ),
        (["demand.requests_per_second=null", "demand.users_per_day=5"], "is required with users_per_day"),
        (["demand.requests_per_user=5"], "needs users_per_day, which is missing"),
        (["demand.trace={file: x.csv}", "demand.profile=flat"], "cannot be combined with a trace"),
        (["caches.db={platform: memorystore, size: 1Gi}"], "the name is already used by databases.db"),
        (["services.api.calls={dbb: 1}"], "calls 'dbb', which is not in the plan. Did you mean 'db'?"),
        (["services.api.calls={web: 1}"], "calls form a cycle"),
        (["services.api.calls={api: 1}"], "calls form a cycle: api → api"),
        (["demand.entry={dbs: 1}"], "requests cannot enter at 'dbs', which is not in the plan"),
        ([POD + "}"], "needs a cluster, and the plan has none"),
        ([POD + "}", CLUSTER, OTHER], "needs a cluster, and the plan has 2 clusters"),
        ([POD + ", cluster: kk}", CLUSTER], "unknown cluster 'kk'. Did you mean 'k'?"),
        ([POD + ", pool: pp}", CLUSTER], "unknown pool 'pp'. Did you mean 'p'?"),
        (
            ["external_apis.llm={price_per_request: 1, input_tokens: 5}"],
            "is priced both per request and per token",
        ),
    ],
)
def test_inconsistent(changes, what):
    with pytest.raises(InputError) as caught:
        plan_of(BASE, *changes)
    assert what in str(caught.value)


def test_a_circle_is_shown_in_the_order_of_the_calls():
    text = (
        BASE.replace("calls: {db: 2}", "calls: {c: 1}")
        + "      c: {platform: cloud-run, service_time: 1s, calls: {web: 1}}\n"
    )
    text = text.replace(
        "    databases:\n      db: {platform: rds, engine: mysql, machine: db.r6g.large}\n", ""
    )
    with pytest.raises(InputError) as caught:
        plan_of(text)
    circle = str(caught.value).split("cycle: ")[1].split(".")[0].split(" → ")
    assert circle[0] == circle[-1]
    assert list(pairwise(circle)) in (
        [("web", "api"), ("api", "c"), ("c", "web")],
        [("api", "c"), ("c", "web"), ("web", "api")],
        [("c", "web"), ("web", "api"), ("api", "c")],
    )


def test_an_unknown_field_is_told_the_name_that_a_plan_uses():
    """Python's word for `async` has an underscore, which no plan can say."""
    with pytest.raises(InputError, match=r"asynch: unknown field\. Did you mean 'async'\?"):
        plan_of(BASE, "services.web.calls.api.asynch=true")
