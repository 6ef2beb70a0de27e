"""API versions that Kubernetes removed or calls deprecated, by its minor version.

Source: kubernetes.io/docs/reference/using-api/deprecation-guide and k8s.io/api lifecycle markers of v1.34.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capplan.findings import Finding
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.world import World, text

_ALL = ""
_Removed = tuple[int, str]

REMOVED: Mapping[str, Mapping[str, _Removed]] = {
    "extensions/v1beta1": {
        **dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet"), (16, "apps/v1")),
        "NetworkPolicy": (16, "networking.k8s.io/v1"),
        "PodSecurityPolicy": (16, ""),
        "Ingress": (22, "networking.k8s.io/v1"),
    },
    "apps/v1beta1": {_ALL: (16, "apps/v1")},
    "apps/v1beta2": {_ALL: (16, "apps/v1")},
    "networking.k8s.io/v1beta1": {
        **dict.fromkeys(("Ingress", "IngressClass"), (22, "networking.k8s.io/v1")),
    },
    "admissionregistration.k8s.io/v1beta1": {
        **dict.fromkeys(
            ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
            (22, "admissionregistration.k8s.io/v1"),
        ),
    },
    "apiextensions.k8s.io/v1beta1": {_ALL: (22, "apiextensions.k8s.io/v1")},
    "apiregistration.k8s.io/v1beta1": {_ALL: (22, "apiregistration.k8s.io/v1")},
    "authentication.k8s.io/v1beta1": {"TokenReview": (22, "authentication.k8s.io/v1")},
    "authorization.k8s.io/v1beta1": {_ALL: (22, "authorization.k8s.io/v1")},
    "certificates.k8s.io/v1beta1": {"CertificateSigningRequest": (22, "certificates.k8s.io/v1")},
    "coordination.k8s.io/v1beta1": {"Lease": (22, "coordination.k8s.io/v1")},
    "rbac.authorization.k8s.io/v1beta1": {_ALL: (22, "rbac.authorization.k8s.io/v1")},
    "rbac.authorization.k8s.io/v1alpha1": {_ALL: (22, "rbac.authorization.k8s.io/v1")},
    "scheduling.k8s.io/v1beta1": {"PriorityClass": (22, "scheduling.k8s.io/v1")},
    "scheduling.k8s.io/v1alpha1": {"PriorityClass": (22, "scheduling.k8s.io/v1")},
    "storage.k8s.io/v1beta1": {
        **dict.fromkeys(
            ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"), (22, "storage.k8s.io/v1")
        ),
        "CSIStorageCapacity": (27, "storage.k8s.io/v1"),
    },
    "batch/v1beta1": {"CronJob": (25, "batch/v1")},
    "batch/v2alpha1": {"CronJob": (21, "batch/v1")},
    "discovery.k8s.io/v1beta1": {"EndpointSlice": (25, "discovery.k8s.io/v1")},
    "events.k8s.io/v1beta1": {"Event": (25, "events.k8s.io/v1")},
    "policy/v1beta1": {
        "PodDisruptionBudget": (25, "policy/v1"),
        "PodSecurityPolicy": (25, ""),
    },
    "node.k8s.io/v1beta1": {"RuntimeClass": (25, "node.k8s.io/v1")},
    "autoscaling/v2beta1": {"HorizontalPodAutoscaler": (25, "autoscaling/v2")},
    "autoscaling/v2beta2": {"HorizontalPodAutoscaler": (26, "autoscaling/v2")},
    "flowcontrol.apiserver.k8s.io/v1beta1": {_ALL: (26, "flowcontrol.apiserver.k8s.io/v1")},
    "flowcontrol.apiserver.k8s.io/v1beta2": {_ALL: (29, "flowcontrol.apiserver.k8s.io/v1")},
    "flowcontrol.apiserver.k8s.io/v1beta3": {_ALL: (32, "flowcontrol.apiserver.k8s.io/v1")},
}
"""By API version and kind, or all kinds: the minor version of 1.x without it, and what took its place."""

DEPRECATED: Mapping[tuple[str, str], tuple[int, str]] = {
    ("v1", "Endpoints"): (33, "discovery.k8s.io/v1 EndpointSlice"),
    ("v1", "ComponentStatus"): (19, "the health endpoints of the components"),
}


def removed_versions(world: World) -> Iterator[Finding]:
    """Every object is of a version that the cluster's Kubernetes still has."""
    target = world.facts.kubernetes
    for item in world.items:
        version = text(item.tree, "apiVersion")
        kinds = REMOVED.get(version, {})
        gone = kinds.get(item.kind) or kinds.get(_ALL)
        if gone is not None:
            minor, instead = gone
            remedy = f"Use {instead}." if instead else "Use pod security admission."
            if target >= minor:
                what = f"{version} {item.kind} was removed in Kubernetes 1.{minor}"
                yield item.finding(api.REMOVED_API, "apiVersion", what, remedy)
            else:
                what = f"{version} {item.kind} will be gone from Kubernetes 1.{minor} on"
                yield item.finding(api.DEPRECATED_API, "apiVersion", what, remedy)
        since = DEPRECATED.get((version, item.kind))
        if since is not None and target >= since[0]:
            what = f"{version} {item.kind} is deprecated since Kubernetes 1.{since[0]}"
            yield item.finding(api.DEPRECATED_API, "apiVersion", what, f"Use {since[1]}.")


RULES = (removed_versions,)
