"""Prefill and decode on separate replicas, as llm-d runs them."""

import shlex

import pytest
from helpers import SHIPPED, plan_of
from rendering import rendered

from capplan.errors import InputError
from capplan.estimate import estimate

PLAN = """
name: chat
regions: {gcp: us-central1}
demand: {requests_per_month: 4M, peak_to_average: 2.5}
manifests: {serving: [llm-d]}
services:
  front: {platform: kubernetes, cluster: main, service_time: 1s, cpu: 1, memory: 1Gi, calls: {talk: 10}}
clusters:
  main: {platform: gke, pools: {web: {machine: e2-standard-4, nodes: {min: 1, max: 30}}}}
llm:
  talk:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1500
    output_tokens: 150
    slo: {tpot: 60ms, ttft: 2s}
    replicas: {max: 60}
    disaggregated:
      link_gb_per_s: 3
      prefill: {gpu: H100-80GB, machine: a3-highgpu-1g, replicas: {max: 30}}
"""


@pytest.fixture(scope="module")
def files():
    return rendered(PLAN)


def arguments(template):
    """Return a server's arguments as its shell reads them."""
    told = {one["name"]: one.get("value") for one in template["containers"][0]["env"]}
    return dict(word.removeprefix("--").split("=", 1) for word in shlex.split(told["VLLM_ADDITIONAL_ARGS"]))


def test_llm_d_runs_the_replicas_of_both_pools_where_the_estimate_pays_them(files):
    spec = files["llm-d/llminferenceservice-talk.yaml"].value["spec"]
    peaks = {c.name: c.sizing.peak[0, 0] for c in estimate(plan_of(PLAN), SHIPPED).components if c.sizing}
    assert (spec["replicas"], spec["prefill"]["replicas"]) == (peaks["talk"], peaks["talk/prefill"])
    pools = [each["template"]["nodeSelector"] for each in (spec, spec["prefill"])]
    assert [{*pool.values()} for pool in pools] == [{"talk"}, {"talk-prefill"}]
    script = files["commands/gcloud.sh"].text
    assert "node-pools create talk-prefill" in script
    assert "a3-highgpu-1g" in script


def test_the_servers_of_both_pools_exchange_their_cache(files):
    spec = files["llm-d/llminferenceservice-talk.yaml"].value["spec"]
    making, reading = (arguments(each["template"]) for each in (spec, spec["prefill"]))
    assert making["kv-transfer-config"] == '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'
    alike = ("kv-transfer-config", "kv-cache-dtype", "max-model-len", "dtype", "quantization")
    assert [making[name] for name in alike] == [reading[name] for name in alike]
    for each in (spec, spec["prefill"]):
        [address] = [one for one in each["template"]["containers"][0]["env"] if "valueFrom" in one]
        assert address["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}


def test_no_deployment_is_written_that_no_router_would_join(files):
    assert not [path for path in files if path.startswith("kubernetes/base/talk")]
    assert "an image with NIXL" in files["CHECKLIST.md"].text
    # The pods are KServe's, with its labels, and reach each other, the gateway and the weights.
    policy = files["llm-d/networkpolicy-talk.yaml"].value["spec"]
    assert policy["podSelector"]["matchLabels"]["app.kubernetes.io/part-of"] == "llminferenceservice"
    assert (policy["ingress"], policy["egress"]) == ([{"from": [{"namespaceSelector": {}}]}], [{}])
    quota = files["kubernetes/base/resourcequota-chat.yaml"].value["spec"]["hard"]
    assert int(quota["requests.nvidia.com/gpu"]) == 60 + 30


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("manifests.serving=[]",), "disaggregated: only llm-d joins prefill and decode"),
        (("manifests.serving=[kserve]",), "disaggregated: only llm-d joins prefill and decode"),
        (("llm.talk.workload={host: talk.example.com}",), "llm-d makes the route of prefill and decode"),
        (("llm.talk.engine=sglang", "llm.talk.precision=bf16"), "llm-d runs vllm, and talk runs sglang"),
    ],
)
def test_what_cannot_be_rendered_is_refused(sets, said):
    with pytest.raises(InputError, match=said):
        rendered(PLAN, *sets)
