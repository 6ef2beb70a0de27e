"""Kubernetes objects: what every service gets, what the namespace gets, and what operators need."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.kubernetes.autoscalers import (
    behavior_of,
    hpa_metrics,
    scaled_object_of,
    vpa_of,
)
from capplan.manifests.kubernetes.edge import gateway_artefacts, host_artefacts, service_of
from capplan.manifests.kubernetes.network import policy_of
from capplan.manifests.kubernetes.pods import (
    LEADER,
    MANAGED_BY,
    annotations_of,
    environment_of,
    labels_of,
    machines_of,
    members_of,
    pod_of,
    selector_of,
)
from capplan.manifests.kubernetes.quotas import quota_of
from capplan.manifests.site import Service, Site

BASE = "kubernetes/base"
COMPONENTS = "kubernetes/components"


def kubernetes_artefacts(site: Site, limit_cpu: bool = True) -> Iterator[Artefact]:
    """Yield the objects of all services on Kubernetes, and those that they share."""
    if not site.pods and not site.plan.jobs:
        return
    yield from _shared(site, limit_cpu)
    for service in site.pods.values():
        yield from _objects(site, service, limit_cpu)


def priority_class_of(site: Site) -> str:
    """Return the name of the services' PriorityClass, which is not of a namespace."""
    return f"{site.namespace[:55]}-service"


def _shared(site: Site, limit_cpu: bool) -> Iterator[Artefact]:
    namespace = site.namespace
    labels = {"app.kubernetes.io/part-of": site.name} | MANAGED_BY
    secured = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    common: Tree = {"namespace": namespace, "labels": labels}

    def shared(kind: str, **context: object) -> Artefact:
        name = str(context.get("name", namespace))
        return _artefact(f"{BASE}/{kind}-{name}.yaml", kind, {**common, **context})

    yield shared("namespace", labels=labels | secured)
    purpose = f"Services of {site.name}."
    yield shared("priorityclass", name=priority_class_of(site), description=purpose)
    yield shared("resourcequota", name=namespace, hard=quota_of(site, limit_cpu))
    yield shared("limitrange", name=namespace)
    yield shared("networkpolicy", name="default-deny", pod_selector={}, ingress=[], egress=[])
    yield from gateway_artefacts(site, BASE)


def _artefact(path: str, kind: str, context: Tree) -> Artefact:
    return Artefact(path, f"kubernetes/{kind}.yaml.j2", context, "kubernetes")


_DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
_GROUP = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet"}
"""What runs a service's pods, for autoscalers to name."""


def _objects(site: Site, service: Service, limit_cpu: bool) -> Iterator[Artefact]:
    name, workload, machines = service.name, service.workload, machines_of(site, service.name)
    common: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "annotations": annotations_of(site, service),
        "selector": selector_of(name),
        "target": _GROUP if machines > 1 else _DEPLOYMENT,
    }

    def of(kind: str, **context: object) -> Artefact:
        own = {**common, **context}
        return _artefact(f"{BASE}/{name}/{kind}-{own['name']}.yaml", kind, own)

    pod, answering = pod_of(site, service, priority_class_of(site), limit_cpu), selector_of(name)
    if machines > 1:
        answering |= LEADER
        members = members_of(pod, site.plan.llm[name].engine)
        yield of("leaderworkerset", pod=pod, machines=machines, members=members)
    else:
        yield of("deployment", pod=pod)
    yield of("service", **service_of(site, service), selector=answering)
    yield of("serviceaccount", name=workload.service_account or name)
    yield of("poddisruptionbudget", max_unavailable=max(1, service.lo // 4))
    yield of("networkpolicy", **policy_of(site, service)._asdict())
    data = environment_of(site, service)
    if data:
        yield of("configmap", data=data)
    yield from host_artefacts(site, service, f"{BASE}/{name}")
    yield from _autoscalers(site, service, common)


def _autoscalers(site: Site, service: Service, common: Tree) -> Iterator[Artefact]:
    """Yield at most one horizontal autoscaler, and a vertical one beside it where the plan asks."""
    name = service.name
    if not service.fixed and service.workload.autoscaler.kind == "keda":
        context = {**common, "scaled": scaled_object_of(site, service)}
        path = f"{COMPONENTS}/keda/scaledobject-{name}.yaml"
        yield Artefact(path, "keda/scaledobject.yaml.j2", context, "keda")
    elif not service.fixed:
        metrics, behavior = hpa_metrics(site, service), behavior_of(service)
        context = {
            **common,
            "lo": max(service.lo, 1),
            "hi": service.hi,
            "metrics": metrics,
            "behavior": behavior,
        }
        path = f"{BASE}/{name}/horizontalpodautoscaler-{name}.yaml"
        yield _artefact(path, "horizontalpodautoscaler", context)
    vpa = vpa_of(site, service)
    if vpa is not None:
        path = f"{COMPONENTS}/vpa/verticalpodautoscaler-{name}.yaml"
        yield _artefact(path, "verticalpodautoscaler", {**common, "vpa": vpa})
