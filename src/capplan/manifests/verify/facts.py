"""What checks must know beyond the objects: nodes, connections, and what exists elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem
from capplan.manifests.site import Site


class Facts(NamedTuple):
    """What the plan says; empty where there is no plan, and then the checks that need it are left out.

    pools: selector, allocatable cpu, memory_gib, pods, gpus, and the most nodes of each node pool.
    connections: what each database accepts, less what it reserves; opened by [service, most of each instance].
    external: names of Secrets and other objects that exist already, as "Kind/name".
    """

    pools: Mapping[str, Any] = {}
    connections: Mapping[str, Any] = {}
    external: Sequence[str] = ()


def facts_of(site: Site) -> Facts:
    """Return the facts that the plan of ``site`` says."""
    pools = {
        f"{cluster}/{name}": {
            "selector": pool.selector,
            "cpu": pool.cpu,
            "memory_gib": round(pool.memory_gib, 6),
            "pods": pool.pods,
            "gpus": pool.gpus,
            "nodes": pool.max_nodes,
        }
        for (cluster, name), pool in site.pools.items()
    }
    secrets = {
        reference.partition("/")[0] for s in site.pods.values() for reference in s.workload.secrets.values()
    }
    tls = {f"{s.name}-tls" for s in site.pods.values() if s.workload.host is not None}
    external = sorted(f"Secret/{name}" for name in secrets | tls)
    return Facts(pools, {}, external)


def facts_from(lock: Mapping[str, Any], where: str) -> Facts:
    """Return the facts in a lock file."""
    said = lock.get("facts", {})
    try:
        return Facts(**said)
    except TypeError:
        raise InputError(Problem(where, "its facts are not those of this version", "Render again.")) from None
