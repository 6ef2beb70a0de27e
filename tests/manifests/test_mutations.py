"""A sound set of files with one fault that no schema sees: each fault is found."""

import copy

import pytest
from mutating import found, laid, mutated, mutations
from rendering import example

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify

BASE = "kubernetes/base/backend"
DEPLOYMENT, SERVICE = f"{BASE}/deployment-backend.yaml", f"{BASE}/service-backend.yaml"
HPA, PDB = f"{BASE}/horizontalpodautoscaler-backend.yaml", f"{BASE}/poddisruptionbudget-backend.yaml"
INGRESS, POLICY = f"{BASE}/ingress-backend.yaml", f"{BASE}/networkpolicy-backend.yaml"
POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"

FAULTS = [
    (DEPLOYMENT, "spec.selector.matchLabels", {"app": "other"}),
    (DEPLOYMENT, f"{POD}.serviceAccountName", "backends"),
    (DEPLOYMENT, f"{POD}.serviceAccountName", "elsewhere"),
    (DEPLOYMENT, f"{POD}.priorityClassName", "urgent"),
    (DEPLOYMENT, f"{POD}.terminationGracePeriodSeconds", 5),
    (DEPLOYMENT, f"{POD}.restartPolicy", "Never"),
    (DEPLOYMENT, f"{POD}.topologySpreadConstraints.0.labelSelector.matchLabels", {"app": "other"}),
    (DEPLOYMENT, f"{POD}.topologySpreadConstraints.0.maxSkew", 0),
    (DEPLOYMENT, f"{POD}.volumes", []),
    (DEPLOYMENT, f"{CONTAINER}.imagePullPolicy", "ifNotPresent"),
    (DEPLOYMENT, f"{CONTAINER}.readinessProbe.httpGet.port", "htp"),
    (DEPLOYMENT, f"{CONTAINER}.livenessProbe.successThreshold", 2),
    (DEPLOYMENT, f"{CONTAINER}.resources.requests.memory", "512 Gi"),
    (DEPLOYMENT, f"{CONTAINER}.resources.requests.memory", "64Gi"),
    (DEPLOYMENT, f"{CONTAINER}.resources.limits.memory", "512m"),
    (DEPLOYMENT, f"{CONTAINER}.envFrom", [{"configMapRef": {"name": "backends"}}]),
    (DEPLOYMENT, f"{CONTAINER}.lifecycle", {"preStop": {"exec": {"command": ["sh", "-c", "sleep 10m"]}}}),
    (DEPLOYMENT, f"{CONTAINER}.ports.0.name", "web"),
    (DEPLOYMENT, "spec.strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
    (DEPLOYMENT, "spec.replicas", 3),
    (DEPLOYMENT, "apiVersion", "extensions/v1beta1"),
    (SERVICE, "spec.selector", {"app.kubernetes.io/name": "backends"}),
    (SERVICE, "spec.ports.0.targetPort", "htp"),
    (SERVICE, "spec.ports.0.name", "web"),
    (SERVICE, "spec.type", "Loadbalancer"),
    (SERVICE, "spec.loadBalancerSourceRanges", ["10.0.0.0/8"]),
    (SERVICE, "metadata.name", "back"),
    (HPA, "spec.scaleTargetRef.name", "backends"),
    (HPA, "spec.scaleTargetRef.kind", "StatefulSet"),
    (HPA, "spec.scaleTargetRef.kind", "DaemonSet"),
    (HPA, "spec.scaleTargetRef.apiVersion", "extensions/v1beta1"),
    (HPA, "spec.minReplicas", 50),
    (HPA, "spec.metrics.0.resource.target", {"type": "Utilization", "averageUtilization": 0}),
    (HPA, "spec.behavior", {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 7200}]}}),
    (HPA, "apiVersion", "autoscaling/v2beta2"),
    (PDB, "spec.maxUnavailable", 0),
    (PDB, "spec.minAvailable", 1),
    (PDB, "spec.selector.matchLabels", {"app": "other"}),
    (POLICY, "spec.podSelector.matchLabels", {"app": "other"}),
    (POLICY, "spec.ingress.0.ports", [{"port": 9999}]),
    (INGRESS, "spec.rules.0.http.paths.0.backend.service.name", "backends"),
    (INGRESS, "spec.rules.0.http.paths.0.backend.service.port", {"name": "grpc"}),
    (INGRESS, "spec.rules.0.http.paths.0.pathType", "prefix"),
]


def documents():
    files = example("levqor", "eks")
    return copy.deepcopy({path: [item.value] for path, item in files.items() if item.value is not None})


def changed(tree, path, value):
    """Put a value at a dotted path."""
    *parents, last = path.split(".")
    for part in parents:
        tree = tree[int(part) if part.isdigit() else part]
    tree[last] = value


def codes(files):
    return {(one.code, one.file) for one in verify(files, {}, Facts())}


@pytest.fixture(scope="module")
def clean():
    return codes(documents())


@pytest.mark.parametrize(
    ("file", "field", "value"), FAULTS, ids=[f"{n}-{f[1]}" for n, f in enumerate(FAULTS)]
)
def test_one_fault_in_a_sound_set_is_found(clean, file, field, value):
    files = documents()
    changed(files[file][0], field, value)
    assert codes(files) - clean


def test_faults_anywhere_in_a_sound_set_are_found():
    """Each third of all mutations; benchmarks/mutations.py tries them all, on more sets."""
    files = documents()
    sound = found(files)
    tried = [mutation for _, mutation in mutations(files)][::3]
    missed = [mutation for mutation in tried if not found(mutated(files, mutation)) - sound]
    assert len(missed) <= len(tried) // 20, missed
    assert len(tried) > 20


def test_a_fault_is_put_where_it_is_said_and_nowhere_else():
    tree = {"a.b/c": {"d": [{"e": 1}, {"e": 2}]}, "a": 0}
    assert laid(tree, "a.b/c.d[1].e", 3) == {"a.b/c": {"d": [{"e": 1}, {"e": 3}]}, "a": 0}
    assert tree["a.b/c"]["d"][1] == {"e": 2}
