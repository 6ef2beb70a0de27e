"""Checks of manifests: what one object says of another."""

from __future__ import annotations

from capplan.findings import Check

NO_BACKEND = Check(
    code="no-backend",
    severity="warning",
    title="An Ingress or route sends to a Service that is not there",
    why="Requests to that path are answered with an error.",
    breaks="""\
kind: Ingress
spec: {defaultBackend: {service: {name: shop, port: {number: 80}}}}
""",
    near="""\
kind: Ingress
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
---
kind: Service
""",
    remedy="Add the Service, or correct its name.",
    source="https://kubernetes.io/docs/concepts/services-networking/ingress/",
)
NO_BACKEND_PORT = Check(
    code="no-backend-port",
    severity="error",
    title="An Ingress or route names a port that its Service does not have",
    why="The controller cannot resolve the backend, so requests to that path fail.",
    breaks="""\
kind: Ingress
spec: {defaultBackend: {service: {name: web, port: {name: grpc}}}}
---
kind: Service
""",
    near="""\
kind: Ingress
spec: {defaultBackend: {service: {name: web, port: {name: http}}}}
---
kind: Service
""",
    remedy="Use a port of the Service, by number or name.",
    source="https://kubernetes.io/docs/concepts/services-networking/ingress/",
)
NO_GATEWAY = Check(
    code="no-gateway",
    severity="warning",
    title="A route names a Gateway that is not among the manifests",
    why="A route without its Gateway receives no traffic.",
    breaks="""\
kind: HTTPRoute
spec: {parentRefs: [{name: edge}]}
""",
    near="""\
kind: HTTPRoute
spec: {parentRefs: [{name: edge}]}
---
kind: Gateway
metadata: {name: edge}
""",
    remedy="Add it, or declare it.",
    source="https://gateway-api.sigs.k8s.io/api-types/httproute/",
)
NO_INGRESS_CLASS = Check(
    code="no-ingress-class",
    severity="warning",
    title="An Ingress names a class that is not among the manifests",
    why="Unless the cluster has that class, no controller serves the Ingress.",
    breaks="""\
kind: Ingress
spec: {ingressClassName: nginx}
""",
    near="""\
kind: Ingress
spec: {ingressClassName: nginx}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
""",
    remedy="Add the class, or make sure that the cluster has it.",
    source="https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class",
)
NO_LISTENER = Check(
    code="no-listener",
    severity="error",
    title="A route names a listener that its Gateway does not have",
    why="The Gateway does not accept the route, so it receives no traffic.",
    breaks="""\
kind: HTTPRoute
spec: {parentRefs: [{name: edge, sectionName: https}]}
---
kind: Gateway
metadata: {name: edge}
spec: {listeners: [{name: http, port: 80, protocol: HTTP}]}
""",
    near="""\
kind: HTTPRoute
spec: {parentRefs: [{name: edge, sectionName: http}]}
---
kind: Gateway
metadata: {name: edge}
spec: {listeners: [{name: http, port: 80, protocol: HTTP}]}
""",
    remedy="Name a listener of the Gateway, or leave sectionName out.",
    source="https://gateway-api.sigs.k8s.io/api-types/httproute/",
)
NO_TLS_SECRET = Check(
    code="no-tls-secret",
    severity="warning",
    title="A certificate is not among the manifests",
    why="Without the Secret, the controller serves its own certificate and browsers warn.",
    breaks="""\
kind: Ingress
spec: {tls: [{secretName: web-tls}]}
""",
    near="""\
kind: Ingress
spec: {tls: [{secretName: web-tls}]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web}
spec: {secretName: web-tls}
""",
    remedy="Add a Certificate that makes it, or create the Secret beforehand.",
    source="https://kubernetes.io/docs/concepts/services-networking/ingress/#tls",
)
NO_TARGET = Check(
    code="no-target",
    severity="warning",
    title="An autoscaler scales something that is not there",
    why="The workload that it was written for is never scaled.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {name: shop}}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {apiVersion: example.com/v1, kind: Shop, name: shop}}
""",
    remedy="Name a workload of the same namespace.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
)
NOT_SCALABLE = Check(
    code="not-scalable",
    severity="error",
    title="An autoscaler scales something that has no replicas",
    why="The target has no scale subresource, so the autoscaler fails and changes nothing.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {kind: DaemonSet}}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {kind: Deployment}}
""",
    remedy="Scale a Deployment, a StatefulSet, or a kind of your own with a scale subresource.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
)
TARGET_VERSION = Check(
    code="target-version",
    severity="error",
    title="An autoscaler names its target by the wrong API version",
    why="The autoscaler looks in another API group and does not find the workload.",
    breaks="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {apiVersion: extensions/v1beta1}}
""",
    near="""\
kind: HorizontalPodAutoscaler
spec: {scaleTargetRef: {apiVersion: apps/v1}}
""",
    remedy="Use the apiVersion of the workload.",
    source="https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
)
NO_CONTAINER = Check(
    code="no-container",
    severity="warning",
    title="A VPA has a policy for a container that is not there",
    why="The policy has no effect, and the container that it was meant for is resized without bounds.",
    breaks="""\
kind: VerticalPodAutoscaler
spec: {resourcePolicy: {containerPolicies: [{containerName: shop}]}}
""",
    near="""\
kind: VerticalPodAutoscaler
spec: {resourcePolicy: {containerPolicies: [{containerName: "*"}]}}
""",
    remedy="Name a container of the workload, or * for all.",
    source="https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler",
)
NO_REFERENCE = Check(
    code="no-reference",
    severity="warning",
    title="A pod refers to an object that is not there",
    why="Its pods do not start without it. A Secret, which often comes from elsewhere, is a warning.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {serviceAccountName: shop}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {serviceAccountName: default}}}
""",
    remedy="Add the object, or correct the reference.",
    source="https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps",
)
NO_VOLUME = Check(
    code="no-volume",
    severity="error",
    title="A container mounts a volume that its pod does not have",
    why="The API server refuses the pod.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, volumeMounts: [{name: cache, mountPath: /cache}]}]}}}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      containers: [{name: web, volumeMounts: [{name: cache, mountPath: /cache}]}]
      volumes: [{name: cache, emptyDir: {}}]
""",
    remedy="Add the volume to the pod, or correct its name.",
    source="https://kubernetes.io/docs/concepts/storage/volumes/",
)
NAME_TWICE = Check(
    code="name-twice",
    severity="error",
    title="A variable or port of a container is given twice",
    why="The last value wins, or the API server refuses the pod; either way one of the two is not used.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec:
      containers: [{name: web, env: [{name: MODE, value: a}, {name: MODE, value: b}]}]
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      containers: [{name: web, env: [{name: MODE, value: a}, {name: LEVEL, value: b}]}]
""",
    remedy="Keep one of them.",
    source="https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/",
)
VALUE_TWICE = Check(
    code="value-twice",
    severity="error",
    title="A variable has both value and valueFrom",
    why="The API server refuses the pod.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec:
      containers: [{name: web, env: [{name: IP, value: x, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}]
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      containers: [{name: web, env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}]
""",
    remedy="Keep one of them.",
    source="https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/",
)
NO_VALUE = Check(
    code="no-value",
    severity="info",
    title="A variable has no value, or another one instead of its value",
    why="The container sees an empty text, or the name of a variable, which is rarely what was meant.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, env: [{name: MODE}]}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, env: [{name: MODE, value: ""}]}]}}}
""",
    remedy='Give a value; "" says that it is meant to be empty.',
    source="https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/",
)
PROBE_HANDLER = Check(
    code="probe-handler",
    severity="error",
    title="A probe does not say what it does, or says it twice",
    why="The API server refuses a probe without exactly one handler.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, readinessProbe: {periodSeconds: 5}}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, readinessProbe: {tcpSocket: {port: http}}}]}}}
""",
    remedy="Give one of httpGet, tcpSocket, exec and grpc.",
    source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes",
)
PROBE_PORT = Check(
    code="probe-port",
    severity="error",
    title="A probe asks a port that its container does not declare",
    why="A name that nobody declares makes the probe fail. A number works, but is often a typo: a warning.",
    breaks="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, readinessProbe: {httpGet: {port: health}}}]}}}
""",
    near="""\
kind: Deployment
spec: {template: {spec: {containers: [{name: web, readinessProbe: {httpGet: {port: http}}}]}}}
""",
    remedy="Declare it.",
    source="https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/",
)
NO_KEY = Check(
    code="no-key",
    severity="error",
    title="A pod asks for a key that its ConfigMap or Secret does not have",
    why="The container does not start. Secrets are often completed elsewhere, so there it is a warning.",
    breaks="""\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: web
        env: [{name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mod}}}]
---
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast}
""",
    near="""\
kind: Deployment
spec:
  template:
    spec:
      containers:
      - name: web
        env: [{name: MODE, valueFrom: {configMapKeyRef: {name: settings, key: mode}}}]
---
kind: ConfigMap
metadata: {name: settings}
data: {mode: fast}
""",
    remedy="Add the key, correct it, or set optional: true.",
    source="https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps",
)
