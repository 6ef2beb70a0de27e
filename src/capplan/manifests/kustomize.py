"""Kustomize: the files that tie objects together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import relpath

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.kubernetes.objects import BASE, COMPONENTS

OVERLAYS = "kubernetes/overlays"
KUSTOMIZATION = "kustomization.yaml"
SMALLER = "capplan/smaller"
"""Marks what is not meant to carry the peak of the plan."""

_TEMPLATE = "kubernetes/kustomization.yaml.j2"


def kustomizations(objects: Sequence[Rendered], environments: Iterable[str]) -> Iterator[Artefact]:
    """Yield the kustomizations of the base, of the components, and an overlay an environment."""
    base = [item.path for item in objects if item.path.startswith(f"{BASE}/")]
    if not base:
        return
    yield _kustomization(BASE, "Kustomization", base)
    components: dict[str, list[str]] = {}
    for item in objects:
        if item.path.startswith(f"{COMPONENTS}/"):
            components.setdefault(str(PurePosixPath(item.path).parent), []).append(item.path)
    for directory, paths in components.items():
        yield _kustomization(directory, "Component", paths)
    for environment in environments:
        directory = f"{OVERLAYS}/{environment}"
        patches = list(_smaller(directory, objects)) if environment == "dev" else []
        yield from patches
        used = [] if environment == "dev" else list(components)
        yield _kustomization(directory, "Kustomization", [BASE], used, [patch.path for patch in patches])


def _kustomization(
    directory: str,
    kind: str,
    resources: Iterable[str],
    components: Iterable[str] = (),
    patches: Iterable[str] = (),
) -> Artefact:
    def inside(paths: Iterable[str]) -> list[str]:
        return sorted(relpath(path, directory) for path in paths)

    context: Tree = {"kind": kind, "resources": inside(resources), "components": inside(components)}
    context["patches"] = [{"path": path} for path in inside(patches)]
    return Artefact(f"{directory}/{KUSTOMIZATION}", _TEMPLATE, context, "kubernetes")


def _smaller(directory: str, objects: Sequence[Rendered]) -> Iterator[Artefact]:
    """Yield the patches that make an environment for trying things out: one or two of everything."""
    base = [item for item in objects if item.path.startswith(f"{BASE}/")]
    scaled = {
        item.value["metadata"]["name"] for item in base if item.value["kind"] == "HorizontalPodAutoscaler"
    }
    for item in base:
        kind = item.value["kind"]
        if kind == "HorizontalPodAutoscaler":
            spec: Tree = {"minReplicas": 1, "maxReplicas": 2}
        elif kind == "Deployment" and item.value["metadata"]["name"] not in scaled:
            spec = {"replicas": 1}
        else:
            continue
        name = item.value["metadata"]["name"]
        context = {"object": item.value, "spec": spec, "annotations": {SMALLER: "true"}}
        path = f"{directory}/patch-{kind.lower()}-{name}.yaml"
        yield Artefact(path, "kubernetes/patch.yaml.j2", context, "kubernetes")
