"""What pods request as a whole, and which nodes they ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifested import AWS, AZURE, GCP, adopted, codes, costs, pod, tree_of


def service(found, name="web"):
    return tree_of(found)["services"][name]


def size(found, name="web"):
    tree = service(found, name)
    return tree["cpu"], tree["memory"]


def overhead(found, name="web"):
    tree = service(found, name)
    return tree.get("overhead_cpu"), tree.get("overhead_memory")


def pools(found):
    return tree_of(found)["clusters"]["cluster"]["pools"]


OWN = "resources: {requests: {cpu: 2, memory: 4Gi}, limits: {cpu: 3, memory: 4Gi}}\n"


def test_a_pod_says_its_own_requests(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod("{}", OWN))
    assert size(found) == (2, "4Gi")
    assert (service(found)["cpu_limit"], service(found)["memory_limit"]) == (3, "4Gi")
    assert "assumed-requests" not in codes(found)
    assert costs(found) == costs(adopted(tmp_path, pod("{cpu: 2, memory: 4Gi}")))


@pytest.mark.parametrize(
    ("containers", "own", "expected"),
    [
        ("{cpu: 100m, memory: 64Mi}", "{requests: {cpu: 2}}", (2, "64Mi")),
        ("{cpu: 100m, memory: 64Mi}", "{limits: {cpu: 2, memory: 2Gi}}", ("100m", "64Mi")),
        ("{memory: 64Mi}", "{limits: {cpu: 2, memory: 2Gi}}", (2, "64Mi")),
    ],
)
def test_what_a_pod_leaves_open_comes_from_its_containers_and_then_from_its_limits(
    tmp_path: Path, containers: str, own: str, expected: tuple[object, str]
) -> None:
    assert size(adopted(tmp_path, pod(containers, f"resources: {own}\n"))) == expected


RUNTIME = """
    apiVersion: node.k8s.io/v1
    kind: RuntimeClass
    metadata: {name: kata}
    handler: kata
    overhead: {podFixed: {cpu: 250m, memory: 160Mi}}
    scheduling: {nodeSelector: {runtime: kata}}
