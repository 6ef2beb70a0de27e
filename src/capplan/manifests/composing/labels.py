"""Labels that a kustomization adds: to objects, to their pods, and to what selects them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from capplan.manifests.artefact import Tree
from capplan.manifests.composing.objects import ComposedObject, part

_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet", "ReplicationController", "Job"),
        ("spec", "template"),
    ),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
_SELECTORS: Mapping[str, tuple[str, ...]] = {
    "Service": ("spec", "selector"),
    "ReplicationController": ("spec", "selector"),
    **dict.fromkeys(
        ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"), ("spec", "selector", "matchLabels")
    ),
}
"""Selectors that are made where there are none."""

_IF_THERE: Mapping[str, tuple[str, ...]] = {
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
    "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
    "Job": ("spec", "selector", "matchLabels"),
}


def labelled(objects: Sequence[ComposedObject], labels: Tree, selectors: bool, templates: bool) -> None:
    """Add labels: to pods too if ``templates``, and to selectors and pods if ``selectors``."""
    for made in objects:
        tree = _with(made.tree, ("metadata", "labels"), labels)
        template = _TEMPLATES.get(made.kind)
        if template and (selectors or templates):
            tree = _with(tree, (*template, "metadata", "labels"), labels)
        if made.kind == "CronJob" and (selectors or templates):
            tree = _with(tree, ("spec", "jobTemplate", "metadata", "labels"), labels)
        if selectors:
            if made.kind in _SELECTORS and (made.group in ("", "apps", "extensions")):
                tree = _with(tree, _SELECTORS[made.kind], labels)
            if made.kind in _IF_THERE and _there(tree, _IF_THERE[made.kind]):
                tree = _with(tree, _IF_THERE[made.kind], labels)
            if template:
                tree = _with_terms(tree, (*template, "spec"), labels)
            if made.kind == "NetworkPolicy":
                tree = _with_peers(tree, labels)
        made.tree = tree


def _there(tree: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(tree, dict) or tree.get(key) is None:
            return False
        tree = tree[key]
    return True


def _with(tree: Any, path: Sequence[str], labels: Tree) -> Any:
    """Return a tree with labels at a path, which is made."""
    if tree is not None and not isinstance(tree, dict):
        return tree
    if not path:
        return {**(tree or {}), **labels}
    return {**(tree or {}), path[0]: _with((tree or {}).get(path[0]), path[1:], labels)}


def _with_terms(tree: Any, path: Sequence[str], labels: Tree) -> Any:
    """Return a tree with labels in the affinities and spreads of its pods, where those select by labels."""
    if path:
        return {**tree, path[0]: _with_terms(tree[path[0]], path[1:], labels)} if _there(tree, path) else tree
    found = dict(tree)
    affinity = dict(part(tree, "affinity"))
    for side in ("podAffinity", "podAntiAffinity"):
        terms = dict(part(affinity, side))
        for key, entries in terms.items():
            if isinstance(entries, list):
                terms[key] = [
                    {**entry, "podAffinityTerm": _selecting(entry.get("podAffinityTerm"), labels)}
                    if isinstance(entry, dict) and "podAffinityTerm" in entry
                    else _selecting(entry, labels)
                    for entry in entries
                ]
        affinity |= {side: terms} if terms else {}
    found |= {"affinity": affinity} if affinity else {}
    spreads = tree.get("topologySpreadConstraints")
    if isinstance(spreads, list):
        found["topologySpreadConstraints"] = [_selecting(entry, labels) for entry in spreads]
    return found


def _selecting(entry: Any, labels: Tree, key: str = "labelSelector") -> Any:
    path = (key, "matchLabels")
    return _with(entry, path, labels) if _there(entry, path) else entry


def _with_peers(tree: Any, labels: Tree) -> Any:
    """Return a network policy with labels in the selectors of its peers."""
    spec = dict(part(tree, "spec"))
    for side, peers in (("ingress", "from"), ("egress", "to")):
        rules = spec.get(side)
        if isinstance(rules, list):
            spec[side] = [
                {**rule, peers: [_selecting(peer, labels, "podSelector") for peer in rule[peers]]}
                if isinstance(rule, dict) and isinstance(rule.get(peers), list)
                else rule
                for rule in rules
            ]
    return {**tree, "spec": spec}
