"""Models that a plan serves itself: what runs is what the estimate chose."""

import textwrap

import pytest
import yaml
from helpers import SHIPPED, plan_of
from rendering import example, rendered, site_of

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site

SERVING = textwrap.dedent("""
    name: chat
    regions: {gcp: us-central1}
    demand: {requests_per_month: 400_000, peak_to_average: 2.5}
    services:
      front: {platform: cloud-run, service_time: 3s, calls: {model: 10}}
    llm:
      model:
        model: llama-3.1-8b
        precision: fp8
        gpu: L4
        machine: g2-standard-8
        tensor_parallel: 1
        input_tokens: 1200
        output_tokens: 200
        slo: {tpot: 100ms, ttft: 3s}
        replicas: {min: 2, max: 20}
""")
DEPLOYMENT = "kubernetes/base/model/deployment-model.yaml"


def container(files, name="model"):
    """Return the only container of a Deployment."""
    [found] = files[f"kubernetes/base/{name}/deployment-{name}.yaml"].value["spec"]["template"]["spec"][
        "containers"
    ]
    return found


def arguments(files, name="model"):
    """Return a server's arguments as a map."""
    return dict(word.removeprefix("--").split("=", 1) for word in container(files, name)["args"])


def test_arguments_are_those_of_the_estimate():
    found = arguments(example("llm-serving"), "assistant")
    replica = next(c for c in site_of("llm-serving").estimate.components if c.name == "assistant").replica
    assert found["model"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert found["tensor-parallel-size"] == "1"
    assert found["max-num-seqs"] == str(int(replica.users.flat[0]))
    # FP8 weights are made from the published 16 bit, and the estimate counts a byte for an element of KV.
    assert (found["quantization"], found["kv-cache-dtype"]) == ("fp8", "fp8")
    share = replica.configuration.settings.memory_share
    assert float(found["gpu-memory-utilization"]) == pytest.approx(share, abs=0.01)
    # Four times 1,400 tokens, in whole 1,024.
    assert found["max-model-len"] == "6144"


def test_a_chosen_configuration_is_rendered():
    found = arguments(example("llm-serving", "cheapest"), "assistant")
    plan = site_of("llm-serving", "cheapest").plan.llm["assistant"]
    assert (plan.gpu, plan.precision) == ("T4", "int8")
    assert found["dtype"] == "half", "a T4 has no bfloat16"
    assert found["model"].endswith("w8a8")
    assert "quantization" not in found, "the checkpoint says it"


def test_the_pod_fits_its_node_and_has_its_gpu():
    site, files = site_of("llm-serving"), example("llm-serving")
    pool = site.pools["llm-serving", "assistant"]
    assert (pool.gpus, pool.max_nodes) == (1, 20)
    asked = site.components["assistant"].pods
    assert 0.8 * pool.cpu <= asked.cpu <= pool.cpu
    assert 0.8 * pool.memory_gib <= asked.memory_gib <= pool.memory_gib
    resources = container(files, "assistant")["resources"]
    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "1"
    pod = files["kubernetes/base/assistant/deployment-assistant.yaml"].value["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"cloud.google.com/gke-nodepool": "assistant"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]


def test_start_has_time_for_image_and_weights():
    files = rendered(SERVING)
    probe = container(files)["startupProbe"]
    # 60 s for the image and 16.1 GB at 0.5 GB/s, twice.
    assert probe["periodSeconds"] * probe["failureThreshold"] == pytest.approx(2 * (60 + 16.1 / 0.5), abs=6)
    slow = container(rendered(SERVING, "llm.model.cold_start.weights_gb_per_s=0.1"))["startupProbe"]
    assert slow["failureThreshold"] > 2 * probe["failureThreshold"]
    [claim] = [
        volume["ephemeral"]["volumeClaimTemplate"]["spec"]
        for volume in files[DEPLOYMENT].value["spec"]["template"]["spec"]["volumes"]
        if "ephemeral" in volume
    ]
    assert claim["resources"]["requests"]["storage"] == "18Gi", "16.1 GB and a fifth more"


def test_replicas_scale_by_running_requests_within_the_plans_bounds():
    files = rendered(SERVING)
    hpa = files["kubernetes/base/model/horizontalpodautoscaler-model.yaml"].value["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (2, 20)
    pods = hpa["metrics"][0]["pods"]
    assert pods["metric"]["name"] == "vllm_num_requests_running"
    # As many as run at 70 % of the requests/s that keep the promise: far fewer than 70 % of the places.
    running = int(pods["target"]["averageValue"])
    assert 1 <= running < 0.6 * int(arguments(files)["max-num-seqs"])
    busier = rendered(SERVING, "llm.model.target_utilization=90%")
    more = busier["kubernetes/base/model/horizontalpodautoscaler-model.yaml"].value["spec"]["metrics"][0][
        "pods"
    ]
    assert int(more["target"]["averageValue"]) > running
    rules = files["helm/prometheus-adapter.values.yaml"].value["rules"]["custom"]
    assert [rule["name"]["as"] for rule in rules] == ["vllm_num_requests_running"]


def test_a_replica_is_kept_and_finishes_as_the_plan_says():
    files = rendered(SERVING, "llm.model.cold_start.scale_down_window=10m")
    hpa = files["kubernetes/base/model/horizontalpodautoscaler-model.yaml"].value["spec"]
    assert hpa["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    # Four times 200 tokens at 100 ms.
    pod = files[DEPLOYMENT].value["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 80


TENSORRT = "nvcr.io/nvidia/tensorrt-llm/release:1.0.0"
TGI = "ghcr.io/huggingface/text-generation-inference:3.3.6"
ENGINES = [
    (
        "sglang",
        "fp8",
        "lmsysorg/sglang:v0.5.6",
        "--mem-fraction-static=0.838 --quantization=fp8 --host=0.0.0.0",
    ),
    ("tensorrt-llm", "bf16", TENSORRT, "--max_num_tokens=8192 --host=0.0.0.0"),
    ("tgi", "bf16", TGI, "--max-total-tokens=6144 --max-input-tokens=6143 --hostname=0.0.0.0"),
]


@pytest.mark.parametrize(("engine", "precision", "image", "flags"), ENGINES)
def test_engines_are_started_with_a_pinned_image_and_their_own_flags(engine, precision, image, flags):
    files = rendered(SERVING, f"llm.model.engine={engine}", f"llm.model.precision={precision}")
    pod = files[DEPLOYMENT].value["spec"]["template"]["spec"]
    found = container(files)
    assert found["image"] == image
    assert {*flags.split(), "--port=8000"} <= set(found["args"])
    assert any("meta-llama/Llama-3.1-8B-Instruct" in word for word in found["args"])
    assert found["startupProbe"]["httpGet"]["path"] == "/health"
    [shm] = [mount["name"] for mount in found["volumeMounts"] if mount["mountPath"] == "/dev/shm"]
    assert {v["name"]: v["emptyDir"]["medium"] for v in pod["volumes"] if v["name"] == shm} == {shm: "Memory"}
    # Only vLLM tells how many requests it works on.
    hpa = files["kubernetes/base/model/horizontalpodautoscaler-model.yaml"].value["spec"]
    metric = hpa["metrics"][0]
    assert metric.get("pods", {"metric": {"name": "cpu"}})["metric"]["name"] != "vllm_num_requests_running"


@pytest.mark.parametrize(
    ("engine", "model"), [("sglang", "--model-path=a/b-FP8"), ("tensorrt-llm", "a/b-FP8")]
)
def test_other_engines_serve_the_checkpoint_that_a_plan_names(engine, model):
    more = ", served_model_name: chat" if engine == "sglang" else ""
    named = f"llm.model.workload={{vllm: {{model: a/b-FP8{more}}}}}"
    found = container(rendered(SERVING, f"llm.model.engine={engine}", named))
    assert found["args"][0] == model
    assert ("--served-model-name=chat" in found["args"]) == bool(more)
    assert not [word for word in found["args"] if "quantization" in word]


def test_tensorrt_llm_makes_no_fp8_of_other_weights_and_reads_what_it_has_no_flag_for():
    engine = "llm.model.engine=tensorrt-llm"
    with pytest.raises(InputError, match=r"no checkpoint is known for llama-3\.1-8b at fp8"):
        rendered(SERVING, engine)
    named = "llm.model.workload={vllm: {model: a/b-FP8}}"
    files = rendered(SERVING, engine, named, "llm.model.prefix_cache=false")
    told = files["kubernetes/base/model/configmap-model.yaml"].value["data"]["OPTIONS"]
    cache = {"free_gpu_memory_fraction": 0.9, "dtype": "fp8", "enable_block_reuse": False}
    assert yaml.safe_load(told) == {"kv_cache_config": cache}
    command = container(files)["command"]
    assert command[:2] == ["/bin/sh", "-c"]
    assert "--extra_llm_api_options=/tmp/options.yaml" in command[2]


@pytest.mark.parametrize("precision", ["bf16", "fp8"])
def test_weights_are_served_only_as_they_are_published_or_made_by_the_engine(precision):
    """The repository holds MXFP4, of which no flag makes another precision."""
    aws = SERVING.replace("us-central1}", "us-central1, aws: us-east-1}")
    said = ("provider=aws", "machine=g6e.xlarge", "gpu=L40S", "model=gpt-oss-20b", "max_num_seqs=64")
    with pytest.raises(InputError, match=f"no checkpoint is known for gpt-oss-20b at {precision}"):
        rendered(aws, *(f"llm.model.{each}" for each in (*said, f"precision={precision}")))


def test_an_old_vllm_is_told_to_read_prompts_in_chunks():
    """It refuses steps of fewer tokens than its longest request otherwise."""
    old = ("llm.model.engine_version=0.7.3", "llm.model.precision=int8")
    words = container(rendered(SERVING, *old, "llm.model.workload={vllm: {model: a/b}}"))["args"]
    assert {"--enable-chunked-prefill", "--max-num-batched-tokens=2048", "--max-model-len=6144"} <= {*words}
    assert "--enable-chunked-prefill" not in container(rendered(SERVING))["args"]


def test_ollama_is_told_by_its_environment_and_pulls_its_model():
    files = rendered(SERVING, "llm.model.engine=ollama", "llm.model.precision=int4")
    found = container(files)
    assert (found["image"], found["command"]) == ("ollama/ollama:0.12.6", ["/bin/sh", "-c"])
    assert "ollama pull llama3.1:8b" in found["args"][0]
    environment = files["kubernetes/base/model/configmap-model.yaml"].value["data"]
    assert (environment["OLLAMA_NUM_PARALLEL"], environment["OLLAMA_CONTEXT_LENGTH"]) == ("4", "6144")
    with pytest.raises(InputError, match="no tag of Ollama's library is known"):
        rendered(SERVING, "llm.model.engine=ollama")


def test_ollama_takes_the_whole_context_of_a_model_without_a_kv_cache(tmp_path):
    group = "{layers: 64, mixer_weights: 100000000, state_bytes: 500000}"
    shape = f"{{hidden: 4096, vocabulary: 65024, context: 4096, groups: [{group}]}}"
    own = tmp_path / "own.yaml"
    own.write_text(f"models: {{state-7b: {{shape: {shape}, confidence: checked, source: ours}}}}")
    said = (f"architectures={own}", "model=state-7b", "engine=ollama", "precision=int4")
    files = rendered(SERVING, *(f"llm.model.{each}" for each in said))
    environment = files["kubernetes/base/model/configmap-model.yaml"].value["data"]
    assert environment["OLLAMA_CONTEXT_LENGTH"] == "4096"


@pytest.mark.parametrize(
    ("model", "precision", "tag"),
    [
        ("llama-2-13b", "int4", "llama2:13b"),
        ("gemma-2-9b", "int4", "gemma2:9b"),
        ("qwen3-30b-a3b", "int4", "qwen3:30b"),
        ("gpt-oss-20b", "mxfp4", "gpt-oss:20b"),
    ],
)
def test_ollama_pulls_what_its_library_calls_the_model(model, precision, tag):
    sets = ("engine=ollama", f"model={model}", f"precision={precision}", "input_tokens=400")
    assert (
        f"ollama pull {tag};"
        in container(rendered(SERVING, *(f"llm.model.{each}" for each in sets)))["args"][0]
    )


STATES = "{layers: 30, mixer_weights: 100000000, state_bytes: 500000, ffn: 14336}"
ATTENTION = "{layers: 10, query_heads: 32, kv_heads: 8, head_size: 128, ffn: 14336}"


@pytest.fixture
def hybrid(tmp_path):
    """Return what a plan says of a model of its own, most of whose layers keep a state."""
    shape = f"{{hidden: 4096, vocabulary: 65024, context: 65536, groups: [{STATES}, {ATTENTION}]}}"
    own = tmp_path / "own.yaml"
    own.write_text(f"models: {{hybrid-9b: {{shape: {shape}, confidence: checked, source: ours}}}}")
    return (f"architectures={own}", "model=hybrid-9b")


def test_ollama_serves_one_request_of_a_model_with_states_and_counts_them(hybrid):
    said = (*hybrid, "engine=ollama", "precision=int4", "workload={vllm: {model: a/b, max_model_len: 60000}}")
    site = Site(estimate(plan_of(SERVING, *(f"llm.model.{each}" for each in said)), SHIPPED))
    [file] = [item for item in render(site, Templates(), RenderOptions()) if "configmap-model" in item.path]
    told = file.value["data"]
    assert (told["OLLAMA_NUM_PARALLEL"], told["OLLAMA_CONTEXT_LENGTH"]) == ("1", "60000")
    memory = next(c for c in site.estimate.components if c.name == "model").replica.configuration.memory()
    # Ten layers of 8 heads of 128 keys and values at 16 bit, beside 15 MB of states.
    assert memory.longest(2.0) == pytest.approx((memory.sure / 2 - 30 * 500_000) / (10 * 2 * 8 * 128 * 2))


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ("prefix_cache_hit_rate=50%", "--enable-prefix-caching"),
        ("prefix_cache_hit_rate=0%", "--no-enable-prefix-caching"),
    ],
)
def test_vllm_is_told_whether_prefixes_of_models_with_states_are_cached(hybrid, change, flag):
    """Releases differ in what they do by themselves."""
    said = (*hybrid, "precision=bf16", "machine=g2-standard-24", "tensor_parallel=2", change)
    said = (*said, "workload={vllm: {model: a/b}}")
    assert flag in container(rendered(SERVING, *(f"llm.model.{each}" for each in said)))["args"]


def test_the_longest_request_does_not_depend_on_how_many_run_at_once():
    assert arguments(rendered(SERVING, "llm.model.max_num_seqs=1"))["max-model-len"] == "6144"


def test_a_checkpoint_that_the_model_is_called_by_is_not_quantised_again():
    found = arguments(rendered(SERVING, "llm.model.model=RedHatAI/Llama-3.1-8B-Instruct-FP8"))
    assert found["model"] == "RedHatAI/Llama-3.1-8B-Instruct-FP8"
    assert "quantization" not in found


def test_an_engine_that_nobody_measured_is_sized_by_the_plan_alone():
    site = rendered(SERVING, "llm.model.engine=tgi", "llm.model.precision=bf16", "llm.model.replicas.min=3")
    assert site["kubernetes/base/model/horizontalpodautoscaler-model.yaml"].value["spec"]["minReplicas"] == 3


CHANGES = [
    ("max_num_seqs=8",),
    ("kv_cache_dtype=fp8", "precision=bf16"),
    ("prefix_cache=false",),
    ("gpu_memory_utilization=0.95", "max_num_batched_tokens=1024"),
    ("model=gpt-oss-20b", "precision=mxfp4", "hybrid_cache=false"),
]
SPELLED = {
    "vllm": ("max-num-batched-tokens", "gpu-memory-utilization", "kv-cache-dtype", "max-num-seqs"),
    "sglang": ("chunked-prefill-size", "mem-fraction-static", "kv-cache-dtype", "max-running-requests"),
    "tgi": ("max-batch-prefill-tokens", "cuda-memory-fraction", "kv-cache-dtype", "max-concurrent-requests"),
}
OFF = {
    "vllm": ("--no-enable-prefix-caching", "--disable-hybrid-kv-cache-manager"),
    "sglang": ("--disable-radix-cache", "--disable-hybrid-swa-memory"),
    "tgi": ("--prefix-caching=false", "none"),
}


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("engine", SPELLED)
def test_flags_read_back_are_what_the_estimate_counts_with(engine, changes):
    sets = [f"llm.model.{each}" for each in (f"engine={engine}", *changes)]
    site = Site(estimate(plan_of(SERVING, *sets), SHIPPED))
    [file] = [item for item in render(site, Templates(), RenderOptions()) if item.path == DEPLOYMENT]
    words = container({DEPLOYMENT: file})["args"]
    told = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    replica = next(c for c in site.estimate.components if c.name == "model").replica
    chosen, settings = replica.configuration, replica.configuration.settings
    tokens, share, cache, sequences = SPELLED[engine]
    assert float(told[tokens]) == settings.batched_tokens
    assert float(told[share]) == pytest.approx(settings.memory_share, abs=0.001)
    assert (told.get(cache, "16")[:3] == "fp8") == (settings.kv_bytes == 1)
    assert float(told[sequences]) == int(replica.users.flat[0]) <= settings.sequences
    prefix, hybrid = OFF[engine]
    assert (prefix in words) == (not settings.prefix_cache)
    windows = any(group.window for group in chosen.model.groups) and chosen.engine.accounting.hybrid
    assert (hybrid in words) == (windows and not settings.hybrid)


def test_what_the_plan_tells_the_engine_is_told_and_counted():
    said = ("engine_version=0.19.0", "max_num_batched_tokens=4096", "max_num_seqs=24", "kv_cache_dtype=auto")
    files = rendered(
        SERVING, *(f"llm.model.{each}" for each in said), "llm.model.gpu_memory_utilization=0.93"
    )
    found = arguments(files)
    assert container(files)["image"] == "vllm/vllm-openai:v0.19.0"
    assert (found["max-num-batched-tokens"], found["gpu-memory-utilization"]) == ("4096", "0.93")
    assert int(found["max-num-seqs"]) <= 24
    assert "kv-cache-dtype" not in found


def test_settings_of_the_server_count_in_the_estimate():
    own = "llm.model.workload={vllm: {model: a/b, max_num_seqs: 7, gpu_memory_utilization: 0.5}}"
    found = arguments(rendered(SERVING, own))
    assert (found["max-num-seqs"], found["gpu-memory-utilization"]) == ("7", "0.5")
    with pytest.raises(InputError, match="does not fit 1 × L4"):
        rendered(SERVING, own.replace("0.5", "0.4"))


def test_an_old_vllm_that_makes_fp8_of_all_weights_is_refused():
    sets = ("model=llama-3.1-70b", "gpu=H100", "machine=a3-highgpu-1g", "max_num_seqs=128")
    image = "llm.model.workload={image: 'vllm/vllm-openai:v0.11.0'}"
    with pytest.raises(InputError, match=r"vllm 0\.11\.0 loads 141 GB at 16 bit"):
        rendered(SERVING, *(f"llm.model.{each}" for each in sets), image)
    named = image.replace("}", ", vllm: {model: RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic}}")
    found = arguments(rendered(SERVING, *(f"llm.model.{each}" for each in sets), named))
    assert "quantization" not in found
    newer = arguments(rendered(SERVING, *(f"llm.model.{each}" for each in sets)))
    assert newer["quantization"] == "fp8"


def test_kserve_and_llm_d_run_the_same_server():
    files = rendered(SERVING, "manifests.serving=[kserve, llm-d]")
    ours, replicas = container(files), site_of_peak(files)
    predictor = files["kserve/inferenceservice-model.yaml"].value["spec"]["predictor"]
    [theirs] = predictor["containers"]
    assert (theirs["image"], theirs["args"], theirs["resources"]) == (
        ours["image"],
        ours["args"],
        ours["resources"],
    )
    assert predictor["minReplicas"] == replicas
    assert {v["name"] for v in predictor["volumes"]} == {m["name"] for m in theirs["volumeMounts"]}
    spec = files["llm-d/llminferenceservice-model.yaml"].value["spec"]
    assert spec["model"]["uri"] == "hf://meta-llama/Llama-3.1-8B-Instruct"
    assert (spec["replicas"], set(spec["router"])) == (replicas, {"gateway", "route", "scheduler"})
    [main] = spec["template"]["containers"]
    told = {one["name"]: one["value"] for one in main["env"]}["VLLM_ADDITIONAL_ARGS"].split()
    assert [*told] == [word for word in ours["args"] if not word.startswith(("--model=", "--port="))]
    # The controller's pods run as no root, which vLLM's image does unless it is told who else.
    assert spec["template"]["securityContext"]["runAsUser"] > 0
    assert {"name": "USER", "value": "vllm"} in main["env"]
    assert spec["template"]["terminationGracePeriodSeconds"] == 80
    assert set(main["startupProbe"]) == {"periodSeconds", "timeoutSeconds", "failureThreshold"}
    # The controller downloads 18 GiB of weights into the pod, beside 4 of scratch.
    assert main["resources"]["limits"]["ephemeral-storage"] == "22Gi"
    assert not [path for path in rendered(SERVING) if path.startswith(("kserve/", "llm-d/"))]


SCALING = {"minReplicas", "maxReplicas", "scaleTarget", "scaleMetric", "containerConcurrency", "timeout"}
ROUTER = {
    "gateway": {"refs"},
    "route": {"group", "http", "weight"},
    "scheduler": {"annotations", "config", "labels", "pool", "replicas", "template"},
}
LLM = {"model", "replicas", "router", "template", "parallelism", "prefill", "scaling", "worker"}
"""Fields of KServe's own resources, beside those of pods: kserve/kserve v0.20.0, config/crd/full."""


def test_kserve_knows_every_field():
    kubernetes = pytest.importorskip("kubernetes_validate")
    files = rendered(SERVING, "manifests.serving=[kserve, llm-d]")
    service = files["kserve/inferenceservice-model.yaml"].value
    assert (service["apiVersion"], set(service["spec"])) == ("serving.kserve.io/v1beta1", {"predictor"})
    assert service["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "none",
    }
    llm = files["llm-d/llminferenceservice-model.yaml"].value
    assert llm["apiVersion"] == "serving.kserve.io/v1alpha2"
    assert set(llm["spec"]) <= LLM
    assert set(llm["spec"]["model"]) <= {"uri", "name", "confidential", "lora"}
    assert all(set(part) <= ROUTER[name] for name, part in llm["spec"]["router"].items())
    predictor = {key: part for key, part in service["spec"]["predictor"].items() if key not in SCALING}
    for pod in (predictor, llm["spec"]["template"]):
        wanted = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "model"}, "spec": pod}
        kubernetes.validate(wanted, "1.30", strict=True)


def test_llm_d_answers_to_the_name_of_the_api_and_its_shell_reads_the_flags():
    vllm = "llm.model.workload={vllm: {model: a/b, served_model_name: mini}}"
    spec = rendered(SERVING, "manifests.serving=[llm-d]", vllm)["llm-d/llminferenceservice-model.yaml"].value[
        "spec"
    ]
    assert spec["model"]["name"] == "mini"
    assert "served-model-name" not in str(spec["template"])


def test_llm_d_is_not_left_out_in_silence_where_an_engine_cannot_run_in_it():
    sets = ("manifests.serving=[llm-d]", "llm.model.engine=sglang", "llm.model.precision=bf16")
    with pytest.raises(InputError, match=r"manifests\.serving: llm-d runs vllm, and model runs sglang"):
        rendered(SERVING, *sets)


def site_of_peak(files):
    """Return the replicas that the busiest hour needs."""
    return int(files[DEPLOYMENT].value["metadata"]["annotations"]["capplan/replicas-at-peak"])


def test_versions_of_plan_and_image_must_agree():
    image = "llm.model.workload={image: 'vllm/vllm-openai:v0.11.0'}"
    with pytest.raises(InputError, match=r"0\.19\.0, but workload\.image is vllm/vllm-openai:v0\.11\.0"):
        rendered(SERVING, image, "llm.model.engine_version=0.19.0")


def test_callers_outside_the_cluster_reach_it_privately():
    files = rendered(SERVING)
    service = files["kubernetes/base/model/service-model.yaml"].value
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"]["networking.gke.io/load-balancer-type"] == "Internal"
    annotations = files["cloudrun/front.service.yaml"].value["spec"]["template"]["metadata"]["annotations"]
    assert annotations["run.googleapis.com/vpc-access-egress"] == "private-ranges-only"


def test_the_script_makes_the_gpu_pool():
    script = rendered(SERVING)["commands/gcloud.sh"].text
    assert "clusters create chat" in script
    assert "--accelerator type=nvidia-l4,count=1,gpu-driver-version=default" in script
    assert "--total-min-nodes 2 --total-max-nodes 20" in script
    assert "delete default-pool" not in script, "nothing else could run the system's pods"


@pytest.mark.parametrize(("machine", "pods"), [("a2-ultragpu-4g", 1), ("a2-ultragpu-8g", 2)])
def test_nodes_have_room_for_the_weights_that_pods_download(machine, pods):
    model = ("engine=sglang", "model=llama-3.1-70b", "precision=bf16", "gpu=A100-80GB", "tensor_parallel=4")
    sets = [f"llm.model.{said}" for said in (*model, f"machine={machine}")]
    files = rendered(SERVING, *sets)
    # 141 GB of weights and a fifth more, beside 100 GiB of the system's and 4 of logs.
    assert container(files)["resources"]["requests"]["ephemeral-storage"] == "162Gi"
    size = 100 + 158 * pods
    assert f"--disk-size {size} " in files["commands/gcloud.sh"].text
    [disks] = [
        meter
        for component in estimate(plan_of(SERVING, *sets), SHIPPED).components
        for meter in component.meters
        if meter.component == "model" and meter.note == "boot disks"
    ]
    assert disks.quantity.floor == pytest.approx(size * 2 / pods)


def test_a_pool_goes_to_the_clusters_of_the_plan():
    plan = SERVING + textwrap.dedent("""
        clusters:
          main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 3}}}}
    """)
    script = rendered(plan)["commands/gcloud.sh"].text
    assert script.count("clusters create ") == 1
    assert "node-pools create model \\\n  --cluster main" in script


def test_promises_are_alerted_on():
    groups = rendered(SERVING)["prometheus/chat.rules.yaml"].value["groups"]
    alerts = {
        rule["alert"]: rule["expr"] for rule in groups[1]["rules"] if rule["labels"]["component"] == "model"
    }
    assert alerts["SlowFirstToken"].endswith("> 3")
    assert alerts["SlowTokens"].endswith("> 0.1")


def test_what_the_plan_says_goes_first():
    files = rendered(
        SERVING,
        "llm.model.workload.vllm.model=someone/fp8-checkpoint",
        "llm.model.workload.vllm.max_model_len=32768",
        "llm.model.workload.port=9000",
    )
    found = arguments(files)
    assert (found["model"], found["max-model-len"], found["port"]) == (
        "someone/fp8-checkpoint",
        "32768",
        "9000",
    )
    assert "quantization" not in found


@pytest.mark.parametrize("change", ["llm.model.precision=int4", "llm.model.model=llama-3.3-70b"])
def test_weights_that_nobody_published_must_be_named(change):
    sets = [change, "llm.model.gpu=H100", "llm.model.machine=a3-highgpu-8g", "llm.model.tensor_parallel=4"]
    with pytest.raises(InputError, match=r"workload\.vllm\.model"):
        rendered(SERVING, *sets)


def test_what_cannot_run_is_not_left_out_silently():
    with pytest.raises(InputError, match=r"llm\.model: .*does not fit"):
        rendered(SERVING, "llm.model.model=llama-3.1-70b")


def test_what_an_api_answers_alone_needs_no_pod():
    files = example("llm-serving", "api-only")
    assert not any(path.startswith("kubernetes/") for path in files)


def test_afpis_own_model_is_the_one_of_its_figures():
    found = arguments(example("afpi", "l4"), "model")
    assert found["model"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert (found["quantization"], found["max-num-seqs"]) == ("fp8", "50")


def test_pods_of_the_plan_are_scaled_before_they_are_full():
    """A pod of afpi's l4 works on 50 requests at once, never on more: a target of 50 is never exceeded."""
    files = example("afpi", "l4")
    hpa = files["kubernetes/base/model/horizontalpodautoscaler-model.yaml"].value["spec"]
    assert float(hpa["metrics"][0]["pods"]["target"]["averageValue"]) < 50


@pytest.mark.parametrize(
    ("engine", "said", "words"),
    [
        (
            "vllm",
            "method: ngram, tokens: 3, acceptance: 70%",
            '--speculative-config={"method": "ngram", "num_speculative_tokens": 3}',
        ),
        (
            "sglang",
            "method: eagle3, tokens: 3, acceptance: 70%, model: some/head",
            "--speculative-algorithm=EAGLE3 --speculative-draft-model-path=some/head",
        ),
        ("tgi", "method: ngram, tokens: 3, acceptance: 40%", "--speculate=3"),
    ],
)
def test_engines_start_with_what_the_estimate_drafts(engine, said, words):
    sets = [f"llm.model.engine={engine}", f"llm.model.speculative={{{said}}}"]
    precision = "fp8" if engine == "vllm" else "bf16"
    args = container(rendered(SERVING, *sets, f"llm.model.precision={precision}"))["args"]
    assert {words} <= {*args} or {*words.split()} <= {*args}


def test_tensorrt_llm_reads_what_it_drafts_from_a_file():
    said = "llm.model.speculative={method: ngram, tokens: 3, acceptance: 40%}"
    files = rendered(SERVING, "llm.model.engine=tensorrt-llm", "llm.model.precision=bf16", said)
    told = files["kubernetes/base/model/configmap-model.yaml"].value["data"]["OPTIONS"]
    assert yaml.safe_load(told) == {
        "kv_cache_config": {"free_gpu_memory_fraction": 0.9},
        "speculative_config": {"decoding_type": "NGram", "max_draft_len": 3},
        "disable_overlap_scheduler": True,
    }
