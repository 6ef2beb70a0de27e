"""Objects of the usual operators: counted by their replicas, resources and volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from manifested import AWS, adopted, costs, tree_of

from capplan.adopt.operators import _MADE


def header(api: str, kind: str, name: str = "x") -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\n"


CNPG = (
    header("postgresql.cnpg.io/v1", "Cluster", "orders")
    + """
spec:
  instances: 3
  storage: {size: 50Gi, storageClass: gp3}
  walStorage: {size: 10Gi}
  resources: {requests: {cpu: 1, memory: 4Gi}}
"""
)
KAFKA = (
    header("kafka.strimzi.io/v1beta2", "Kafka", "bus")
    + """
spec:
  kafka:
    replicas: 3
    resources: {requests: {cpu: 1, memory: 2Gi}}
    storage:
      type: jbod
      volumes:
      - {id: 0, type: persistent-claim, size: 100Gi}
      - {id: 1, type: persistent-claim, size: 100Gi}
  zookeeper: {replicas: 3, storage: {type: ephemeral}, resources: {requests: {cpu: 100m, memory: 512Mi}}}
  entityOperator: {topicOperator: {resources: {requests: {cpu: 50m, memory: 128Mi}}}}
"""
)
ELASTIC = (
    header("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "logs")
    + """
spec:
  nodeSets:
  - name: hot
    count: 2
    podTemplate:
      spec: {containers: [{name: elasticsearch, resources: {requests: {cpu: 2, memory: 4Gi}}}]}
    volumeClaimTemplates:
    - {metadata: {name: elasticsearch-data}, spec: {resources: {requests: {storage: 200Gi}}}}
  - {name: masters, count: 3}
"""
)
REDIS = (
    header("databases.spotahome.com/v1", "RedisFailover", "sessions")
    + """
spec:
  redis: {replicas: 2, resources: {requests: {cpu: 500m, memory: 1Gi}}}
  sentinel: {resources: {requests: {cpu: 50m, memory: 64Mi}}}
"""
)
PROMETHEUS = (
    header("monitoring.coreos.com/v1", "Prometheus", "k8s")
    + """
spec:
  replicas: 2
  shards: 3
  resources: {requests: {cpu: 1, memory: 8Gi}}
  storage: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 100Gi}}}}}
"""
)
ALERTS = header("monitoring.coreos.com/v1", "Alertmanager", "main") + "spec: {replicas: 3}\n"


def services(tree: dict[str, Any]) -> dict[str, tuple[object, object, object]]:
    return {
        name: (service["instances"], service["cpu"], service["memory"])
        for name, service in tree.get("services", {}).items()
    }


def test_a_postgres_cluster_is_a_database_with_its_volumes(tmp_path: Path) -> None:
    found = adopted(tmp_path, CNPG)
    database = tree_of(found)["databases"]["orders"]
    assert (database["replicas"], database["engine"], database["storage"]) == (3, "postgres", "60Gi")
    # 60 GiB of gp3 for each of three.
    assert costs(found)["orders"] == pytest.approx(3 * 60 * 0.08)


def test_a_kafka_cluster_is_its_brokers_keepers_and_operators(tmp_path: Path) -> None:
    found = adopted(tmp_path, KAFKA)
    tree = tree_of(found)
    assert services(tree) == {
        "bus-kafka": (3, 1, "2Gi"),
        "bus-zookeeper": (3, "100m", "512Mi"),
        "bus-topic-operator": (1, "50m", "128Mi"),
    }
    disks = {name: entry["quantity"] for name, entry in tree["resources"].items()}
    assert disks == {"bus-kafka-data-0-disk": 300, "bus-kafka-data-1-disk": 300}
    assert set(tree["adopted"]["components"].values()) == {"Kafka/bus"}


def test_node_pools_stand_for_the_brokers_that_the_cluster_leaves_to_them(tmp_path: Path) -> None:
    pool = header("kafka.strimzi.io/v1", "KafkaNodePool", "broker") + (
        "spec: {replicas: 3, roles: [broker], storage: {type: persistent-claim, size: 10Gi}}\n"
    )
    cluster = header("kafka.strimzi.io/v1", "Kafka", "bus") + "spec: {kafka: {version: 4.0.0}}\n"
    found = adopted(tmp_path, pool, cluster)
    assert list(services(tree_of(found))) == ["broker"]
    # Nothing of the cluster is left over, and that is said.
    assert any(note.subject == "Kafka/bus" for note in found.notes)


def test_elasticsearch_has_its_node_sets_with_the_operators_defaults(tmp_path: Path) -> None:
    tree = tree_of(adopted(tmp_path, ELASTIC))
    assert services(tree) == {"logs-hot": (2, 2, "4Gi"), "logs-masters": (3, "100m", "2Gi")}
    assert tree["resources"]["logs-hot-elasticsearch-data-disk"]["quantity"] == 400


def test_a_database_has_a_volume_for_each_tablespace(tmp_path: Path) -> None:
    spaces = """
  tablespaces:
  - {name: cold, storage: {size: 200Gi, storageClass: sc1}}
  - {name: hot, storage: {size: 40Gi, storageClass: gp3}}
