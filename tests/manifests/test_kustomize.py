"""Overlays compose as Kustomize composes them, as far as relations between objects go."""

import copy
import subprocess
import textwrap

import pytest
import yaml
from objects import identity
from rendering import tool

from capplan.manifests.composing.compose import composed
from capplan.manifests.composing.objects import NotComposedError
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.reading import read_contents
from capplan.manifests.verify.run import VerifyOptions, verify
from capplan.strictyaml import load_all

BASE = {
    "base/kustomization.yaml": """
        resources: [deployment.yaml, service.yaml]
        configMapGenerator: [{name: conf, literals: [A=1]}]
        generatorOptions: {disableNameSuffixHash: true}
        """,
    "base/service.yaml": """
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
        """,
    "base/deployment.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          replicas: 1
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec:
              containers:
              - name: main
                image: a:1
                args: [x, y]
                env: [{name: A, value: "1"}, {name: B, value: "2"}]
                envFrom: [{configMapRef: {name: conf}}]
                ports: [{containerPort: 80, name: http}]
              - {name: side, image: b:1}
              volumes: [{name: v, emptyDir: {}}]
        """,
}
OVERLAY = {
    "over/kustomization.yaml": """
        namespace: shop
        resources: [../base, namespace.yaml]
        replicas: [{name: web, count: 4}]
        patches:
        - path: patch.yaml
        - patch: |-
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {type: NodePort, ports: [{port: 80, targetPort: http}, {port: 81}]}
        - target: {kind: Deployment, name: w.*}
          patch: |-
            - {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: D, value: "5"}}
            - {op: add, path: /spec/template/spec/containers/0/env/0, value: {name: E, value: "6"}}
            - {op: replace, path: /spec/template/spec/containers/0/image, value: "a:3"}
            - {op: add, path: /spec/template/metadata/annotations, value: {example.com/a: b}}
            - {op: replace, path: /spec/template/metadata/annotations/example.com~1a, value: c}
            - {op: remove, path: /spec/template/spec/volumes}
        - target: {kind: Service, name: other}
          patch: |-
            - {op: remove, path: /spec}
        """,
    "over/namespace.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}",
    "over/patch.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web}
        spec:
          template:
            spec:
              containers:
              - name: main
                args: [z]
                env: [{name: B, value: "3"}, {name: C, value: "4"}, {name: A, $patch: delete}]
                volumeMounts: [{name: v, mountPath: /v}]
              - {name: side, $patch: delete}
        """,
}


@pytest.fixture
def directory(tmp_path):
    """Return a directory with a base and an overlay."""
    for name, text in {**BASE, **OVERLAY}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def objects(directory, overlay="over"):
    """Return the composed objects by identity."""
    return {identity(tree): tree for _, tree in composed(overlay, read_contents(directory).documents)}


def test_an_overlay_has_namespaces_replicas_generated_objects_and_patches(directory):
    found = objects(directory)
    assert {key[1:] for key in found} == {
        ("Deployment", "shop", "web"),
        ("Service", "shop", "web"),
        ("ConfigMap", "shop", "conf"),
        ("Namespace", "", "shop"),
    }
    spec = found["apps", "Deployment", "shop", "web"]["spec"]
    assert spec["replicas"] == 4
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"] == ["z"]
    values = [(entry["name"], entry["value"]) for entry in container["env"]]
    assert values == [("E", "6"), ("B", "3"), ("C", "4"), ("D", "5")]
    assert container["image"] == "a:3"
    assert spec["template"]["metadata"]["annotations"] == {"example.com/a": "c"}
    assert "volumes" not in spec["template"]["spec"]
    assert container["volumeMounts"] == [{"name": "v", "mountPath": "/v"}]
    assert container["ports"] == [{"containerPort": 80, "name": "http"}]
    service = found["", "Service", "shop", "web"]["spec"]
    assert service["ports"] == [{"port": 80, "targetPort": "http"}, {"port": 81}]


def test_a_patch_without_a_namespace_is_for_an_object_that_was_given_one(directory):
    top = directory / "top"
    top.mkdir()
    patch = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 9}}"
    text = f"resources: [../over]\npatches: [{{patch: '{patch}'}}]"
    (top / "kustomization.yaml").write_text(text, encoding="utf-8")
    assert objects(directory, "top")["apps", "Deployment", "shop", "web"]["spec"]["replicas"] == 9


