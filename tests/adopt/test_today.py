"""What runs today: counts that files set while an autoscaler is off, or that no autoscaler reaches."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from helpers import component
from manifested import adopted, codes, pod, priced, tree_of

from capplan.adopt.run import Adopted


def hpa(low: int = 2, high: int = 10, kind: str = "Deployment") -> str:
    return f"""
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {{name: web}}
        spec: {{scaleTargetRef: {{kind: {kind}, name: web}}, minReplicas: {low}, maxReplicas: {high}}}
    """


def scaled_object(annotations: str) -> str:
    return f"""
        apiVersion: keda.sh/v1alpha1
        kind: ScaledObject
        metadata: {{name: web, annotations: {annotations}}}
        spec:
          scaleTargetRef: {{name: web}}
          minReplicaCount: 1
          maxReplicaCount: 20
          idleReplicaCount: 0
          triggers: [{{type: cpu, metricType: Utilization, metadata: {{value: "50"}}}}]
    """


def service(found: Adopted, name: str = "web") -> dict[str, Any]:
    tree: dict[str, Any] = tree_of(found)["services"][name]
    return tree


def test_no_replicas_turn_an_autoscaler_off(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod(spec="replicas: 0\n"), hpa())
    assert service(found)["instances"] == 0
    assert component(priced(found), "cluster/default").sizing.floor.item() == 0
    assert any("replicas: 0 turns its autoscaler off" in note.message for note in found.notes)


def test_an_autoscaler_that_may_go_to_zero_comes_back(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod(spec="replicas: 0\n"), hpa(low=0))
    assert service(found)["instances"] == {"min": 0, "desired": 0, "max": 10}


def test_more_replicas_than_the_autoscaler_allows_become_its_most(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod(spec="replicas: 50\n"), hpa())
    assert service(found)["instances"] == {"min": 2, "desired": 10, "max": 10}


@pytest.mark.parametrize(
    ("annotations", "instances"),
    [
        ('{autoscaling.keda.sh/paused-replicas: "7"}', 7),
        ('{autoscaling.keda.sh/paused: "true"}', 3),
        ('{autoscaling.keda.sh/paused: "true", autoscaling.keda.sh/paused-replicas: "0"}', 0),
        ('{autoscaling.keda.sh/paused: "false"}', {"min": 1, "desired": 3, "max": 20}),
        ("{autoscaling.keda.sh/paused-replicas: seven}", {"min": 1, "desired": 3, "max": 20}),
    ],
)
def test_a_paused_scaled_object_keeps_its_count(tmp_path: Path, annotations: str, instances: object) -> None:
    found = adopted(tmp_path, pod(spec="replicas: 3\n"), scaled_object(annotations))
    tree = service(found)
    assert tree["instances"] == instances
    assert ("autoscaler" in tree["workload"]) == isinstance(instances, dict)
    assert ("assumed-value" in codes(found)) == isinstance(instances, int)
    assert priced(found)


def test_one_pod_is_one(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod(), scaled_object('{autoscaling.keda.sh/paused-replicas: "1"}'))
    assert any(note.message.endswith("so it stays at 1 pod") for note in found.notes)


def test_a_pause_at_an_unknown_count_is_said(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod(), scaled_object('{autoscaling.keda.sh/paused: "true"}'))
    assert service(found)["instances"] == {"min": 1, "max": 20}
    assert "scaling-not-kept" in codes(found)


JOB = """
    apiVersion: keda.sh/v1alpha1
    kind: ScaledJob
    metadata: {{name: jobs, annotations: {annotations}}}
    spec:
      minReplicaCount: {low}
      maxReplicaCount: 20
      jobTargetRef:
        parallelism: 3
        completions: 2
        template: {{spec: {{containers: [{{name: c, resources: {{requests: {{cpu: 1, memory: 1Gi}}}}}}]}}}}
      triggers: [{{type: kafka, metadata: {{lagThreshold: "10"}}}}]
"""


@pytest.mark.parametrize(
    ("low", "annotations", "low_pods", "high_pods"),
    [
        (2, "{}", 4, 40),
        (0, "{}", 0, 40),
        (30, "{}", 40, 40),
        (2, '{autoscaling.keda.sh/paused: "true"}', 0, 0),
    ],
)
def test_a_scaled_job_keeps_its_fewest_running(
    tmp_path: Path, low: int, annotations: str, low_pods: int, high_pods: int
) -> None:
    found = adopted(tmp_path, JOB.format(low=low, annotations=annotations))
    assert service(found, "jobs")["instances"] == {"min": low_pods, "max": high_pods}
    sizing = component(priced(found), "jobs").sizing
    assert (sizing.running.max(), sizing.ceiling.item()) == (low_pods, high_pods)


CLAIM = """
    volumeClaimTemplates:
    - metadata: {name: data}
      spec: {resources: {requests: {storage: 40Gi}}}
"""


@pytest.mark.parametrize(
    ("policy", "assumed"),
    [("", True), ("persistentVolumeClaimRetentionPolicy: {whenScaled: Delete}\n", False)],
)
def test_volumes_come_with_the_pods_of_an_autoscaler(tmp_path: Path, policy: str, assumed: bool) -> None:
    pods = pod(kind="StatefulSet", spec=f"replicas: 4\n{policy}{dedent(CLAIM).lstrip()}")
    found = adopted(tmp_path, pods, hpa(3, 9, "StatefulSet"))
    cost = priced(found).cost_of("web-data-disk")
    # Three, four and nine volumes of 40 GiB of gp3 at $0.08.
    assert [float(part.max()) for part in (cost.floor, cost.expected, cost.ceiling)] == pytest.approx(
        [9.6, 12.8, 28.8]
    )
    assert ("assumed-disk" in codes(found)) == assumed


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("{blueGreen: {activeService: a, previewReplicaCount: 2}}", "2 pods"),
        ("{blueGreen: {activeService: a}}", "5 pods"),
        ("{canary: {trafficRouting: {nginx: {stableIngress: web}}}}", "5 pods"),
        ("{canary: {maxSurge: 1}}", None),
    ],
)
def test_pods_of_a_new_version_are_named(tmp_path: Path, strategy: str, said: str | None) -> None:
    rollout = pod(kind="Rollout", api="argoproj.io/v1alpha1", spec=f"replicas: 5\nstrategy: {strategy}\n")
    found = adopted(tmp_path, rollout)
    notes = [note.message for note in found.notes if note.severity == "warning"]
    assert [said in note for note in notes] == ([] if said is None else [True])