"""
    without, found = adopted(tmp_path, CNPG), adopted(tmp_path, CNPG + spaces)
    tree = tree_of(found)
    assert tree["databases"]["orders"]["storage"] == "100Gi"
    assert tree["resources"]["orders-tablespaces-cold-disk"]["quantity"] == 600
    more = sum(costs(found).values()) - sum(costs(without).values())
    # Three instances: 40 GiB of gp3 at $0.08 and 200 GiB of sc1 at $0.015.
    assert round(more, 2) == round(3 * (40 * 0.08 + 200 * 0.015), 2)


def test_volumes_of_another_class_are_disks_of_their_own(tmp_path: Path) -> None:
    tree = tree_of(adopted(tmp_path, CNPG.replace("storageClass: gp3", "storageClass: io2")))
    assert (tree["databases"]["orders"]["storage"], tree["databases"]["orders"]["storage_class"]) == (
        "50Gi",
        "io2",
    )
    assert tree["resources"]["orders-walstorage-disk"] == {
        "provider": "aws",
        "service": "ebs",
        "sku": "gp3",
        "quantity": 30,
    }


def test_redis_has_its_sentinels(tmp_path: Path) -> None:
    tree = tree_of(adopted(tmp_path, REDIS))
    cache = tree["caches"]["sessions"]
    assert (cache["replicas"], cache["memory"]) == (2, "1Gi")
    assert services(tree) == {"sessions-sentinel": (3, "50m", "64Mi")}


def test_prometheus_has_replicas_of_each_shard(tmp_path: Path) -> None:
    tree = tree_of(adopted(tmp_path, PROMETHEUS, ALERTS))
    assert services(tree) == {"k8s": (6, 1, "8Gi"), "main": (3, "100m", "200Mi")}
    assert tree["resources"]["k8s-data-disk"]["quantity"] == 600


def test_beats_run_on_every_node(tmp_path: Path) -> None:
    beat = header("beat.k8s.elastic.co/v1beta1", "Beat", "files") + (
        "spec: {daemonSet: {podTemplate: {spec: {containers: "
        "[{name: f, resources: {requests: {cpu: 100m, memory: 200Mi}}}]}}}}\n"
    )
    alone = tree_of(adopted(tmp_path, ALERTS))["clusters"]["cluster"]["pools"]["default"]
    both = tree_of(adopted(tmp_path, ALERTS, beat))["clusters"]["cluster"]["pools"]["default"]
    assert "daemonsets" not in alone
    assert both["daemonsets"]["pods"] >= 1


@pytest.mark.parametrize(("group", "kind"), sorted(_MADE), ids=lambda part: part)
@pytest.mark.parametrize("spec", ["{}", "[]", "{replicas: two, storage: 7, nodeSets: x}"])
def test_whatever_an_object_says_the_plan_can_be_read(
    tmp_path: Path, group: str, kind: str, spec: str
) -> None:
    found = adopted(tmp_path, header(f"{group}/v1", kind) + f"spec: {spec}\n", ALERTS, asked=AWS)
    assert "main" in found.file().plan.services
    ended = {note.subject for note in found.notes} | set(tree_of(found)["adopted"]["components"].values())
    assert f"{kind}/x" in ended
