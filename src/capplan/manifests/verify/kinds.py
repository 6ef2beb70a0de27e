"""What is known of kinds: which have pods, what controllers make, what every cluster has."""

from __future__ import annotations

from collections.abc import Mapping

PODS = {
    "Deployment": "spec.template",
    "StatefulSet": "spec.template",
    "DaemonSet": "spec.template",
    "ReplicaSet": "spec.template",
    "ReplicationController": "spec.template",
    "Rollout": "spec.template",
    "Job": "spec.template",
    "CronJob": "spec.jobTemplate.spec.template",
    "Pod": "",
    "LeaderWorkerSet": "spec.leaderWorkerTemplate.leaderTemplate",
}
"""Kinds that have pods, and where their template stands."""

ONE_TEMPLATE = {"LeaderWorkerSet": "spec.leaderWorkerTemplate.workerTemplate"}
"""Where it stands if the other is left out."""

SCALED = ("Deployment", "StatefulSet", "Rollout", "ReplicaSet", "ReplicationController", "LeaderWorkerSet")
"""Kinds that have a number of replicas, which an autoscaler may change."""

GROUPS = {
    "ScaledObject": "keda.sh",
    "ScaledJob": "keda.sh",
    "NetworkPolicy": "networking.k8s.io",
    "Job": "batch",
    "Gateway": "gateway.networking.k8s.io",
    "Rollout": "argoproj.io",
    "LeaderWorkerSet": "leaderworkerset.x-k8s.io",
}
"""Kinds whose name other groups use too, for something else."""


def is_known(kind: str, group: str) -> bool:
    """Say whether a kind of a group is Kubernetes' own, or one that tables here have."""
    return group == GROUPS.get(kind) or "." not in group or group.endswith(".k8s.io")


PODLESS = frozenset(
    (
        "ScaledObject",
        "TriggerAuthentication",
        "ClusterTriggerAuthentication",
        "ServiceMonitor",
        "PodMonitor",
        "PodMonitoring",
        "PrometheusRule",
        "Rules",
        "ExternalSecret",
        "SecretStore",
        "ClusterSecretStore",
        "SealedSecret",
        "Certificate",
        "Issuer",
        "ClusterIssuer",
        "NodePool",
        "EC2NodeClass",
        "ComputeClass",
    )
)
"""Kinds of operators that make no pods."""

MAKERS_OF_SECRETS = {
    "Certificate": "spec.secretName",
    "ExternalSecret": "spec.target.name",
    "SealedSecret": "spec.template.metadata.name",
}
"""Where each says the name of the secret; without one that is its own."""

IN_EVERY_CLUSTER = frozenset(
    (
        "Namespace/default",
        "Namespace/kube-system",
        "Namespace/kube-public",
        "Namespace/kube-node-lease",
        "ServiceAccount/default",
        "ConfigMap/kube-root-ca.crt",
        "PriorityClass/system-cluster-critical",
        "PriorityClass/system-node-critical",
    )
)

_TEMPLATE_HASH = ("pod-template-hash", "controller-revision-hash", "rollouts-pod-template-hash")
_JOB = ("job-name", "batch.kubernetes.io/job-name", "controller-uid", "batch.kubernetes.io/controller-uid")
_OF_STATEFUL_SETS = ("statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index")
LABELS_OF_CONTROLLERS: Mapping[str, tuple[str, ...]] = {
    "Deployment": _TEMPLATE_HASH,
    "Rollout": _TEMPLATE_HASH,
    "DaemonSet": (*_TEMPLATE_HASH, "pod-template-generation"),
    "StatefulSet": (*_TEMPLATE_HASH, *_OF_STATEFUL_SETS),
    "Job": (*_JOB, "batch.kubernetes.io/job-completion-index"),
    "CronJob": (*_JOB, "batch.kubernetes.io/job-completion-index"),
    "LeaderWorkerSet": tuple(
        f"leaderworkerset.sigs.k8s.io/{key}" for key in ("name", "group-index", "group-key", "worker-index")
    ),
}
"""Labels that controllers put on their pods (kubernetes.io/docs/reference/labels-annotations-taints)."""

ANY_CONTROLLER = frozenset(label for labels in LABELS_OF_CONTROLLERS.values() for label in labels)
