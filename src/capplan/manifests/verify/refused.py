"""What the API server, the kubelet or an operator refuses of single objects, as tables say."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.findings import Finding
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.kinds import is_known
from capplan.manifests.verify.refusals.forms import Wrong, all_of
from capplan.manifests.verify.refusals.objects import OBJECTS
from capplan.manifests.verify.refusals.operators import OPERATORS
from capplan.manifests.verify.refusals.pods import PODS
from capplan.manifests.verify.trees import Tree, text
from capplan.manifests.verify.values import every_at
from capplan.manifests.verify.world import Item, World, containers_with_paths

_OF_KIND: dict[str, list[tuple[str, Wrong, str]]] = {}
for _kinds, _paths, _wrong, _why in (*PODS, *OBJECTS, *OPERATORS):
    for _kind in _kinds.split():
        _is_refused = all_of(_wrong) if isinstance(_wrong, str) else _wrong
        _OF_KIND.setdefault(_kind, []).extend((path, _is_refused, _why) for path in _paths.split())


def refusals(world: World) -> Iterator[Finding]:
    """Nothing is refused for what stands in one object."""
    for item in world.of(*_OF_KIND):
        if is_known(item.kind, item.group):
            yield from _refused(item, "", item.tree, item.kind)
    for workload in world.all_pods:
        yield from _refused(workload.item, workload.pod_field, workload.pod, "pod")
        for field, container in containers_with_paths(workload):
            yield from _refused(workload.item, field, container, "container")
            if ".initContainers[" in f".{field}" and text(container, "restartPolicy") != "Always":
                yield from _refused(workload.item, field, container, "init")


def _refused(item: Item, prefix: str, tree: Tree, kind: str) -> Iterator[Finding]:
    for path, is_refused, why in _OF_KIND[kind]:
        for field, value in every_at(tree, path) if path != "." else [("", tree)]:
            if value is not None and is_refused(value):
                said = f"'{value}' " if isinstance(value, str | int) else ""
                yield item.finding(api.REFUSED, f"{prefix}.{field}".strip("."), f"{said}{why}")


RULES = (refusals,)
