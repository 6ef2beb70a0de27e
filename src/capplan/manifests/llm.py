"""Self-hosted models: the replicas that the estimate chose, as pods of vLLM on their own node pool.

A component of ``llm:`` names no cluster: its pool goes to the plan's cluster at its provider, or to one that
is called as the plan is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from capplan.components.base import Component, Pods
from capplan.components.llm.replica import Replica, checkpoint_gib, downloaded_bytes, is_stored_so
from capplan.errors import InputError, Problem
from capplan.llm.flags import RANKS, SERVERS, Server, file_of, flags_of, longest, options_of
from capplan.llm.settings import ordered
from capplan.manifests.figures import bounds_of, number
from capplan.manifests.split import split_of
from capplan.plan.clusters import Aks, Cluster, Eks, Gke, Pool
from capplan.plan.llm import Llm
from capplan.plan.model import prefill_of
from capplan.plan.services import CLUSTER_PLATFORMS, Kubernetes
from capplan.plan.workload import Behavior, Steps, Vllm, Workload

if TYPE_CHECKING:
    from capplan.plan.model import Plan

_CLUSTERS: dict[str, type[Gke | Eks | Aks]] = {"gcp": Gke, "aws": Eks, "azure": Aks}
_NODE_SHARE = 0.9
"""Of its part of a node, what a replica requests where the plan does not say: the rest is for agents."""

_OVER_MACHINES = {"vllm": "0.12.0", "sglang": "0.4.0"}
"""Engines whose processes find each other without Ray (vllm-project/vllm#23691), and since when."""

_LONGEST = 4.0
"""Longest answer ÷ mean answer: what a stopping server finishes."""

_SCRATCH_GIB = 4.0
"""Disk for compiled kernels and logs."""

_GRACE_S = 30.0
_PATIENCE = 2.0
"""A probe that gives up early begins the download again: twice the time that the plan expects."""

_DTYPES = {"fp16": "half", "bf16": "bfloat16"}


def as_pods(plan: Plan, components: Mapping[str, Component]) -> dict[str, Component]:
    """Return the models' components with what a replica's pod asks of its node, and what the node leaves."""
    found = {}
    for name, (llm, component) in _served_here(plan, components).items():
        replica = _rendered(component.path[1], llm, _replica(component))
        gpus = replica.per_machine * replica.configuration.gpus
        node = replica.node._replace(gpus=gpus)
        home = _home(plan, components, component.path[1])
        found[name] = component._replace(pods=_asked(name, home, llm, replica), node=node)
    return found


def as_services(plan: Plan, components: Mapping[str, Component]) -> dict[str, Kubernetes]:
    """Return the models as services on Kubernetes; ``components``: of :func:`as_pods`.

    Replicas that read prompts, and those that make the tokens, are services too, which only llm-d joins.
    """
    return {
        name: _named_as_api(plan, name, _service(component.path[1], llm, components[name]))
        for name, (llm, component) in _served_here(plan, components).items()
    }


def _named_as_api(plan: Plan, name: str, service: Kubernetes) -> Kubernetes:
    """Return the service, known by the name of the API's model where a route divides requests with it."""
    split = split_of(plan, name)
    workload = service.workload
    if split is None or workload is None:
        return service
    if workload.vllm is None:
        what = f"a route to {split.model} too needs vllm: replicas answer to the name of the API's model"
        raise InputError(Problem(f"llm.{name}.engine", what))
    vllm = workload.vllm.model_copy(update={"served_model_name": split.model})
    return service.model_copy(update={"workload": workload.model_copy(update={"vllm": vllm})})


def with_pools(plan: Plan, components: Mapping[str, Component]) -> dict[str, Cluster]:
    """Return the plan's clusters with a node pool for each model, and clusters for those that have none."""
    found = dict(plan.clusters)
    for name, (llm, own) in _served_here(plan, components).items():
        component, home = components[name], _home(plan, components, own.path[1])
        empty = {"platform": CLUSTER_PLATFORMS[llm.provider], "region": component.region, "pools": {}}
        cluster = found.get(home) or _CLUSTERS[llm.provider].model_validate(empty)
        pools = {**cluster.pools, name: _pool(llm, component)}
        found[home] = cluster.model_copy(update={"pools": pools})
    return found


def prefill_name(model: str) -> str:
    """Return what pods and nodes are called that read the prompts of a model."""
    return f"{model}-prefill"


def _served_here(plan: Plan, components: Mapping[str, Component]) -> dict[str, tuple[Llm, Component]]:
    """Return the pools of the models of the plan that run on GPUs of its own at all."""
    found = {}
    for name, llm in plan.llm.items():
        if number(llm.local_share) > 0:
            found[name] = llm, components[name]
            if llm.disaggregated is not None:
                found[prefill_name(name)] = llm.prefill, _prefill(plan, components, name, llm)
    return found


def _prefill(plan: Plan, components: Mapping[str, Component], name: str, llm: Llm) -> Component:
    """Return the pool that reads prompts; raise where nothing that is rendered would join it to the other."""
    _replica(components[name])
    if plan.manifests is None or "llm-d" not in plan.manifests.serving:
        what = "only llm-d joins prefill and decode: Deployments lack its router"
        raise InputError(Problem(f"llm.{name}.disaggregated", what, "Set manifests.serving: [llm-d]."))
    if llm.workload is not None and llm.workload.host is not None:
        what = "llm-d makes the route of prefill and decode itself"
        raise InputError(Problem(f"llm.{name}.workload.host", what, "Remove it, and name the host there."))
    if prefill_name(name) in plan.callable_components:
        what = f"its prefill pool would be called {prefill_name(name)}, as another component is"
        raise InputError(Problem(f"llm.{name}.disaggregated", what, "Rename one of them."))
    return components[prefill_of(name)]


def _replica(component: Component) -> Replica:
    """Return what a replica runs with; raise with the estimate's own words where none can run."""
    if component.replica is None:
        worst = next(finding for finding in component.findings if finding.severity == "error")
        raise InputError(Problem(f"llm.{component.name}", worst.message, worst.remedy))
    return component.replica


def _rendered(name: str, llm: Llm, replica: Replica) -> Replica:
    """Return the replica; raise where no manifests are known for its cloud or its chips."""
    gpu = replica.configuration.gpu
    if llm.provider not in _CLUSTERS:
        what = f"no manifests are written for {llm.provider}, {llm.region}"
        raise InputError(Problem(f"llm.{name}.provider", what, f"Known: {', '.join(_CLUSTERS)}."))
    if math.isinf(gpu.compute_capability):
        what = f"manifests ask for GPUs of NVIDIA and images for CUDA, and {gpu.name} needs others"
        raise InputError(Problem(f"llm.{name}.gpu", what, "Choose a GPU of NVIDIA, or write them yourself."))
    engine, version = llm.engine, replica.configuration.engine.accounting.version
    if replica.configuration.machines > 1 and ordered(version) < ordered(_OVER_MACHINES.get(engine, "999")):
        what = f"no manifests are written for {engine} {version} on several machines"
        known = ", ".join(f"{name} from {first}" for name, first in _OVER_MACHINES.items())
        raise InputError(Problem(f"llm.{name}.engine", what, f"Known: {known}."))
    return replica


def _home(plan: Plan, components: Mapping[str, Component], model: str) -> str:
    """Return the name of the cluster that a model's pool goes to: one of its region if there is one."""
    platform = CLUSTER_PLATFORMS[plan.llm[model].provider]
    there = [name for name, cluster in plan.clusters.items() if cluster.platform == platform]
    near = [name for name in there if components[name].region == components[model].region]
    return next(iter([*near, *there]), plan.name)


def _pool(llm: Llm, component: Component) -> Pool:
    replica = _replica(component)
    assert component.sizing is not None
    least, most = (math.ceil(bound / replica.per_machine) for bound in bounds_of(component.sizing))
    purchase = {"spot": number(llm.purchase.spot)}
    said = {"machine": replica.machine, "nodes": {"min": least, "max": most}, "purchase": purchase}
    return Pool.model_validate(said).model_copy(update={"gpu": replica.add_on, "disk": replica.disk})


def _asked(name: str, cluster: str, llm: Llm, replica: Replica) -> Pods:
    """Return what a replica's pod asks: what the plan says, or most of its part of a node."""
    part = _NODE_SHARE / max(replica.per_machine, 1.0)
    node_cpu, node_gib = number(replica.node.cpu), number(replica.node.memory_gib)
    cores = _quarters(node_cpu * part) if llm.pod_cpu is None else number(llm.pod_cpu)
    gib = number(llm.pod_memory) or _quarters(node_gib * part)
    gpus = replica.configuration.on_one
    return Pods(cluster, name, cores, gib, gpus, cpu_limit=max(cores, math.floor(node_cpu)))


def _quarters(amount: float) -> float:
    return math.floor(amount * 4) / 4


def _service(name: str, llm: Llm, component: Component) -> Kubernetes:
    """Return a model as a service: a replica works on as many requests as keep its promise."""
    replica, pods = _replica(component), component.pods
    assert pods is not None
    spec = Kubernetes.model_validate({"platform": "kubernetes", "cluster": pods.cluster, "pool": pods.pool})
    targets = spec.target_utilization.model_copy(update={"concurrency": replica.running_share})
    figures = {
        "cpu": pods.cpu,
        "memory": pods.memory_gib,
        "gpu": pods.gpu,
        "concurrency": _sequences(replica),
    }
    workload = _workload(name, llm, replica)
    return spec.model_copy(update={**figures, "target_utilization": targets, "workload": workload})


def _workload(name: str, llm: Llm, replica: Replica) -> Workload:
    """Return the container: what the plan says of it, and for the rest what the model needs."""
    said: Workload = llm.workload or Workload.model_validate({})
    chosen = replica.configuration
    server = SERVERS.get(llm.engine)
    needed: dict[str, Any] = {
        "port": 8000,
        "grace": _grace_s(llm),
        # llm-d, which alone runs a pool, downloads the weights to the node's disk.
        "ephemeral_storage": _SCRATCH_GIB + (checkpoint_gib(chosen) if chosen.pool else 0.0),
        "vllm": said.vllm if server is None else None,
        "autoscaler": said.autoscaler.model_copy(update={"behavior": _behavior(llm)}),
    }
    if server is not None:
        needed["image"] = server.image.format(chosen.engine.accounting.version)
        needed["health_path"] = server.health
        stored = is_stored_so(chosen)
        if llm.engine == "vllm":
            needed["vllm"] = vllm = _vllm(name, llm, replica, said.vllm)
            stored = vllm.quantization != "fp8"
        elif not said.args:
            needed |= _started(name, llm, replica, server, said)
        load_s = downloaded_bytes(chosen, stored) / 1e9 / number(llm.cold_start.weights_gb_per_s)
        needed["startup"] = _PATIENCE * (number(llm.cold_start.image) + load_s)
    own = said.model_fields_set - {"vllm"}
    return said.model_copy(update={field: value for field, value in needed.items() if field not in own})


def _started(name: str, llm: Llm, replica: Replica, server: Server, said: Workload) -> dict[str, Any]:
    """Return the container of an engine besides vLLM: it downloads the weights to the node's disk."""
    chosen = replica.configuration
    own = (
        {} if said.vllm is None else {f: getattr(said.vllm, f) for f in ("quantization", "served_model_name")}
    )
    port = said.port if "port" in said.model_fields_set else 8000
    common = {
        "command": list(server.command),
        "internet": True,
        "ephemeral_storage": _SCRATCH_GIB + checkpoint_gib(chosen),
        "writable": ["/tmp", "/models", "/dev/shm"],
    }
    if llm.engine == "ollama":
        return common | _ollama(name, llm, replica, port)
    named = _checkpoint(name, llm, replica) if said.vllm is None else {"model": said.vllm.model}
    options = {**_options(name, llm, replica), "quantization": named.pop("quantization", None), **own}
    flags = flags_of(llm.engine, options | {"dtype": _dtype(replica)})
    flags += RANKS[llm.engine] if chosen.machines > 1 else ()
    bound = [server.host, server.port.format(port)]
    if llm.engine == "tgi":  # its default may be longer than the whole
        flags.append(f"--max-input-tokens={options['max_model_len'] - 1}")
    home = {"HF_HOME": "/models", "HOME": "/tmp", "USER": llm.engine}
    file = file_of(llm.engine, options)
    if file:
        common["command"], home["OPTIONS"] = ["/bin/sh", "-c", _WITH_FILE, "sh"], file
    return common | {"args": [server.model.format(named["model"]), *bound, *flags], "env": home}


_WITH_FILE = (
    'printf %s "$OPTIONS" > /tmp/options.yaml && '
    'exec trtllm-serve serve "$@" --extra_llm_api_options=/tmp/options.yaml'
)
"""How TensorRT-LLM is started with a file of options."""


_OLLAMA = ("int4", "mxfp4")
"""Precisions of the tags in Ollama's library: 4 bit unless a tag says otherwise, MXFP4 of gpt-oss."""


_TAGGED = re.compile(r"(?P<family>.+?)(-(?P<version>[\d.]+))?-(?P<size>\d[\dx.]*b)(-a\d+b)?")
"""Names of models as Ollama's library has them: llama3.1:8b, qwen3:30b."""


def _ollama(name: str, llm: Llm, replica: Replica, port: int) -> dict[str, Any]:
    """Return Ollama, which is told by its environment and pulls the model once it answers."""
    chosen, options = replica.configuration, _options(name, llm, replica)
    named = _TAGGED.fullmatch(chosen.model.name)
    if chosen.precision.name not in _OLLAMA or named is None:
        what = f"no tag of Ollama's library is known for {llm.model} at {chosen.precision.name}"
        where = f"llm.{name}.workload.args"
        raise InputError(Problem(where, what, "Give the command's arguments, or choose another engine."))
    held = math.floor(number(chosen.memory().longest(options["max_num_seqs"])))
    options["max_model_len"] = min(options["max_model_len"], held)
    pull = f"ollama pull {named['family']}{named['version'] or ''}:{named['size']}"
    env = {
        "OLLAMA_HOST": f"0.0.0.0:{port}",
        "OLLAMA_MODELS": "/models",
        "OLLAMA_KEEP_ALIVE": "-1",
        "HOME": "/tmp",
        **dict(word.split("=") for word in flags_of("ollama", options)),
    }
    return {"args": [f"ollama serve & until {pull}; do sleep 1; done; wait"], "env": env}


def _grace_s(llm: Llm) -> float:
    """Return how long a stopping server may finish answers: a long one at the promised speed."""
    tpot = llm.slo.tpot
    return _GRACE_S if tpot is None else max(_GRACE_S, _LONGEST * number(llm.output_tokens) * number(tpot))


def _behavior(llm: Llm) -> Behavior:
    """Return how an idle replica is kept: as long as the estimate pays for it."""
    down = Steps.model_validate({"window": f"{number(llm.cold_start.scale_down_window):g}s", "percent": 100})
    return Behavior.model_validate({}).model_copy(update={"down": down})


def _sequences(replica: Replica) -> float:
    return float(max(1, math.floor(number(replica.users))))


def _vllm(name: str, llm: Llm, replica: Replica, said: Vllm | None) -> Vllm:
    """Return the server's arguments; those of the plan go before what follows from the configuration."""
    own = {} if said is None else {field: getattr(said, field) for field in said.model_fields_set}
    every = _options(name, llm, replica)
    options = {key: value for key, value in every.items() if key in Vllm.model_fields}
    derived = {"dtype": _dtype(replica), **options}
    named = _checkpoint(name, llm, replica) if said is None else {"model": said.model}
    try:
        vllm = Vllm.model_validate(derived | named).model_copy(update=own)
    except ValueError:
        raise InputError(
            Problem(f"llm.{name}.model", f"'{named['model']}' does not name a checkpoint")
        ) from None
    return vllm.model_copy(update={"cache": number(replica.cache_gib)})


def _checkpoint(name: str, llm: Llm, replica: Replica) -> dict[str, str]:
    """Return the model's repository, and how the engine is to store weights that are published at 16 bit."""
    chosen, repository = replica.configuration, replica.repository or ""
    precision = chosen.precision.name
    named = llm.model if "/" in llm.model else repository
    published = {chosen.model.name, repository.lower(), repository.lower().rpartition("/")[2]}
    stored = chosen.stored_so or chosen.told.stored
    made = {"quantization": "fp8"} if precision == "fp8" and chosen.model.stored is None else {}
    known = stored or flags_of(llm.engine, made)
    if not known or not named or ("/" not in llm.model and llm.model.lower() not in published):
        what = f"no checkpoint is known for {llm.model} at {precision}"
        remedy = "Name the checkpoint as llm." + name + ".workload.vllm.model."
        raise InputError(Problem(f"llm.{name}.workload.vllm.model", what, remedy))
    return {"model": named, **({} if stored else made)}


def _dtype(replica: Replica) -> str:
    """Return the type of activations; GPUs before Ampere have no bfloat16, which checkpoints ask for."""
    chosen = replica.configuration
    usual = "auto" if chosen.gpu.compute_capability >= 8 else "half"
    return _DTYPES.get(chosen.precision.name, usual)


def _options(name: str, llm: Llm, replica: Replica) -> dict[str, Any]:
    """Return what the estimate counts with, for the engine to be told."""
    chosen = replica.configuration
    mean = number(llm.input_tokens) + number(llm.output_tokens)
    told = options_of(chosen, longest(chosen, mean, replica.longest), _sequences(replica))
    said = chosen.speculation
    if said is not None and llm.speculative is not None and llm.speculative.model and not said.checkpoint:
        what = f"no checkpoint is known for {llm.speculative.model}"
        raise InputError(Problem(f"llm.{name}.speculative.model", what, "Name it as OWNER/MODEL."))
    return {name: value for name, value in told.items() if value is not None}
