"""What checks must know beyond the objects: nodes, connections, and what exists elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from capplan.components.services.platforms import surge_of
from capplan.errors import InputError, Problem, nearest
from capplan.findings import register
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.secrets import secrets_of
from capplan.manifests.planned import calls_of
from capplan.manifests.site import Site
from capplan.manifests.verify.checks import code_of

LATEST = 36
"""Minor version of Kubernetes that manifests are judged for unless another is named."""


class Facts(NamedTuple):
    """What the plan says; empty where there is no plan, and then the checks that need it are left out.

    pools: selector, allocatable cpu, memory_gib, pods, gpus, disk_gib, and the most
    nodes of each node pool.
    connections: what each database accepts, less what it reserves; pools: [most pods, connections of
    each] by service.
    external: names of Secrets and other objects that exist already, as "Kind/name".
    peak_rps: planned peak of what enters the plan; 0 where there is no plan.
    accepted: codes of checks that may fail, with the reason.
    kubernetes: minor version of 1.x that the cluster runs.
    calls: what must get through the network: from and to, each pods by their workload's name, a namespace,
    or an address; and ports.
    """

    pools: Mapping[str, Any] = {}
    connections: Mapping[str, Any] = {}
    external: Sequence[str] = []
    accepted: Mapping[str, str] = {}
    peak_rps: float = 0.0
    kubernetes: int = LATEST
    calls: Sequence[Any] = []


def facts_of(site: Site) -> Facts:
    """Return the facts that the plan of ``site`` says."""
    pools = {
        f"{cluster}/{name}": {
            "selector": pool.selector,
            "cpu": pool.cpu,
            "memory_gib": round(pool.memory_gib, 6),
            "pods": pool.pods,
            "gpus": pool.gpus,
            "disk_gib": None if pool.disk is None else number(pool.disk.size),
            "nodes": pool.max_nodes,
        }
        for (cluster, name), pool in site.pools.items()
    }
    tls = {f"{s.name}-tls" for s in site.pods.values() if s.workload.host is not None}
    external = sorted(f"Secret/{name}" for name in {*secrets_of(site), *tls})
    external.append(f"IngressClass/{site.manifests.ingress_class}")
    peak_rps = sum((site.services[name].peak_rps for name in site.entries), 0.0)
    found = Facts(pools, _connections(site), external, _known(site), round(peak_rps, 9))
    return found._replace(calls=list(calls_of(site)))


def _known(site: Site) -> dict[str, str]:
    """Return what the plan accepts by code, and refuse what is no check: it would excuse nothing."""
    unknown = [name for name in site.manifests.accepted if code_of(name) not in register()]
    if unknown:
        place, remedy = ("manifests", "accepted", unknown[0]), nearest(code_of(unknown[0]), register())
        places = site.estimate.file.places
        raise InputError(places.problem(place, f"there is no check '{unknown[0]}'", remedy))
    return _accepted(site.manifests.accepted)


def _accepted(said: Mapping[str, str]) -> dict[str, str]:
    return {code_of(name): reason for name, reason in said.items()}


def _connections(site: Site) -> dict[str, Any]:
    """Return what each database accepts, and the most pods and connections of every pool to it."""
    found: dict[str, Any] = {}
    for database in site.plan.databases:
        measures = {measure.name: measure for measure in site.components[database].measures}
        limit = measures.get("connections")
        if limit is None or limit.has is None:
            continue
        pools = {
            name: [service.hi + whole(service.hi * surge_of(service.spec)), number(call.pool.max)]
            for name, service in site.services.items()
            for callee, call in service.spec.calls.items()
            if callee == database and call.pool is not None
        }
        found[database] = {"accepted": number(limit.has), "pools": pools}
    return found


def facts_from(lock: Mapping[str, Any], where: str) -> Facts:
    """Return the facts in a lock file."""
    said = lock.get("facts", {})
    try:
        facts = Facts(**said)
    except TypeError:
        facts = None
    if facts is None or any(
        type(value) is not type(default) for value, default in zip(facts, _NONE, strict=True)
    ):
        raise InputError(Problem(where, "its facts come from another version of capplan", "Render again."))
    return facts._replace(accepted=_accepted(facts.accepted))


_NONE = Facts({}, {}, [], {}, 0.0, LATEST)
"""Facts as a lock file has them, all empty."""
