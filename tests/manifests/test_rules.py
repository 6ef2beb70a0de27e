"""Identity, references and autoscalers: what breaks each check, and what comes near and is in order."""

import pytest
from objects import (
    AUTH,
    BACKEND,
    CACHED,
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
    ("no-namespace", [at(quota(), "n")], [at(quota(), "n"), thing("Namespace", name="n")]),
    (
        "selector-misses-own-pods",
        [workload(selector={"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]})],
        # NotIn also matches labels without the key.
        [workload(selector={"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]})],
    ),
    (
        "selector-takes-others",
        [
            workload(),
            workload(name="b", selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
        ],
        [workload(), at(workload(), "default")],
    ),
    (
        "spread-misses-own-pods",
        [workload(pod={"topologySpreadConstraints": [{"maxSkew": 1}]})],
        [workload(pod={"topologySpreadConstraints": [{"labelSelector": {"matchLabels": {"app": "a"}}}]})],
    ),
    (
        "spread-misses-own-pods",
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
        "service-without-pods",
        [workload(), service(HTTP, {"app": "b"})],
        [workload("DaemonSet"), service(HTTP)],
    ),
    (
        "service-without-pods",
        [service(HTTP, {"app": "cache"}), REDIS],
        [service(HTTP, {"app": "store-leader"}), REDIS],
    ),
    (
        "unknown-target-port",
        [
            workload(),
            workload(name="b", container={"ports": []}, selector={"matchLabels": {"x": "y"}}),
            service({"port": 80, "targetPort": "grpc"}),
        ],
        [workload(), service({"port": 80})],
    ),
    (
        "no-backend",
        [ingress({"resource": {}}, defaultBackend=BACKEND)],
        [ingress({"resource": {"kind": "B"}})],
    ),
    (
        "no-backend-port",
        [workload(), service({"port": 80}), ingress(BACKEND)],
        [workload(), service({"port": 80}), ingress({"service": {"name": "a", "port": {"number": 80}}})],
    ),
    # KEDA 1 had its own group, and named its target otherwise.
    ("no-target", [keda()], [{**keda(), "apiVersion": "keda.k8s.io/v1alpha1"}]),
    (
        "no-target",
        [at(hpa(), "a"), at(workload(), "default")],
        [hpa(scaleTargetRef={"kind": "GameServerSet", "name": "x"})],
    ),
    (
        "target-version",
        [workload(), hpa(scaleTargetRef={"kind": "Deployment", "name": "a"})],
        [workload(), keda()],
    ),
    (
        "no-container",
        [workload(), vpa(policies=[{"containerName": "x"}])],
        [workload(inits=[SIDECAR]), vpa(policies=[{"containerName": "*"}, {"containerName": "side"}])],
    ),
    (
        "no-reference",
        [workload(pod={"volumes": [{"name": "v", "configMap": {"name": "x"}}]})],
        [workload(pod={"volumes": [{"name": "v", "configMap": {"name": "x", "optional": True}}]})],
    ),
    (
        "no-reference",
        [workload(pod={"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "x"}}]}}]})],
        [
            workload(pod={"volumes": [{"name": "v", "secret": {"secretName": "a"}}]}),
            thing("ExternalSecret", "external-secrets.io/v1", spec={}),
        ],
    ),
    (
        "no-reference",
        [workload(container={"envFrom": [{"configMapRef": {"name": "x"}}]})],
        [workload(container={"envFrom": [{"configMapRef": {"name": "x"}}]}), thing("ConfigMap", name="x")],
    ),
    ("no-reference", [keda(AUTH)], [keda(AUTH), thing("TriggerAuthentication", "keda.sh/v1alpha1", "t")]),
    (
        "no-reference",
        [
            thing(
                "CronJob",
                "batch/v1",
                spec={"jobTemplate": {"spec": {"template": {"spec": {"serviceAccountName": "x"}}}}},
            )
        ],
        [thing("Pod", spec={"containers": [{"name": "m"}]})],
    ),
    ("probe-handler", [probe(exec={}, tcpSocket={"port": 80})], [probe(tcpSocket={"port": 80})]),
    (
        "value-twice",
        [env({"name": "A", "value": "1", "valueFrom": {"fieldRef": {}}})],
        [env({"name": "A", "value": "1", "valueFrom": None})],
    ),
    (
        "no-volume",
        [workload(container={"volumeMounts": [{"name": "x"}]})],
        [
            workload(
                "StatefulSet",
                container={"volumeMounts": [{"name": "x"}]},
                volumeClaimTemplates=[{"metadata": {"name": "x"}}],
            )
        ],
    ),
    ("policy-without-pods", [workload(), policy({"matchLabels": {"app": "b"}})], [workload(), policy()]),
    ("policy-cidr", [policy(cidr="fd00::1/8")], [policy(cidr="fd00::/8")]),
    (
        "policy-except-outside",
        [policy(cidr="10.0.0.0/8", **{"except": ["10.0.0.0/8"]})],
        [policy(cidr="10.0.0.0/8")],
    ),
    # Autoscaling
    ("two-autoscalers", [hpa(), hpa(name="b")], [hpa(), at(hpa(), "default")]),
    ("hpa-name-too-long", [keda(name="a" * 55)], [keda(name="a" * 54)]),
    ("no-room", [keda(minReplicaCount=9)], [keda(minReplicaCount=8)]),
    (
        "no-request",
        [workload(), hpa([metric(UTILIZATION)])],
        [workload(container=asking({"cpu": "1"})), hpa([metric(UTILIZATION)])],
    ),
    (
        "no-request",
        [workload(containers=[asking({"cpu": "1"}), {"name": "side"}]), hpa([metric(UTILIZATION)])],
        [
            workload(containers=[asking({"cpu": "1"}), {"name": "side"}]),
            hpa([metric(UTILIZATION, CONTAINER_CPU, container="main")]),
        ],
    ),
    (
        "no-request",
        [workload(container=asking({"cpu": "1"})), hpa([metric(UTILIZATION, CONTAINER_CPU, container="x")])],
        # A limit counts as the request, and an init container that ends is not measured.
        [workload(container=asking({}, {"cpu": "1"}), inits=[{"name": "i"}]), hpa([metric(UTILIZATION)])],
    ),
    (
        "no-request",
        [workload(inits=[{**SIDECAR, "resources": {}}], container=asking({"cpu": "1"})), keda(CPU)],
        [workload(), keda({**CPU, "metricType": "AverageValue"})],
    ),
    (
        "metric-target",
        [hpa([metric({"type": "Utilization", "averageUtilization": 0})])],
        [hpa([metric(UTILIZATION)])],
    ),
    (
        "metric-target",
        [hpa([metric({"type": "Value", "value": "1"}, "Pods")])],
        [hpa([metric({"type": "AverageValue", "averageValue": "500m"}, "Pods")])],
    ),
    ("metric-target", [hpa([metric(UTILIZATION, "Pods")])], [hpa([metric(UTILIZATION)])]),
    ("keda-zero-by-resource", [keda(CPU, minReplicaCount=0)], [keda(CPU, PROMETHEUS, minReplicaCount=0)]),
    ("keda-fallback-trigger", [keda(CPU, fallback=FALLBACK)], [keda(CPU, PROMETHEUS, fallback=FALLBACK)]),
    ("keda-no-effect", [keda(pollingInterval=30)], [keda(CACHED, pollingInterval=30)]),
    ("keda-no-effect", [keda(pollingInterval=30)], [keda(pollingInterval=30, idleReplicaCount=0)]),
    (
        "vpa-fights-hpa",
        # The default policy holds for the container that no policy names.
        [workload(), hpa([metric(UTILIZATION)]), vpa("Initial", [{"containerName": "x", "mode": "Off"}])],
        [workload(), hpa([metric(UTILIZATION)]), vpa("Initial", [{"containerName": "*", "mode": "Off"}])],
    ),
    ("vpa-fights-hpa", [workload(), keda(CPU), vpa("Auto")], [workload(), keda(), vpa("Auto")]),
]


@pytest.mark.parametrize(
    ("expected", "broken", "fine"), PAIRS, ids=[f"{n}-{p[0]}" for n, p in enumerate(PAIRS)]
)
def test_a_rule_finds_what_breaks_it_and_not_what_comes_near(expected, broken, fine):
    assert expected in ids(*broken)
    assert expected not in ids(*fine)
