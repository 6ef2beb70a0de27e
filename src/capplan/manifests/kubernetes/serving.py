"""Models as KServe and llm-d have them, instead of a Deployment with its Service and autoscaler.

An InferenceService runs the same container as the Deployment. An LLMInferenceService is KServe's way to
llm-d: its controller makes pods, an InferencePool, a scheduler and a route, downloads the weights, and starts
vLLM with TLS; its shell reads our flags from ``VLLM_ADDITIONAL_ARGS`` (KServe 0.18 and later). Both run what
the busiest hour needs: KServe would scale by CPU, which says nothing of a GPU.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from capplan.errors import InputError, Problem
from capplan.manifests.artefact import Artefact
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.objects import priority_class_of
from capplan.manifests.kubernetes.pods import MANAGED_BY, environment_of, labels_of, machines_of, pod_of
from capplan.manifests.kubernetes.vllm import USER
from capplan.manifests.llm import prefill_name
from capplan.manifests.observing.health import probes_of
from capplan.manifests.quantity import memory
from capplan.manifests.site import Service, Site

Tree = dict[str, Any]
_GIVEN = ("--model=", "--port=", "--host=", "--served-model-name=")
"""Flags that the controller of an LLMInferenceService gives itself."""


def serving_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the models in each form that the plan asks for."""
    for name in site.plan.llm:
        service = site.pods.get(name) or site.apart.get(name)
        if service is None:
            continue
        machines = machines_of(site, name)
        if site.manifests.serving and machines > 1:
            what = f"a replica of {name} takes {machines} machines: only a LeaderWorkerSet is written"
            raise InputError(Problem("manifests.serving", what, "Leave kserve and llm-d out."))
        if "kserve" in site.manifests.serving and name in site.pods:
            path = f"kserve/inferenceservice-{name}.yaml"
            yield Artefact(
                path, "kserve/inferenceservice.yaml.j2", _inference_service(site, service), "kserve"
            )
        if "llm-d" in site.manifests.serving:
            if service.workload.vllm is None:
                what = f"llm-d runs vllm, and {name} runs {site.plan.llm[name].engine}"
                raise InputError(Problem("manifests.serving", what, "Leave llm-d out, or choose vllm."))
            path, context = f"llm-d/llminferenceservice-{name}.yaml", _llm_service(site, service)
            reading = site.apart.get(prefill_name(name))
            if reading is not None:
                context["prefill"] = _llm_service(site, reading)
            yield Artefact(path, "kserve/llminferenceservice.yaml.j2", context, "llm-d")
            path, policy = f"llm-d/networkpolicy-{name}.yaml", _policy(site, name)
            yield Artefact(path, "kubernetes/networkpolicy.yaml.j2", policy, "llm-d")


def _policy(site: Site, name: str) -> Tree:
    """Return what the pods of llm-d need where all else is denied: the gateway, each other, the weights."""
    selected = {"app.kubernetes.io/part-of": "llminferenceservice", "app.kubernetes.io/name": name}
    return {
        "name": f"llm-d-{name}",
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "pod_selector": {"matchLabels": selected},
        "ingress": [{"from": [{"namespaceSelector": {}}]}],
        "egress": [{}],
    }


def _inference_service(site: Site, service: Service) -> Tree:
    pod = pod_of(site, service, priority_class_of(site))
    plain = [{"name": key, "value": value} for key, value in environment_of(site, service).items()]
    port = service.workload.port
    return {
        "pod": pod,
        "replicas": service.peak,
        "env": [*pod.env, *plain],
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "probes": {decides: probe.kubernetes(port) for decides, probe in probes_of(service).items()},
    }


_EXCHANGE = '--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}'
_ADDRESS = {
    "name": "VLLM_NIXL_SIDE_CHANNEL_HOST",
    "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}},
}
"""How pods that read prompts, and pods that make the tokens, send each other the KV cache
(kserve/kserve, docs/samples/llmisvc/single-node-gpu)."""


def _llm_service(site: Site, service: Service) -> Tree:
    pod, server = pod_of(site, service, priority_class_of(site)), service.workload.vllm
    assert server is not None
    flags = [flag for flag in pod.args if not flag.startswith(_GIVEN)]
    secrets = [one for one in pod.env if "valueFrom" in one]
    if service.name in site.apart:
        flags.append(_EXCHANGE)
        secrets.append(_ADDRESS)
    # The controller downloads the weights into the pod.
    disk = memory(number(server.cache) + number(service.workload.ephemeral_storage))
    startup = probes_of(service)["startup"].kubernetes(8000)
    del startup["httpGet"]  # the controller's own, with TLS or without
    return {
        "pod": pod,
        "uri": f"hf://{server.model}",
        "model": server.served_model_name or server.model,
        "replicas": service.peak,
        "env": [{"name": "VLLM_ADDITIONAL_ARGS", "value": shlex.join(flags)}, USER, *secrets],
        "resources": {side: {**asked, "ephemeral-storage": disk} for side, asked in pod.resources.items()},
        "startup": startup,
        "prefill": None,
    }
