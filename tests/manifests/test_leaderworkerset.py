"""Models whose replicas take several machines: a LeaderWorkerSet, and what stands around it."""

import textwrap

import pytest
from helpers import SHIPPED, plan_of
from rendering import rendered

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.proof.prove import prove
from capplan.manifests.proof.prove import rendered as as_files
from capplan.manifests.site import Site

OVER_TWO = textwrap.dedent("""
    name: desk
    regions: {gcp: us-central1}
    demand: {requests_per_month: 300_000, peak_to_average: 2}
    services:
      web: {platform: cloud-run, service_time: 1s, calls: {big: 2}}
    llm:
      big:
        model: deepseek-v3
        precision: fp8
        gpu: H100-80GB
        machine: a3-highgpu-8g
        tensor_parallel: 8
        pipeline_parallel: 2
        input_tokens: 900
        output_tokens: 300
        replicas: {min: 1, max: 4}
""")
ROOT = "kubernetes/base/big"
TARGET = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "big"}
RANKS = {"--node-rank=$(LWS_WORKER_INDEX)", "--master-addr=$(LWS_LEADER_ADDRESS)"}


@pytest.fixture(scope="module")
def files():
    return rendered(OVER_TWO)


def group(files):
    spec = files[f"{ROOT}/leaderworkerset-big.yaml"].value["spec"]
    return spec, *(spec["leaderWorkerTemplate"][f"{member}Template"] for member in ("leader", "worker"))


def test_a_replica_is_a_group_of_a_leader_and_its_workers(files):
    spec, leader, worker = group(files)
    assert f"{ROOT}/deployment-big.yaml" not in files
    assert spec["leaderWorkerTemplate"]["size"] == 2
    told, silent = (member["spec"]["containers"][0] for member in (leader, worker))
    flags = {"--tensor-parallel-size=8", "--pipeline-parallel-size=2", "--nnodes=2", *RANKS}
    assert flags <= {*told["args"]}
    assert [*told["args"], "--headless"] == silent["args"]
    assert "readinessProbe" in told
    assert not {"readinessProbe", "startupProbe", "ports"} & silent.keys(), "a worker answers nobody"
    for member in (told, silent):
        assert member["resources"]["limits"]["nvidia.com/gpu"] == "8"
    [near] = worker["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert near["matchLabelKeys"] == ["leaderworkerset.sigs.k8s.io/group-key"]
    assert near["topologyKey"] == "topology.kubernetes.io/zone"


def test_what_stands_around_a_group_means_its_leader_or_all_of_it(files):
    _, leader, worker = group(files)
    selector = files[f"{ROOT}/service-big.yaml"].value["spec"]["selector"]
    assert selector.items() <= leader["metadata"]["labels"].items()
    assert not selector.items() <= worker["metadata"]["labels"].items()
    policy = files[f"{ROOT}/networkpolicy-big.yaml"].value["spec"]
    own = [{"podSelector": policy["podSelector"]}]
    assert {"from": own} in policy["ingress"]
    assert {"to": own} in policy["egress"]
    assert policy["podSelector"]["matchLabels"].items() <= worker["metadata"]["labels"].items()
    hpa = files[f"{ROOT}/horizontalpodautoscaler-big.yaml"].value["spec"]
    assert hpa["scaleTargetRef"] == TARGET
    quota = files["kubernetes/base/resourcequota-desk.yaml"].value["spec"]["hard"]
    assert (quota["pods"], quota["requests.nvidia.com/gpu"]) == ("8", "64")
    assert "--total-max-nodes 8" in files["commands/gcloud.sh"].text
    assert "big needs the LeaderWorkerSet controller" in files["CHECKLIST.md"].text


def test_keda_and_a_vertical_autoscaler_mean_the_group():
    sets = "llm.big.workload={autoscaler: {kind: keda}, vpa: {mode: 'off'}}"
    files = rendered(OVER_TWO, sets)
    [scaled] = [item for path, item in files.items() if "scaledobject-big" in path]
    assert scaled.value["spec"]["scaleTargetRef"]["kind"] == "LeaderWorkerSet"
    [watched] = [item for path, item in files.items() if "verticalpodautoscaler-big" in path]
    assert watched.value["spec"]["targetRef"] == TARGET


def test_the_files_keep_what_the_estimate_promises():
    site = Site(estimate(plan_of(OVER_TWO), SHIPPED))
    trees, texts = as_files(site)
    assert prove(site, trees, texts) == []
    [path] = [path for path in trees if "leaderworkerset" in path]
    trees[path][0]["spec"]["leaderWorkerTemplate"]["size"] = 3
    assert [finding.code for finding in prove(site, trees, texts)] == ["ordered-otherwise"]


def test_experts_and_attention_are_told_as_the_estimate_counts_them():
    sets = ("tensor_parallel=1", "pipeline_parallel=1", "data_parallel=16", "expert_parallel=true")
    _, leader, _ = group(rendered(OVER_TWO, *(f"llm.big.{each}" for each in sets)))
    told = {*leader["spec"]["containers"][0]["args"]}
    assert {
        "--data-parallel-size=16",
        "--enable-expert-parallel",
        "--all2all-backend=deepep_low_latency",
    } <= told


def test_sglang_finds_its_leader():
    files = rendered(OVER_TWO, "llm.big.engine=sglang")
    _, leader, worker = group(files)
    told, silent = (member["spec"]["containers"][0]["args"] for member in (leader, worker))
    assert {"--tp-size=8", "--pp-size=2", "--nnodes=2"} <= {*told}
    assert "--dist-init-addr=$(LWS_LEADER_ADDRESS):20000" in told
    assert told == silent


def test_several_stages_on_one_machine_need_no_group():
    sets = ("gpu=L4", "machine=g2-standard-48", "model=llama-3.1-70b", "tensor_parallel=2")
    files = rendered(OVER_TWO, *(f"llm.big.{each}" for each in sets))
    told = files[f"{ROOT}/deployment-big.yaml"].value["spec"]["template"]["spec"]["containers"][0]
    assert "--pipeline-parallel-size=2" in told["args"]
    assert not any(word.startswith("--nnodes") for word in told["args"])
    assert told["resources"]["limits"]["nvidia.com/gpu"] == "4"


@pytest.mark.parametrize(
    ("sets", "why"),
    [
        ("llm.big.engine=tensorrt-llm", "tensorrt-llm 1.0.0 on several machines"),
        ("llm.big.engine_version=0.11.0", "vllm 0.11.0 on several machines"),
        ("manifests={serving: [llm-d]}", "takes 2 machines"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(sets, why):
    with pytest.raises(InputError, match=why):
        rendered(OVER_TWO, sets)
