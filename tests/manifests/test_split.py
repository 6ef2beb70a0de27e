"""Requests that a route divides between a model of one's own and an API, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.manifests.render import as_planned
from capplan.manifests.site import Site
from capplan.plan.read import alternatives_of, parse_plan

PLAN = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 4, profile: flat}
manifests: {gateway_class: eg}
services:
  web: {platform: cloud-run, service_time: 1s, calls: {chat: 1}}
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 2000
    output_tokens: 300
    local_share: 0%
    local_steps: [10%, 50%, 100%]
    api: {model: mini, host: api.example.com, usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}
    workload: {host: llm.example.com, secrets: {HF_TOKEN: huggingface/token}}
"""


def run(*sets: str, text: str = PLAN, step: str | None = None) -> Estimate:
    changed = [f"llm.chat.{one}" for one in sets]
    return estimate(parse_plan(text, "plan.yaml", Path(), changed, step), Catalog())


def files(result: Estimate) -> dict[tuple[str, str], Any]:
    """Return the objects of the base by kind and name."""
    found = {}
    for item in as_planned(Site(result)):
        if item.path.startswith("kubernetes/base"):
            tree = yaml.safe_load(item.text)
            found[tree["kind"], tree.get("metadata", {}).get("name")] = tree.get("spec")
    return found


def test_each_step_is_an_alternative_with_its_own_price():
    file = parse_plan(PLAN, "plan.yaml", Path())
    assert alternatives_of(file) == ["chat-10", "chat-50", "chat-100"]
    asked = {}
    for step in alternatives_of(file):
        lines = {line.sku: line for line in run(step=step).lines_of("chat")}
        asked[step] = float(lines["mini"].quantity.expected[0, 0]) if "mini" in lines else 0.0
        assert "g2-standard-8" in lines
    assert asked["chat-10"] == pytest.approx(0.9 * 4 * 730 * 3600)
    assert asked["chat-50"] == pytest.approx(0.5 * 4 * 730 * 3600)
    assert asked["chat-100"] == 0


def test_a_step_of_ones_own_name_stays():
    text = PLAN + "alternatives: {chat-10: {llm: {chat: {local_share: 11%}}}}"
    assert run(text=text, step="chat-10").plan.llm["chat"].local_share == 0.11


def test_a_step_that_is_no_share_is_refused_at_its_place():
    with pytest.raises(InputError, match=r"llm.chat.local_steps.0: .*130%"):
        run("local_steps=[130%]")


def test_the_route_has_the_weights_of_the_step_and_reaches_the_api():
    objects = files(run(step="chat-10"))
    rule = objects["HTTPRoute", "chat"]["rules"][0]
    own, api = rule["backendRefs"]
    assert (own["name"], own["weight"]) == ("chat", 10)
    assert (api["kind"], api["name"], api["weight"]) == ("Backend", "chat-api", 90)
    assert objects["Backend", "chat-api"]["endpoints"] == [
        {"fqdn": {"hostname": "api.example.com", "port": 443}}
    ]
    policy = objects["BackendTLSPolicy", "chat-api"]
    assert policy["validation"]["hostname"] == "api.example.com"
    filters = {one["extensionRef"]["name"] for one in (*rule["filters"], *api["filters"])}
    assert filters == {name for kind, name in objects if kind == "HTTPRouteFilter"}
    # One request suits both ends: replicas answer to the name of the API's model.
    args = objects["Deployment", "chat"]["template"]["spec"]["containers"][0]["args"]
    assert "--served-model-name=mini" in args


def test_who_serves_everything_has_a_plain_route():
    objects = files(run(step="chat-100"))
    assert "weight" not in objects["HTTPRoute", "chat"]["rules"][0]["backendRefs"][0]
    assert ("Backend", "chat-api") not in objects


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAN, "enableBackend in the EnvoyGateway"),
        (
            PLAN.replace("gateway_class: eg", "gateway_class: gke-l7-gxlb"),
            "sends 0.9 of the requests to mini",
        ),
    ],
)
def test_the_checklist_says_who_divides(text, said):
    checklist = next(
        item.text for item in as_planned(Site(run(text=text, step="chat-10"))) if "CHECKLIST" in item.path
    )
    assert said in checklist


def test_an_api_without_a_known_host_cannot_be_routed_to():
    with pytest.raises(InputError, match=r"api.host: the host of the API of mini is unknown"):
        files(run(text=PLAN.replace("host: api.example.com, ", ""), step="chat-10"))


def test_replicas_that_no_request_reaches_are_said():
    assert "llm-idle" not in {f.code for f in run().findings}
    assert [line.sku for line in run().lines_of("chat")] == ["mini"]
    kept = next(f for f in run("replicas.min=2").findings if f.code == "llm-idle")
    assert "kept and paid, 2:" in kept.message
