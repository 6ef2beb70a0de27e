"""Terraform plans as input: what the catalogs know is priced by hand's figures, the rest is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import SHIPPED, moderate, monthly
from hypothesis import given
from hypothesis import strategies as st

from capplan.adopt.document import note_lines
from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt
from capplan.adopt.terraform import TYPES
from capplan.estimate import Estimate, estimate

NOTHING = AdoptOptions()


def resource(address: str, **values: Any) -> dict[str, Any]:
    kind, _, name = address.partition(".")
    return {"address": address, "mode": "managed", "type": kind, "name": name, "values": values}


def adopted(
    directory: Path,
    *resources: dict[str, Any],
    region: str | None = "us-east-1",
    references: dict | None = None,
    asked: AdoptOptions = NOTHING,
) -> Adopted:
    """Return what a plan of these resources is adopted as; ``references``: referred addresses by address."""
    configured = [
        {"address": address, "expressions": {"any": [{"id": {"references": found}}]}}
        for address, found in (references or {}).items()
    ]
    provider = {"aws": {"expressions": {"region": {"constant_value": region}}}} if region else {}
    plan = {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": list(resources)}},
        "configuration": {"provider_config": provider, "root_module": {"resources": configured}},
    }
    path = directory / "tfplan.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return adopt(path, asked)


def priced(directory: Path, *resources: dict[str, Any], **more: Any) -> Estimate:
    return estimate(adopted(directory, *resources, **more).file(), SHIPPED)


def test_an_autoscaling_group_is_a_range(tmp_path: Path) -> None:
    result = priced(
        tmp_path,
        resource("aws_autoscaling_group.web", min_size=2, max_size=10),
        resource("aws_launch_template.web", instance_type="m5.xlarge"),
        references={"aws_autoscaling_group.web": ["aws_launch_template.web.id", "aws_launch_template.web"]},
    )
    # m5.xlarge, Linux, us-east-1: $0.192 an hour; and the 8 GiB of gp2 of the usual images.
    assert result.total.floor.item() == pytest.approx(2 * (730 * 0.192 + 0.8))
    assert result.total.ceiling.item() == pytest.approx(10 * (730 * 0.192 + 0.8))


def test_a_node_group_is_a_pool_of_its_cluster(tmp_path: Path) -> None:
    result = priced(
        tmp_path,
        resource("aws_eks_cluster.main"),
        resource(
            "aws_eks_node_group.apps",
            instance_types=["m5.xlarge"],
            scaling_config=[{"min_size": 3, "max_size": 6}],
        ),
        references={"aws_eks_node_group.apps": ["aws_eks_cluster.main.name"]},
    )
    # A node has 20 GiB of gp2 unless its group says otherwise.
    assert result.total.floor.item() == pytest.approx(730 * (0.1 + 3 * 0.192) + 3 * 2)
    assert result.total.ceiling.item() == pytest.approx(730 * (0.1 + 6 * 0.192) + 6 * 2)


@pytest.mark.parametrize(("location", "zones"), [("us-central1", 3), ("us-central1-a", 1)])
def test_zones_multiply_a_gke_node_pool(location: str, zones: int, tmp_path: Path) -> None:
    pool = resource(
        "google_container_node_pool.apps",
        node_config=[{"machine_type": "e2-standard-4"}],
        autoscaling=[{"min_node_count": 1, "max_node_count": 4}],
    )
    result = priced(tmp_path, resource("google_container_cluster.main", location=location), pool)
    nodes = result.cost_of("main/apps")
    # 100 GiB of pd-balanced are the boot disk that GKE gives a node.
    assert nodes.floor.item() == pytest.approx(zones * (730 * 0.13402284 + 10))
    assert nodes.ceiling.item() == pytest.approx(4 * zones * (730 * 0.13402284 + 10))


def _azure_postgres(mode: list[dict[str, str]]) -> dict[str, Any]:
    return resource(
        "azurerm_postgresql_flexible_server.db",
        sku_name="GP_Standard_D4ds_v4",
        location="East US",
        storage_mb=32768,
        high_availability=mode,
    )


DATABASES: list[Callable[[bool], dict[str, Any]]] = [
    lambda high: _azure_postgres([{"mode": "ZoneRedundant"}] if high else []),
    lambda high: resource(
        "aws_db_instance.db",
        engine="postgres",
        instance_class="db.m5.xlarge",
        allocated_storage=100,
        multi_az=high,
    ),
    lambda high: resource(
        "google_sql_database_instance.db",
        database_version="POSTGRES_16",
        region="us-central1",
        settings=[
            {
                "tier": "db-custom-4-16384",
                "availability_type": "REGIONAL" if high else "ZONAL",
                "disk_size": 100,
            }
        ],
    ),
]


@pytest.mark.parametrize("database", DATABASES, ids=["azure", "aws", "gcp"])
def test_a_standby_in_a_nested_block_is_not_forgotten(
    database: Callable[[bool], dict[str, Any]], tmp_path: Path
) -> None:
    single, double = (monthly(priced(tmp_path, database(high))) for high in (False, True))
    assert single > 100
    assert double == pytest.approx(2 * single, rel=0.02)


def test_a_region_in_peoples_words_is_that_region(tmp_path: Path) -> None:
    for location in ("West Europe", "westeurope"):
        machine = resource("azurerm_linux_virtual_machine.vm", size="Standard_D4s_v5", location=location)
        found = adopted(tmp_path, machine, region=None)
        assert found.file().plan.regions == {"azure": "westeurope"}


def test_a_resource_without_a_region_is_named(tmp_path: Path) -> None:
    machine = resource("aws_instance.a", instance_type="m5.large")
    found = adopted(tmp_path, machine, region=None)
    assert "not covered: aws_instance.a: its region is not known; set --region" in note_lines(found.notes)
    assert not found.file().plan.services


def test_what_is_not_known_is_listed(tmp_path: Path) -> None:
    found = adopted(
        tmp_path,
        resource("aws_instance.a", instance_type="m5.large", availability_zone="us-east-1b"),
        resource("aws_instance.b", instance_type="x9.huge"),
        resource("aws_instance.c"),
        resource("aws_quantum_computer.r"),
        resource("aws_quantum_computer.s"),
        resource("aws_iam_role.r"),
        resource("aws_eks_node_group.lost", scaling_config=[{}]),
    )
    said = "\n".join(note_lines(found.notes))
    for text in (
        "aws_quantum_computer.r and 1 more: capplan does not know the type aws_quantum_computer",
        "no x9.huge of aws ec2",
        "aws_instance.c: instance_type is not known before apply",
        "aws_eks_node_group.lost: its cluster is not in the plan",
    ):
        assert text in said
    assert "free: {aws_iam_role: 1}" in found.text
    assert list(found.file().plan.services) == ["a", "lost"]


def test_modules_and_counts_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tfplan.json"
    machines = [
        {
            **resource("aws_instance.a", instance_type="m5.xlarge", availability_zone="us-east-1a"),
            "address": f"module.web.aws_instance.a[{index}]",
            "index": index,
        }
        for index in range(3)
    ]
    root = {"child_modules": [{"address": "module.web", "resources": machines}]}
    path.write_text(json.dumps({"planned_values": {"root_module": root}}))
    result = estimate(adopt(path, AdoptOptions()).file(), SHIPPED)
    assert monthly(result) == pytest.approx(3 * (730 * 0.192 + 0.8))


def test_caches_balancers_and_disks(tmp_path: Path) -> None:
    result = priced(
        tmp_path,
        resource("aws_elasticache_replication_group.r", node_type="cache.m5.large", num_cache_clusters=2),
        resource("google_redis_instance.m", tier="BASIC", memory_size_gb=5, region="us-central1"),
        resource("aws_lb.front", load_balancer_type="application"),
        resource("aws_nat_gateway.nat"),
        resource("google_compute_disk.d", size=100, type="pd-ssd", zone="us-central1-b"),
        resource("aws_ebs_volume.e", size=100, type="gp3", availability_zone="us-east-1a"),
    )
    by_name = {c.name: monthly(result, c.name) for c in result.components}
    assert by_name["front"] == pytest.approx(730 * 0.0225)
    assert by_name["nat"] == pytest.approx(730 * 0.045)
    assert by_name["d"] == pytest.approx(17.0)
    assert by_name["e"] == pytest.approx(8.0)
    assert by_name["r"] == pytest.approx(2 * 730 * 0.156)
    assert by_name["m"] > 0


def test_cloud_run_scales_between_its_counts(tmp_path: Path) -> None:
    template = {
        "max_instance_request_concurrency": 40,
        "scaling": [{"min_instance_count": 2, "max_instance_count": 9}],
        "containers": [{"resources": [{"limits": {"cpu": "1000m", "memory": "2Gi"}, "cpu_idle": False}]}],
    }
    found = adopted(
        tmp_path, resource("google_cloud_run_v2_service.api", location="us-central1", template=[template])
    )
    api = found.file().plan.services["api"]
    assert (api.cpu, api.memory, api.concurrency, api.billing) == (1.0, 2.0, 40, "instance")
    assert (api.instances.min, api.instances.max) == (2, 9)


def test_a_pool_is_counted_in_one_cluster_only(tmp_path: Path) -> None:
    clusters = [resource(f"aws_eks_cluster.{name}") for name in ("a", "b")]
    scaling = {"scaling_config": [{"min_size": 1, "max_size": 2}], "instance_types": ["m5.xlarge"]}
    pools = [resource(f"aws_eks_node_group.{name}", **scaling) for name in ("mine", "lost")]
    found = adopted(
        tmp_path, *clusters, *pools, references={"aws_eks_node_group.mine": ["aws_eks_cluster.a.name"]}
    )
    assert {name: list(c.pools) for name, c in found.file().plan.clusters.items()} == {"a": ["mine"]}


ASKED = AdoptOptions(region="us-east-1")
FIELDS = (
    *(
        "instance_type",
        "instance_types",
        "min_size",
        "max_size",
        "zone",
        "location",
        "scaling_config",
        "settings",
    ),
    *(
        "node_locations",
        "default_node_pool",
        "vm_size",
        "tier",
        "engine",
        "instance_class",
        "node_config",
        "size",
    ),
    *(
        "template",
        "containers",
        "resources",
        "limits",
        "cpu",
        "memory",
        "autoscaling",
        "sku_name",
        "database_version",
    ),
)
ANY = st.recursive(
    st.sampled_from([None, 0, -1, 3, 1.5, True, "", "x", "us-east-1a", "m5.xlarge", "db.m5.xlarge"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=12,
)


@moderate
@given(kind=st.sampled_from(sorted(TYPES)), values=st.dictionaries(st.sampled_from(FIELDS), ANY, max_size=8))
def test_whatever_a_resource_says_the_plan_can_be_read(
    kind: str, values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    disk = resource("aws_ebs_volume.disk", size=10, type="gp3")
    values = {"location": "somewhere", "region": "somewhere", **values}
    found = adopted(tmp_path_factory.mktemp("any"), disk, resource(f"{kind}.r", **values), asked=ASKED)
    assert found.file().plan.name == "tfplan"
