"""API versions that Kubernetes removed or calls deprecated, by its minor version.

Source: kubernetes.io/docs/reference/using-api/deprecation-guide and k8s.io/api lifecycle markers of v1.34.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capplan.findings import Finding
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.world import World, text

_REMOVED = """
extensions/v1beta1 Deployment,DaemonSet,ReplicaSet 16 apps/v1
extensions/v1beta1 NetworkPolicy 16 networking.k8s.io/v1
extensions/v1beta1 PodSecurityPolicy 16
extensions/v1beta1 Ingress 22 networking.k8s.io/v1
apps/v1beta1 * 16 apps/v1
apps/v1beta2 * 16 apps/v1
networking.k8s.io/v1beta1 Ingress,IngressClass 22 networking.k8s.io/v1
admissionregistration.k8s.io/v1beta1 MutatingWebhookConfiguration 22 admissionregistration.k8s.io/v1
admissionregistration.k8s.io/v1beta1 ValidatingWebhookConfiguration 22 admissionregistration.k8s.io/v1
apiextensions.k8s.io/v1beta1 * 22 apiextensions.k8s.io/v1
apiregistration.k8s.io/v1beta1 * 22 apiregistration.k8s.io/v1
authentication.k8s.io/v1beta1 TokenReview 22 authentication.k8s.io/v1
authorization.k8s.io/v1beta1 * 22 authorization.k8s.io/v1
certificates.k8s.io/v1beta1 CertificateSigningRequest 22 certificates.k8s.io/v1
coordination.k8s.io/v1beta1 Lease 22 coordination.k8s.io/v1
rbac.authorization.k8s.io/v1alpha1 * 22 rbac.authorization.k8s.io/v1
rbac.authorization.k8s.io/v1beta1 * 22 rbac.authorization.k8s.io/v1
scheduling.k8s.io/v1alpha1 PriorityClass 22 scheduling.k8s.io/v1
scheduling.k8s.io/v1beta1 PriorityClass 22 scheduling.k8s.io/v1
storage.k8s.io/v1beta1 CSIDriver,CSINode,StorageClass,VolumeAttachment 22 storage.k8s.io/v1
storage.k8s.io/v1beta1 CSIStorageCapacity 27 storage.k8s.io/v1
batch/v2alpha1 CronJob 21 batch/v1
batch/v1beta1 CronJob 25 batch/v1
discovery.k8s.io/v1beta1 EndpointSlice 25 discovery.k8s.io/v1
events.k8s.io/v1beta1 Event 25 events.k8s.io/v1
policy/v1beta1 PodDisruptionBudget 25 policy/v1
policy/v1beta1 PodSecurityPolicy 25
node.k8s.io/v1beta1 RuntimeClass 25 node.k8s.io/v1
autoscaling/v2beta1 HorizontalPodAutoscaler 25 autoscaling/v2
autoscaling/v2beta2 HorizontalPodAutoscaler 26 autoscaling/v2
flowcontrol.apiserver.k8s.io/v1beta1 * 26 flowcontrol.apiserver.k8s.io/v1
flowcontrol.apiserver.k8s.io/v1beta2 * 29 flowcontrol.apiserver.k8s.io/v1
flowcontrol.apiserver.k8s.io/v1beta3 * 32 flowcontrol.apiserver.k8s.io/v1
"""
"""API version, kinds or `*`, the minor version of 1.x without it, and what took its place."""

_ROWS = [line.split() for line in _REMOVED.strip().splitlines()]
REMOVED: Mapping[tuple[str, str], tuple[int, str]] = {
    (row[0], kind): (int(row[2]), " ".join(row[3:])) for row in _ROWS for kind in row[1].split(",")
}
_ENDPOINTS_DEPRECATED = 33


def removed_versions(world: World) -> Iterator[Finding]:
    """Every object is of a version that the cluster's Kubernetes still has."""
    target = world.facts.kubernetes
    for item in world.items:
        version = text(item.tree, "apiVersion")
        gone = REMOVED.get((version, item.kind)) or REMOVED.get((version, "*"))
        if gone is not None:
            minor, instead = gone
            remedy = f"Use {instead}." if instead else "Use pod security admission."
            if target >= minor:
                what = f"{version} {item.kind} was removed in Kubernetes 1.{minor}"
                yield item.finding(api.REMOVED_API, "apiVersion", what, remedy)
            else:
                what = f"{version} {item.kind} will be gone from Kubernetes 1.{minor} on"
                yield item.finding(api.DEPRECATED_API, "apiVersion", what, remedy)
        if (version, item.kind) == ("v1", "Endpoints") and target >= _ENDPOINTS_DEPRECATED:
            what = f"v1 Endpoints are deprecated since Kubernetes 1.{_ENDPOINTS_DEPRECATED}"
            yield item.finding(api.DEPRECATED_API, "apiVersion", what, "Use EndpointSlice.")


RULES = (removed_versions,)
