"""Where pods may run: what keeps them apart on nodes, and what of it no count of nodes knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, address_of
from capplan.adopt.kinds import RUNNING
from capplan.adopt.pods import workload_of
from capplan.manifests.verify.trees import at, maps, text, whole
from capplan.manifests.verify.world import Workload, World

_NODE = "kubernetes.io/hostname"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def placing_of(workload: Workload, draft: Draft, world: World) -> Tree:
    """Return whether no two pods may share a node; name the rules about places that are not counted."""
    # CloudNativePG has a field of its own for it.
    alone = bool(_ports(workload)) or text(workload.pod, "affinity.podAntiAffinityType") == "required"
    for term in maps(workload.pod, f"affinity.podAntiAffinity.{_REQUIRED}"):
        domain, own = text(term, "topologyKey"), _is_own(term, workload)
        alone = alone or (own and domain == _NODE)
        if own and domain != _NODE:
            _note(draft, workload, f"no two of its pods may run in one {domain}")
        for other in _others(term, workload, world):
            _note(draft, workload, f"its pods may not run in one {domain} with those of {other}")
    for term in maps(workload.pod, f"affinity.podAffinity.{_REQUIRED}"):
        _note(draft, workload, f"its pods must run in one {text(term, 'topologyKey')} with others")
    for spread in maps(workload.pod, "topologySpreadConstraints"):
        domains = whole(spread, "minDomains", 1)
        if domains > 1 and spread.get("whenUnsatisfiable") != "ScheduleAnyway":
            _note(draft, workload, f"its pods need at least {domains} of {text(spread, 'topologyKey')}")
    return {"one_per_node": True} if alone else {}


def _note(draft: Draft, workload: Workload, what: str) -> None:
    draft.note(
        checks.UNCOUNTED_PLACING, address_of(workload.item), f"{what}, which the count of nodes leaves out"
    )


def _is_own(term: Mapping[str, Any], workload: Workload) -> bool:
    """Say whether a term means the pods themselves. Operators give theirs labels that no file holds."""
    spaces = at(term, "namespaces")
    if isinstance(spaces, list) and spaces and workload.namespace not in (*spaces, ""):
        return False
    selector = at(term, "labelSelector")
    return isinstance(selector, dict) and (not workload.labels or workload.matches(selector))


def _others(term: Mapping[str, Any], workload: Workload, world: World) -> Iterator[str]:
    selector = at(term, "labelSelector")
    if isinstance(selector, dict) and workload.labels:
        found = (other.name for other in world.selected(selector, workload.namespace))
        yield from sorted({name for name in found if name != workload.name})


def _ports(workload: Workload) -> set[tuple[int, str]]:
    """Return the ports of the node that a pod takes: on the node's network, all of its own."""
    shared = at(workload.pod, "hostNetwork") is True
    ports = [port for container in workload.containers for port in maps(container, "ports")]
    taken = ((whole(p, "hostPort", whole(p, "containerPort", 0) if shared else 0), p) for p in ports)
    return {(number, text(port, "protocol") or "TCP") for number, port in taken if number > 0}


def note_shared_ports(draft: Draft, world: World) -> None:
    """Name the pods that want a port of the node that others want, too: they never share a node."""
    first: dict[tuple[int, str], Workload] = {}
    for workload in (workload_of(item, world) for item in world.of(*RUNNING)):
        for port in sorted(_ports(workload)):
            if port in first:
                what = f"its pods and those of {first[port].name} take port {port[0]}: no node runs both"
                _note(draft, workload, what)
            first.setdefault(port, workload)
