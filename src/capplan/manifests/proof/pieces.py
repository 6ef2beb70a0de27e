"""Parts of objects that decide whether pods start, where they run, what reaches them and what scales them.

Files and plan are read alike: as text that does not depend on the order of keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from capplan.manifests.verify.trees import Tree, amount, at, mapping, maps, text
from capplan.manifests.verify.world import Item, Workload

_ZONE = "topology.kubernetes.io/zone"
_PROBES = ("startup", "readiness", "liveness")
_PAUSED = "autoscaling.keda.sh/paused"
_JUDGED = frozenset(("averageUtilization", "averageValue", "value", "threshold"))
"""Targets, which are judged by the counts that they lead to."""


def canonical(tree: object) -> str:
    """Return a tree as text, the same for the same content; empty for nothing."""
    return json.dumps(tree, sort_keys=True) if tree else ""


def bare(tree: Any) -> Any:
    """Return a tree without targets."""
    if isinstance(tree, dict):
        return {key: bare(value) for key, value in tree.items() if key not in _JUDGED}
    return [*map(bare, tree)] if isinstance(tree, list) else tree


def workload_pieces(workload: Workload) -> Iterator[tuple[str, object]]:
    """Yield what decides whether and where the pods of a workload start, and when they are ready."""
    pod, item = workload.pod, workload.item
    yield "node selector", canonical(mapping(pod, "nodeSelector"))
    yield "service account", text(pod, "serviceAccountName")
    yield "paused", at(item.tree, "spec.paused") is True
    yield "spread over zones", any(e.get("topologyKey") == _ZONE for e in [*_spreading(pod)])
    yield "restarted at once", text(item.tree, "spec.strategy.type") == "Recreate"
    for container in maps(pod, "containers")[:1]:
        yield from probe_pieces(container, ports_by_name(workload))


def _spreading(pod: Tree) -> Iterator[Tree]:
    """Yield what keeps pods apart: constraints, and terms of anti-affinity."""
    yield from maps(pod, "topologySpreadConstraints")
    apart = mapping(pod, "affinity.podAntiAffinity")
    yield from maps(apart, "requiredDuringSchedulingIgnoredDuringExecution")
    for term in maps(apart, "preferredDuringSchedulingIgnoredDuringExecution"):
        yield mapping(term, "podAffinityTerm")


def ports_by_name(workload: Workload) -> dict[object, object]:
    """Return the ports of the containers by name."""
    return {
        port.get("name"): port.get("containerPort") for c in workload.containers for port in maps(c, "ports")
    }


def probe_pieces(container: Tree, ports: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    """Yield each probe, its port as a number."""
    for decides in _PROBES:
        probe = dict(mapping(container, f"{decides}Probe"))
        for handler in probe.keys() & {"httpGet", "tcpSocket"}:
            port = at(probe, f"{handler}.port")
            probe[handler] = {**mapping(probe, handler), "port": ports.get(port, port)}
        yield f"{decides} probe", canonical(probe)


def scaler_pieces(item: Item) -> Iterator[tuple[str, object]]:
    """Yield what an autoscaler measures and how it gets it, without its targets."""
    spec = mapping(item.tree, "spec")
    if item.kind == "ScaledObject":
        yield from triggered(spec, maps(spec, "triggers"), spec.get("fallback"))
        notes = mapping(item.tree, "metadata.annotations")
        yield "autoscaler paused", any(key.startswith(_PAUSED) for key in notes)
    else:
        yield "measures", canonical(bare(maps(spec, "metrics")))


def triggered(
    spec: Mapping[str, object], triggers: Sequence[object], fallback: object
) -> Iterator[tuple[str, object]]:
    """Yield the pieces of a ScaledObject."""
    yield "triggers", canonical(bare(triggers))
    yield "fallback", canonical(fallback)
    for name, field in (
        ("polling", "pollingInterval"),
        ("cooldown", "cooldownPeriod"),
        ("idle count", "idleReplicaCount"),
    ):
        yield name, spec.get(field)


def service_ports(item: Item, workload: Workload) -> Sequence[str]:
    """Return the ports of the pods that a Service sends to, as numbers."""
    named = ports_by_name(workload)
    targets = [port.get("targetPort", port.get("port")) for port in maps(item.tree, "spec.ports")]
    return tuple(sorted(str(named.get(target, target)) for target in targets))


_REQUIRED = {"node.kubernetes.io/instance-type": "machine", "karpenter.sh/capacity-type": "capacity"}


def node_pieces(item: Item) -> Iterator[tuple[str, object]]:
    """Yield what Karpenter may start: machines, how they are bought, cores in all, and their disks."""
    for entry in maps(item.tree, "spec.template.spec.requirements"):
        if entry.get("key") in _REQUIRED:
            yield _REQUIRED[entry["key"]], canonical((entry.get("operator"), entry.get("values")))
    if item.kind == "NodePool":
        yield "cores", amount(at(item.tree, "spec.limits.cpu"))
    for device in maps(item.tree, "spec.blockDeviceMappings"):
        size = amount(at(device, "ebs.volumeSize"))
        yield from (("disk", size and size / 2**30), ("disk type", at(device, "ebs.volumeType")))
