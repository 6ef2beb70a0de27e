"""How requests come in: Ingress or Gateway, rate limits by load tier, and who may reach what."""

import copy
import subprocess

import pytest
from rendering import SERVICE, example, rendered, site_of, tool, write

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify

HOST = "services.api.workload.host=shop.example"
GATEWAY = "manifests.gateway_class=istio"
NGINX = "nginx.ingress.kubernetes.io"
TIERS = {
    "low": {"default": 200, "ai-chat": 50, "workflows": 100, "billing": 30, "health": 200},
    "medium": {"default": 100, "ai-chat": 30, "workflows": 60, "billing": 20, "health": 100},
    "high": {"default": 70, "ai-chat": 20, "workflows": 40, "billing": 15, "health": 50},
    "critical": {"default": 50, "ai-chat": 10, "workflows": 20, "billing": 10, "health": 30},
}
"""Levqor's document: requests of a client in a minute, by load tier and endpoint."""


def by_kind(files, kind):
    """Return the objects of a kind by name."""
    values = [item.value for item in files.values() if isinstance(item.value, dict)]
    return {value["metadata"]["name"]: value for value in values if value.get("kind") == kind}


def test_a_gateway_takes_the_place_of_ingresses():
    files = rendered(SERVICE, HOST, GATEWAY)
    assert not by_kind(files, "Ingress")
    gateway = by_kind(files, "Gateway")["shop"]["spec"]
    assert gateway["gatewayClassName"] == "istio"
    https = next(one for one in gateway["listeners"] if one["protocol"] == "HTTPS")
    assert (https["port"], https["hostname"]) == (443, "shop.example")
    assert https["tls"]["certificateRefs"] == [{"kind": "Secret", "name": "api-tls"}]
    route = by_kind(files, "HTTPRoute")["api"]["spec"]
    assert route["parentRefs"] == [{"name": "shop", "sectionName": https["name"]}]
    assert route["hostnames"] == ["shop.example"]
    assert route["rules"][0]["backendRefs"] == [{"name": "api", "port": 8080}]
    assert route["rules"][0]["timeouts"] == {"request": "300s"}
    redirect = by_kind(files, "HTTPRoute")["https-redirect"]["spec"]
    assert redirect["rules"][0]["filters"][0]["requestRedirect"]["scheme"] == "https"


def test_googles_gateway_reaches_pods_from_its_own_addresses():
    def sources(gateway_class):
        policy = rendered(SERVICE, HOST, f"manifests.gateway_class={gateway_class}")
        rules = policy["kubernetes/base/api/networkpolicy-api.yaml"].value["spec"]["ingress"]
        return {source["ipBlock"]["cidr"] for rule in rules for source in rule["from"] if "ipBlock" in source}

    assert sources("gke-l7-global-external-managed") == {"35.191.0.0/16", "130.211.0.0/22"}
    assert sources("istio") == set()


def test_http_2_is_the_controllers_setting_and_no_annotation():
    files = example("llm-governance")
    config = files["helm/ingress-nginx.values.yaml"].value["controller"]["config"]
    assert config["use-http2"] == "true"
    ingress = by_kind(files, "Ingress")["api-gateway"]
    assert not any(key.endswith("use-http2") for key in ingress["metadata"]["annotations"])
    assert "helm/ingress-nginx.values.yaml" not in rendered(SERVICE, HOST, GATEWAY)


def test_levqors_limits_are_the_documents_in_every_tier():
    table = example("levqor")["ratelimits/api.json"].value
    found = {
        tier["name"]: {group: limit["per_minute"] for group, limit in tier["limits"].items()}
        for tier in table["tiers"]
    }
    assert found == TIERS
    assert [tier["below"] for tier in table["tiers"]] == [0.3, 0.6, 0.8, 0.95]


def test_ingresses_hold_the_limits_of_the_tier_that_the_load_is_in():
    current = example("levqor", "eks")["ratelimits/api.json"].value["current"]
    assert current == site_of("levqor", "eks").components["api"].pick.name(0)
    ingresses = by_kind(example("levqor", "eks"), "Ingress")
    paths = {"backend": "default", "backend-ai-chat": "ai-chat", "backend-workflows": "workflows"}
    paths |= {"backend-billing": "billing", "backend-health": "health"}
    assert set(ingresses) == set(paths)
    for name, group in paths.items():
        annotations = ingresses[name]["metadata"]["annotations"]
        assert annotations[f"{NGINX}/limit-rpm"] == str(TIERS[current][group])
        assert annotations[f"{NGINX}/limit-burst-multiplier"] == "1"
    [rule] = ingresses["backend-ai-chat"]["spec"]["rules"]
    assert rule["http"]["paths"][0]["path"] == "/api/ai/chat"


