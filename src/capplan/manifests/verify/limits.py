"""What a LimitRange refuses of pods and claims in its namespace."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.findings import Finding
from capplan.manifests.verify.checks import capacity
from capplan.manifests.verify.trees import Tree, amount, mapping, maps
from capplan.manifests.verify.world import Item, World, containers_with_paths


def limit_ranges_kept(world: World) -> Iterator[Finding]:
    """Containers and claims stay within the LimitRange of their namespace (plugin/pkg/admission)."""
    for item in world.of("LimitRange"):
        pods = [workload for workload in world.all_pods if workload.namespace == item.namespace]
        claims = [i for i in world.of("PersistentVolumeClaim") if i.namespace == item.namespace]
        for limit in maps(item.tree, "spec.limits"):
            if limit.get("type") == "Container":
                for workload in pods:
                    for field, container in containers_with_paths(workload):
                        resources = mapping(container, "resources")
                        yield from _outside(workload.item, item, limit, f"{field}.resources", resources)
            elif limit.get("type") == "PersistentVolumeClaim":
                for claim in claims:
                    resources = mapping(claim.tree, "spec.resources")
                    yield from _outside(claim, item, limit, "spec.resources", resources)


def _outside(held: Item, item: Item, limit: Tree, field: str, resources: Tree) -> Iterator[Finding]:
    """Yield what is more than the most, or requested less than the least."""
    requests, limits = mapping(resources, "requests"), mapping(resources, "limits")
    for bound, said in (("max", limits), ("max", requests), ("min", requests)):
        for resource, allowed in mapping(limit, bound).items():
            size, edge = amount(said.get(resource)), amount(allowed)
            wrong = size is not None and edge is not None and (size > edge if bound == "max" else size < edge)
            if wrong and (said is not requests or bound == "min" or resource not in limits):
                than = "most" if bound == "max" else "least"
                what = f"{resource}: {said[resource]}, but {item.title} allows {allowed} at {than}"
                yield held.finding(capacity.LIMIT_RANGE, field, what)


RULES = (limit_ranges_kept,)
