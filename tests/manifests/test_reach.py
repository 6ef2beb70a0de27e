"""What pods may reach and where they may run: policies and nodes that fit what the plan calls."""

from copy import deepcopy
from typing import Any

import pytest
from helpers import SHIPPED, plan_of
from rendering import EVERY, PARCELS, example, rendered, site_of

from capplan.estimate import estimate
from capplan.manifests.artefact import Rendered
from capplan.manifests.site import Site
from capplan.manifests.verify import reach
from capplan.manifests.verify.facts import Facts, facts_of
from capplan.manifests.verify.run import verify_rendered, worlds_of
from capplan.manifests.verify.world import Item, World


def test_a_policy_opens_every_port_where_requests_enter():
    files = example("llm-observatory", None, ("services.collector.workload.public=false",))
    policy = files["kubernetes/base/collector/networkpolicy-collector.yaml"].value["spec"]
    entered = next(rule for rule in policy["ingress"] if rule["from"] == [{"namespaceSelector": {}}])
    assert {port["port"] for port in entered["ports"]} == {"http", "otlp-grpc"}


def test_a_policy_lets_what_is_stored_out():
    policy = example("llm-observatory")["kubernetes/base/collector/networkpolicy-collector.yaml"].value[
        "spec"
    ]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert 443 in ports, "traces go to object storage"
    assert {5432, 6379} <= ports, "it is given the credentials of both"
    policy = example("levqor", "eks")["kubernetes/base/backend/networkpolicy-backend.yaml"].value["spec"]
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert 443 not in ports, "a load balancer is called by nobody"


def test_karpenters_spot_nodes_are_those_that_pods_ask_for():
    plan = """
        name: shop
        regions: {aws: us-east-1}
        demand: {requests_per_second: 10, profile: flat}
        services:
          api:
            platform: kubernetes
            cpu: 500m
            memory: 512Mi
            throughput: 20/s
            pool: spot
            instances: {min: 2, max: 4}
        clusters:
          main:
            platform: eks
            pools:
              default: {machine: m5.large, nodes: {min: 1, max: 3}}
              spot: {machine: m5.large, nodes: {min: 1, max: 3}, purchase: {spot: 100%}}
    """
    files = rendered(plan)
    pod = files["kubernetes/base/api/deployment-api.yaml"].value["spec"]["template"]["spec"]
    node = files["karpenter/main/nodepool-spot.yaml"].value["spec"]["template"]["metadata"]["labels"]
    assert pod["nodeSelector"].items() <= node.items()


def test_a_redis_cluster_can_talk_in_spite_of_the_default_deny():
    files = example("llm-governance", "redis-cluster")
    policy = files["kubernetes/components/redis/networkpolicy-redis.yaml"].value["spec"]
    # The operator's own labels: its pods are called app=NAME-leader and app=NAME-follower.
    [expression] = policy["podSelector"]["matchExpressions"]
    assert expression == {"key": "app", "operator": "In", "values": ["redis-leader", "redis-follower"]}
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 6379, 16379}
    within = next(
        rule for rule in policy["ingress"] if rule["from"] == [{"podSelector": policy["podSelector"]}]
    )
    assert {port["port"] for port in within["ports"]} == {6379, 16379}
    listed = files["kubernetes/components/redis/kustomization.yaml"].value["resources"]
    assert "networkpolicy-redis.yaml" in listed
    caller = files["kubernetes/base/auth-service/networkpolicy-auth-service.yaml"].value["spec"]
    reached = [peer for rule in caller["egress"] for peer in rule["to"]]
    assert {"podSelector": policy["podSelector"]} in reached
    assert files["helm/values.yaml"].value["stores"]["redis"]["host"] == "redis-leader"


def blocked(files: dict[str, Rendered], plan: str = PARCELS) -> list[str]:
    site = Site(estimate(plan_of(plan), SHIPPED))
    found = verify_rendered(site, list(files.values()))
    return [finding.message for finding in found if finding.code == "call-blocked"]


@pytest.mark.parametrize("kind", ["nginx", "alb", "gce", "gce-internal", "azure-application-gateway"])
def test_whatever_serves_an_ingress_reaches_the_pods_behind_it(kind):
    files = rendered(PARCELS, f"manifests.ingress_class={kind}")
    assert not blocked(files)
    policy = files["kubernetes/base/shop/networkpolicy-shop.yaml"]
    closed = deepcopy(policy.value)
    closed["spec"]["ingress"] = [
        r for r in closed["spec"]["ingress"] if {"namespaceSelector": {}} not in r["from"]
    ]
    [message] = blocked(files | {policy.path: policy._replace(value=closed)})
    assert "no ingress rule of NetworkPolicy/default-deny, NetworkPolicy/shop lets it through" in message


def test_the_controller_of_aws_is_told_to_call_pods():
    files = rendered(PARCELS, "manifests.ingress_class=alb")
    ingress = files["kubernetes/base/shop/ingress-shop.yaml"]
    said = ingress.value["metadata"]["annotations"]
    assert said["alb.ingress.kubernetes.io/target-type"] == "ip"
    assert said["alb.ingress.kubernetes.io/healthcheck-path"] == "/health"
    without = deepcopy(ingress.value)
    del without["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-type"]
    [message] = blocked(files | {ingress.path: ingress._replace(value=without)})
    assert message.startswith("the load balancer calls nodes")