def test_a_patch_names_the_namespace_that_an_object_had_or_has(directory):
    base = directory / "base" / "deployment.yaml"
    base.write_text(base.read_text().replace("{name: web}", "{name: web, namespace: system}", 1))
    top = directory / "top"
    top.mkdir()
    for namespace, target in (("system", ""), ("shop", ""), ("any", ", target: {namespace: system}")):
        what = f"{{name: web, namespace: {namespace}}}"
        patch = f"{{apiVersion: apps/v1, kind: Deployment, metadata: {what}, spec: {{replicas: 9}}}}"
        text = f"resources: [../over]\npatches: [{{patch: '{patch}'{target}}}]"
        (top / "kustomization.yaml").write_text(text, encoding="utf-8")
        assert objects(directory, "top")["apps", "Deployment", "shop", "web"]["spec"]["replicas"] == 9


def test_kustomize_says_the_same(directory):
    kubectl = tool("kubectl")
    done = subprocess.run(
        [kubectl, "kustomize", directory / "over"], capture_output=True, text=True, check=True
    )
    theirs = {identity(tree): tree for tree in yaml.safe_load_all(done.stdout)}
    assert objects(directory) == theirs


def test_the_overlay_is_what_is_checked(directory):
    found = read_contents(directory)
    everything = verify(found.documents, found.texts, Facts(), VerifyOptions(style=True))
    ids = {finding.code for finding in everything}
    assert ids == {"public-service", "unknown-target-port", "no-volume", "service-ports"}


WHOLE = {
    "base/kustomization.yaml": """
        resources: [web.yaml]
        configMapGenerator: [{name: conf, envs: [conf.env]}, {name: more, literals: [A=1]}]
        generatorOptions: {disableNameSuffixHash: true}
        """,
    "base/conf.env": "B=2\n",
    "base/web.yaml": """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, labels: {tier: front}}
        spec:
          template:
            spec:
              serviceAccountName: web
              affinity:
                podAntiAffinity:
                  preferredDuringSchedulingIgnoredDuringExecution:
                  - weight: 1
                    podAffinityTerm: {topologyKey: zone, labelSelector: {matchLabels: {own: x}}}
              containers:
              - name: main
                image: a:1
                env:
                - {name: HOST, value: web.example.com}
                - {name: A, valueFrom: {configMapKeyRef: {name: more, key: A}}}
                envFrom: [{configMapRef: {name: conf}}]
              - name: side
                image: b:1
                env: [{name: A, valueFrom: {configMapKeyRef: {name: more, key: A}}}]
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: web}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, annotations: {host: shop.example.com}}
        spec: {ports: [{port: 80}]}
        ---
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}
        ---
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: web}
        spec:
          podSelector: {matchLabels: {own: x}}
          ingress: [{from: [{podSelector: {matchLabels: {own: z}}}]}]
        ---
        apiVersion: networking.k8s.io/v1
        kind: Ingress
        metadata: {name: web}
        spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
        subjects: [{kind: ServiceAccount, name: web}]
        """,
    "part/kustomization.yaml": """
        apiVersion: kustomize.config.k8s.io/v1alpha1
        kind: Component
        patches:
        - target: {kind: Deployment, labelSelector: "tier in (front, back),!old"}
          patch: |-
            - {op: add, path: /metadata/annotations/a, value: b}
            - {op: copy, from: /metadata/name, path: /spec/x}
        """,
    "over/kustomization.yaml": """
        resources: [../base]
        components: [../part]
        namespace: shop
        namePrefix: dev-
        nameSuffix: "-1"
        commonLabels: {app: web}
        labels: [{pairs: {team: a}, includeTemplates: true}, {pairs: {quiet: b}}]
        patchesStrategicMerge:
        - |-
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {type: NodePort}
        - |-
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              template:
                spec:
                  containers:
                  - name: main
                    envFrom: [{secretRef: {name: other}}]
                    env: [{$patch: replace}, {name: HOST, value: new.example.com}]
        patchesJson6902:
        - target: {version: v1, kind: Service, name: web}
          patch: "- {op: replace, path: /spec/ports/0/port, value: 81}"
        replicas: [{name: web, count: 2}]
        transformers: [prefix.yaml, labels.yaml]
        replacements:
        - source: {kind: Service, fieldPath: "metadata.annotations.host", options: {delimiter: ".", index: 0}}
          targets:
          - select: {kind: Deployment}
            fieldPaths: ["spec.template.spec.containers.[name=main].env.[name=HOST].value"]
            options: {delimiter: ".", index: 0}
        """,
    "over/prefix.yaml": """
        apiVersion: builtin
        kind: PrefixTransformer
        metadata: {name: p}
        prefix: my-
        fieldSpecs: [{path: metadata/name}]
        """,
    "over/labels.yaml": """
        apiVersion: builtin
        kind: LabelTransformer
        metadata: {name: l}
        labels: {extra: c}
        fieldSpecs: [{path: metadata/labels, create: true}]
        """,
}