"""


def test_a_runtime_adds_its_overhead_and_chooses_its_nodes(tmp_path: Path) -> None:
    found = adopted(tmp_path, pod(more="runtimeClassName: kata\n"), RUNTIME)
    assert size(found) == ("500m", "1Gi")
    assert overhead(found) == ("250m", "160Mi")
    assert list(pools(found)) == ["kata"]
    said = adopted(tmp_path, pod(more="overhead: {cpu: 100m}\n"))
    assert (size(said)[0], overhead(said)) == ("500m", ("100m", None))
    unknown = adopted(tmp_path, pod(more="runtimeClassName: gvisor\n"))
    assert any("gvisor" in note.message for note in unknown.notes)


def test_sidecars_run_and_other_init_containers_do_not(tmp_path: Path) -> None:
    inits = """
        initContainers:
        - {name: proxy, restartPolicy: Always, resources: {requests: {cpu: 300m, memory: 256Mi}}}
        - {name: migrate, resources: {requests: {cpu: 400m, memory: 2Gi}}}
    """
    # The migration runs beside the sidecar and before the container: 256 MiB + 2 GiB of the node's memory.
    found = adopted(tmp_path, pod(more=inits))
    assert (size(found), overhead(found)) == (("800m", "1280Mi"), (None, "1Gi"))


def test_what_starts_a_pod_takes_room_on_its_node_and_serves_nothing(tmp_path: Path) -> None:
    warm = "initContainers: [{name: warm, resources: {requests: {cpu: 2500m, memory: 1Gi}}}]\n"
    twelve = "replicas: 12\n"
    plain, heavy = adopted(tmp_path, pod(spec=twelve)), adopted(tmp_path, pod(more=warm, spec=twelve))
    assert (size(heavy), overhead(heavy)) == (size(plain), (2, None))
    assert sum(costs(heavy).values()) > sum(costs(plain).values())


@pytest.mark.parametrize(
    ("more", "pool", "machine"),
    [
        ("nodeSelector: {kubernetes.io/arch: arm64}", "arm64", "m7g.xlarge"),
        ("nodeSelector: {kubernetes.io/arch: amd64, kubernetes.io/os: linux}", "default", "m5.xlarge"),
        ("nodeSelector: {topology.kubernetes.io/zone: us-east-1a}", "default", "m5.xlarge"),
        ("nodeSelector: {team: payments}", "payments", "m5.xlarge"),
        ("nodeSelector: {example.com/batch: 'true'}", "batch", "m5.xlarge"),
        ("nodeSelector: {team: payments, kubernetes.io/arch: arm64}", "payments-arm64", "m7g.xlarge"),
        ("nodeSelector: {karpenter.k8s.aws/instance-family: c6i}", "c6i", "c6i.xlarge"),
        ("nodeSelector: {node.kubernetes.io/instance-type: r6i.large}", "r6i-large", "r6i.large"),
        ("nodeSelector: {karpenter.sh/capacity-type: spot}", "default-spot", "m5.xlarge"),
    ],
)
def test_labels_choose_the_pool(tmp_path: Path, more: str, pool: str, machine: str) -> None:
    found = pools(adopted(tmp_path, pod(more=f"{more}\n")))
    assert {name: tree["machine"] for name, tree in found.items()} == {pool: machine}


@pytest.mark.parametrize(
    ("accelerator", "pool", "machine"),
    [
        ("nvidia-l4", "gpu", "g2-standard-4"),
        ("nvidia-tesla-a100", "nvidia-tesla-a100", "a2-highgpu-1g"),
        ("nvidia-tesla-t4", "nvidia-tesla-t4", "n1-standard-4"),
    ],
)
def test_an_accelerator_decides_the_machine(
    tmp_path: Path, accelerator: str, pool: str, machine: str
) -> None:
    label = f"nodeSelector: {{cloud.google.com/gke-accelerator: {accelerator}}}\n"
    found = pools(adopted(tmp_path, pod("{cpu: 1, memory: 1Gi, nvidia.com/gpu: 1}", label), asked=GCP))
    assert {name: tree["machine"] for name, tree in found.items()} == {pool: machine}
    assert ("gpu" in found[pool]) == (machine == "n1-standard-4")


CHOICE = (
    "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
    "[{matchExpressions: [{key: node.kubernetes.io/instance-type, operator: In, values: [%s]}]}]}}}\n"
)


@pytest.mark.parametrize(
    ("more", "assumed"),
    [
        (CHOICE % "r5.xlarge", False),
        (CHOICE % "r5.xlarge, m5.xlarge", True),
        ("nodeSelector: {node.kubernetes.io/instance-type: r5.xlarge}\n", False),
        ("nodeSelector: {karpenter.k8s.aws/instance-family: r5}\n", True),
    ],
)
def test_a_machine_that_labels_leave_open_is_assumed(tmp_path: Path, more: str, assumed: bool) -> None:
    found = adopted(tmp_path, pod(more=more))
    (pool,) = pools(found).values()
    assert pool["machine"] == "r5.xlarge"
    assert ("assumed-machine" in codes(found)) == assumed
    told = AWS._replace(node_types={"default": "m5.xlarge", next(iter(pools(found))): "c5.xlarge"})
    assert "assumed-machine" not in codes(adopted(tmp_path, pod(more=more), asked=told))


def test_a_pool_of_daemonsets_alone_has_no_nodes(tmp_path: Path) -> None:
    daemon = pod(name="driver", kind="DaemonSet", more="nodeSelector: {gpu: 'true'}\n")
    found = adopted(tmp_path, pod(), daemon)
    assert pools(found)["gpu"]["nodes"] == {"min": 0, "max": 0}
    assert any("no other pods choose pool gpu" in note.message for note in found.notes)
    assert costs(found)


def test_tolerations_without_a_selector_are_said(tmp_path: Path) -> None:
    tolerations = "tolerations: [{key: dedicated, value: batch}]\n"
    assert "assumed-value" in codes(adopted(tmp_path, pod(more=tolerations)))
    chosen = f"{tolerations}nodeSelector: {{dedicated: batch}}\n"
    assert "assumed-value" not in codes(adopted(tmp_path, pod(more=chosen)))
    usual = "tolerations: [{key: node.kubernetes.io/not-ready}, {key: nvidia.com/gpu}]\n"
    assert "assumed-value" not in codes(adopted(tmp_path, pod(more=usual)))


@pytest.mark.parametrize(
    ("requests", "more", "named"),
    [
        ("{cpu: 1, memory: 1Gi, aws.amazon.com/neuron: 1}", "", "aws.amazon.com/neuron"),
        ("{cpu: 1, memory: 1Gi}", "resourceClaims: [{name: gpu}]\n", "resource claim gpu"),
        ("{cpu: 1, memory: 1Gi, ephemeral-storage: 40Gi}", "", "requests 40Gi of its node's disk"),
        ("{cpu: 1, memory: 1Gi}", "nodeSelector: {kubernetes.io/os: windows}\n", "licence of Windows"),
    ],
)
def test_what_has_no_price_is_named(tmp_path: Path, requests: str, more: str, named: str) -> None:
    found = adopted(tmp_path, pod(requests, more), asked=AZURE)
    said = [note.message for note in found.notes if note.code == "unpriced-attribute"]
    (message,) = (one for one in said if "system disks" not in one)
    assert named in message


@pytest.mark.parametrize(("asked", "severity"), [("1Gi", "info"), ("1025Mi", "warning")])
def test_little_of_a_nodes_disk_is_assumed_to_fit(tmp_path: Path, asked: str, severity: str) -> None:
    found = adopted(tmp_path, pod(f"{{cpu: 1, memory: 1Gi, ephemeral-storage: {asked}}}"))
    assert [note.severity for note in found.notes if "node's disk" in note.message] == [severity]


def test_a_rollout_runs_its_own_pods_or_those_of_a_deployment(tmp_path: Path) -> None:
    own = pod(kind="Rollout", api="argoproj.io/v1alpha1", spec="replicas: 4\n")
    assert service(adopted(tmp_path, own))["instances"] == 4
    refers = """
        apiVersion: argoproj.io/v1alpha1
        kind: Rollout
        metadata: {name: shop}
        spec: {replicas: 5, workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
    """
    found = adopted(tmp_path, pod(spec="replicas: 3\n"), refers)
    assert list(tree_of(found)["services"]) == ["shop"]
    assert service(found, "shop")["instances"] == 5
    assert size(found, "shop") == ("500m", "1Gi")


def test_what_runs_today_stands_between_the_bounds(tmp_path: Path) -> None:
    hpa = """
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata: {name: web}
        spec: {scaleTargetRef: {kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 9}
    """
    assert service(adopted(tmp_path, pod(spec="replicas: 4\n"), hpa))["instances"] == {
        "min": 2,
        "desired": 4,
        "max": 9,
    }
    for outside in ("replicas: 1\n", ""):
        assert service(adopted(tmp_path, pod(spec=outside), hpa))["instances"] == {"min": 2, "max": 9}


def test_jobs_that_the_server_names_are_all_counted(tmp_path: Path) -> None:
    job = pod(kind="Job", api="batch/v1").replace("{name: web}", "{generateName: load-}", 1)
    services = tree_of(adopted(tmp_path, job, job))["services"]
    assert len(services) == 2
