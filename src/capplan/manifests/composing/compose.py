"""Composing: resources, components, generators and transformers, in the order of `kustomize build`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from posixpath import join, normpath
from typing import Any

from capplan.errors import almost
from capplan.manifests.artefact import Tree
from capplan.manifests.composing.labels import labelled
from capplan.manifests.composing.names import renamed
from capplan.manifests.composing.objects import ComposedObject, NotComposedError, RefusedError, part, parts
from capplan.manifests.composing.patches import patched
from capplan.manifests.composing.replacements import replaced
from capplan.manifests.kustomize import KUSTOMIZATION

_GENERATORS = {"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}
_COMPOSED = """
apiVersion kind metadata resources bases components patches patchesStrategicMerge patchesJson6902 namespace
namePrefix nameSuffix replicas labels commonLabels replacements transformers configMapGenerator
secretGenerator helmCharts helmChartInflationGenerator
"""
_NEUTRAL = """
images commonAnnotations generatorOptions sortOptions buildMetadata openapi crds configurations vars
helmGlobals validators
"""
"""What changes no relation between objects."""

_READ = frozenset((_COMPOSED + _NEUTRAL).split())

_WITHOUT_NAMESPACE = """
APIService CSIDriver CSINode ClusterIssuer ClusterRole ClusterRoleBinding ClusterSecretStore
ClusterTriggerAuthentication ComputeClass CustomResourceDefinition DeviceClass EC2NodeClass FlowSchema
GatewayClass IngressClass MutatingWebhookConfiguration Namespace Node NodePool PersistentVolume
PodSecurityPolicy PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass
ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment
"""
_CLUSTER_SCOPED = frozenset(_WITHOUT_NAMESPACE.split())

Files = Mapping[str, Sequence[Any]]
"""Documents by path."""


def composed(directory: str, files: Files, missing: list[str] | None = None) -> list[tuple[str, Tree]]:
    """Return the objects of the kustomization in ``directory``, each with the file it comes from.

    missing: takes what is not among ``files`` and may be elsewhere: remote bases, charts. Raises
    :class:`NotComposedError` for what is invalid, for plugins, and for what is missing without ``missing``.
    """
    elsewhere: list[str] = []
    try:
        found = _Kustomization(directory, files, elsewhere).composed([], ())
    except RefusedError as error:
        # What is elsewhere may have what seems not to be there.
        raise (NotComposedError(str(error)) if elsewhere else error) from None
    if elsewhere and missing is None:
        raise NotComposedError(f"{directory or '.'} uses {', '.join(elsewhere)}")
    if missing is not None:
        missing += elsewhere
    return [(made.path, made.tree) for made in found]


class _Kustomization:
    """One kustomization, or component, on its way."""

    def __init__(self, directory: str, files: Files, missing: list[str]) -> None:
        self.directory = directory
        self.files = files
        self.missing = missing
        self.path = join(directory, KUSTOMIZATION) if directory else KUSTOMIZATION
        documents = files.get(self.path, ())
        if len(documents) != 1 or not isinstance(documents[0], dict):
            raise NotComposedError(f"{self.path} does not exist")
        self.tree: Tree = documents[0]
        if self.tree.get("kind", "Kustomization") not in ("Kustomization", "Component"):
            raise RefusedError(f"its kind is '{self.tree['kind']}', not Kustomization or Component")
        unknown = sorted(set(map(str, self.tree)) - _READ)
        for name in unknown:
            if meant := almost(name, _READ - set(self.tree)):
                raise RefusedError(f"there is no field '{name}': did you mean '{meant}'?")
        if unknown:
            raise NotComposedError(f"{self.path} uses {', '.join(unknown)}")

    def composed(self, before: Sequence[ComposedObject], above: Sequence[str]) -> list[ComposedObject]:
        """Return what is composed of the objects that a component stands on, and of its own."""
        if self.directory in above:
            raise RefusedError(f"{self.path} includes itself")
        objects = list(before)
        for entry in [*self._list("resources"), *self._list("bases")]:
            objects += self._accumulated(str(entry), above)
        for entry in self._list("components"):
            place = self._place(str(entry))
            if not self._is_here(place, str(entry)):
                continue
            objects = _Kustomization(place, self.files, self.missing).composed(
                objects, (*above, self.directory)
            )
        self._generate(objects)
        for key in ("helmCharts", "helmChartInflationGenerator"):
            charts = [entry for entry in self._list(key) if isinstance(entry, dict)]
            self.missing += [f"Helm chart {chart.get('name', chart.get('chartName'))}" for chart in charts]
        return self._transformed(objects, self.tree)

    def _accumulated(self, entry: str, above: Sequence[str]) -> list[ComposedObject]:
        place = self._place(entry)
        if place in self.files:
            return [
                ComposedObject(place, d) for d in self.files[place] if isinstance(d, dict) and "kind" in d
            ]
        if not self._is_here(place, entry):
            return []
        return _Kustomization(place, self.files, self.missing).composed([], (*above, self.directory))

    def _place(self, entry: str) -> str:
        place = normpath(join(self.directory, entry))
        return "" if place == "." else place

    def _is_here(self, place: str, entry: str) -> bool:
        """Say whether a directory is among the files; what is elsewhere is taken down."""
        if (f"{place}/{KUSTOMIZATION}" if place else KUSTOMIZATION) in self.files:
            return True
        if (
            "://" not in entry
            and "?ref=" not in entry
            and not place.startswith("..")
            and "github.com" not in entry
        ):
            raise NotComposedError(f"{self.path} names {entry}, which does not exist")
        self.missing.append(entry)
        return False

    def _list(self, key: str) -> list[Any]:
        said = self.tree.get(key)
        return said if isinstance(said, list) else []

    def _generate(self, objects: list[ComposedObject]) -> None:
        """Add the ConfigMaps and Secrets that are made of literals and files."""
        for key, kind in _GENERATORS.items():
            for entry in self._list(key):
                if not isinstance(entry, dict):
                    continue
                name = str(entry.get("name"))
                known = [made for made in objects if made.kind == kind and name in made.names]
                own = _data(entry, kind)
                if known:
                    there = {} if entry.get("behavior") == "replace" else known[-1].tree.get("data")
                    both = None if own is None or there is None else {**there, **own}
                    known[-1].tree = _holding(known[-1].tree, both)
                else:
                    metadata = {part_: entry[part_] for part_ in ("name", "namespace") if part_ in entry}
                    made = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
                    objects.append(ComposedObject(self.path, _holding(made, own)))

    def _transformed(self, objects: list[ComposedObject], said: Tree) -> list[ComposedObject]:
        """Return the objects after everything that changes them, in Kustomize's order."""
        merges = [_patch(one) for one in _listed(said, "patchesStrategicMerge")]
        objects = patched(objects, [*merges, *_listed(said, "patches")], self.directory, self.files)
        if said.get("namespace"):
            _in_namespace(objects, str(said["namespace"]))
        if said.get("namePrefix") or said.get("nameSuffix"):
            configured = "configurations" in self.tree
            renamed(objects, str(said.get("namePrefix") or ""), str(said.get("nameSuffix") or ""), configured)
        if part(said, "commonLabels"):
            labelled(objects, part(said, "commonLabels"), True, True)
        for entry in parts(said, "labels"):
            pairs = part(entry, "pairs")
            labelled(objects, pairs, bool(entry.get("includeSelectors")), bool(entry.get("includeTemplates")))
        objects = patched(objects, _listed(said, "patchesJson6902"), self.directory, self.files)
        for entry in _listed(said, "replicas"):
            _scaled(objects, entry)
        replaced(objects, _listed(said, "replacements"), self.directory, self.files)
        for entry in _listed(said, "transformers"):
            objects = self._transformer(objects, str(entry))
        return objects

    def _transformer(self, objects: list[ComposedObject], entry: str) -> list[ComposedObject]:
        """Return the objects after the built-in transformers in a file."""
        for tree in self.files.get(self._place(entry), [None]):
            change = _TRANSFORMERS.get(str(tree.get("kind"))) if isinstance(tree, dict) else None
            if change is None:
                raise NotComposedError(f"{self.path} uses the transformer {entry}")
            objects = self._transformed(objects, change(tree))
        return objects


