"""Self-hosted stores on Kubernetes: Redis alone or as a cluster, and databases, with their configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from capplan.components.disks import VOLUMES
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.clusters import disk_kind
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.network import (
    BUS_PORT,
    STORE_PORTS,
    dns,
    redis_cluster_pods,
    store_callers,
    tcp,
)
from capplan.manifests.kubernetes.objects import BASE, COMPONENTS, priority_class_of
from capplan.manifests.kubernetes.pods import MANAGED_BY, apart, labels_of, selector_of
from capplan.manifests.kubernetes.quotas import store_amounts
from capplan.manifests.kubernetes.settings import (
    SHARED_BUFFERS,
    lines,
    measured,
    mysql_settings,
    postgres_settings,
    redis_settings,
)
from capplan.manifests.quantity import memory
from capplan.manifests.site import Site
from capplan.plan.caches import SelfHostedCache
from capplan.plan.databases import SelfHostedDatabase
from capplan.plan.services import CLUSTER_PROVIDERS
from capplan.plan.stores import SelfHosted

_REDIS_OPERATOR_IMAGE = "opstree/redis:v7.2.7"
_USER = 10001


class StoreEngine(NamedTuple):
    """How the image of a store is run: what it listens on, where its data and its settings are."""

    port: int
    image: str
    data: str
    file: str
    args: list[str]
    password: str
    env: list[Tree]


_ENGINES = {
    "redis": StoreEngine(
        port=6379,
        image="redis:7.4",
        data="/data",
        file="/etc/redis/redis.conf",
        args=["/etc/redis/redis.conf", "--requirepass", "$(REDIS_PASSWORD)"],
        password="REDIS_PASSWORD",
        env=[],
    ),
    "postgres": StoreEngine(
        port=5432,
        image="timescale/timescaledb:2.17.2-pg16",
        data="/var/lib/postgresql/data",
        file="/etc/postgresql/postgresql.conf",
        args=["-c", "config_file=/etc/postgresql/postgresql.conf"],
        password="POSTGRES_PASSWORD",
        # A new disk holds lost+found, and initdb wants an empty directory.
        env=[{"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"}],
    ),
    "mysql": StoreEngine(
        port=3306,
        image="mysql:8.0",
        data="/var/lib/mysql",
        file="/etc/mysql/conf.d/capplan.cnf",
        args=[],
        password="MYSQL_ROOT_PASSWORD",
        env=[],
    ),
}


def store_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the stores that run on Kubernetes."""
    yield from _storage_classes(site)
    for name, cache in site.plan.caches.items():
        if isinstance(cache, SelfHostedCache):
            yield from (
                _cluster(site, name, cache)
                if number(cache.shards) > 1
                else _single(site, name, cache, "redis")
            )
    for name, database in site.plan.databases.items():
        if isinstance(database, SelfHostedDatabase):
            yield from _single(site, name, database, database.engine)


def _storage_classes(site: Site) -> Iterator[Artefact]:
    """Yield the classes of the stores' disks, of the kind that is paid for; EKS has no default."""
    stores = (*site.plan.databases.values(), *site.plan.caches.values())
    seen = set()
    for store in stores:
        if not isinstance(store, SelfHosted) or (name := storage_class_of(site, store)) in seen:
            continue
        seen.add(name)
        driver = site.pool_of(store.cluster, store.pool).managed.disks
        kind = disk_kind(_disk_sku(site, store))
        context: Tree = {
            "name": name,
            "labels": {"app.kubernetes.io/part-of": site.name} | MANAGED_BY,
            "provisioner": driver.provisioner,
            "parameters": {driver.kind: kind, **driver.always},
        }
        yield Artefact(
            f"{BASE}/storageclass-{name}.yaml", "kubernetes/storageclass.yaml.j2", context, "kubernetes"
        )


def storage_class_of(site: Site, store: SelfHosted) -> str:
    """Return the name of the class of a store's disks, which is not of a namespace."""
    kind = disk_kind(_disk_sku(site, store)).lower().replace("_", "-")
    return f"{site.namespace[:40]}-{kind}"


def _disk_sku(site: Site, store: SelfHosted) -> str:
    provider = CLUSTER_PROVIDERS[site.pool_of(store.cluster, store.pool).platform]
    return store.storage_class or VOLUMES[provider][1]


def _asked(store: SelfHosted) -> Tree:
    return {"requests": store_amounts(store), "limits": store_amounts(store)}


