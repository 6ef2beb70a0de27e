"""API versions that Kubernetes removed or calls deprecated, by its minor version.

Source: kubernetes.io/docs/reference/using-api/deprecation-guide and k8s.io/api lifecycle markers of v1.34.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from capplan.errors import almost
from capplan.findings import Finding, Severity
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.trees import text
from capplan.manifests.verify.world import World

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


_KINDS = """
v1 Pod Service ConfigMap Secret Namespace Node ServiceAccount PersistentVolume PersistentVolumeClaim Endpoints
v1 LimitRange ResourceQuota ReplicationController PodTemplate Event Binding ComponentStatus
apps/v1 Deployment StatefulSet DaemonSet ReplicaSet ControllerRevision
batch/v1 Job CronJob
autoscaling/v1 HorizontalPodAutoscaler Scale
autoscaling/v2 HorizontalPodAutoscaler
policy/v1 PodDisruptionBudget Eviction
networking.k8s.io/v1 Ingress IngressClass NetworkPolicy IPAddress ServiceCIDR
rbac.authorization.k8s.io/v1 Role ClusterRole RoleBinding ClusterRoleBinding
storage.k8s.io/v1 StorageClass CSIDriver CSINode VolumeAttachment CSIStorageCapacity VolumeAttributesClass
scheduling.k8s.io/v1 PriorityClass
apiextensions.k8s.io/v1 CustomResourceDefinition
apiregistration.k8s.io/v1 APIService
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration ValidatingWebhookConfiguration
discovery.k8s.io/v1 EndpointSlice
"""
_VERSIONS: dict[str, set[str]] = {}
for _version, *_names in map(str.split, _KINDS.strip().splitlines()):
    _VERSIONS.setdefault(_version, set()).update(_names)
_OWN: dict[str, str] = {}
for _version, _known in _VERSIONS.items():
    _OWN.update(dict.fromkeys(_known, _version))
_GROUPS = {version.rpartition("/")[0] for version in _VERSIONS} | {"extensions"}
_OF_OPERATORS = """
monitoring.coreos.com/v1 ServiceMonitor PodMonitor PrometheusRule Probe Prometheus Alertmanager ThanosRuler
keda.sh/v1alpha1 ScaledObject ScaledJob TriggerAuthentication ClusterTriggerAuthentication
kustomize.config.k8s.io/v1beta1 Kustomization
kustomize.config.k8s.io/v1alpha1 Component
autoscaling.k8s.io/v1 VerticalPodAutoscaler VerticalPodAutoscalerCheckpoint
karpenter.sh/v1 NodePool NodeClaim
karpenter.k8s.aws/v1 EC2NodeClass
gateway.networking.k8s.io/v1 Gateway GatewayClass HTTPRoute GRPCRoute
argoproj.io/v1alpha1 Rollout AnalysisTemplate ClusterAnalysisTemplate AnalysisRun Experiment
serving.knative.dev/v1 Service Configuration Route Revision
cert-manager.io/v1 Certificate CertificateRequest Issuer ClusterIssuer
external-secrets.io/v1 ExternalSecret SecretStore ClusterSecretStore ClusterExternalSecret
"""
for _version, *_names in map(str.split, _OF_OPERATORS.strip().splitlines()):
    _VERSIONS[_version] = set(_names)


def unknown_kinds(world: World) -> Iterator[Finding]:
    """Every object is of a kind that its version has, where both are Kubernetes' own.

    Other programs use `v1` for their own files too, so a kind is refused only if another one is meant.
    """
    for item in world.items:
        version = text(item.tree, "apiVersion")
        known, own = _VERSIONS.get(version, ()), _OWN.get(item.kind)
        near = almost(item.kind, known) or next((k for k in known if k.lower() == item.kind.lower()), None)
        if known and item.kind not in known and (own or near):
            meant = f"Did you mean '{near}'?" if near else f"Use {own}."
            # Operators get new kinds.
            severity: Severity | None = "warning" if _is_of_others(version) else None
            what = f"{version} has no kind '{item.kind}'"
            yield item.finding(api.UNKNOWN_KIND, "kind", what, meant, severity)
        # Groups of others have a point; a version that was removed is said elsewhere.
        gone = REMOVED.get((version, item.kind)) or REMOVED.get((version, "*"))
        if version and own and not known and gone is None and not _is_of_others(version):
            yield item.finding(
                api.UNKNOWN_KIND, "apiVersion", f"there is no version '{version}'", f"Use {own}."
            )


def _is_of_others(version: str) -> bool:
    group = version.rpartition("/")[0]
    return "." in group and group not in _GROUPS


RULES = (removed_versions, unknown_kinds)