_TRANSFORMERS: Mapping[str, Callable[[Tree], Tree]] = {
    "NamespaceTransformer": lambda t: {"namespace": part(t, "metadata").get("namespace")},
    "PrefixTransformer": lambda t: {"namePrefix": t.get("prefix")},
    "SuffixTransformer": lambda t: {"nameSuffix": t.get("suffix")},
    "PrefixSuffixTransformer": lambda t: {"namePrefix": t.get("prefix"), "nameSuffix": t.get("suffix")},
    "LabelTransformer": lambda t: {"labels": [_labels(t)]},
    "AnnotationsTransformer": lambda t: {},
    "ImageTagTransformer": lambda t: {},
    "PatchTransformer": lambda t: {"patches": [{k: t[k] for k in ("path", "patch", "target") if k in t}]},
    "PatchStrategicMergeTransformer": lambda t: {"patchesStrategicMerge": t.get("paths")},
    "ReplicaCountTransformer": lambda t: {"replicas": [t.get("replica")]},
    "ReplacementTransformer": lambda t: {"replacements": t.get("replacements")},
}
"""Built-in transformers as what a kustomization says in their place."""


def _labels(tree: Tree) -> Tree:
    """Return a LabelTransformer as an entry of `labels`, by the fields that it says."""
    paths = [str(one.get("path")) for one in _listed(tree, "fieldSpecs") if isinstance(one, dict)]
    return {
        "pairs": tree.get("labels"),
        "includeSelectors": any("elector" in path for path in paths),
        "includeTemplates": any("template/metadata" in path for path in paths),
    }