def _cluster(site: Site, name: str, cache: SelfHostedCache) -> Iterator[Artefact]:
    leaders, pods = whole(cache.shards), whole(cache.replicas)
    context: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "leaders": leaders,
        "followers": max(0, pods - leaders),
        "image": _REDIS_OPERATOR_IMAGE,
        "version": "v7",
        "secret": name,
        "resources": _asked(cache),
        "storage": memory(number(cache.storage)),
        "storage_class": storage_class_of(site, cache),
        "config": f"{name}-config",
        "priority_class": priority_class_of(site),
    }
    directory = f"{COMPONENTS}/redis"
    yield Artefact(
        f"{directory}/rediscluster-{name}.yaml", "kubernetes/rediscluster.yaml.j2", context, "redis"
    )
    policy = {**context, **_cluster_policy(site, name)}
    path = f"{directory}/networkpolicy-{name}.yaml"
    yield Artefact(path, "kubernetes/networkpolicy.yaml.j2", policy, "redis")
    data = {
        **context,
        "name": f"{name}-config",
        "data": {"redis-additional.conf": _settings(site, name, cache)},
    }
    path = f"{directory}/configmap-{name}-config.yaml"
    yield Artefact(path, "kubernetes/configmap.yaml.j2", data, "redis")


def _single(site: Site, name: str, store: SelfHosted, engine: str) -> Iterator[Artefact]:
    """Yield a StatefulSet with its settings, Service, account, budget and policy."""
    run = _ENGINES[engine]
    common: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "selector": selector_of(name),
        "annotations": {},
    }
    directory, _, file = run.file.rpartition("/")
    stateful = {
        **run._asdict(),
        "replicas": max(1, whole(store.replicas)),
        "port_name": engine,
        "user": _USER,
        "secret": name,
        "config": f"{name}-config",
        "config_directory": directory,
        "resources": _asked(store),
        "storage": memory(max(1, site.storage_gib(name), whole(store.storage))),
        "storage_class": storage_class_of(site, store),
        # Parallel queries share memory here; containers get 64 MiB otherwise.
        "shm": memory(number(store.memory) * SHARED_BUFFERS) if engine == "postgres" else None,
        "priority_class": priority_class_of(site),
        "node_selector": _nodes(site, store),
        "apart": apart(selector_of(name), store.one_per_node),
        "pod_labels": labels_of(site, name),
    }
    ports = [{"name": engine, "port": run.port, "targetPort": engine, "protocol": "TCP"}]
    for kind, own in (
        ("configmap", {"name": f"{name}-config", "data": {file: _settings(site, name, store)}}),
        ("statefulset", stateful),
        ("service", {"type": "ClusterIP", "ports": ports}),
        ("serviceaccount", {}),
        ("poddisruptionbudget", {"max_unavailable": 1}),
        ("networkpolicy", _policy(site, name, engine)),
    ):
        context = {**common, **own}
        path = f"{BASE}/{name}/{kind}-{context['name']}.yaml"
        yield Artefact(path, f"kubernetes/{kind}.yaml.j2", context, "kubernetes")


def _settings(site: Site, name: str, store: SelfHosted) -> str:
    """Return the configuration file of a store."""
    if isinstance(store, SelfHostedCache):
        return lines(redis_settings(store, measured(site, name, "memory")), " ")
    assert isinstance(store, SelfHostedDatabase)
    if store.engine == "mysql":
        return "[mysqld]\n" + lines(mysql_settings(store), " = ")
    return lines(postgres_settings(store), " = ")


def _cluster_policy(site: Site, name: str) -> Tree:
    """Return the rules of a Redis cluster: callers, its operator in another namespace, and each other."""
    pods = redis_cluster_pods(name)
    port = STORE_PORTS["redis"]
    callers = store_callers(site, name)
    elsewhere = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [site.namespace]}
    operator = {"namespaceSelector": {"matchExpressions": [elsewhere]}}
    peers, ports = [{"podSelector": pods}], tcp(port, BUS_PORT)
    return {
        "pod_selector": pods,
        "ingress": [{"from": [*callers, operator], "ports": tcp(port)}, {"from": peers, "ports": ports}],
        "egress": [dns(), {"to": peers, "ports": ports}],
    }


def _policy(site: Site, name: str, port: str) -> Tree:
    """Return the rules of a store: its callers and its exporter come in, and nothing goes out."""
    rule = {"from": store_callers(site, name), "ports": tcp(port)}
    return {"pod_selector": {"matchLabels": selector_of(name)}, "ingress": [rule], "egress": []}


def _nodes(site: Site, store: SelfHosted) -> Tree:
    pool = site.pool_of(store.cluster, store.pool)
    return pool.selector if len(site.clusters[pool.cluster].pools) > 1 else {}
