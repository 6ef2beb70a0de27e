"""Kafka clusters on MSK: the call that makes one, and the command that makes its topic."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.errors import InputError, Problem
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.aws import full_name, machine_of, subnets_path
from capplan.manifests.figures import number, whole
from capplan.manifests.site import Site


def stream_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the body of the call for each cluster, and one script for the topics of all."""
    clusters = [_cluster(site, name) for name in site.plan.streams]
    for cluster in clusters:
        path = f"aws/{cluster['name']}.create-cluster.json"
        yield Artefact(path, "aws/create-cluster.json.j2", cluster, "aws")
    if clusters:
        yield Artefact("commands/topics.sh", "aws/topics.sh.j2", {"clusters": clusters}, "aws")


def _cluster(site: Site, name: str) -> Tree:
    stream, region = site.plan.streams[name], site.components[name].region
    account = site.aws_in(region)
    zones = whole(stream.zones)
    if len(account.subnets) < zones:
        what = f"{name} needs a subnet in each of its {zones} zones"
        raise InputError(Problem(subnets_path(site, region), what, "Give their ids."))
    found = {measure.name: number(measure.needs) for measure in site.components[name].measures}
    brokers = math.ceil(found["brokers"])
    return {
        "name": name,
        "full_name": full_name(site, name),
        "brokers": brokers,
        "machine": machine_of(site, name, stream.machine),
        "storage_gib": max(1, math.ceil(found["storage"] / brokers)),
        "subnets": list(account.subnets)[:zones],
        "security_groups": list(account.security_groups),
        "variable": "BROKERS_" + name.upper().replace("-", "_"),
        "partitions": whole(stream.partitions),
        "replication": whole(stream.replication),
        "retention_ms": round(1000 * number(stream.retention)),
    }