def test_the_script_sets_the_limits_of_a_tier(tmp_path):
    write(example("levqor", "eks"), tmp_path)
    (tmp_path / "kubectl").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "kubectl").chmod(0o755)
    command = [tool("sh"), tmp_path / "commands/load-tier.sh"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    def run(*words):
        return subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, check=False
        )

    lines = run("critical").stdout.splitlines()
    assert len(lines) == 5
    assert "--namespace levqor annotate --overwrite ingress backend-ai-chat" in lines[1]
    assert f"{NGINX}/limit-rpm=10 " in lines[1]
    assert run("nonsense").returncode == 2


def test_only_nginx_can_hold_limits():
    other = ("manifests.ingress_class=traefik", GATEWAY)
    for change in other:
        files = rendered_levqor(change)
        assert "commands/load-tier.sh" not in files
        assert "ratelimits/api.json" in files
        for ingress in by_kind(files, "Ingress").values():
            assert "annotations" not in ingress["metadata"]


def rendered_levqor(change):
    """Return Levqor on Kubernetes with a change."""
    return example("levqor", "eks", (change,))


@pytest.mark.parametrize(
    ("id_", "kind", "change"),
    [
        ("no-backend", "HTTPRoute", {"rules": [{"backendRefs": [{"name": "other", "port": 8080}]}]}),
        ("no-backend-port", "HTTPRoute", {"rules": [{"backendRefs": [{"name": "api", "port": 1}]}]}),
        ("no-gateway", "HTTPRoute", {"parentRefs": [{"name": "other"}]}),
        ("no-listener", "HTTPRoute", {"parentRefs": [{"name": "shop", "sectionName": "other"}]}),
        ("no-tls-secret", "Gateway", {"listeners": [{"tls": {"certificateRefs": [{"name": "x"}]}}]}),
    ],
)
def test_backends_of_routes_are_looked_at(id_, kind, change):
    files = rendered(SERVICE, HOST, GATEWAY)
    facts = Facts(external=["Secret/api-tls", "Secret/shop"])
    documents = {path: [copy.deepcopy(item.value)] for path, item in files.items() if item.value is not None}
    assert id_ not in {finding.code for finding in verify(documents, {}, facts)}
    name = "shop" if kind == "Gateway" else "api"
    broken = next(
        value
        for [value] in documents.values()
        if isinstance(value, dict) and value.get("kind") == kind and value["metadata"]["name"] == name
    )
    broken["spec"] |= change
    assert id_ in {finding.code for finding in verify(documents, {}, facts)}


@pytest.mark.parametrize(("oldest", "protocols"), [("1.2", "TLSv1.2 TLSv1.3"), ("1.3", "TLSv1.3")])
def test_the_edge_takes_no_older_tls_than_the_plan_says(oldest, protocols):
    said = f"manifests.tls_minimum='{oldest}'"
    nginx = rendered(SERVICE, HOST, said)["helm/ingress-nginx.values.yaml"].value
    assert nginx["controller"]["config"]["ssl-protocols"] == protocols
    policies = by_kind(rendered(SERVICE, HOST, said, "manifests.gateway_class=eg"), "ClientTrafficPolicy")
    assert [policy["spec"]["tls"] for policy in policies.values()] == [{"minVersion": "1.3"}] * (
        oldest == "1.3"
    )
    assert not by_kind(rendered(SERVICE, HOST, said, GATEWAY), "ClientTrafficPolicy"), "Envoy's own kind"


def test_a_proxy_tries_again_as_often_as_the_plan_says():
    tries = f"{NGINX}/proxy-next-upstream-tries"
    plain = by_kind(rendered(SERVICE, HOST), "Ingress")["api"]["metadata"]["annotations"]
    assert tries not in plain, "nginx decides"
    for retries, expected in ((0, "1"), (2, "3")):
        files = rendered(SERVICE, HOST, f"services.api.retries={retries}")
        assert by_kind(files, "Ingress")["api"]["metadata"]["annotations"][tries] == expected


def test_envoy_takes_retries_and_lets_in_what_all_instances_take():
    breaker = ("services.api.breaker={failures: 40%}", "services.api.concurrency=12")
    envoy = "manifests.gateway_class=eg"
    files = rendered(SERVICE, HOST, envoy, "services.api.retries=2", *breaker)
    spec = by_kind(files, "BackendTrafficPolicy")["api"]["spec"]
    assert spec["targetRefs"] == [{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "api"}]
    assert spec["retry"]["numRetries"] == 2
    assert spec["circuitBreaker"] == {"maxParallelRequests": 10 * 12}
    assert not by_kind(rendered(SERVICE, HOST, envoy), "BackendTrafficPolicy")
    assert not by_kind(rendered(SERVICE, HOST, GATEWAY, *breaker), "BackendTrafficPolicy"), "Envoy's own kind"