def _listed(tree: Tree, key: str) -> list[Any]:
    said = tree.get(key)
    return said if isinstance(said, list) else []


def _patch(entry: object) -> Tree:
    """Return a strategic merge patch as an entry of `patches`: it is a path, or the patch itself."""
    text = str(entry)
    return {"patch": text} if "\n" in text else {"path": text}


def _holding(tree: Tree, data: Tree | None) -> Tree:
    """Return an object with data, or without any where its keys are not known."""
    without = {key: value for key, value in tree.items() if key != "data"}
    return without if data is None else {**without, "data": data}


def _data(entry: Tree, kind: str) -> Tree | None:
    """Return the data of a generated object without the contents of files; None where keys are in files."""
    from base64 import b64encode

    if entry.get("envs") or entry.get("env"):
        return None
    found: dict[str, Any] = {}
    for literal in _listed(entry, "literals"):
        key, _, value = str(literal).partition("=")
        said = value.strip("\"'")
        found[key] = b64encode(said.encode()).decode() if kind == "Secret" else said
    for file in _listed(entry, "files"):
        found[str(file).partition("=")[0].rpartition("/")[2]] = ""
    return found


def _in_namespace(objects: Sequence[ComposedObject], namespace: str) -> None:
    """Put objects into a namespace, and the ServiceAccounts among them that bindings name."""
    accounts = {made.name for made in objects if made.kind == "ServiceAccount"}
    for made in objects:
        if made.kind == "Namespace":
            made.set(name=namespace)
        elif made.kind not in _CLUSTER_SCOPED:
            made.set(namespace=namespace)
        if isinstance(made.tree.get("subjects"), list):
            made.tree = {
                **made.tree,
                "subjects": [_subject(one, accounts, namespace) for one in made.tree["subjects"]],
            }


def _subject(subject: Any, accounts: set[str], namespace: str) -> Any:
    known = (
        isinstance(subject, dict)
        and subject.get("kind") == "ServiceAccount"
        and str(subject.get("name")) in accounts
    )
    return {**subject, "namespace": namespace} if known else subject


def _scaled(objects: Sequence[ComposedObject], entry: Any) -> None:
    for made in objects:
        named = isinstance(entry, dict) and str(entry.get("name")) in {*made.names, made.name}
        if named and made.kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"):
            made.tree = {**made.tree, "spec": {**part(made.tree, "spec"), "replicas": entry.get("count")}}
