"""Rules 1 to 16: what breaks each of them, and what comes near and is in order."""

import pytest
from objects import (
    AUTH,
    BACKEND,
    CACHED,
    CLASS,
    CONTAINER_CPU,
    CPU,
    FALLBACK,
    HTTP,
    PROMETHEUS,
    REDIS,
    SIDECAR,
    UTILIZATION,
    asking,
    at,
    env,
    hpa,
    ids,
    ingress,
    keda,
    metric,
    policy,
    probe,
    quota,
    service,
    thing,
    vpa,
    workload,
)

PAIRS = [
    # Identity and references
    ("M01-duplicate-object", [CLASS, CLASS], [CLASS, {**CLASS, "apiVersion": "example.com/v1"}]),
    ("M01-no-namespace", [at(quota(), "n")], [at(quota(), "n"), thing("Namespace", name="n")]),
    ("M01-no-namespace", [at(quota(), "n")], [at(quota(), "kube-system")]),
    ("M01-unnamed-namespace", [at(quota(), "default"), workload()], [at(quota(), "default"), CLASS]),
    ("M02-empty-selector", [workload(selector={})], [workload()]),
    ("M02-selector-misses-own-pods", [workload(selector={"matchLabels": {"app": "b"}})], [workload()]),
    (
        "M02-selector-misses-own-pods",
        [workload(selector={"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]})],
        # NotIn also matches labels without the key.
        [workload(selector={"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]})],
    ),
    (
        "M02-selector-takes-others",
        [
            workload(),
            workload(name="b", selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        ],
        [workload(), at(workload(), "default")],
    ),
    (
        "M02-spread-misses-own-pods",
        [workload(pod={"topologySpreadConstraints": [{"maxSkew": 1}]})],
        [workload(pod={"topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"app": "a"}}}]})],
    ),
    (
        "M02-spread-misses-own-pods",
        [
            workload(
                pod={
                    "affinity": {
                        "podAntiAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": [
                                {"labelSelector": {"matchLabels": {"app": "b"}}}
                            ]
                        }
                    }
                }
            )
        ],
        [
            workload(name="b"),
            workload(
                pod={
                    "affinity": {
                        "podAntiAffinity": {
                            "requiredDuringSchedulingIgnoredDuringExecution": [
                                {"labelSelector": {"matchLabels": {"app": "b"}}}
                            ]
                        }
                    }
                }
            ),
        ],
    ),
    (
        "M03-service-without-pods",
        [workload(), service(HTTP, {"app": "b"})],
        [workload("DaemonSet"), service(HTTP)],
    ),
    (
        "M03-service-without-pods",
        [service(HTTP, {"app": "cache"}), REDIS],
        [service(HTTP, {"app": "store-leader"}), REDIS],
    ),
    (
        "M03-unknown-target-port",
        [
            workload(),
            workload(name="b", container={"ports": []}, selector={"matchLabels": {"x": "y"}}),
            service({"port": 80, "targetPort": "grpc"}),
        ],
        [workload(), service({"port": 80})],
    ),
    ("M04-no-backend", [ingress(BACKEND)], [workload(), service(HTTP), ingress(BACKEND)]),
    (
        "M04-no-backend",
        [ingress({"resource": {}}, defaultBackend=BACKEND)],
        [ingress({"resource": {"kind": "B"}})],
    ),
    (
        "M04-no-backend-port",
        [workload(), service({"port": 80}), ingress(BACKEND)],
        [workload(), service({"port": 80}), ingress({"service": {"name": "a", "port": {"number": 80}}})],
    ),
    (
        "M04-no-ingress-class",
        [workload(), service(HTTP), ingress(BACKEND, ingressClassName="nginx")],
        [workload(), service(HTTP), ingress(BACKEND, ingressClassName="nginx"), CLASS],
    ),
    (
        "M04-no-tls-secret",
        [ingress(BACKEND, tls=[{"secretName": "t"}])],
        [
            ingress(BACKEND, tls=[{"secretName": "t"}]),
            thing("Certificate", "cert-manager.io/v1", spec={"secretName": "t"}),
        ],
    ),
    ("M05-no-target", [hpa()], [hpa(), workload()]),
    # KEDA 1 had its own group, and named its target otherwise.
    ("M05-no-target", [keda()], [{**keda(), "apiVersion": "keda.k8s.io/v1alpha1"}]),
    (
        "M05-no-target",
        [hpa(), at(workload(), "default")],
        [hpa(scaleTargetRef={"kind": "Rollout", "name": "x"})],
    ),
    (
        "M05-target-version",
        [workload(), hpa(scaleTargetRef={"kind": "Deployment", "name": "a"})],
        [workload(), keda()],
    ),
    (
        "M05-no-container",
        [workload(), vpa(policies=[{"containerName": "x"}])],
        [workload(inits=[SIDECAR]), vpa(policies=[{"containerName": "*"}, {"containerName": "side"}])],
    ),
    (
        "M06-no-reference",
        [workload(pod={"serviceAccountName": "x"})],
        [workload(pod={"serviceAccountName": "default"})],
    ),
    (
        "M06-no-reference",
        [workload(pod={"volumes": [{"name": "v", "configMap": {"name": "x"}}]})],
        [workload(pod={"volumes": [{"name": "v", "configMap": {"name": "x", "optional": True}}]})],
    ),
    (
        "M06-no-reference",
        [workload(pod={"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "x"}}]}}]})],
        [
            workload(pod={"volumes": [{"name": "v", "secret": {"secretName": "a"}}]}),
            thing("ExternalSecret", "external-secrets.io/v1", spec={}),
        ],
    ),
    (
        "M06-no-reference",
        [workload(container={"envFrom": [{"configMapRef": {"name": "x"}}]})],
        [workload(container={"envFrom": [{"configMapRef": {"name": "x"}}]}), thing("ConfigMap", name="x")],
    ),
    ("M06-no-reference", [keda(AUTH)], [keda(AUTH), thing("TriggerAuthentication", "keda.sh/v1alpha1", "t")]),
    (
        "M06-no-reference",
        [
            thing(
                "CronJob",
                "batch/v1",
                spec={"jobTemplate": {"spec": {"template": {"spec": {"serviceAccountName": "x"}}}}},
            )
        ],
        [thing("Pod", spec={"containers": [{"name": "m"}]})],
    ),
    ("M06-probe-handler", [probe(periodSeconds=5)], [probe(exec={"command": ["true"]})]),
    ("M06-probe-handler", [probe(exec={}, tcpSocket={"port": 80})], [probe(tcpSocket={"port": 80})]),
    ("M06-probe-port", [probe(httpGet={"port": "grpc"})], [probe(httpGet={"port": "http"})]),
    (
        "M06-name-twice",
        [env({"name": "A", "value": "1"}, {"name": "A", "value": "2"})],
        [env({"name": "A", "value": ""})],
    ),
    (
        "M06-value-twice",
        [env({"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}})],
        [env({"name": "A", "value": "1", "valueFrom": None})],
    ),
    ("M06-no-value", [env({"name": "A"})], [env({"name": "A", "valueFrom": {"fieldRef": {}}})]),
    (
        "M06-no-volume",
        [workload(container={"volumeMounts": [{"name": "x"}]})],
        [
            workload(
                "StatefulSet",
                container={"volumeMounts": [{"name": "x"}]},
                volumeClaimTemplates=[{"metadata": {"name": "x"}}],
            )
        ],
    ),
    ("M07-policy-without-pods", [workload(), policy({"matchLabels": {"app": "b"}})], [workload(), policy()]),
    ("M07-cidr", [policy(cidr="10.0.0.1/8")], [policy(cidr="10.0.0.0/8")]),
    ("M07-cidr", [policy(cidr="fd00::1/8")], [policy(cidr="fd00::/8")]),
    (
        "M07-except-outside",
        [policy(cidr="10.0.0.0/8", **{"except": ["11.0.0.0/16"]})],
        [policy(cidr="10.0.0.0/8", **{"except": ["10.1.0.0/16"]})],
    ),
    (
        "M07-except-outside",
        [policy(cidr="10.0.0.0/8", **{"except": ["10.0.0.0/8"]})],
        [policy(cidr="10.0.0.0/8")],
    ),
    # Autoscaling
    (
        "M08-two-autoscalers",
        [workload(), hpa(), keda()],
        [workload(), workload(name="b"), hpa(target="b"), keda()],
    ),
    ("M08-two-autoscalers", [hpa(), hpa(name="b")], [hpa(), at(hpa(), "default")]),
    ("M08-replicas-under-autoscaler", [workload(replicas=3), hpa()], [workload(replicas=3), hpa(target="b")]),
    ("M08-two-vpas", [vpa(), vpa(name="b")], [vpa(), vpa(name="b", kind="StatefulSet")]),
    ("M09-hpa-name-too-long", [keda(name="a" * 55)], [keda(name="a" * 54)]),
    (
        "M09-hpa-name-too-long",
        [keda(name="a" * 55)],
        [keda(name="a" * 55, advanced={"horizontalPodAutoscalerConfig": {"name": "b"}})],
    ),
    ("M09-hpa-name-taken", [keda(), hpa(name="keda-hpa-a", target="b")], [keda(), hpa(name="a", target="b")]),
    ("M10-no-room", [hpa(minReplicas=5)], [hpa(minReplicas=4)]),
    ("M10-no-room", [keda(minReplicaCount=9)], [keda(minReplicaCount=8)]),
    ("M10-hpa-min", [hpa(minReplicas=0)], [hpa(minReplicas=1)]),
    (
        "M11-no-request",
        [workload(), hpa([metric(UTILIZATION)])],
        [workload(container=asking({"cpu": "1"})), hpa([metric(UTILIZATION)])],
    ),
    (
        "M11-no-request",
        [workload(containers=[asking({"cpu": "1"}), {"name": "side"}]), hpa([metric(UTILIZATION)])],
        [
            workload(containers=[asking({"cpu": "1"}), {"name": "side"}]),
            hpa([metric(UTILIZATION, CONTAINER_CPU, container="main")]),
        ],
    ),
    (
        "M11-no-request",
        [workload(container=asking({"cpu": "1"})), hpa([metric(UTILIZATION, CONTAINER_CPU, container="x")])],
        # A limit counts as the request, and an init container that ends is not measured.
        [workload(container=asking({}, {"cpu": "1"}), inits=[{"name": "i"}]), hpa([metric(UTILIZATION)])],
    ),
    (
        "M11-no-request",
        [workload(inits=[{**SIDECAR, "resources": {}}], container=asking({"cpu": "1"})), keda(CPU)],
        [workload(), keda({**CPU, "metricType": "AverageValue"})],
    ),
    ("M12-metric-block", [hpa([{"type": "Pods", "resource": {}}])], [hpa()]),
    (
        "M12-metric-target",
        [hpa([metric({"type": "AverageValue", "averageUtilization": 70})])],
        [hpa([metric(UTILIZATION)])],
    ),
    (
        "M12-metric-target",
        [hpa([metric({"type": "Utilization", "averageUtilization": 0})])],
        [hpa([metric(UTILIZATION)])],
    ),
    (
        "M12-metric-target",
        [hpa([metric({"type": "Value", "value": "1"}, "Pods")])],
        [hpa([metric({"type": "AverageValue", "averageValue": "500m"}, "Pods")])],
    ),
    ("M12-metric-target", [hpa([metric(UTILIZATION, "Pods")])], [hpa([metric(UTILIZATION)])]),
    (
        "M13-window",
        [hpa(behavior={"scaleUp": {"stabilizationWindowSeconds": 3601}})],
        [hpa(behavior={"scaleUp": {"stabilizationWindowSeconds": 3600}})],
    ),
    (
        "M13-policy",
        [hpa(behavior={"scaleDown": {"policies": [{"value": 1, "periodSeconds": 1801}]}})],
        [hpa(behavior={"scaleDown": {"policies": [{"value": 1, "periodSeconds": 1800}]}})],
    ),
    ("M14-idle-count", [keda(idleReplicaCount=2)], [keda(idleReplicaCount=0)]),
    (
        "M14-trigger-name-twice",
        [keda(PROMETHEUS, PROMETHEUS)],
        [keda(PROMETHEUS, {**PROMETHEUS, "name": "b"})],
    ),
    ("M14-zero-by-resource", [keda(CPU, minReplicaCount=0)], [keda(CPU, PROMETHEUS, minReplicaCount=0)]),
    ("M14-fallback-trigger", [keda(CPU, fallback=FALLBACK)], [keda(CPU, PROMETHEUS, fallback=FALLBACK)]),
    (
        "M14-fallback-bounds",
        [keda(fallback={**FALLBACK, "replicas": 10})],
        [keda(fallback={**FALLBACK, "replicas": 9})],
    ),
    ("M14-cached-metrics", [keda({**CPU, "useCachedMetrics": True})], [keda(CACHED)]),
    ("M14-no-effect", [keda(cooldownPeriod=300)], [keda(cooldownPeriod=300, minReplicaCount=0)]),
    ("M14-no-effect", [keda(pollingInterval=30)], [keda(CACHED, pollingInterval=30)]),
    ("M14-no-effect", [keda(pollingInterval=30)], [keda(pollingInterval=30, idleReplicaCount=0)]),
    (
        "M15-unknown-scaler",
        [keda({**PROMETHEUS, "type": "promethues"})],
        [keda({"type": "rabbitmq", "metadata": {}})],
    ),
    (
        "M15-missing-metadata",
        [keda({"type": "aws-sqs-queue", "metadata": {"awsRegion": "x"}})],
        [keda({"type": "aws-sqs-queue", "metadata": {"awsRegion": "x", "queueURLFromEnv": "Q"}})],
    ),
    (
        "M15-unknown-metadata",
        [keda({**PROMETHEUS, "metadata": {**PROMETHEUS["metadata"], "treshold": "1"}})],
        [keda({**PROMETHEUS, "metadata": {**PROMETHEUS["metadata"], "activationThreshold": "1"}})],
    ),
    (
        "M15-removed-metadata",
        [keda({"type": "cpu", "metadata": {"type": "Utilization", "value": "70"}})],
        [keda(CPU)],
    ),
    ("M15-metadata-text", [keda({"type": "cpu", "metadata": {"value": 70}})], [keda(CPU)]),
    (
        "M16-vpa-fights-hpa",
        [workload(), hpa([metric(UTILIZATION)]), vpa("Recreate")],
        [
            workload(),
            hpa([metric(UTILIZATION)]),
            vpa("Recreate", [{"containerName": "*", "controlledResources": ["memory"]}]),
        ],
    ),
    (
        "M16-vpa-fights-hpa",
        # The default policy holds for the container that no policy names.
        [workload(), hpa([metric(UTILIZATION)]), vpa("Initial", [{"containerName": "x", "mode": "Off"}])],
        [workload(), hpa([metric(UTILIZATION)]), vpa("Initial", [{"containerName": "*", "mode": "Off"}])],
    ),
    ("M16-vpa-fights-hpa", [workload(), keda(CPU), vpa("Auto")], [workload(), keda(), vpa("Auto")]),
    ("M16-vpa-mode", [vpa(False)], [vpa("Off")]),
    (
        "M16-vpa-bounds",
        [vpa(policies=[{"containerName": "*", "minAllowed": {"cpu": "2"}, "maxAllowed": {"cpu": "1500m"}}])],
        [vpa(policies=[{"containerName": "*", "minAllowed": {"cpu": "2"}, "maxAllowed": {"cpu": "2000m"}}])],
    ),
]


@pytest.mark.parametrize(
    ("expected", "broken", "fine"), PAIRS, ids=[f"{n}-{p[0]}" for n, p in enumerate(PAIRS)]
)
def test_a_rule_finds_what_breaks_it_and_not_what_comes_near(expected, broken, fine):
    assert expected in ids(*broken)
    assert expected not in ids(*fine)
