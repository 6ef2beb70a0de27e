"""Kustomize: the files that tie objects together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import relpath

from capplan.manifests.artefact import Artefact, Rendered, Tree
from capplan.manifests.kubernetes.objects import BASE, COMPONENTS
from capplan.manifests.site import Site
from capplan.plan.sites import site_of

SITES = "kubernetes/sites"
OVERLAYS = "kubernetes/overlays"
KUSTOMIZATION = "kustomization.yaml"
SMALLER = "capplan/smaller"
"""Marks what is not meant to carry the peak of the plan."""

_TEMPLATE = "kubernetes/kustomization.yaml.j2"


def at_sites(site: Site, objects: Sequence[Rendered]) -> list[Rendered]:
    """Return the ``objects`` with those of each site in a directory of its own, where several have pods."""
    homes = {name: site_of(name, site.plan.sites) for name in site.components}
    if len({homes[name] for name in (*site.pods, *site.plan.jobs)}) < 2:
        return list(objects)
    return [item._replace(path=_at_site(item, homes)) for item in objects]


def _at_site(item: Rendered, homes: Mapping[str, str | None]) -> str:
    directory, _, rest = item.path.partition("/")[2].partition("/")
    if directory not in ("base", "components") or not item.path.startswith("kubernetes/"):
        return item.path
    home = homes.get(rest.partition("/")[0] if directory == "base" else item.value["metadata"]["name"])
    inside = "components/" if directory == "components" else ""
    return item.path if home is None else f"{SITES}/{home}/{inside}{rest}"


def kustomizations(objects: Sequence[Rendered], environments: Sequence[str]) -> Iterator[Artefact]:
    """Yield the kustomizations of the base, of components and sites, and an overlay an environment."""
    base = _below(objects, BASE)
    if not base:
        return
    yield _kustomization(BASE, "Kustomization", base)
    shared = _components(objects, COMPONENTS)
    yield from shared.values()
    sites = dict.fromkeys(item.path.split("/")[2] for item in objects if item.path.startswith(f"{SITES}/"))
    if not sites:
        yield from _overlays("", BASE, objects, shared, environments)
    for name in sites:
        home = f"{SITES}/{name}"
        own = _components(objects, f"{home}/components")
        yield from own.values()
        files = [path for path in _below(objects, home) if not path.startswith(f"{home}/components/")]
        yield _kustomization(home, "Kustomization", [BASE, *files])
        yield from _overlays(f"/{name}", home, objects, [*shared, *own], environments)


def _overlays(
    below: str, home: str, objects: Sequence[Rendered], components: Iterable[str], environments: Iterable[str]
) -> Iterator[Artefact]:
    for environment in environments:
        directory = f"{OVERLAYS}/{environment}{below}"
        patches = list(_smaller(directory, home, objects)) if environment == "dev" else []
        yield from patches
        used = [] if environment == "dev" else list(components)
        yield _kustomization(directory, "Kustomization", [home], used, [patch.path for patch in patches])


def _below(objects: Sequence[Rendered], directory: str) -> list[str]:
    return [item.path for item in objects if item.path.startswith(f"{directory}/")]


def _components(objects: Sequence[Rendered], root: str) -> dict[str, Artefact]:
    """Return the kustomization of every component below ``root``, by its directory."""
    found: dict[str, list[str]] = {}
    for path in _below(objects, root):
        found.setdefault(str(PurePosixPath(path).parent), []).append(path)
    return {directory: _kustomization(directory, "Component", paths) for directory, paths in found.items()}


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


def _smaller(directory: str, home: str, objects: Sequence[Rendered]) -> Iterator[Artefact]:
    """Yield the patches that make an environment for trying things out: one or two of everything."""
    within = (f"{home}/components/", f"{home}/")
    base = [item for item in objects if [item.path.startswith(path) for path in within] == [False, True]]
    scaled = {
        item.value["metadata"]["name"] for item in base if item.value["kind"] == "HorizontalPodAutoscaler"
    }
    for item in base:
        kind = item.value["kind"]
        if kind == "HorizontalPodAutoscaler":
            spec: Tree = {"minReplicas": 1, "maxReplicas": 2}
        elif kind in ("Deployment", "LeaderWorkerSet") and item.value["metadata"]["name"] not in scaled:
            spec = {"replicas": 1}
        else:
            continue
        name = item.value["metadata"]["name"]
        context = {"object": item.value, "spec": spec, "annotations": {SMALLER: "true"}}
        path = f"{directory}/patch-{kind.lower()}-{name}.yaml"
        yield Artefact(path, "kubernetes/patch.yaml.j2", context, "kubernetes")
