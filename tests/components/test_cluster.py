"""Kubernetes clusters: the fee, and pools packed with pods."""

import pytest
from helpers import codes, component, estimate_of, lines_by_sku, monthly, peak

from capplan.errors import InputError

GKE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 100, profile: flat}
    pricing: {sustained_use: false}
    services:
      api: {platform: kubernetes, cpu: 1, memory: 2Gi, throughput: 10/s}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 20}}}}
"""
NODE_USD = 0.134012
"""e2-standard-4 in us-central1, an hour."""


def pool(change: str) -> str:
    return f"clusters.main.pools.default.{change}"


def test_pods_are_packed_on_what_nodes_leave():
    # e2-standard-4 leaves 3.92 − 0.384 = 3.536 cores to the plan: three pods of one core on a node.
    result = estimate_of(GKE)
    assert peak(result, "api") == 10
    assert peak(result, "main/default") == 4
    # Each with GKE's default boot disk of 100 GiB at $0.10.
    assert monthly(result, "main/default") == pytest.approx(4 * (730 * NODE_USD + 10), rel=1e-4)
    assert monthly(result, "main") == pytest.approx(73)
    assert monthly(result, "api") == 0
    assert component(result, "api").billed_with == "main"


@pytest.mark.parametrize(
    ("platform", "machine", "nodes"), [("eks", "m5.xlarge", 4), ("aks", "Standard_D4s_v5", 4)]
)
def test_the_other_platforms(platform, machine, nodes):
    pools = f"{{default: {{machine: {machine}, nodes: {{min: 1}}}}}}"
    cluster = f"clusters={{main: {{platform: {platform}, pools: {pools}}}}}"
    assert peak(estimate_of(GKE, "clusters=null", cluster), "main/default") == nodes


def test_own_daemonsets_replace_the_platforms():
    roomy = estimate_of(GKE, pool("daemonsets={cpu: 1m, memory: 1Mi, pods: 1}"))
    tight = estimate_of(GKE, pool("daemonsets={cpu: 2, memory: 1Mi, pods: 1}"))
    assert (peak(roomy, "main/default"), peak(tight, "main/default")) == (4, 10)


def test_a_pod_limit_binds_small_pods():
    small = ("services.api.cpu=1m", "services.api.memory=1Mi")
    assert peak(estimate_of(GKE, *small), "main/default") == 1
    # 10 places, 8 of them for GKE's own DaemonSets.
    assert peak(estimate_of(GKE, *small, pool("max_pods=10")), "main/default") == 5


def test_two_services_share_a_pool():
    other = "services.job={platform: kubernetes, cpu: 500m, memory: 2Gi, throughput: 100/s}"
    entry = "demand.entry={api: 1, job: 1}"
    result = estimate_of(GKE, other, entry)
    assert (peak(result, "api"), peak(result, "job")) == (5, 1)
    assert peak(result, "main/default") == 2


def test_pods_go_to_the_pool_they_name():
    second = "clusters.main.pools.other={machine: e2-standard-8, nodes: {min: 0}}"
    first = estimate_of(GKE, second)
    named = estimate_of(GKE, second, "services.api.pool=other")
    assert (peak(first, "main/default"), peak(first, "main/other")) == (4, 0)
    assert (peak(named, "main/default"), peak(named, "main/other")) == (1, 2)


def test_a_pool_that_stops_too_early_is_an_error():
    result = estimate_of(GKE, pool("nodes={min: 1, max: 3}"))
    (finding,) = [f for f in result.findings if f.code == "pool-too-small"]
    assert finding.remedy == "Raise nodes.max to 4."


def test_pods_that_fit_no_node_are_an_error():
    result = estimate_of(GKE, "services.api.memory=20Gi", "services.api.gpu=1")
    (finding,) = [f for f in result.findings if f.code == "pod-fits-no-node"]
    assert finding.severity == "error"
    assert "20 GiB of" in finding.message
    assert "1 GPU of 0" in finding.message


def test_a_zonal_cluster_is_free_once_an_account():
    one = estimate_of(GKE, "clusters.main.zonal=true")
    assert monthly(one, "main") == 0
    second = "clusters.more={platform: gke, zonal: true, pools: {p: {machine: e2-standard-4, nodes: 1}}}"
    two = estimate_of(GKE, "clusters.main.zonal=true", second, "services.api.cluster=main")
    # 1,460 cluster-hours less the 744 that Google credits.
    assert monthly(two, "main") + monthly(two, "more") == pytest.approx((1460 - 744) * 0.1)


def test_aks_pays_for_its_control_plane_only_in_the_standard_tier():
    aks = "clusters={main: {platform: aks, pools: {default: {machine: Standard_D4s_v5, nodes: 3}}}}"
    assert monthly(estimate_of(GKE, "clusters=null", aks), "main") == 0
    assert monthly(
        estimate_of(GKE, "clusters=null", aks, "clusters.main.tier=standard"), "main"
    ) == pytest.approx(73)


GPU = "services.api={platform: kubernetes, gpu: 1, throughput: 50/s, cpu: 1, memory: 2Gi}"


def test_added_gpus_are_billed_with_their_node():
    gpu = "{type: nvidia-tesla-t4, count: 1}"
    node = f"clusters.main.pools.default={{machine: n1-standard-4, gpu: {gpu}, nodes: {{min: 0}}}}"
    result = estimate_of(GKE, GPU, node)
    assert peak(result, "main/default") == 2
    lines = lines_by_sku(result, "main/default")
    assert float(lines["nvidia-tesla-t4"][0].quantity.expected[0, 0]) == pytest.approx(2 * 730)
    # The published price of an n1-standard-4 with a T4: 0.54 an hour.
    assert monthly(result, "main/default") == pytest.approx(2 * (730 * 0.54 + 10), rel=1e-4)


def test_a_gpu_machine_brings_its_own():
    result = estimate_of(GKE, GPU, "clusters.main.pools.default={machine: g2-standard-8, nodes: {min: 0}}")
    assert peak(result, "main/default") == 2
    assert set(lines_by_sku(result, "main/default")) == {"g2-standard-8", "pd-balanced"}


@pytest.mark.parametrize(
    ("machine", "gpu", "what"),
    [
        ("g2-standard-8", "nvidia-l4", "already includes 1 × L4"),
        ("e2-standard-4", "nvidia-tesla-t4", "only N1 machines take added GPUs"),
        ("n1-standard-4", "nvidia-tesla-t5", "unknown SKU 'nvidia-tesla-t5'"),
    ],
)
def test_gpus_that_cannot_be_added_are_refused(machine, gpu, what):
    with pytest.raises(InputError) as caught:
        estimate_of(GKE, pool(f"machine={machine}"), pool(f"gpu={{type: {gpu}, count: 1}}"))
    assert what in str(caught.value)


def test_other_providers_sell_gpus_only_in_machines():
    eks = "clusters={main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: 1, gpu: {type: x}}}}}"
    with pytest.raises(InputError, match="aws sells GPUs only as part of a machine"):
        estimate_of(GKE, "clusters=null", eks)


def test_boot_disks_come_with_every_node():
    result = estimate_of(GKE, pool("disk={type: pd-balanced, size: 100Gi}"))
    (line,) = lines_by_sku(result, "main/default")["pd-balanced"]
    assert float(line.quantity.expected[0, 0]) == pytest.approx(400)


def test_azure_sells_disks_by_the_piece():
    disk = "disk: {type: P10-LRS-128GiB, size: 128Gi}"
    pools = f"{{default: {{machine: Standard_D4s_v5, nodes: 3, {disk}}}}}"
    aks = f"clusters={{main: {{platform: aks, pools: {pools}}}}}"
    (line,) = lines_by_sku(estimate_of(GKE, "clusters=null", aks), "main/default")["P10-LRS-128GiB"]
    assert float(line.quantity.expected[0, 0]) == pytest.approx(3)


def test_floor_and_ceiling_follow_the_pods():
    result = estimate_of(GKE, "services.api.instances={min: 2, max: 30}", pool("nodes={min: 0, max: 20}"))
    sizing = component(result, "main/default").sizing
    assert [float(v[0, 0]) for v in (sizing.floor, sizing.peak, sizing.ceiling)] == [1, 4, 10]


def test_a_pool_without_pods_may_be_filled_by_others():
    result = estimate_of(GKE, "services=null", "services={web: {platform: cloud-run, service_time: 1s}}")
    sizing = component(result, "main/default").sizing
    assert [float(v[0, 0]) for v in (sizing.floor, sizing.ceiling)] == [1, 20]
    assert "unsized" not in codes(result)


def test_a_pod_too_large_in_one_scenario_stays_in_the_others():
    result = estimate_of(GKE, sweep=("services.api.memory=2Gi,100Gi",))
    assert component(result, "main/default").sizing.peak[0, 0] == 4


def test_a_swept_pod_limit_holds_in_its_own_scenario():
    small = ("services.api.cpu=1m", "services.api.memory=1Mi", pool("max_pods=110"))
    result = estimate_of(GKE, *small, sweep=(pool("max_pods=10,110"),))
    assert component(result, "main/default").sizing.peak.ravel().tolist() == [5, 1]
