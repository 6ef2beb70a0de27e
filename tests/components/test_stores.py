"""Databases and caches."""

import pytest
from helpers import codes, estimate_of, lines_by_sku, moderate, monthly
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError

BASE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      api: {platform: vm-group, provider: aws, machine: m5.large, throughput: 10/s, calls: {d: 3}}
"""


def store(spec: str, *sets: str, kind="databases"):
    return estimate_of(BASE, f"{kind}={{d: {{{spec}}}}}", *sets)


def cost_of(spec: str, kind="databases") -> float:
    return monthly(store(spec, kind=kind), "d")


SINGLE = [
    "platform: cloud-sql, engine: mysql, machine: db-n1-standard-2",
    "platform: cloud-sql, engine: postgres, machine: db-custom-4-16384, storage: 100Gi",
    "platform: cloud-sql, engine: mysql, machine: db-custom-3-12288",
    "platform: cloud-sql, engine: mysql, machine: db-f1-micro",
    "platform: rds, engine: postgres, machine: db.r6g.xlarge",
    "platform: rds, engine: mysql, machine: db.t3.large, storage: 20Gi",
    "platform: azure-postgresql, machine: GP_Standard_D4ds_v4",
    "platform: azure-postgresql, machine: B1MS, storage: 32GB",
]


@pytest.mark.parametrize("spec", SINGLE)
def test_a_standby_at_least_doubles(spec):
    assert cost_of(spec + ", high_availability: true") >= 2 * cost_of(spec) * (1 - 1e-9)


def test_a_custom_machine_is_its_cores_and_memory():
    listed = cost_of("platform: cloud-sql, engine: postgres, machine: db-custom-4-16384")
    assert listed == pytest.approx(730 * (4 * 0.0413 + 16 * 0.007))
    # Not in the list, so made up from the unit rates.
    assert cost_of("platform: cloud-sql, engine: postgres, machine: db-custom-6-24576") == pytest.approx(
        1.5 * listed
    )


def test_cloud_sql_storage_and_backup():
    backup = "backup: {retention: 7d, daily_change: 5%}"
    result = store(f"platform: cloud-sql, engine: mysql, machine: db-n1-standard-2, storage: 100Gi, {backup}")
    lines = lines_by_sku(result, "d")
    assert float(lines["storage-ssd"][0].cost.expected[0, 0]) == pytest.approx(17)
    copies = float(lines["backup"][0].quantity.expected[0, 0])
    assert 100 < copies <= 100 + 7 * 5, "a full copy, and at most the changes of a week"
    assert float(lines["backup"][0].cost.expected[0, 0]) == pytest.approx(0.08 * copies)


def test_aurora_bills_every_instance_storage_and_io():
    spec = "platform: aurora, machine: db.r6g.large, read_replicas: 2, storage: 100Gi, io_per_request: 2"
    lines = lines_by_sku(store(spec), "d")
    machines = lines["db.r6g.large"]
    assert sum(float(line.quantity.expected[0, 0]) for line in machines) == pytest.approx(3 * 730)
    # 10 requests/s make 3 calls each, of 2 I/O operations.
    assert float(lines["io-requests"][0].quantity.expected[0, 0]) == pytest.approx(60 * 3600 * 730)


def test_elasticache_by_the_node():
    spec = "platform: elasticache, machine: cache.r6g.large, replicas: 2"
    assert cost_of(spec, "caches") == pytest.approx(3 * 730 * 0.206)


def test_azure_redis_is_the_whole_cache():
    """The portal's meter `C3 Cache Instance` is one node of two: half of it (prices, hazard 3)."""
    assert cost_of("platform: azure-redis, machine: standard-C3", "caches") == pytest.approx(730 * 0.45)


@pytest.mark.parametrize(
    ("tier", "size", "usd"),
    [
        ("basic", "1Gi", 35.77),
        ("standard", "1Gi", 46.72),
        ("basic", "5Gi", 98.55),
        ("basic", "25Gi", 419.75),
        ("basic", "45Gi", 624.15),
        ("basic", "105Gi", 1226.40),
        ("standard", "5Gi", 197.10),
        ("standard", "25Gi", 839.50),
        ("standard", "105Gi", 2299.50),
        ("basic", "1.2Gi", 71.54),
    ],
)
def test_memorystore_brackets_price_the_whole_instance(tier, size, usd):
    """Totals of infracost's recorded output (redis_instance_test), and of the price list's own brackets."""
    assert cost_of(f"platform: memorystore, tier: {tier}, size: {size}", "caches") == pytest.approx(usd)


def test_memorystore_is_not_monotone_at_the_edge_of_a_bracket():
    """Documented: 5 GiB at the second rate cost less than 4 GiB at the first."""
    four, five = (cost_of(f"platform: memorystore, tier: basic, size: {n}Gi", "caches") for n in (4, 5))
    assert five < four


@pytest.mark.parametrize("size", ["0", "301Gi"])
def test_memorystore_sells_1_to_300_gib(size):
    with pytest.raises(InputError, match="It sells 1 to 300 GiB"):
        cost_of(f"platform: memorystore, size: {size}", "caches")


@moderate
@given(st.integers(1, 300))
def test_every_size_falls_into_one_bracket(size):
    result = store(f"platform: memorystore, size: {size}Gi", kind="caches")
    assert len(result.lines_of("d")) == 1


def test_a_retired_class_is_a_warning_with_its_successor():
    result = store("platform: azure-postgresql, machine: GP_Gen5_4")
    (finding,) = [f for f in result.findings if f.code == "retired-sku"]
    assert "2025-03" in finding.message
    assert "GP_Standard_D4ds_v4" in finding.remedy
    assert monthly(result, "d") == pytest.approx(255.79, abs=0.01)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (
            "platform: rds, engine: postgres, machine: db.r6g.xxl",
            "unknown SKU 'db.r6g.xxl' of aws rds-postgres",
        ),
        # Cloud SQL for PostgreSQL has no db-n1 tiers; only MySQL does.
        (
            "platform: cloud-sql, engine: postgres, machine: db-n1-standard-2",
            "unknown SKU 'db-n1-standard-2'",
        ),
        ("platform: azure-postgresql, machine: GP_Gen5_4, high_availability: true", "unknown SKU"),
    ],
)
def test_a_class_that_does_not_exist_is_refused(spec, what):
    with pytest.raises(InputError) as caught:
        store(spec)
    assert what in str(caught.value)
    assert "databases.d.machine" in str(caught.value)


def test_commitments_take_their_share():
    spec = "platform: rds, engine: postgres, machine: db.r6g.xlarge"
    result = store(spec + ", commit_1y: 30%, commit_3y: 20%")
    hours = {line.meter.rate: float(line.quantity.expected[0, 0]) for line in result.lines_of("d")}
    assert hours == pytest.approx({"commit_1y": 0.3 * 730, "commit_3y": 0.2 * 730, "on_demand": 0.5 * 730})
    assert monthly(result, "d") < cost_of(spec)


def test_no_line_of_a_store_is_ever_a_credit():
    result = store("platform: rds, engine: postgres, machine: db.r6g.xlarge, commit_1y: 60%, commit_3y: 40%")
    assert all(float(line.quantity.expected[0, 0]) >= -1e-9 for line in result.lines_of("d"))


def test_a_price_that_nobody_knows_is_unpriced():
    result = store("platform: rds, engine: mysql, machine: db.m6g.large, region: ap-southeast-7")
    assert "unpriced" in codes(result)
    assert all(line.cost is None for line in result.lines_of("d"))
