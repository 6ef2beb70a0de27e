"""Volumes: by the GiB, or one whole disk each."""

import pytest
from helpers import estimate_of, lines_by_sku, monthly

PLAN = """
    name: pv
    regions: {azure: eastus}
    demand: {requests_per_second: 1, profile: flat}
    services:
      web: {platform: kubernetes, cpu: 1, memory: 2Gi, service_time: 50ms, calls: {db: 1}}
    clusters:
      k: {platform: aks, pools: {p: {machine: Standard_D4s_v5, nodes: 3}}}
    databases:
      db: {platform: kubernetes, cpu: 1, memory: 4Gi, storage: 128Gi}
"""


@pytest.mark.parametrize(
    ("storage", "sku", "disks"),
    [
        ("32Gi", "P4-LRS-32GiB", 1),
        ("33Gi", "P6-LRS-64GiB", 1),
        ("2048Gi", "P40-LRS-2048GiB", 1),
        ("40000Gi", "P80-LRS-32767GiB", 2),
    ],
)
def test_one_volume_is_the_smallest_disk_that_holds_it(storage, sku, disks):
    found = lines_by_sku(estimate_of(PLAN, f"databases.db.storage={storage}"), "db")
    assert list(found) == [sku]
    assert found[sku][0].quantity.expected[0, 0] == disks


def test_two_tebibytes_cost_one_disk():
    assert monthly(estimate_of(PLAN, "databases.db.storage=2048Gi"), "db") == pytest.approx(259.05)


def test_each_scenario_gets_its_own_size():
    swept = estimate_of(PLAN, sweep=("databases.db.storage=32Gi,2048Gi,32Gi",))
    assert swept.cost_of("db").expected[:, 0].tolist() == pytest.approx([5.28, 259.05, 5.28])


def test_a_storage_class_names_the_kind_of_disk():
    cheap = estimate_of(PLAN, "databases.db.storage_class=E10-LRS-128GiB", "databases.db.storage=2048Gi")
    assert list(lines_by_sku(cheap, "db")) == ["E40-LRS-2048GiB"]


def test_boot_disks_of_nodes_are_whole_disks_too():
    pool = "clusters.k.pools.p.disk={type: P10-LRS-128GiB, size: 200Gi}"
    (line,) = lines_by_sku(estimate_of(PLAN, pool), "k/p")["P15-LRS-256GiB"]
    assert line.quantity.expected[0, 0] == pytest.approx(3)


def test_a_volume_by_the_gib_stays_by_the_gib():
    text = (
        PLAN.replace("azure: eastus", "aws: us-east-1")
        .replace("aks", "eks")
        .replace("Standard_D4s_v5", "m5.xlarge")
    )
    (line,) = lines_by_sku(estimate_of(text), "db")["gp3"]
    assert line.quantity.expected[0, 0] == 128


GROUP = """
    name: vms
    regions: {aws: eu-west-1, gcp: us-central1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      app:
        {platform: vm-group, provider: aws, machine: m5.large, throughput: 5/s, instances: {min: 2, max: 4}}
"""
ON = {
    "aws": ("m5.large", "gp3", 0.088 * 64),
    "gcp": ("e2-standard-2", "pd-ssd", 0.17 * 64),
    "azure": ("Standard_D2s_v5", "P6-LRS-64GiB", 10.21),
}


@pytest.mark.parametrize("provider", ON)
def test_machines_of_a_group_have_disks(provider):
    machine, sku, usd = ON[provider]
    group = (f"services.app.provider={provider}", f"services.app.machine={machine}")
    bare = estimate_of(GROUP, *group)
    with_disks = estimate_of(GROUP, *group, f"services.app.disk={{type: {sku}, size: 64Gi}}")
    assert monthly(with_disks, "app") - monthly(bare, "app") == pytest.approx(2 * usd, rel=0.01)


POOLS = """
    name: nodes
    regions: {aws: us-east-1, gcp: us-central1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      web: {platform: kubernetes, cpu: 500m, memory: 512Mi, cpu_time: 10ms, instances: {min: 2, max: 6}}
    clusters:
      k: {platform: gke, pools: {p: {machine: e2-standard-4, nodes: 3}}}
"""


@pytest.mark.parametrize(
    ("platform", "machine", "sku", "amount"),
    [
        ("gke", "n2-standard-8", "pd-balanced", 300),
        ("eks", "m5.large", "gp3", 240),
    ],
)
def test_nodes_start_with_the_disk_of_their_platform(platform, machine, sku, amount):
    sets = (f"clusters.k.platform={platform}", f"clusters.k.pools.p.machine={machine}")
    (line,) = lines_by_sku(estimate_of(POOLS, *sets), "k/p")[sku]
    assert line.quantity.expected[0, 0] == amount
    assert "default" in line.meter.note, "the plan did not say it"


def test_what_a_platform_decides_by_the_machine_is_not_made_up():
    sets = ("clusters.k.platform=aks", "clusters.k.pools.p.machine=Standard_D4s_v5")
    assert set(lines_by_sku(estimate_of(POOLS, *sets), "k/p")) == {"Standard_D4s_v5"}


def test_the_disk_of_the_plan_replaces_that_of_the_platform():
    found = lines_by_sku(estimate_of(POOLS, "clusters.k.pools.p.disk={type: pd-ssd, size: 30Gi}"), "k/p")
    assert "pd-balanced" not in found
    assert found["pd-ssd"][0].quantity.expected[0, 0] == 90
    assert found["pd-ssd"][0].meter.note == "boot disks"


def test_pods_that_load_weights_pay_for_the_volume_that_they_load_them_to():
    vllm = "{model: mistralai/Mistral-7B-Instruct-v0.2, cache: 40Gi}"
    result = estimate_of(POOLS, "services.web.instances=5", f"services.web.workload.vllm={vllm}")
    (line,) = lines_by_sku(result, "web")["pd-balanced"]
    assert line.quantity.expected[0, 0] == 5 * 40
    assert "web" not in {one.meter.component for one in estimate_of(POOLS).lines}
