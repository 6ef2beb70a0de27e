"""Sound objects and a sound plan, on which the examples of checks are laid."""

from __future__ import annotations

import copy
import re
from typing import Any

import yaml

_TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
_HTTP = {"name": "http", "port": 80, "targetPort": "http"}
_SELECTOR = {"matchLabels": {"app": "web"}}
_CONTAINER = {
    "name": "web",
    "image": "web:1",
    "ports": [{"name": "http", "containerPort": 8080}],
    "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "512Mi"}},
}
_CPU = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}
_PROMETHEUS = {
    "type": "prometheus",
    "name": "requests",
    "metadata": {"serverAddress": "http://p", "query": "up", "threshold": "15"},
}
_TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [_CONTAINER]}}
_SPECS: dict[tuple[str, str], dict[str, Any]] = {
    ("Deployment", "apps/v1"): {"selector": _SELECTOR, "template": _TEMPLATE},
    ("StatefulSet", "apps/v1"): {"selector": _SELECTOR, "template": _TEMPLATE},
    ("Service", "v1"): {"selector": {"app": "web"}, "ports": [_HTTP]},
    ("Service", "serving.knative.dev/v1"): {
        "template": {
            "metadata": {"annotations": {"autoscaling.knative.dev/maxScale": "5"}},
            "spec": {"containers": [{"image": "web:1"}]},
        }
    },
    ("HorizontalPodAutoscaler", "autoscaling/v2"): {
        "scaleTargetRef": _TARGET,
        "minReplicas": 2,
        "maxReplicas": 9,
        "metrics": [_CPU],
    },
    ("ScaledObject", "keda.sh/v1alpha1"): {
        "scaleTargetRef": {"name": "web"},
        "minReplicaCount": 2,
        "maxReplicaCount": 9,
        "triggers": [_PROMETHEUS],
    },
    ("VerticalPodAutoscaler", "autoscaling.k8s.io/v1"): {
        "targetRef": _TARGET,
        "updatePolicy": {"updateMode": "Off"},
    },
    ("PodDisruptionBudget", "policy/v1"): {"selector": _SELECTOR, "maxUnavailable": 1},
    ("NetworkPolicy", "networking.k8s.io/v1"): {"podSelector": _SELECTOR},
    ("ResourceQuota", "v1"): {},
    ("Ingress", "networking.k8s.io/v1"): {},
    ("HTTPRoute", "gateway.networking.k8s.io/v1"): {},
    ("Gateway", "gateway.networking.k8s.io/v1"): {},
    ("PersistentVolumeClaim", "v1"): {"resources": {"requests": {"storage": "10Gi"}}},
    ("DaemonSet", "apps/v1"): {"selector": _SELECTOR, "template": _TEMPLATE},
    ("Job", "batch/v1"): {"template": _TEMPLATE},
}
_VERSIONS = dict(reversed(_SPECS))


def files_of(example: str) -> dict[str, str]:
    """Return the files of an example by name; one that names none is one of manifests."""
    parts = re.split(r"^(?:#|//) file: (\S+)\n", example, flags=re.MULTILINE)
    named = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {"example.yaml": parts[0], **named} if parts[0].strip() else named


def completed(tree: Any) -> Any:
    """Return a sound object with what an example says of it; what is no known object as it is."""
    kind = tree.get("kind") if isinstance(tree, dict) else None
    if kind is None:
        return tree
    version = tree.get("apiVersion") or _VERSIONS.get(kind, "v1")
    found = {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}}
    if (kind, version) in _SPECS:
        found["spec"] = copy.deepcopy(_SPECS[kind, version])
    return laid(found, tree)


def laid(under: Any, over: Any) -> Any:
    """Return a tree with changes: null removes, containers are found by name, other lists are replaced."""
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    found = dict(under)
    for key, value in over.items():
        if value is None:
            found.pop(key, None)
        elif key == "containers" and key in found:
            known = {one.get("name"): one for one in found[key]}
            found[key] = [laid(known.get(one.get("name"), {}), one) for one in value]
        else:
            found[key] = laid(found.get(key), value)
    return found


PLAN = yaml.safe_load("""
name: shop
regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
demand: {requests_per_second: 50, profile: flat}
""")
SERVICE = yaml.safe_load("""
services:
  api:
    platform: cloud-run
    service_time: 100ms
    concurrency: 10
    instances: {min: 1, max: 10}
""")


def plan_with(example: str, service: bool = False) -> str:
    """Return the text of a sound plan with what an example says; with a sound service if one is wanted."""
    base = {**PLAN, **SERVICE} if service else PLAN
    return yaml.safe_dump(laid(base, yaml.safe_load(example)), sort_keys=False)
