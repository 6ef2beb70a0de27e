"""GKE Autopilot bills what pods request."""

import pytest
from helpers import estimate_of, lines_by_sku, monthly, plan_of

from capplan.components.autopilot import billed_size
from capplan.errors import InputError

VCPU, GIB, EPHEMERAL = 0.0445, 0.0049225, 0.0000548
PLAN = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 40, profile: flat}
services:
  web: {platform: kubernetes, cpu: %s, memory: %s, throughput: 10/s, instances: {min: 2, max: 20}}
clusters:
  k: {platform: gke, mode: autopilot%s}
"""


@pytest.mark.parametrize(
    ("asked", "billed"),
    [
        ((0.5, 1.0), (0.5, 1.0)),
        ((0.01, 0.02), (0.05, 0.052)),
        ((1.0, 0.5), (1.0, 1.0)),
        ((0.25, 6.5), (1.0, 6.5)),
    ],
)
def test_requests_are_raised_to_what_the_class_allows(asked, billed):
    assert [float(part) for part in billed_size(*asked)] == pytest.approx(list(billed), rel=0.03)


@pytest.mark.parametrize(("cpu", "memory"), [("31", "40Gi"), ("8", "111Gi")])
def test_a_pod_that_autopilot_rejects_has_no_price(cpu, memory):
    with pytest.raises(InputError, match=r"services\.web: a pod of .* is more than Autopilot takes, 30 vCPU"):
        estimate_of(PLAN % (cpu, memory, ""))
    assert monthly(estimate_of(PLAN % ("30", "110Gi", "")), "web") > 0


def test_pods_are_billed_and_there_are_no_nodes():
    found = estimate_of(PLAN % ("500m", "1Gi", ""))
    assert [c.name for c in found.components] == ["web", "k"]
    assert monthly(found, "web") == pytest.approx(4 * 730 * (0.5 * VCPU + GIB + EPHEMERAL), rel=1e-3)
    assert monthly(found, "k") == pytest.approx(73.0)


def test_spot_pods_have_their_own_price():
    found = estimate_of(PLAN % ("500m", "1Gi", ", spot: 50%"))
    hours = {
        sku: float(sum(line.quantity.expected.sum() for line in lines))
        for sku, lines in lines_by_sku(found, "web").items()
    }
    assert hours["autopilot-vcpu"] == hours["autopilot-spot-vcpu"] == pytest.approx(730)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (", pools: {default: {machine: e2-standard-4, nodes: 1}}", "Autopilot manages the nodes itself"),
        ("}\n  e: {platform: gke", "a cluster needs a node pool"),
    ],
)
def test_pools_are_for_standard_clusters(changed, said):
    with pytest.raises(InputError) as error:
        plan_of((PLAN % ("1", "1Gi", changed)).replace("memory: 1Gi", "memory: 1Gi, cluster: k"))
    assert said in str(error.value)


def test_gpus_are_refused():
    text = (PLAN % ("1", "1Gi", "")).replace("memory: 1Gi", "memory: 1Gi, gpu: 1")
    with pytest.raises(InputError, match="GPUs of pods on Autopilot have no price here"):
        plan_of(text)


def test_files_and_simulation_know_no_nodes(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN % ("500m", "1Gi", ""))
    made = capplan("render-manifests", tmp_path, "-o", tmp_path / "out")
    assert made.exit_code == 0, made.stderr
    script = (tmp_path / "out" / "commands" / "gcloud.sh").read_text()
    assert "create-auto k" in script
    assert "node-pools" not in script
    simulated = capplan("simulate", tmp_path, "--days", "0.1", "--steady")
    assert simulated.exit_code == 0, simulated.stderr
    assert capplan("prove", tmp_path).exit_code == 0
