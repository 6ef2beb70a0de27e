"""Checks of manifests: who an object is, and which pods it means."""

from __future__ import annotations

from capplan.findings import Check

DUPLICATE_OBJECT = Check(
    code="duplicate-object",
    severity="error",
    title="An object is given twice in a file or kustomization",
    why="The last one wins, or Kustomize refuses both, so one is lost. If both are equal, it is a warning.",
    breaks="""\
kind: ConfigMap
metadata: {name: settings}
data: {mode: a}
---
kind: ConfigMap
metadata: {name: settings}
data: {mode: b}
""",
    near="""\
kind: ConfigMap
metadata: {name: settings}
---
kind: Secret
metadata: {name: settings}
""",
    remedy="Keep one of them, or rename one.",
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
)
ALTERNATIVES = Check(
    code="alternatives",
    severity="warning",
    title="Two files of a directory have the same object",
    why="If both are applied, one object is lost. Each file is checked without the other.",
    breaks="""\
# file: settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: a}
# file: settings-dev.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: b}
""",
    near="""\
# file: prod/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: a}
# file: dev/settings.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: b}
""",
    remedy="Keep alternatives in directories of their own.",
    source="https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/",
)
NO_NAMESPACE = Check(
    code="no-namespace",
    severity="warning",
    title="A namespace that is not among the manifests",
    why="The API server refuses objects in a namespace that does not exist.",
    breaks="""\
kind: ConfigMap
metadata: {name: settings, namespace: shop}
""",
    near="""\
kind: ConfigMap
metadata: {name: settings, namespace: default}
""",
    remedy="Add it, or declare it.",
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",
)
UNNAMED_NAMESPACE = Check(
    code="unnamed-namespace",
    severity="warning",
    title="An object names no namespace, and others do",
    why="It lands in whatever namespace the caller's context names, apart from what it belongs to.",
    breaks="""\
kind: Deployment
metadata: {name: web, namespace: default}
---
kind: Service
metadata: {name: web}
""",
    near="""\
kind: Deployment
metadata: {name: web, namespace: default}
---
kind: Service
metadata: {name: web, namespace: default}
""",
    remedy="Name it.",
    source="https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",
)
EMPTY_SELECTOR = Check(
    code="empty-selector",
    severity="error",
    title="A workload selects nothing",
    why="The API server refuses a workload whose selector matches no labels.",
    breaks="""\
kind: Deployment
spec: {selector: {matchLabels: null}}
""",
    near="""\
kind: Deployment
spec: {selector: {matchLabels: {app: web}}}
""",
    remedy="Give matchLabels.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
)
SELECTOR_MISSES_OWN_PODS = Check(
    code="selector-misses-own-pods",
    severity="error",
    title="A workload does not select its own pods",
    why="The API server refuses it: the workload would make pods for ever and never find them.",
    breaks="""\
kind: Deployment
spec: {selector: {matchLabels: {app: shop}}}
""",
    near="""\
kind: Deployment
spec: {selector: {matchLabels: null, matchExpressions: [{key: app, operator: In, values: [web, shop]}]}}
""",
    remedy="Give the pod template the labels of the selector.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
)
SELECTOR_TAKES_OTHERS = Check(
    code="selector-takes-others",
    severity="warning",
    title="A workload selects the pods of another",
    why="Two controllers count the same pods and keep deleting each other's.",
    breaks="""\
kind: StatefulSet
metadata: {name: queue}
spec:
  selector: {matchExpressions: [{key: app, operator: Exists}]}
  template: {metadata: {labels: {app: queue}}}
""",
    near="""\
kind: StatefulSet
metadata: {name: queue}
spec:
  selector: {matchLabels: {app: queue}}
  template: {metadata: {labels: {app: queue}}}
""",
    remedy="Select by a label that only its own pods have.",
    source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
)
SPREAD_MISSES_OWN_PODS = Check(
    code="spread-misses-own-pods",
    severity="warning",
    title="A spread or anti-affinity matches no pods",
    why="The constraint counts pods that do not exist, so all replicas may run on one node.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec:
      topologySpreadConstraints: [{maxSkew: 1, labelSelector: {matchLabels: {app: shop}}}]
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      topologySpreadConstraints: [{maxSkew: 1, labelSelector: {matchLabels: {app: web}}}]
""",
    remedy="Use the labels of the pod template.",
    source="https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/",
)
SERVICE_WITHOUT_PODS = Check(
    code="service-without-pods",
    severity="warning",
    title="A Service selects no pods",
    why="It has no endpoints, so every request to it fails.",
    breaks="""\
kind: Service
spec: {selector: {app: shop}}
""",
    near="""\
kind: Service
spec: {selector: {app: web}}
""",
    remedy="Select by labels of the pods that it should reach.",
    source="https://kubernetes.io/docs/concepts/services-networking/service/",
)
UNKNOWN_TARGET_PORT = Check(
    code="unknown-target-port",
    severity="error",
    title="A Service sends to a port that its pods do not declare",
    why="A name that no container declares reaches nothing. A number works, but is often a typo: a warning.",
    breaks="""\
kind: Service
spec: {ports: [{port: 80, targetPort: grpc}]}
""",
    near="""\
kind: Service
spec: {ports: [{port: 80, targetPort: 8080}]}
""",
    remedy="Declare it.",
    source="https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
)
POLICY_WITHOUT_PODS = Check(
    code="policy-without-pods",
    severity="warning",
    title="A network policy selects no pods",
    why="It protects nothing, and the pods that it was written for stay open.",
    breaks="""\
kind: NetworkPolicy
spec: {podSelector: {matchLabels: {app: shop}}}
""",
    near="""\
kind: NetworkPolicy
spec: {podSelector: {matchLabels: null}}
""",
    remedy="Select by labels of the pods that it should protect; an empty selector means all.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
POLICY_CIDR = Check(
    code="policy-cidr",
    severity="error",
    title="A network policy names an address that is no network",
    why="Some network plugins refuse an address with host bits, others open a larger network than was meant.",
    breaks="""\
kind: NetworkPolicy
spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]}
""",
    near="""\
kind: NetworkPolicy
spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}
""",
    remedy="Write the network's first address.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors",
)
POLICY_EXCEPT_OUTSIDE = Check(
    code="policy-except-outside",
    severity="error",
    title="A network policy excepts what its network does not contain",
    why="The API server refuses an exception that does not lie inside the block.",
    breaks="""\
kind: NetworkPolicy
spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}
""",
    near="""\
kind: NetworkPolicy
spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}
""",
    remedy="Except a smaller network inside the block.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors",
)
POLICY_PORT = Check(
    code="policy-port",
    severity="warning",
    title="A network policy opens a port that its pods do not declare",
    why="Requests to the port that they listen on are dropped.",
    breaks="""\
kind: NetworkPolicy
spec: {ingress: [{ports: [{port: 8443}]}]}
""",
    near="""\
kind: NetworkPolicy
spec: {ingress: [{ports: [{port: http}]}]}
""",
    remedy="Open the port of the container, not that of the Service.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
