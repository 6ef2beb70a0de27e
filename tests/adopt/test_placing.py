"""Rules about where pods run: counted in nodes where the plan can say them, and named where it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import component
from manifested import GCP, adopted, pod, priced, tree_of

from capplan.adopt.run import Adopted

SMALL = "{cpu: 100m, memory: 100Mi}"
ONE_NODE = GCP._replace(node_types={"default": "e2-standard-8"})


def labelled(more: str, name: str = "web", replicas: int = 6, tier: str = "front") -> str:
    labels = f"metadata: {{labels: {{app: {name}, tier: {tier}}}}}"
    text = pod(SMALL, more, name, spec=f"replicas: {replicas}\n")
    return text.replace("  template:\n", f"  template:\n    {labels}\n")


def apart(labels: str = "{app: web}", key: str = "kubernetes.io/hostname", more: str = "") -> str:
    term = f"{{topologyKey: {key}, labelSelector: {{matchLabels: {labels}}}{more}}}"
    return f"affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}\n"


def nodes(found: Adopted) -> float:
    return float(component(priced(found), "cluster/default").sizing.floor.item())


def placing(found: Adopted) -> list[str]:
    return [note.message for note in found.notes if note.code == "uncounted-placing"]


HOST_PORT = "initContainers: [{name: s, restartPolicy: Always, ports: [{containerPort: 80, hostPort: 80}]}]\n"
ON_HOST = (
    "hostNetwork: true\ninitContainers: [{name: s, restartPolicy: Always, ports: [{containerPort: 90}]}]\n"
)


@pytest.mark.parametrize("more", [apart(), apart("{tier: front}"), HOST_PORT, ON_HOST])
def test_pods_that_keep_apart_need_a_node_each(tmp_path: Path, more: str) -> None:
    found = adopted(tmp_path, labelled(more), asked=ONE_NODE)
    assert nodes(found) == 6
    assert placing(found) == []


@pytest.mark.parametrize(
    "more",
    [
        "",
        apart("{app: other}"),
        apart(more=", namespaces: [elsewhere]"),
        apart().replace("labelSelector", "selector"),
        "initContainers: [{name: s, restartPolicy: Always, ports: [{containerPort: 90}]}]\n",
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname}]\n",
    ],
)
def test_others_share_nodes(tmp_path: Path, more: str) -> None:
    own = labelled(more).replace("{name: web}", "{name: web, namespace: here}", 1)
    found = adopted(tmp_path, own, asked=ONE_NODE)
    assert nodes(found) == 1
    assert placing(found) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (apart(key="topology.kubernetes.io/zone"), "in one topology.kubernetes.io/zone"),
        (apart("{app: db}"), "with those of db"),
        (apart().replace("podAntiAffinity", "podAffinity"), "with others"),
        (
            "topologySpreadConstraints: [{maxSkew: 1, minDomains: 5, topologyKey: kubernetes.io/hostname}]\n",
            "at least 5 of",
        ),
    ],
)
def test_rules_that_nodes_do_not_count_are_named(tmp_path: Path, more: str, said: str) -> None:
    found = adopted(tmp_path, labelled(more), labelled("", "db", tier="back"), asked=ONE_NODE)
    (note,) = placing(found)
    assert said in note


def test_two_workloads_that_want_one_port_are_named(tmp_path: Path) -> None:
    found = adopted(tmp_path, labelled(HOST_PORT), labelled(HOST_PORT, "edge"), asked=ONE_NODE)
    (note,) = placing(found)
    assert "port 80" in note


def test_pods_of_operators_keep_apart(tmp_path: Path) -> None:
    postgres = """
        apiVersion: postgresql.cnpg.io/v1
        kind: Cluster
        metadata: {name: pg}
        spec:
          instances: 3
          resources: {requests: {cpu: 100m, memory: 256Mi}}
          affinity: {podAntiAffinityType: required}
    """
    rule = apart("{strimzi.io/name: bus-kafka}").removeprefix("affinity: ")
    kafka = f"""
        apiVersion: kafka.strimzi.io/v1beta2
        kind: Kafka
        metadata: {{name: bus}}
        spec:
          kafka:
            replicas: 5
            resources: {{requests: {{cpu: 100m, memory: 256Mi}}}}
            template: {{pod: {{affinity: {rule.strip()}}}}}
    """
    assert nodes(adopted(tmp_path, postgres, asked=ONE_NODE)) == 3
    assert nodes(adopted(tmp_path, kafka, asked=ONE_NODE)) == 5


def test_stores_keep_apart(tmp_path: Path) -> None:
    redis: Any = (
        labelled(apart(), replicas=3)
        .replace("Deployment", "StatefulSet")
        .replace("image: web", "image: redis")
    )
    found = adopted(tmp_path, redis, asked=ONE_NODE)
    assert tree_of(found)["caches"]["web"]["one_per_node"] is True
    assert nodes(found) == 3
