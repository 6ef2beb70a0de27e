"""Names with a prefix or suffix, and the references to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.manifests.composing.objects import ComposedObject

_UNCHANGED = ("Namespace", "CustomResourceDefinition", "APIService")
"""Kinds whose names a prefix leaves alone."""

_REFERENCES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("configMap", "name"): ("ConfigMap",),
    ("configMapRef", "name"): ("ConfigMap",),
    ("configMapKeyRef", "name"): ("ConfigMap",),
    ("secret", "secretName"): ("Secret",),
    ("secret", "name"): ("Secret",),
    ("secretRef", "name"): ("Secret",),
    ("secretKeyRef", "name"): ("Secret",),
    ("imagePullSecrets", "name"): ("Secret",),
    ("secrets", "name"): ("Secret",),
    ("tls", "secretName"): ("Secret",),
    ("persistentVolumeClaim", "claimName"): ("PersistentVolumeClaim",),
    ("spec", "serviceAccountName"): ("ServiceAccount",),
    ("spec", "priorityClassName"): ("PriorityClass",),
    ("spec", "storageClassName"): ("StorageClass",),
    ("spec", "ingressClassName"): ("IngressClass",),
    ("spec", "volumeName"): ("PersistentVolume",),
    ("spec", "serviceName"): ("Service",),
    ("service", "name"): ("Service",),
    ("backend", "serviceName"): ("Service",),
    ("canary", "canaryService"): ("Service",),
    ("canary", "stableService"): ("Service",),
    ("blueGreen", "activeService"): ("Service",),
    ("blueGreen", "previewService"): ("Service",),
    ("templates", "templateName"): ("AnalysisTemplate",),
    ("roleRef", "name"): ("Role", "ClusterRole"),
    ("subjects", "name"): ("ServiceAccount",),
    ("scaleTargetRef", "name"): ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"),
}
"""Kinds that a field means, by the key it stands under and its own (kustomize's nameReference.yaml)."""


def renamed(objects: Sequence[ComposedObject], before: str, after: str, configured: bool) -> None:
    """Put a prefix and a suffix around names, and change the references to them.

    configured: whether the kustomization says where other kinds have references, which then are those of
    Kubernetes' own kinds.
    """
    known: dict[tuple[str, str], str] = {}
    for made in objects:
        if made.kind not in _UNCHANGED and made.name:
            old = made.name
            made.set(name=f"{before}{old}{after}")
            made.names.add(made.name)
            known[made.kind, old] = made.name
    for made in objects:
        if configured or is_built_in(made.group):
            made.tree = _referring(made.tree, "", known, made.kind)


def is_built_in(group: str) -> bool:
    """Say whether a group is Kubernetes' own."""
    return group in ("", "apps", "batch", "autoscaling", "policy", "extensions") or group.endswith(".k8s.io")


def _referring(value: Any, above: str, known: Mapping[tuple[str, str], str], kind: str) -> Any:
    if isinstance(value, list):
        return [_referring(entry, above, known, kind) for entry in value]
    if not isinstance(value, dict):
        return value
    return dict(_fields(value, above, known, kind))


def _fields(
    tree: Mapping[str, Any], above: str, known: Mapping[tuple[str, str], str], kind: str
) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        meant = _REFERENCES.get((above, key), ())
        if "kind" in tree and meant:
            meant = (str(tree["kind"]),) if above == "scaleTargetRef" or tree["kind"] in meant else ()
        new = next(
            (known[one, value] for one in meant if isinstance(value, str) and (one, value) in known), None
        )
        yield key, _referring(value, str(key), known, kind) if new is None else new
