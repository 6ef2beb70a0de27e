"""Checks of manifests: files that cannot be read or checked as they are."""

from __future__ import annotations

from capplan.findings import Check

UNREADABLE = Check(
    code="unreadable",
    severity="error",
    title="A file cannot be read",
    why="What it holds is not checked. A template, or a file that looks like no manifest, is a warning.",
    breaks="""\
# file: service.yaml
apiVersion: v1
kind: Service
kind: Service
""",
    near="""\
# file: service.yaml
apiVersion: v1
kind: Service
metadata: {name: web}
""",
    remedy="Correct the file at the place that is named.",
    source="https://yaml.org/spec/1.2.2/",
)
HELM_TEMPLATES = Check(
    code="helm-templates",
    severity="warning",
    title="A Helm chart is not checked as it is",
    why="Templates become manifests only when Helm renders them with values.",
    breaks="""\
# file: chart/Chart.yaml
name: web
# file: chart/templates/service.yaml
kind: Service
metadata: {name: "{{ .Values.name }}"}
""",
    near="""\
# file: chart/Chart.yaml
name: web
# file: chart/templates/service.yaml
kind: ConfigMap
metadata: {name: web}
""",
    remedy="Verify the output of `helm template`.",
    source="https://helm.sh/docs/helm/helm_template/",
)
NOT_COMPOSED = Check(
    code="not-composed",
    severity="warning",
    title="An overlay cannot be composed here",
    why="It uses a feature of Kustomize that capplan does not implement, so its objects are not checked. "
    "What Kustomize refuses, too, is an error.",
    breaks="""\
# file: kustomization.yaml
resources: ["https://example.com/base?ref=v1"]
""",
    near="""\
# file: kustomization.yaml
resources: [settings.yaml]
# file: settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
""",
    remedy="Verify the output of `kustomize build` instead.",
    source="https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/",
)
SCHEMA = Check(
    code="schema",
    severity="error",
    title="An object does not fit the JSON Schema of its kind",
    why="The API server refuses it, or ignores the field.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {maxReplica: 5}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {maxReplicas: 5}
""",
    remedy="Correct the field.",
    source="https://kubernetes.io/docs/reference/kubernetes-api/",
    unrun="needs a directory of JSON Schemas, which --schemas names",
)
NO_SCHEMA = Check(
    code="no-schema",
    severity="warning",
    title="There is no JSON Schema for a kind",
    why="Objects of that kind are checked by the other checks only.",
    breaks="""\
apiVersion: example.com/v1
kind: Shop
metadata: {name: web}
""",
    near="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
""",
    remedy="Add its schema to the directory.",
    source="https://github.com/yannh/kubeconform",
    unrun="needs a directory of JSON Schemas, which --schemas names",
)
UNKNOWN_CHECK = Check(
    code="unknown-check",
    severity="warning",
    title="An object ignores a check that does not exist",
    why="What was to be ignored is found all the same.",
    breaks="""\
kind: Deployment
metadata: {annotations: {capplan/ignore: slow-stat}}
""",
    near="""\
kind: Deployment
metadata: {annotations: {capplan/ignore: slow-start}}
""",
    remedy="Use a code that `capplan verify --list` names.",
    source="docs/manifests.md",
)
