"""What is not there, and what may have been meant: a near name makes an error of a warning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capplan.errors import almost
from capplan.findings import Check, Finding
from capplan.manifests.verify.kinds import SCALED
from capplan.manifests.verify.trees import Tree, mapping, maps, text
from capplan.manifests.verify.world import Item, Workload, World, alike


def absent(item: Item, check: Check, field: str, what: str, others: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding about what is not there: an error where another name is meant, as others show."""
    said = f"{what} is not among the manifests"
    if others:
        yield item.finding(check, field, said, f"Did you mean '{others[0]}'?", "error")
    else:
        yield item.finding(check, field, said)


def without_pods(world: World, item: Item, check: Check, field: str, selector: Tree) -> Iterator[Finding]:
    """Yield a finding if a selector selects no pods: an error where labels of pods are nearly its own."""
    if world.reaches(selector, item.namespace):
        return
    near = _nearly(world, selector, item.namespace)
    what = "selects the pods of no workload"
    if near is None:
        yield item.finding(check, field, what)
    else:
        workload, key, value = near
        remedy = f"Pods of {workload.item.title} have {key}: {value}."
        yield item.finding(check, field, what, remedy, "error")


def _nearly(world: World, selector: Tree, namespace: str) -> tuple[Workload, str, str] | None:
    """Return what a selector all but matches, the one label whose value it misspells, and that value."""
    wanted = mapping(selector, "matchLabels")
    for workload in world.all_pods if "matchExpressions" not in selector else ():
        if not alike(workload.namespace, namespace):
            continue
        labels = workload.labels
        other = [key for key, value in wanted.items() if labels.get(key) != value]
        if len(other) == 1 and almost(str(wanted[other[0]]), [str(labels.get(other[0], ""))]):
            return workload, str(other[0]), str(labels[other[0]])
    return None


def alternatives(world: World, kind: str, namespace: str, name: str) -> list[str]:
    """Return what may be meant: the same name of another kind with replicas, and a near name."""
    kinds = SCALED if kind in SCALED else ()
    same = [
        f"{other}/{name}" + (f" in namespace {min(spaces)}" if other == kind else "")
        for other in kinds
        if (spaces := world.names.get((other, name)))
    ]
    near = almost(name, world.names_of.get((kind, namespace), ()))
    return [*same, *([f"{kind}/{near}"] if near else [])]


def claims_made(world: World, namespace: str) -> set[str]:
    """Return the claims that StatefulSets of a namespace make of their templates, one for each pod."""
    return {
        f"{text(template, 'metadata.name')}-{workload.name}-{index}"
        for workload in map(world.workload_of, world.of("StatefulSet"))
        if alike(workload.namespace, namespace)
        for template in maps(workload.item.tree, "spec.volumeClaimTemplates")
        for index in range(min(workload.hi, _MOST_CLAIMS))
    }


_MOST_CLAIMS = 10_000
"""A number of replicas may be absurd; no more claims than these are told apart."""


def limit_ranges(world: World, namespace: str, part: str) -> set[str]:
    """Return the resources that a LimitRange of a namespace fills in; a limit fills in the request too."""
    fields = ("default", "defaultRequest") if part == "requests" else ("default",)
    ranges = [*world.of("LimitRange"), *(world.others.of("LimitRange") if world.others else ())]
    return {
        str(resource)
        for item in ranges
        if alike(item.namespace, namespace)
        for entry in maps(item.tree, "spec.limits")
        if entry.get("type") == "Container"
        for field in fields
        for resource in mapping(entry, field)
    }
