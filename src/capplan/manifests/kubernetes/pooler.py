"""PgBouncer between pods and a database that accepts fewer connections than their pools open."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number
from capplan.manifests.kubernetes.network import EXPORTER_LABEL, STORE_PORTS, dns, store_peer, tcp
from capplan.manifests.kubernetes.objects import BASE, priority_class_of
from capplan.manifests.kubernetes.pods import MANAGED_BY, apart, labels_of, pool_of, selector_of
from capplan.manifests.kubernetes.quotas import POOLER_LIMITS, POOLER_REQUESTS
from capplan.manifests.kubernetes.settings import (
    Pooler,
    lines,
    pooler_of,
    pools_of,
)
from capplan.manifests.site import Site
from capplan.plan.databases import SelfHostedDatabase

_IMAGE = "edoburu/pgbouncer:v1.24.1-p1"
_SECRET = "/etc/pgbouncer-secret"
_PREPARED = "200"
"""Statements that a server connection keeps for drivers that prepare them (PgBouncer 1.21 and later)."""

_OTHER_FILES = 100
"""Files that PgBouncer opens besides connections: its log, its settings, its listening sockets."""


def pooler_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield a pooler for each database whose pools open more than it accepts; pods get it in the cluster."""
    for database in site.plan.databases:
        pooler = pooler_of(site, database)
        if pooler is None:
            continue
        settings = _settings(site, database, pooler)
        if pooler.name is not None:
            yield from _objects(site, database, pooler, settings)
            continue
        context: Tree = {"host": _host(site, database), "settings": list(settings.items())}
        yield Artefact(f"pgbouncer/{database}.ini", "sql/pgbouncer.conf.j2", context, "sql")


def _host(site: Site, database: str) -> str:
    own = isinstance(site.plan.databases[database], SelfHostedDatabase)
    return database if own else f"{database}.invalid"


def _settings(site: Site, database: str, pooler: Pooler) -> dict[str, str]:
    """Return the lines of pgbouncer.ini, TLS on both sides where the database has it."""
    pools = [pools_of(site, caller).get(database) for caller in site.callers(database)]
    found = {
        "listen_addr": "0.0.0.0",
        # The port that network policies open, and that URLs of the database name already.
        "listen_port": str(STORE_PORTS["postgres"]),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": f"{_SECRET}/userlist.txt",
        # A server connection belongs to a client for the length of a transaction.
        "pool_mode": "transaction",
        "max_prepared_statements": _PREPARED,
        "ignore_startup_parameters": "extra_float_digits",
        "max_client_conn": str(pooler.clients),
        "default_pool_size": str(pooler.size),
        "query_wait_timeout": str(max(pool.acquire_s for pool in pools if pool is not None)),
    }
    times = {"server_idle_timeout": "idle_timeout", "server_lifetime": "max_lifetime"}
    for name, field in times.items():
        seconds = _shortest(site, database, field)
        found |= {} if seconds is None else {name: str(seconds)}
    if pooler.name is not None:
        keys = {"client_tls_key_file": "tls.key", "client_tls_cert_file": "tls.crt"}
        found |= {"client_tls_sslmode": "require"} | {n: f"{_SECRET}/{file}" for n, file in keys.items()}
    if isinstance(site.plan.databases[database], SelfHostedDatabase):
        return found | {"server_tls_sslmode": "prefer"}
    # Of who signs the database's certificate: providers publish theirs.
    return found | {"server_tls_sslmode": "verify-full", "server_tls_ca_file": f"{_SECRET}/ca.pem"}


def _shortest(site: Site, database: str, field: str) -> int | None:
    """Return the shortest of a time that the database's pools say; None where none of them says it."""
    pools = [site.specs[caller].calls[database].pool for caller in site.callers(database)]
    said = [getattr(pool, field) for pool in pools if pool is not None]
    return min((math.ceil(number(seconds)) for seconds in said if seconds is not None), default=None)


def _objects(site: Site, database: str, pooler: Pooler, settings: dict[str, str]) -> Iterator[Artefact]:
    name, port = str(pooler.name), STORE_PORTS["postgres"]
    callers = [caller for caller in site.callers(database) if caller in site.pods]
    pool = pool_of(site, site.pods[callers[0]])
    files = pooler.clients + pooler.size + _OTHER_FILES
    text = f"[databases]\n* = host={_host(site, database)} port={port}\n\n[pgbouncer]\n" + lines(
        settings, " = "
    )
    common: Tree = {
        "name": name,
        "namespace": site.namespace,
        "labels": labels_of(site, name) | MANAGED_BY,
        "selector": selector_of(name),
        "annotations": {},
    }
    let_in = [*map(selector_of, (*callers, *site.plan.jobs)), {EXPORTER_LABEL: f"{database}-pgbouncer"}]
    ingress = {"from": [{"podSelector": {"matchLabels": labels}} for labels in let_in], "ports": tcp(port)}
    deployment = {
        "replicas": pooler.replicas,
        "pod_labels": labels_of(site, name),
        "priority_class": priority_class_of(site),
        "grace_s": 60,
        "user": 10001,
        "node_selector": pool.selector if len(site.clusters[pool.cluster].pools) > 1 else {},
        "apart": apart(selector_of(name), required=False),
        "image": _IMAGE,
        "command": ["/bin/sh", "-c", f"ulimit -n {files} && exec pgbouncer /etc/pgbouncer/pgbouncer.ini"],
        "resources": {"requests": POOLER_REQUESTS, "limits": POOLER_LIMITS},
        "config": name,
    }
    ports = [{"name": "postgres", "port": port, "targetPort": "postgres", "protocol": "TCP"}]
    for kind, own in (
        ("configmap", {"data": {"pgbouncer.ini": text}}),
        ("pooler", deployment),
        ("service", {"type": "ClusterIP", "ports": ports}),
        ("serviceaccount", {}),
        ("poddisruptionbudget", {"max_unavailable": 1}),
        (
            "networkpolicy",
            {
                "pod_selector": {"matchLabels": selector_of(name)},
                "ingress": [ingress],
                "egress": [dns(), *store_peer(site, database)],
            },
        ),
    ):
        context = {**common, **own}
        file = "deployment" if kind == "pooler" else kind
        path = f"{BASE}/{name}/{file}-{context['name']}.yaml"
        yield Artefact(path, f"kubernetes/{kind}.yaml.j2", context, "kubernetes")
