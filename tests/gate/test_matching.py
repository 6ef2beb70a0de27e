"""A charge is a machine of the plan only if it is the same thing, and cores and memory become machines."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capplan.gate.assembled import assembled
from capplan.gate.matching import Charge, SkuNames, Usage, in_unit, match, words_of


def charge(service: str, sku: str, hours: float = 10.0, unit: str = "Hrs", cost: float = 1.0) -> Charge:
    return Charge(service, sku, words_of(sku), Usage(hours, unit, cost))


def names(found: Charge, *planned: str, mapped: Mapping[str, str] | None = None) -> list[str]:
    estimated = {name: Usage(1.0, "hour", 1.0) for name in planned}
    return list(match([found], estimated, SkuNames(mapped or {})))


EC2 = "aws/ec2/c6g.2xlarge"


@pytest.mark.parametrize(
    ("service", "sku"),
    [
        ("AmazonEC2", "EUC1-BoxUsage:c6g.2xlarge"),
        ("Amazon Elastic Compute Cloud", "K7 | $0.27 per On Demand Linux c6g.2xlarge Instance Hour"),
        ("EC2", "c6g.2xlarge"),
    ],
)
def test_a_machine_is_found_by_its_type(service: str, sku: str) -> None:
    assert names(charge(service, sku), EC2) == [EC2]


@pytest.mark.parametrize(
    ("service", "sku"),
    [
        ("AmazonSageMaker", "EUC1-Train:ml.c6g.2xlarge"),
        ("ElasticMapReduce", "EUC1-BoxUsage:c6g.2xlarge"),
        ("AmazonES", "ESInstance:c6g.2xlarge"),
        ("AmazonECS", "ECS-EC2-GB-Hours:c6g.2xlarge"),
        ("AmazonEC2", "EUC1-SpotUsage:c6g.2xlarge"),
        ("AmazonEC2", "EUC1-DedicatedUsage:c6g.2xlarge"),
        ("AmazonEC2", "EUC1-UnusedBox:c6g.2xlarge"),
        ("EC2", "K7 | $0.27 per On Demand Linux c6g.2xlarge Instance Hour | Standard | Unused"),
        ("AmazonEC2", "EUC1-EBSOptimized:c6g.2xlarge"),
        ("AmazonEC2", "EUC1-BoxUsage:c6g.2xlarge | RunInstances:0002"),
        ("AmazonEC2", "$0.6 per On Demand Windows c6g.2xlarge Instance Hour"),
        ("AmazonEC2", "$0.6 per On Demand Linux with SQL Std c6g.2xlarge Instance Hour"),
        ("AmazonEC2", "EUC1-BoxUsage:db.c6g.2xlarge"),
    ],
)
def test_what_only_names_the_type_is_something_else(service: str, sku: str) -> None:
    assert names(charge(service, sku), EC2) == [f"{service}/{sku}"]


def test_a_marketplace_row_is_no_machine() -> None:
    row = Charge("AmazonEC2", "BoxUsage:c6g.2xlarge", "marketplace", Usage(1, "Hrs", 1.0))
    assert names(row, EC2) == ["AmazonEC2/BoxUsage:c6g.2xlarge"]


def test_spot_is_compared_with_spot() -> None:
    spot = f"{EC2} spot"
    assert names(charge("AmazonEC2", "SpotUsage:c6g.2xlarge"), EC2, spot) == [spot]
    assert names(charge("AmazonEC2", "BoxUsage:c6g.2xlarge"), EC2, spot) == [EC2]
    # capplan's own export: one identifier, told apart by the category of the price
    own = Charge("ec2", EC2, words_of("Dynamic"), Usage(1, "hour", 1.0))
    assert names(own, EC2, spot) == [spot]
    assert words_of("IP Addresses | Basic IPv4 Dynamic Public IP") == ""


@pytest.mark.parametrize(
    ("service", "sku", "planned", "same"),
    [
        ("AmazonRDS", "InstanceUsage:db.r6g.large", "aws/rds-postgres/db.r6g.large", True),
        ("AmazonRDS", "InstanceUsage:db.r6g.large | PostgreSQL", "aws/rds-postgres/db.r6g.large", True),
        ("AmazonRDS", "InstanceUsage:db.r6g.large | MySQL", "aws/rds-postgres/db.r6g.large", False),
        ("AmazonRDS", "Multi-AZUsage:db.r6g.large", "aws/rds-postgres/db.r6g.large", False),
        ("AmazonRDS", "Multi-AZUsage:db.r6g.large", "aws/rds-postgres/db.r6g.large multi-az", True),
        ("AmazonRDS", "InstanceUsage:db.r6g.large", "aws/rds-postgres/db.r6g.large multi-az", False),
        ("AmazonRDS", "CreateDBInstance:0021 db.r6g.large", "aws/aurora-postgres/db.r6g.large", True),
        ("AmazonRDS", "CreateDBInstance:0014 db.r6g.large", "aws/aurora-postgres/db.r6g.large", False),
        ("AmazonElastiCache", "NodeUsage:cache.m6g.large", "aws/elasticache-redis/cache.m6g.large", True),
        ("Virtual Machines", "Easv5 Series | E4as v5", "azure/virtual-machines/Standard_E4as_v5", True),
        (
            "Virtual Machines",
            "Easv5 Series Windows | E4as v5",
            "azure/virtual-machines/Standard_E4as_v5",
            False,
        ),
        (
            "Virtual Machines",
            "Easv5 | E4as v5 Low Priority",
            "azure/virtual-machines/Standard_E4as_v5",
            False,
        ),
        ("Virtual Machines", "FSv2 Series | F8s v2", "azure/virtual-machines/Standard_F8s", False),
        ("Virtual Machine Scale Sets", "K7 | F8s v2", "azure/virtual-machines/Standard_F8s_v2", True),
        ("Virtual Machines", "FSv2 Series | F8s v2", "azure/virtual-machines/Standard_F8s_v2", True),
        ("AmazonES", "EUC1-ESInstance:r6g.large", "aws/opensearch/r6g.large.search", True),
        ("AmazonES", "EUC1-ESInstance:r6g.large", "aws/ec2/r6g.large", False),
        ("Virtual Machines Licenses", "Windows | E4as v5", "azure/virtual-machines/Standard_E4as_v5", False),
    ],
)
def test_engine_and_standby_and_licence_tell_apart(service: str, sku: str, planned: str, same: bool) -> None:
    assert (names(charge(service, sku), planned) == [planned]) is same


def test_a_map_names_anything() -> None:
    row = charge("AmazonEC2", "SpotUsage:c6g.2xlarge")
    assert names(row, EC2, mapped={"SpotUsage:c6g.2xlarge": EC2}) == [EC2]


def parts(series: str, cores: float, memory: float, how: str = "", machine: str = "") -> list[Charge]:
    """Return a month of cores and GiB of a family, at $0.02 and $0.003."""
    words = f"{words_of(how)} {machine}".strip()
    return [
        Charge("Compute Engine", f"{how}{series} Instance {what} running in Iowa", words, usage)
        for what, usage in (
            ("Core", Usage(cores, "hour", cores * 0.02)),
            ("Ram", Usage(memory, "gibibyte hour", memory * 0.003)),
        )
    ]


def machines(charges: list[Charge], **planned: float) -> tuple[dict[str, Usage], list[str]]:
    estimated = {
        f"gcp/compute-engine/{name.replace('_', '-')}": Usage(hours, "hour", hours)
        for name, hours in planned.items()
    }
    kept, notes = assembled(charges, estimated)
    return match(kept, estimated, SkuNames({})), list(notes)


@given(st.floats(1.0, 1e6))
def test_cores_and_memory_are_the_machine_that_they_add_up_to(hours: float) -> None:
    found, notes = machines(parts("N2", 8 * hours, 32 * hours), n2_standard_8=730.0)
    usage = found["gcp/compute-engine/n2-standard-8"]
    assert usage.quantity == pytest.approx(hours)
    assert usage.cost == pytest.approx(8 * hours * 0.02 + 32 * hours * 0.003)
    assert notes == []


def test_two_shapes_of_a_family_follow_from_two_sums() -> None:
    billed = parts("N2", 8 * 100 + 4 * 50, 64 * 100 + 16 * 50)
    found, notes = machines(billed, n2_highmem_8=90.0, n2_standard_4=90.0)
    assert found["gcp/compute-engine/n2-highmem-8"].quantity == pytest.approx(100)
    assert found["gcp/compute-engine/n2-standard-4"].quantity == pytest.approx(50)
    assert sum(usage.cost or 0.0 for usage in found.values()) == pytest.approx(1000 * 0.02 + 7200 * 0.003)
    assert "nearest to the estimate" in notes[0]


def test_what_adds_up_to_no_machine_of_the_plan_stays_what_it_is() -> None:
    found, notes = machines(parts("N2", 800, 800), n2_standard_8=100.0)
    assert set(found) == {f"Compute Engine/N2 Instance {what} running in Iowa" for what in ("Core", "Ram")}
    assert notes == ["cores and memory of n2 do not add up to gcp/compute-engine/n2-standard-8"]


def test_a_machine_with_gpus_is_billed_in_three_parts() -> None:
    gpus = [
        Charge("Compute Engine", f"Nvidia {gpu} GPU {where}", words_of(where), Usage(60.0, "hour", 30.0))
        for gpu, where in (
            ("L4", "running in Iowa"),
            ("L4", "attached to Spot Preemptible VMs running in Iowa"),
            ("Tesla T4", "running in Iowa"),
        )
    ]
    billed = parts("G2", 12 * 60, 48 * 60)
    found, notes = machines([*billed, *gpus], g2_standard_12=50.0)
    assert found["gcp/compute-engine/g2-standard-12"] == Usage(
        pytest.approx(60.0), "hour", pytest.approx(720 * 0.02 + 2880 * 0.003 + 30)
    )
    assert len(found) == 3
    assert notes == []
    found, notes = machines([*billed, gpus[1]], g2_standard_12=50.0)
    assert "gcp/compute-engine/g2-standard-12" not in found
    assert sum(usage.cost or 0.0 for usage in found.values()) == pytest.approx(720 * 0.02 + 2880 * 0.003 + 30)
    assert len(notes) == 1


def test_families_and_spot_are_not_mixed() -> None:
    for billed in (
        parts("N2D AMD", 8, 32),
        parts("N2", 8, 32, how="Spot Preemptible "),
        parts("N2", 8, 32, how="Preemptible "),
        parts("N2 Custom", 8, 32),
    ):
        found, _ = machines(billed, n2_standard_8=100.0)
        assert "gcp/compute-engine/n2-standard-8" not in found


def test_a_bill_that_names_machines_needs_no_solving() -> None:
    billed = parts("E2", 0.5 * 70, 2 * 70, machine="machine:e2-small") + parts(
        "E2", 8 * 9, 32 * 9, machine="machine:e2-standard-8"
    )
    found, notes = machines(billed, e2_small=100.0, e2_standard_8=100.0)
    assert found["gcp/compute-engine/e2-small"].quantity == pytest.approx(70)
    assert found["gcp/compute-engine/e2-standard-8"].quantity == pytest.approx(9)
    assert notes == []


METERS = [
    ("AmazonEC2/EUC1-EBS:VolumeUsage.gp3", "GB-Mo", "aws/ebs/gp3", "GiB-month"),
    ("AmazonEC2/USE2-DataTransfer-Out-Bytes", "GB", "aws/egress-internet/internet", "GiB"),
    ("AWSELB/USW2-LCUUsage", "LCU-Hrs", "aws/elb/alb-lcu", "LCU-hour"),
    ("AmazonRDS/RDS:GP3-Storage", "GB-Mo", "aws/rds-postgres/storage-gp3", "GiB-month"),
    ("AmazonRDS/RDS:GP3-Storage", "GB-Mo", "aws/rds-mysql/storage-general-purpose", "GiB-month"),
    (
        "Amazon Simple Storage Service/K7 | $0.02 per GB | EUC1-TimedStorage-ByteHrs | AmazonS3",
        "GB-Months",
        "aws/s3/standard",
        "GiB-month",
    ),
    ("Compute Engine/SSD backed PD Capacity", "gibibyte month", "gcp/persistent-disk/pd-ssd", "GiB-month"),
    (
        "Cloud SQL/Cloud SQL for MySQL: Zonal - RAM in Finland",
        "gibibyte hour",
        "gcp/cloud-sql-mysql/enterprise-ram",
        "GiB-hour",
    ),
    (
        "Cloud SQL/Cloud SQL for PostgreSQL: Zonal - Standard storage in Finland",
        "gibibyte month",
        "gcp/cloud-sql/storage-ssd",
        "GiB-month",
    ),
    ("Kubernetes Engine/Zonal Kubernetes Clusters", "hour", "gcp/gke/cluster-management-fee", "hour"),
    (
        "Storage/Premium SSD Managed Disks | P20 LRS Disk",
        "1/Month",
        "azure/managed-disk/P20-LRS-512GiB",
        "month",
    ),
    ("NAT Gateway/NAT Gateway | Standard Gateway", "Hour", "azure/nat-gateway/hour", "hour"),
]


@pytest.mark.parametrize(("billed", "unit", "planned", "planned_unit"), METERS)
def test_a_meter_is_what_the_price_list_calls_it(
    billed: str, unit: str, planned: str, planned_unit: str
) -> None:
    service, _, sku = billed.partition("/")
    row = Charge(service, sku, words_of(sku), Usage(10.0, unit, 1.0))
    other = planned.replace("-ssd", "-standard").replace("gp3", "gp2").replace("P20", "P30")
    estimated = {name: Usage(1.0, planned_unit, 1.0) for name in (other, planned)}
    assert match([row], estimated, SkuNames({}))[planned] == Usage(10.0, planned_unit, 1.0)
    assert match([row], {"aws/s3/express": Usage(1.0, "GiB-month", 1.0)}, SkuNames({})) == {
        row.name: row.usage
    }


def test_a_meter_that_may_be_two_lines_is_neither() -> None:
    row = charge("AmazonRDS", "RDS:GP3-Storage", unit="GB-Mo")
    both = ("aws/rds-postgres/storage-gp3", "aws/rds-mysql/storage-gp3")
    assert names(row, *both) == [row.name]
    row = charge("AmazonRDS", "RDS:GP3-Storage | CreateDBInstance:0014", unit="GB-Mo")
    assert names(row, both[1]) == [row.name]


def test_what_is_not_matched_says_what_other_columns_say() -> None:
    row = Charge("AmazonEC2", "BoxUsage:c6g.2xlarge", "licensed", Usage(1.0, "Hrs", 1.0))
    assert names(row, EC2) == ["AmazonEC2/BoxUsage:c6g.2xlarge | licensed"]
    for pattern in ("AmazonEC2/BoxUsage:c6g.2xlarge | licensed", "AmazonEC2/BoxUsage:c6g.2xlarge"):
        assert names(row, EC2, mapped={pattern: EC2}) == [EC2]


def test_a_map_has_patterns_and_knows_which_were_used() -> None:
    mapped = SkuNames({"*EBS:Volume*": "aws/ebs/gp3", "never": "aws/ebs/gp2"})
    rows = [charge("AmazonEC2", f"{zone}-EBS:VolumeIOUsage") for zone in ("EUC1", "USE2")]
    assert list(match(rows, {}, mapped)) == ["aws/ebs/gp3"]
    assert mapped.used == {"*EBS:Volume*"}


@pytest.mark.parametrize(
    ("unit", "into", "quantity"),
    [
        ("100 Hours", "hour", 100.0),
        ("GiB-Hours", "GiB-hour", 1.0),
        ("GB-Months", "GiB-month", 1.0),
        ("1000000 Tokens", "1M tokens", 1.0),
        ("1K tokens", "1M tokens", 0.001),
        ("10K", "request", 10_000.0),
        ("vCPU-Hours", "vCPU-second", 3600.0),
        ("mebibyte", "GiB", 1 / 1024),
        ("seconds", "hour", None),
        ("Hours", "GiB-month", None),
    ],
)
def test_units_are_read_as_providers_write_them(unit: str, into: str, quantity: float | None) -> None:
    found = in_unit(Usage(1.0, unit, 2.0), into)
    assert found == (None if quantity is None else Usage(pytest.approx(quantity), into, 2.0))