def test_everything_that_kustomize_has_composes_as_kustomize_does(tmp_path):
    for name, text in WHOLE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
    done = subprocess.run(
        [tool("kubectl"), "kustomize", tmp_path / "over"], capture_output=True, text=True, check=True
    )
    theirs = {identity(tree): tree for tree in yaml.safe_load_all(done.stdout)}
    ours = objects(tmp_path)
    del theirs["", "ConfigMap", "shop", "my-dev-conf-1"]["data"]
    assert ours == theirs


def paths(tree, path=()):
    """Yield the path of every value in a tree."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield (*path, key)
        yield from paths(value, (*path, key))


@pytest.mark.parametrize("odd", [None, 1, "x", ["x"], {"a": None}, [{}]])
def test_any_shape_in_a_kustomization_ends_in_a_finding(odd):
    whole = {
        name: load_all(textwrap.dedent(text), name) for name, text in WHOLE.items() if name.endswith(".yaml")
    }
    for name, values in whole.items():
        for path in paths(values):
            files = copy.deepcopy(whole)
            tree = files[name]
            for key in path[:-1]:
                tree = tree[key]
            tree[path[-1]] = odd
            assert isinstance(verify(files, {}, Facts()), list)


@pytest.mark.parametrize("name", ["kustomization.yml", "Kustomization"])
def test_kustomizations_have_other_names_too(directory, name):
    expected = objects(directory)
    (directory / "over/kustomization.yaml").rename(directory / "over" / name)
    assert objects(directory) == expected


@pytest.mark.parametrize(
    "text",
    [
        "resources: [../over]",
        "resources: [../base, https://example.com/x.yaml]",
        "resources: [../nowhere]",
        "resources: [../base]\npatches: [{path: patch.yaml, target: {labelSelector: '=b'}}]",
        "resources: [../base]\npatches: [{patch: '[{op: remove, path: /spec}]'}]",
        "resources: [../base]\npatches: [{patch: '[{op: remove, path: /a/b}]', target: {kind: Service}}]",
        "resources: [../base]\npatches: [{patch: '[{op: move, path: /spec}]', target: {kind: Service}}]",
        "resources: [../base]\npatches: [{patch: '[1]', target: {kind: Service}}]",
        "resources: [../base]\npatches: [{patch: 'a: [', target: {kind: Service}}]",
        "resources: [../base]\npatches: [{path: nowhere.yaml}]",
        "resources: [../base]\npatches: [{patch: '{}', target: {name: '['}}]",
        "resources: [../base]\ntransformers: [x.yaml]",
        "resources: [../base]\ncolour: red",
        "",
        "- a",
    ],
)
def test_what_is_not_composed_is_said_and_nothing_is_made_up(directory, text):
    (directory / "over/kustomization.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(NotComposedError):
        objects(directory)
    found = read_contents(directory)
    assert "not-composed" in {finding.code for finding in verify(found.documents, found.texts, Facts())}


@pytest.mark.parametrize(
    "text", ["resources:\npatches: 1\nreplicas: {a: b}\nconfigMapGenerator: [1, {}]", "{}"]
)
def test_an_odd_kustomization_composes_to_what_it_says(directory, text):
    (directory / "over/kustomization.yaml").write_text(text, encoding="utf-8")
    assert {key[1] for key in objects(directory)} <= {"ConfigMap"}
