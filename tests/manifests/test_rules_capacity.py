"""Availability, room, exposure and Cloud Run: what breaks each check, and what comes near and is in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from objects import (
    FACTS,
    GPU,
    HTTP,
    SIDECAR,
    asking,
    env,
    hpa,
    ids,
    keda,
    knative,
    pdb,
    probe,
    quota,
    service,
    thing,
    vpa,
    workload,
)

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import VerifyOptions, verify

PAIRS = [
    # Availability
    ("pdb-fields", [pdb()], [pdb(maxUnavailable=1, minAvailable=None)]),
    (
        "pdb-without-pods",
        [workload(name="b"), pdb(maxUnavailable=1)],
        [workload(name="b"), pdb({}, maxUnavailable=1)],
    ),
    (
        "pdb-without-pods",
        [workload(), pdb({"matchLabels": None}, maxUnavailable=1) | {"spec": {"maxUnavailable": 1}}],
        [workload("DaemonSet"), pdb(maxUnavailable=1)],
    ),
    ("pdb-blocks-drain", [workload(), pdb(minAvailable=1)], [workload(), pdb(maxUnavailable=1)]),
    (
        "pdb-blocks-drain",
        [workload(), hpa(), pdb(minAvailable=2)],
        [workload(), hpa(), pdb(minAvailable=1)],
    ),
    (
        "pdb-blocks-drain",
        [workload(), workload(name="b"), pdb({}, minAvailable=2)],
        [workload(), workload(name="b"), pdb({}, minAvailable=1)],
    ),
    (
        "stuck-rollout",
        [workload(strategy={"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}})],
        [workload(strategy={"rollingUpdate": {"maxSurge": 0}})],
    ),
    (
        "pre-stop",
        [workload(container={"lifecycle": {"preStop": {"sleep": {"seconds": 30}}}})],
        [workload(container={"lifecycle": {"preStop": {"sleep": {"seconds": 29}}}})],
    ),
    (
        "pre-stop",
        [
            workload(
                container={
                    "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 45 && kill 1"]}}}
                }
            )
        ],
        [
            workload(
                container={"lifecycle": {"preStop": {"exec": {"command": ["sleep", "45"]}}}},
                pod={"terminationGracePeriodSeconds": 60},
            )
        ],
    ),
    # Capacity
    (
        "quantity",
        [workload(pod={"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1 Gi"}}]})],
        [workload(pod={"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1e9"}}]})],
    ),
    (
        "request-above-limit",
        [workload(container=asking({"cpu": "1"}, {"cpu": "999m"}))],
        [workload(container=asking({"cpu": "1"}, {"cpu": "1000m"}))],
    ),
    (
        "extended-resource",
        [workload(container=asking(GPU, {"nvidia.com/gpu": "2"}))],
        [workload(container=asking({}, {"hugepages-2Mi": "4Mi"}))],
    ),
    (
        "gpu-toleration",
        [workload(container=asking({}, GPU), pod={"tolerations": [{"key": "spot", "operator": "Exists"}]})],
        [workload(container=asking({}, GPU), pod={"tolerations": [{"operator": "Exists"}]})],
    ),
    (
        "quota-too-small",
        # 4 replicas and a surge of one.
        [workload(replicas=4, container=asking({"cpu": "1"})), quota(requests_cpu="4999m")],
        [workload(replicas=4, container=asking({"cpu": "1"})), quota(requests_cpu="5")],
    ),
    (
        "quota-too-small",
        [workload(replicas=4), quota(pods="4")],
        [workload(replicas=4, strategy={"type": "Recreate"}), quota(pods="4")],
    ),
    (
        "quota-too-small",
        [workload(container=asking({"cpu": "1"}, {"cpu": "2"})), quota(limits_cpu="3")],
        [workload("StatefulSet", container=asking({"cpu": "1"}, {"cpu": "2"})), quota(limits_cpu="2")],
    ),
    (
        "quota-too-small",
        [workload("StatefulSet", container=asking({}, GPU)), quota(**{"requests_nvidia_com/gpu": "0"})],
        [workload("StatefulSet", container=asking({}, GPU)), quota(**{"requests_nvidia_com/gpu": "1"})],
    ),
    (
        "unset-under-quota",
        [workload(), quota(cpu="5")],
        [workload(), quota(requests_storage="5Gi", pods="9")],
    ),
    (
        "unset-under-quota",
        [workload(container=asking({"cpu": "1"}), inits=[{"name": "i"}]), quota(requests_cpu="9")],
        [workload(container=asking({}, {"cpu": "1"})), quota(requests_cpu="9")],
    ),
    # Exposure
    (
        "literal-secret",
        [env({"name": "API_TOKEN", "value": "x"})],
        [env({"name": "MAX_TOKENS", "value": "4096"})],
    ),
    (
        "literal-secret",
        [env({"name": "apiKey", "value": "x"})],
        [env({"name": "API_KEY", "value": "$(OTHER)"})],
    ),
    (
        "literal-secret",
        [thing("ConfigMap", data={"SECRET": "x"})],
        [thing("ConfigMap", data={"secret.conf": "x"})],
    ),
    (
        "password-in-url",
        [env({"name": "DSN", "value": "postgres://u:p@h/d"})],
        [env({"name": "DSN", "value": "postgres://u@h:5432/d"}, {"name": "B", "value": "a://$(U):$(P)@h"})],
    ),
    (
        "secret-in-manifest",
        [thing("Secret", stringData={"a": "b"})],
        [thing("Secret", type="kubernetes.io/service-account-token")],
    ),
    ("public-service", [workload(), service(HTTP, type="NodePort")], [workload(), service(HTTP)]),
    (
        "pod-security-level",
        [
            {
                **thing("Namespace"),
                "metadata": {"name": "n", "labels": {"pod-security.kubernetes.io/warn": "strict"}},
            }
        ],
        [
            {
                **thing("Namespace"),
                "metadata": {"name": "n", "labels": {"pod-security.kubernetes.io/warn-version": "v1.30"}},
            }
        ],
    ),
    # Cloud Run
    ("cloud-run-limits", [knative(pod={"timeoutSeconds": 3601})], [knative(pod={"timeoutSeconds": 3600})]),
    ("cloud-run-limits", [knative(concurrency=0)], [knative(concurrency=0, namespace="of-a-cluster")]),
    (
        "cloud-run-cpu-memory",
        [knative({"cpu": "1", "memory": "4097Mi"})],
        [knative({"cpu": "1", "memory": "4Gi"})],
    ),
    (
        "cloud-run-cpu-memory",
        [knative({"cpu": "4", "memory": "1Gi"})],
        [knative({"cpu": "4", "memory": "2Gi"})],
    ),
    (
        "cloud-run-cpu-memory",
        [knative({"cpu": "500m", "memory": "1Gi"})],
        [knative({"cpu": "500m", "memory": "1Gi"}, 1)],
    ),
    (
        "cloud-run-cpu-memory",
        [knative({"cpu": "400m", "memory": "513Mi"}, 1)],
        [knative({"cpu": "400m", "memory": "512Mi"}, 1)],
    ),
    ("cloud-run-image", [knative(image="r:5000/i")], [knative(image="r:5000/i@sha256:0")]),
]


@pytest.mark.parametrize(
    ("expected", "broken", "fine"), PAIRS, ids=[f"{n}-{p[0]}" for n, p in enumerate(PAIRS)]
)
def test_a_rule_finds_what_breaks_it_and_not_what_comes_near(expected, broken, fine):
    assert expected in ids(*broken)
    assert expected not in ids(*fine)


def public(annotation, value):
    """Return a load balancer with an annotation."""
    found = service(HTTP, type="LoadBalancer")
    return {**found, "metadata": {"name": "a", "annotations": {annotation: value}}}


@pytest.mark.parametrize(
    ("annotation", "inside", "outside"),
    [
        ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal", "internet-facing"),
        ("service.beta.kubernetes.io/aws-load-balancer-internal", "true", "false"),
        ("service.beta.kubernetes.io/azure-load-balancer-internal", "true", "false"),
        ("networking.gke.io/load-balancer-type", "Internal", "External"),
        ("capplan/public", "true", "false"),
    ],
)
def test_a_load_balancer_is_inside_by_the_value_of_its_annotation(annotation, inside, outside):
    assert "public-service" not in ids(workload(), public(annotation, inside))
    assert "public-service" in ids(workload(), public(annotation, outside))


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "12345", True),
        ("ACCESS_TOKEN_MINUTES", "30", False),
        ("TOKENIZER", "bert-base", False),
        ("AUTH_TOKEN", "eyJhbGciOi", True),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/var/secrets/key.json", False),
        ("TOKEN_ENDPOINT", "https://login.example.com/token", False),
        ("SECRET_URL", "https://u:p@login.example.com", True),
        ("CACHE", "redis://:hunter2@cache:6379", True),
        ("CACHE", "redis://<user>:<password>@cache", False),
        ("IMAGE", "oci://registry:5000/a@sha256:0", False),
    ],
)
def test_a_secret_is_told_from_what_is_about_one(name, value, secret):
    found = ids(env({"name": name, "value": value}))
    assert bool(found & {"literal-secret", "password-in-url"}) is secret


def test_a_number_as_port_need_not_be_declared():
    """It works as it is, in ingress-nginx for one; a name that nobody declares reaches nothing."""
    by_number = [workload(), service({"port": 80, "targetPort": 10254}), probe(httpGet={"port": 10254})]
    found = verify({"a.yaml": by_number}, {}, Facts(), VerifyOptions(style=True))
    ports = {f.code: f.severity for f in found if f.code in ("unknown-target-port", "probe-port")}
    assert ports == {"unknown-target-port": "info", "probe-port": "info"}


def test_a_service_needs_its_port_on_every_workload_that_it_selects():
    labelled = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "m"}]}}
    other = workload("StatefulSet", "b", template=labelled, selector={"matchLabels": {"app": "a"}})
    job = thing("Job", "batch/v1", "j", spec={"template": labelled})
    assert "unknown-target-port" not in ids(workload(), service(HTTP))
    assert "unknown-target-port" in ids(workload(), other, service(HTTP))
    assert "unknown-target-port" not in ids(workload(), job, service(HTTP)), "a job serves nothing"


FITS = [
    ({"cpu": "4", "memory": "8Gi", "ephemeral-storage": "50Gi"}, True),
    ({"cpu": "4001m"}, False),
    ({"memory": "8193Mi"}, False),
    ({"ephemeral-storage": "51Gi"}, False),
    ({"nvidia.com/gpu": "1"}, False),
]


@pytest.mark.parametrize(("requests", "fits"), FITS)
def test_a_pod_fits_a_node_or_not(requests, fits):
    one = workload("StatefulSet", container=asking(requests, requests))
    assert ("pod-fits-no-node" not in ids(one, facts=FACTS)) is fits


@pytest.mark.parametrize(
    ("inits", "fits"),
    [
        ([asking({"cpu": "4"})], True),  # ends before the others start
        ([asking({"cpu": "4001m"})], False),
        ([SIDECAR], True),  # 3 + 1
        ([SIDECAR, {**SIDECAR, "name": "b"}], False),  # 3 + 2
        ([SIDECAR, asking({"cpu": "3"})], True),  # the sidecar runs beside the one after it
        ([SIDECAR, asking({"cpu": "3500m"})], False),
        ([asking({"cpu": "4"}), SIDECAR], True),  # and not beside the one before it
    ],
)
def test_a_pod_requests_its_sidecars_and_its_largest_init_container(inits, fits):
    one = workload("StatefulSet", container=asking({"cpu": "3"}), inits=inits)
    assert ("pod-fits-no-node" not in ids(one, facts=FACTS)) is fits


def test_pods_of_every_node_take_their_part_of_it():
    big = workload("StatefulSet", container=asking({"cpu": "3500m"}))
    small = workload("DaemonSet", "d", container=asking({"cpu": "600m"}))
    elsewhere = workload(
        "DaemonSet", "d", container=asking({"cpu": "600m"}), pod={"nodeSelector": {"pool": "q"}}
    )
    assert "pod-fits-no-node" not in ids(big, facts=FACTS)
    assert "pod-fits-no-node" in ids(big, small, facts=FACTS)
    assert "pod-fits-no-node" not in ids(big, elsewhere, facts=FACTS)


def test_a_pod_selects_nodes_that_there_are():
    assert "no-such-nodes" in ids(workload(pod={"nodeSelector": {"pool": "q"}}), facts=FACTS)
    assert "no-such-nodes" not in ids(workload(pod={"nodeSelector": {"pool": "p"}}), facts=FACTS)
    assert "no-such-nodes" not in ids(workload(pod={"nodeSelector": {"arch": "arm64"}}), facts=FACTS)


def test_all_pods_at_their_peak_fit_the_pool():
    def of(replicas):
        return ids(workload(replicas=replicas, container=asking({"cpu": "1"})), facts=FACTS)

    assert "pool-too-small" not in of(9)  # 9 and a surge of 3 on 3 nodes of 4
    assert "pool-too-small" in of(10)


def test_a_vpa_makes_no_pod_larger_than_a_node():
    def of(most):
        return ids(workload(), vpa(policies=[{"containerName": "*", "maxAllowed": most}]), facts=FACTS)

    assert "vpa-above-node" not in of({"cpu": "4", "memory": "8Gi"})
    assert "vpa-above-node" in of({"cpu": "4100m"})
    assert "vpa-above-node" in of({"memory": "9Gi"})


def test_pools_open_what_the_database_accepts():
    def of(accepted):
        connections = {"sql": {"accepted": accepted, "pools": {"a": [1, 10]}}}
        return ids(workload(replicas=4), facts=Facts(connections=connections))

    assert "too-many-connections" not in of(50)  # 4 pods and a surge of one
    assert "too-many-connections" in of(49)


def rated(item, rate):
    """Return an object that was rendered for a load."""
    return {**item, "metadata": {"name": "a", "annotations": {"capplan/peak-rps": rate}}}


@pytest.mark.parametrize(("rate", "enough"), [("135", True), ("136", False)])
def test_the_ceiling_carries_the_peak(rate, enough):
    """9 replicas at 15 requests/s each."""
    found = ids(rated(workload(), rate), rated(keda(), rate))
    assert ("ceiling-below-peak" not in found) is enough
    assert "figures-differ" in ids(rated(workload(), "1"), rated(keda(), "2"))


@given(st.integers(1, 200), st.integers(0, 100))
def test_a_budget_in_percent_lets_go_what_kubernetes_would(replicas, percent):
    """Kubernetes rounds both percentages up."""
    needed = -(-percent * replicas // 100)
    blocked = "pdb-blocks-drain" in ids(workload(replicas=replicas), pdb(minAvailable=f"{percent}%"))
    assert blocked is (replicas - needed < 1)
    blocked = "pdb-blocks-drain" in ids(workload(replicas=replicas), pdb(maxUnavailable=f"{percent}%"))
    assert blocked is (needed < 1)


@pytest.mark.parametrize(
    "script",
    [
        "(sleep 100 &); nginx -s quit",
        "timeout 10 sleep 100",
        "nginx -s quit # sleep 100",
        "echo sleep 100",
        "if true; then sleep 20; else sleep 20; fi",
        "exit 0; sleep 100",
        "test -f /x || sleep 100",
    ],
)
def test_a_script_whose_steps_need_not_run_is_no_sleep(script):
    hook = {"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", script]}}}}
    assert "pre-stop" not in ids(workload(container=hook))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_what_is_scaled_down_blocks_no_drain(kind):
    assert "pdb-blocks-drain" not in ids(workload(kind, replicas=0), pdb(minAvailable=1))
    assert "pdb-blocks-drain" in ids(workload(kind, replicas=1), pdb(minAvailable=1))


@pytest.mark.parametrize(("ports", "found"), [(("http", "metrics"), False), (("http", "web"), True)])
def test_one_of_the_services_that_a_monitor_selects_has_its_port(ports, found):
    services = [
        {
            **thing("Service"),
            "metadata": {"name": f"s{index}", "labels": {"app": "a"}},
            "spec": {"selector": {"app": "a"}, "ports": [{"name": port, "port": 80 + index}]},
        }
        for index, port in enumerate(ports)
    ]
    spec = {"selector": {"matchLabels": {"app": "a"}}, "endpoints": [{"port": "metrics"}]}
    monitor = thing("ServiceMonitor", spec=spec) | {"apiVersion": "monitoring.coreos.com/v1"}
    assert ("monitor-port" in ids(workload(), *services, monitor)) is found
