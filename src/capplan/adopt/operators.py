"""What operators make of their objects: the pods and volumes of databases, brokers and monitoring.

Each object becomes the StatefulSets that its operator would make, so that nothing else knows of operators.
Paths and defaults are those of the operators' API references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from capplan.adopt.draft import Tree
from capplan.manifests.verify.trees import at, mapping, maps, text, whole
from capplan.manifests.verify.world import Item

Claim = tuple[str, str]
"""Where the size and the storage class of a volume stand."""


class Made(NamedTuple):
    """Pods that an operator makes of an object; paths are relative to what stands at ``at``.

    at: one mapping, or a list of them. counts: fields that multiply; ``usual`` where one is not set. pod: a
    pod template, or else resources: those of the only container. Volumes: sizes and classes, lists of what
    has a size and a class, the specification of a claim, a list of claim templates, or Strimzi's storage.
    requests: what the operator gives containers that ask for nothing. image: of a store, so that it becomes a
    database or a cache.
    """

    suffix: str = ""
    at: str = "spec"
    counts: Sequence[str] = ("replicas",)
    usual: int = 1
    resources: str = "resources"
    pod: str = ""
    volumes: Sequence[Claim] = ()
    lists: Sequence[tuple[str, Claim]] = ()
    claim: str = ""
    claims: str = ""
    storage: str = ""
    requests: Mapping[str, str] = {}
    image: str = ""
    kind: str = "StatefulSet"


_PROMETHEUS = "storage.volumeClaimTemplate.spec"
_STRIMZI = Made(storage="storage")
_OPSTREE = Made(
    resources="kubernetesConfig.resources",
    claim="storage.volumeClaimTemplate.spec",
    counts=("clusterSize",),
    image="redis",
)
_ELASTIC = Made(pod="podTemplate", counts=("count",))

_MADE: Mapping[tuple[str, str], Sequence[Made]] = {
    ("postgresql.cnpg.io", "Cluster"): (
        Made(
            counts=("instances",),
            volumes=(
                ("storage.size", "storage.storageClass"),
                ("walStorage.size", "walStorage.storageClass"),
            ),
            lists=(("tablespaces", ("storage.size", "storage.storageClass")),),
            image="postgres",
        ),
    ),
    ("postgresql.cnpg.io", "Pooler"): (Made(counts=("instances",), pod="template"),),
    ("acid.zalan.do", "postgresql"): (
        Made(
            counts=("numberOfInstances",),
            volumes=(("volume.size", "volume.storageClass"),),
            image="postgres",
        ),
    ),
    ("postgres-operator.crunchydata.com", "PostgresCluster"): (
        Made(at="spec.instances", claim="dataVolumeClaimSpec", image="postgres"),
    ),
    ("kafka.strimzi.io", "Kafka"): (
        _STRIMZI._replace(suffix="kafka", at="spec.kafka", usual=0),
        _STRIMZI._replace(suffix="zookeeper", at="spec.zookeeper", usual=0),
        Made("topic-operator", "spec.entityOperator.topicOperator", ()),
        Made("user-operator", "spec.entityOperator.userOperator", ()),
        Made("exporter", "spec.kafkaExporter", ()),
        Made("cruise-control", "spec.cruiseControl", ()),
    ),
    ("kafka.strimzi.io", "KafkaNodePool"): (_STRIMZI,),
    ("kafka.strimzi.io", "KafkaConnect"): (Made(usual=3),),
    ("kafka.strimzi.io", "KafkaMirrorMaker2"): (Made(usual=3),),
    ("kafka.strimzi.io", "KafkaBridge"): (Made(),),
    ("redis.redis.opstreelabs.in", "Redis"): (_OPSTREE._replace(counts=()),),
    ("redis.redis.opstreelabs.in", "RedisReplication"): (_OPSTREE._replace(usual=3),),
    ("redis.redis.opstreelabs.in", "RedisSentinel"): (_OPSTREE._replace(usual=3, claim="", image=""),),
    ("redis.redis.opstreelabs.in", "RedisCluster"): (
        _OPSTREE._replace(suffix="leader", usual=3),
        _OPSTREE._replace(suffix="follower", usual=3),
    ),
    ("databases.spotahome.com", "RedisFailover"): (
        Made(at="spec.redis", usual=3, claim="storage.persistentVolumeClaim.spec", image="redis"),
        Made(suffix="sentinel", at="spec.sentinel", usual=3),
    ),
    ("app.redislabs.com", "RedisEnterpriseCluster"): (
        Made(
            counts=("nodes",),
            usual=3,
            resources="redisEnterpriseNodeResources",
            volumes=(("persistentSpec.volumeSize", "persistentSpec.storageClassName"),),
            requests={"cpu": "2", "memory": "4Gi"},
        ),
    ),
    ("dragonflydb.io", "Dragonfly"): (Made(claim="snapshot.persistentVolumeClaimSpec"),),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch"): (
        _ELASTIC._replace(at="spec.nodeSets", claims="volumeClaimTemplates", requests={"memory": "2Gi"}),
    ),
    ("kibana.k8s.elastic.co", "Kibana"): (_ELASTIC._replace(requests={"memory": "1Gi"}),),
    ("apm.k8s.elastic.co", "ApmServer"): (_ELASTIC._replace(requests={"memory": "512Mi"}),),
    ("logstash.k8s.elastic.co", "Logstash"): (
        _ELASTIC._replace(claims="volumeClaimTemplates", requests={"memory": "2Gi"}),
    ),
    ("beat.k8s.elastic.co", "Beat"): (
        Made(at="spec.deployment", pod="podTemplate"),
        Made(at="spec.daemonSet", pod="podTemplate", kind="DaemonSet"),
    ),
    ("agent.k8s.elastic.co", "Agent"): (
        Made(at="spec.deployment", pod="podTemplate"),
        Made(at="spec.daemonSet", pod="podTemplate", kind="DaemonSet"),
    ),
    ("monitoring.coreos.com", "Prometheus"): (Made(counts=("replicas", "shards"), claim=_PROMETHEUS),),
    ("monitoring.coreos.com", "PrometheusAgent"): (Made(counts=("replicas", "shards"), claim=_PROMETHEUS),),
    ("monitoring.coreos.com", "Alertmanager"): (Made(claim=_PROMETHEUS, requests={"memory": "200Mi"}),),
    ("monitoring.coreos.com", "ThanosRuler"): (Made(claim=_PROMETHEUS),),
    ("mongodbcommunity.mongodb.com", "MongoDBCommunity"): (
        Made(
            counts=("members",),
            pod="statefulSet.spec.template",
            claims="statefulSet.spec.volumeClaimTemplates",
            usual=0,
        ),
    ),
    ("rabbitmq.com", "RabbitmqCluster"): (
        Made(
            volumes=(("persistence.storage", "persistence.storageClassName"),),
            requests={"cpu": "1", "memory": "2Gi"},
        ),
    ),
    ("mysql.oracle.com", "InnoDBCluster"): (
        Made(counts=("instances",), claim="datadirVolumeClaimTemplate", image="mysql"),
        Made("router", "spec.router", ("instances",)),
    ),
    ("cassandra.datastax.com", "CassandraDatacenter"): (
        Made(counts=("size",), claim="storageConfig.cassandraDataVolumeClaimSpec", usual=0),
    ),
}


def made_of(item: Item) -> list[Item] | None:
    """Return the objects that an operator makes of one; None where no operator is known."""
    known = _MADE.get((item.group, item.kind))
    return None if known is None else [part for made in known for part in _parts(item, made)]


def _parts(item: Item, made: Made) -> Iterator[Item]:
    found = at(item.tree, made.at)
    if isinstance(found, list):
        for index, entry in enumerate(maps(item.tree, made.at)):
            yield _part(item, made, entry, text(entry, "name") or str(index + 1))
    elif isinstance(found, dict) and (made.usual or _count(made, found)):
        yield _part(item, made, found, made.suffix)


def _count(made: Made, tree: Mapping[str, Any]) -> int:
    usual = (made.usual, *(1 for _ in made.counts))
    return prod(whole(tree, field, default) for field, default in zip(made.counts, usual, strict=False))


def _part(item: Item, made: Made, tree: Mapping[str, Any], suffix: str) -> Item:
    spec: Tree = {
        "replicas": _count(made, tree),
        "template": {"metadata": {}, "spec": _pod(made, tree)},
        "volumeClaimTemplates": list(_claims(made, tree)),
    }
    name = "-".join(part for part in (item.name, suffix) if part)
    metadata = {"name": name, "namespace": item.namespace}
    return Item(item.path, {"apiVersion": "apps/v1", "kind": made.kind, "metadata": metadata, "spec": spec})


def _pod(made: Made, tree: Mapping[str, Any]) -> Tree:
    """Return the specification of the pods: the template's, or one container with the resources."""
    pod = dict(mapping(tree, f"{made.pod}.spec")) if made.pod else {}
    containers = maps(pod, "containers") or [{"resources": mapping(tree, made.resources)}]
    filled = [_with_requests(container, made) for container in containers]
    for place in (tree, mapping(tree, "template.pod")):
        for field in ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"):
            if field in place and field not in pod:
                pod[field] = place[field]
    return {**pod, "containers": filled}