def test_gkes_controllers_are_chosen_by_an_annotation():
    ingress = rendered(PARCELS, "manifests.ingress_class=gce")["kubernetes/base/shop/ingress-shop.yaml"].value
    assert ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "gce"
    assert "ingressClassName" not in ingress["spec"]


@pytest.mark.parametrize(("name", "alternative"), EVERY)
def test_every_call_of_an_example_gets_through(name, alternative):
    for world in worlds(name, alternative):
        assert not unreached(world)


@pytest.mark.parametrize(
    ("name", "alternative"),
    [("afpi", "gke-web"), ("levqor", "eks"), ("llm-governance", "redis-cluster"), ("llm-observatory", None)],
)
def test_no_rule_of_a_policy_goes_unneeded(name, alternative):
    # Without a component of the overlay for trying out, what calls it needs no rule.
    world = max(worlds(name, alternative), key=lambda one: len(one.items))
    for policy in world.of("NetworkPolicy"):
        if "capplan/ignore" in policy.tree["metadata"].get("annotations", {}):
            # Its pods come from a chart.
            continue
        for side in ("ingress", "egress"):
            rules = policy.tree["spec"].get(side, [])
            for gone in range(len(rules)):
                kept = {**policy.tree["spec"], side: rules[:gone] + rules[gone + 1 :]}
                item = Item(policy.path, {**policy.tree, "spec": kept})
                others = [item if one is policy else one for one in world.items]
                found = unreached(World(others, world.facts))
                assert found or is_covered(rules[gone], rules), (policy.title, side, rules[gone])


def worlds(name: str, alternative: str | None) -> list[World]:
    files = example(name, alternative).values()
    documents = {item.path: [item.value] for item in files if item.value is not None}
    return worlds_of(documents, facts_of(site_of(name, alternative)))


def unreached(world: World) -> list[str]:
    return [finding.message for rule in reach.RULES for finding in rule(world)]


def is_covered(rule: dict[str, Any], rules: list[dict[str, Any]]) -> bool:
    """Say whether a rule is for other namespaces, and all of them may call an entry of the plan."""
    anywhere = {"namespaceSelector": {}}
    named = any("namespaceSelector" in peer for peer in rule.get("from", []))
    return named and any(anywhere in other.get("from", []) for other in rules)


def test_a_service_that_calls_what_is_no_component_gets_out():
    policy = example("llm-governance")[
        "kubernetes/base/llm-proxy-service/networkpolicy-llm-proxy-service.yaml"
    ]
    assert [443] in [[p["port"] for p in rule["ports"]] for rule in policy.value["spec"]["egress"]]


CALLER = {"podSelector": {"matchLabels": {"app": "caller"}}}
HTTP = {"protocol": "TCP", "port": "http"}


def lets(peer: Any, port: Any = HTTP) -> dict[str, Any]:
    return {"ingress": [{"from": [peer], "ports": [port]}]}


def team(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"team": name}}}


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        (None, True),
        ({}, False),
        ({"ingress": [{}]}, True),
        ({"policyTypes": ["Egress"], "egress": [{}]}, True),
        ({"podSelector": {"matchLabels": {"app": "other"}}}, True),
        (lets(CALLER), True),
        (lets(CALLER, {"port": 9000}), False),
        (lets(CALLER, {"port": 8000, "endPort": 8080}), True),
        (lets(CALLER, {"port": 8000, "endPort": 8079}), False),
        (lets(CALLER, {"protocol": "UDP", "port": 8080}), False),
        (lets({"namespaceSelector": {}, **CALLER}), True),
        (lets(team("a")), False),
        (lets(team("b")), True),
        (lets({"ipBlock": {"cidr": "0.0.0.0/0"}}), False),
    ],
)
def test_policies_are_judged_as_kubernetes_does(spec, passes):
    # Each line after kubernetes.io/docs/concepts/services-networking/network-policies.
    space = {"kind": "Namespace", "metadata": {"name": "x", "labels": {"team": "b"}}}
    objects = [_pods("caller"), _pods("callee"), space]
    if spec is not None:
        chosen = {"podSelector": {"matchLabels": {"app": "callee"}}}
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
        objects.append({**policy, "metadata": {"name": "p", "namespace": "x"}, "spec": chosen | spec})
    calls = [{"from": {"pods": "caller"}, "to": {"pods": "callee"}, "ports": [8080]}]
    world = World([Item("a.yaml", tree) for tree in objects], Facts(calls=calls))
    assert (not list(reach.calls(world))) == passes


def _pods(name: str) -> dict[str, Any]:
    container = {"name": name, "ports": [{"name": "http", "containerPort": 8080}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "x"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def test_exporters_reach_their_stores_and_are_scraped_in_spite_of_the_default_deny():
    files = example("llm-governance")
    ends = {"postgres": 5432, "redis": 6379, "postgres-pgbouncer": 5432}
    for name, port in ends.items():
        policy = files[f"kubernetes/components/monitoring/networkpolicy-{name}-exporter.yaml"].value["spec"]
        assert policy["podSelector"] == {"matchLabels": {"capplan/exporter-of": name}}
        assert port in [each["port"] for rule in policy["egress"] for each in rule["ports"]]
        [scraped] = policy["ingress"]
        assert (
            scraped["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            == "monitoring"
        )