def _with_requests(container: Mapping[str, Any], made: Made) -> Tree:
    said = {**mapping(container, "resources.limits"), **mapping(container, "resources.requests")}
    requests = {**made.requests, **said}
    resources = {**mapping(container, "resources"), "requests": requests}
    image = {"image": made.image} if made.image else {}
    return {"name": "main", **image, **container, "resources": resources}


def _claims(made: Made, tree: Mapping[str, Any]) -> Iterator[Tree]:
    if made.claims:
        yield from (dict(claim) for claim in maps(tree, made.claims))
    if made.claim and mapping(tree, made.claim):
        yield {"metadata": {"name": "data"}, "spec": mapping(tree, made.claim)}
    for size, storage_class in made.volumes:
        if at(tree, size) is not None:
            yield _claim(size.partition(".")[0], at(tree, size), at(tree, storage_class))
    for field, (size, storage_class) in made.lists:
        for index, entry in enumerate(maps(tree, field)):
            name = f"{field}-{text(entry, 'name') or index}"
            yield _claim(name, at(entry, size), at(entry, storage_class))
    storage = mapping(tree, made.storage) if made.storage else {}
    for index, volume in enumerate(maps(storage, "volumes") or [storage]):
        if volume.get("type") == "persistent-claim":
            yield _claim(f"data-{volume.get('id', index)}", volume.get("size"), volume.get("class"))


def _claim(name: str, size: object, storage_class: object) -> Tree:
    spec: Tree = {"resources": {"requests": {"storage": size}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {"metadata": {"name": name}, "spec": spec}
