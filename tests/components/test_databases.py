"""Databases by class: what they need, what they get, what is lost with them."""

import numpy as np
import pytest
from helpers import SHIPPED, codes, component, estimate_of, lines_by_sku, moderate, monthly, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.components.stores.classes import connections_by_memory
from capplan.errors import InputError

BASE = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.large
        throughput: 10/s
        instances: {min: 1, max: 20}
        calls: {d: 1}
"""
PLATFORMS = {
    "cloud-sql": "platform: cloud-sql, engine: postgres",
    "cloud-sql-mysql": "platform: cloud-sql, engine: mysql",
    "rds": "platform: rds, engine: postgres",
    "rds-mysql": "platform: rds, engine: mysql",
    "aurora": "platform: aurora",
    "azure": "platform: azure-postgresql",
}


def database(spec: str, *sets: str, **options):
    return estimate_of(BASE, f"databases={{d: {{{spec}}}}}", *sets, **options)


def measures(result, name="d"):
    return {m.name: m for m in component(result, name).measures}


def needs(result, measure: str, scenario: int = 0) -> float:
    values = measures(result)[measure].needs
    return float(values[min(scenario, len(values) - 1), 0])


def has(result, measure: str) -> float:
    return float(measures(result)[measure].has[0, 0])


def pool(maximum: int, hold: str = "10ms") -> str:
    return f"services.api.calls.d={{per_request: 1, pool: {{max: {maximum}, hold_time: {hold}}}}}"


SERVICES = {
    "cloud-sql": ("gcp", "cloud-sql-postgres"),
    "cloud-sql-mysql": ("gcp", "cloud-sql-mysql"),
    "rds": ("aws", "rds-postgres"),
    "rds-mysql": ("aws", "rds-mysql"),
    "aurora": ("aws", "aurora-postgres"),
    "azure": ("azure", "postgresql-flexible"),
}

# --- max_connections -------------------------------------------------------------------------------

KNOWN_MAXIMA = [
    # learn.microsoft.com, limits of the flexible server: 50 for B1ms, 859 for 8 GiB, and so on.
    ("platform: azure-postgresql, machine: B1MS", 50 - 15),
    ("platform: azure-postgresql, machine: GP_Standard_D2ds_v4", 859 - 15),
    ("platform: azure-postgresql, machine: GP_Standard_D4ds_v4", 1718 - 15),
    ("platform: azure-postgresql, machine: GP_Standard_D8ds_v4", 3437 - 15),
    ("platform: azure-postgresql, machine: GP_Standard_D16ds_v4", 5000 - 15),
    # cloud.google.com/sql/docs/postgres/flags, by memory: 3.75 GiB 100, 7.5 400, 15 500, 30 600, 60 800.
    ("platform: cloud-sql, engine: postgres, machine: db-custom-1-3840", 100 - 3),
    ("platform: cloud-sql, engine: postgres, machine: db-custom-2-7680", 400 - 3),
    ("platform: cloud-sql, engine: postgres, machine: db-custom-4-16384", 500 - 3),
    ("platform: cloud-sql, engine: postgres, machine: db-custom-8-30720", 600 - 3),
    ("platform: cloud-sql, engine: mysql, machine: db-n1-standard-2", 4000 - 1),
    # LEAST(memory ÷ 9531392, 5000) of 32 GiB: 3604; AWS takes what the system keeps off the memory first.
    ("platform: rds, engine: postgres, machine: db.r6g.xlarge", 3604 - 3),
    ("platform: rds, engine: postgres, machine: db.r6g.2xlarge", 5000 - 3),
    ("platform: rds, engine: mysql, machine: db.r6g.xlarge", 2730 - 1),
    ("platform: aurora, machine: db.r6g.xlarge", 3604 - 3),
]


@pytest.mark.parametrize(("spec", "connections"), KNOWN_MAXIMA)
def test_connections_that_classes_accept(spec, connections):
    result = database(spec, pool(1))
    assert has(result, "connections") == connections


@pytest.mark.parametrize("platform", PLATFORMS)
def test_more_memory_never_accepts_fewer_connections(platform):
    spec = f"{{d: {{{PLATFORMS[platform]}, machine: auto}}}}"
    plan = plan_of(f"name: t\ndemand: {{requests_per_second: 1}}\ndatabases: {spec}\n").plan
    memory = np.linspace(0.5, 800, 2000)
    assert np.all(np.diff(connections_by_memory(SHIPPED, plan.databases["d"], memory)) >= 0)


def test_pools_count_at_the_autoscaled_maximum():
    """100 requests/s run 10 instances; the 20 that may run open 20 × 50 connections."""
    result = database("platform: rds, engine: postgres, machine: db.t3.medium", pool(50))
    assert needs(result, "connections") == 1000
    assert codes(result) == {"too-many-connections"}
    (finding,) = [f for f in result.findings if f.code == "too-many-connections"]
    # 4 GiB accept 447 connections; 20 instances may have 22 each. PgBouncer: 100 calls/s × 10 ms are
    # 1 erlang, which 5 servers carry with at most 1 % blocked.
    assert "accepts 447" in finding.message
    assert "Set pool.max to 22" in finding.remedy
    assert "max_client_conn 1,000, default_pool_size 5" in finding.remedy


def test_without_a_hold_time_the_way_out_says_what_is_missing():
    call = "services.api.calls.d={per_request: 1, pool: {max: 50}}"
    (finding,) = database("platform: rds, engine: postgres, machine: db.t3.medium", call).findings
    assert "with pool.hold_time" in finding.remedy


def test_the_advised_pool_is_enough():
    spec = "platform: rds, engine: postgres, machine: db.t3.medium"
    assert "too-many-connections" not in codes(database(spec, pool(22)))
    assert "too-many-connections" in codes(database(spec, pool(23)))


def test_pools_of_all_services_add_up():
    other = "services.job={platform: cloud-run, service_time: 10ms, calls: {d: {pool: {max: 2}}}}"
    result = database(
        "platform: rds, engine: mysql, machine: db.r6g.xlarge",
        pool(10),
        other,
        "demand.entry={api: 1, job: 1}",
    )
    # Cloud Run's default maximum is 100 instances.
    assert needs(result, "connections") == 20 * 10 + 100 * 2


def test_pool_sizes_are_erlangs():
    """10 instances at the peak take 10 calls/s each of 445 ms: 4.45 erlang need 10 connections."""
    result = database("platform: rds, engine: postgres, machine: db.r6g.xlarge", pool(10, "445ms"))
    found = measures(result, "api")
    assert float(found["pool to d"].needs[0, 0]) == 10
    assert float(found["pool to d: blocked"].needs[0, 0]) == pytest.approx(1.0, abs=0.02)


def test_calls_that_a_cache_answers_hold_no_connection():
    spec = "platform: rds, engine: postgres, machine: db.r6g.xlarge"
    plain = measures(database(spec, pool(10, "445ms")), "api")
    half = "services.api.calls.d={per_request: 2, cache_hit_rate: 50%, pool: {max: 10, hold_time: 445ms}}"
    assert measures(database(spec, half), "api")["pool to d"].needs == plain["pool to d"].needs


@moderate
@given(st.sampled_from(sorted(PLATFORMS)), st.integers(1, 2000), st.integers(1, 60))
def test_auto_accepts_the_connections_or_says_that_it_does_not(platform, maximum, instances):
    result = database(
        f"{PLATFORMS[platform]}, machine: auto", pool(maximum), f"services.api.instances.max={instances}"
    )
    accepts, opened = has(result, "connections"), needs(result, "connections")
    assert opened == maximum * instances
    assert (opened > accepts) == ("too-many-connections" in codes(result))


# --- the cheapest class ----------------------------------------------------------------------------

need = st.tuples(st.floats(0, 200), st.floats(0, 200), st.integers(1, 400))


@moderate
@given(st.sampled_from(sorted(PLATFORMS)), need, need)
def test_more_of_anything_never_costs_less(platform, less, more):
    """Also beyond what the largest class has."""
    now = less
    later = tuple(a + b for a, b in zip(less, more, strict=True))

    def usd(cpu_ms, working_set, connections):
        sets = (
            f"databases.d.cpu_time={cpu_ms}ms",
            f"databases.d.working_set={working_set}Gi",
            pool(connections),
        )
        return monthly(database(f"{PLATFORMS[platform]}, machine: auto", *sets), "d")

    assert usd(*later) >= usd(*now)


@moderate
@given(st.sampled_from(sorted(PLATFORMS)), st.floats(0, 5000), st.floats(0, 5000))
def test_more_load_never_costs_less(platform, load, more):
    spec = f"{PLATFORMS[platform]}, machine: auto, cpu_time: 2ms, io_per_request: 3, storage: 50Gi"
    sweep = f"demand.requests_per_second={load},{load + more}"
    cost = database(spec, sweep=(sweep,)).cost_of("d").expected
    assert cost[1, 0] >= cost[0, 0]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_class_that_is_large_enough_is_cheaper(platform):
    spec = f"{PLATFORMS[platform]}, cpu_time: 25ms, working_set: 20Gi"
    chosen = database(f"{spec}, machine: auto", pool(10))
    assert not codes(chosen)
    for machine in large_enough(platform):
        named = database(f"{spec}, machine: {machine}", pool(10))
        if "unpriced" not in codes(named):
            assert monthly(named, "d") >= monthly(chosen, "d") - 1e-6, machine


def large_enough(platform: str) -> list[str]:
    """Return classes with 3.58 vCPU (100 × 25 ms at 70 %) and 26.7 GiB (20 GiB at 75 %)."""
    provider, service = SERVICES[platform]
    skus = SHIPPED.service(provider, service).skus.values()
    listed = [s.name for s in skus if not s.retired and (s.vcpu or 0) >= 3.58 and (s.memory_gib or 0) >= 26.7]
    custom = ["db-custom-6-27648", "db-custom-8-30720"] if "cloud-sql" in platform else []
    assert listed or custom
    return listed + custom


def test_a_named_class_that_is_too_small_is_an_error_with_the_way_out():
    result = database(
        "platform: rds, engine: postgres, machine: db.t3.large, cpu_time: 25ms, working_set: 20Gi"
    )
    assert {"database-cpu", "database-memory"} <= codes(result)
    (finding,) = [f for f in result.findings if f.code == "database-cpu"]
    assert "needs 3.57 vCPU" in finding.message
    assert "db.t3.large has only 2" in finding.message


def test_what_no_class_has_is_an_error():
    result = database("platform: rds, engine: postgres, machine: auto, cpu_time: 50s")
    (finding,) = [f for f in result.findings if f.code == "database-cpu"]
    assert "no class of its platform has more than" in finding.message


def test_reads_go_to_the_replicas_and_writes_to_all():
    spec = "platform: rds, engine: postgres, machine: db.r6g.4xlarge, cpu_time: 70ms, read_share: 80%"
    # 100 × 70 ms at 70 % are 10 cores; each of four replicas has a quarter of the reads and all writes.
    assert needs(database(spec), "cpu") == pytest.approx(10)
    assert needs(database(f"{spec}, read_replicas: 4"), "cpu") == pytest.approx(10 * (0.2 + 0.8 / 4))
    one, four = (monthly(database(f"{spec}, read_replicas: {n}"), "d") for n in (1, 4))
    assert four == pytest.approx(one * 5 / 2)


def test_a_standby_doubles_and_takes_no_reads():
    spec = "platform: rds, engine: postgres, machine: db.r6g.xlarge, storage: 100Gi, cpu_time: 1ms"
    single, double = database(spec), database(f"{spec}, high_availability: true")
    assert monthly(double, "d") == pytest.approx(2 * monthly(single, "d"))
    assert needs(double, "cpu") == needs(single, "cpu")


# --- storage, I/O, time series ---------------------------------------------------------------------


def test_storage_grows_over_the_horizon():
    spec = "platform: rds, engine: postgres, machine: db.t3.large, storage: 100Gi"
    result = database(f"{spec}, storage_growth_per_month: 10Gi", sweep=("demand.month=0,1,12",))
    assert [needs(result, "storage", i) for i in range(3)] == [100, 110, 220]


@pytest.mark.parametrize(
    ("spec", "io", "storage"),
    [
        # Cloud SQL: 30 IOPS for each GiB. Azure: about 120 and 2.5 for each GiB.
        ("platform: cloud-sql, engine: postgres, machine: db-custom-4-16384", 30, 100.0),
        ("platform: azure-postgresql, machine: GP_Standard_D4ds_v4", 6.2, 200.0),
        ("platform: rds, engine: postgres, machine: db.r6g.xlarge", 30, 20.0),
    ],
)
def test_where_speed_comes_with_size_storage_follows_the_io(spec, io, storage):
    result = database(f"{spec}, storage: 20Gi, io_per_request: {io}")
    assert needs(result, "iops") == pytest.approx(100 * io)
    assert needs(result, "storage") == pytest.approx(storage)
    assert has(result, "iops") >= needs(result, "iops") * (1 - 1e-9)
    assert not codes(result)


@pytest.mark.parametrize(
    ("platform", "most"), [("rds", 3000), ("rds-mysql", 3000), ("cloud-sql", 15000), ("azure", 20000)]
)
def test_more_io_than_any_storage_gives_is_an_error(platform, most):
    result = database(f"{PLATFORMS[platform]}, machine: auto, storage: 20Gi, io_per_request: 500")
    assert has(result, "iops") == most
    assert np.isfinite(monthly(result, "d"))
    (finding,) = [f for f in result.findings if f.code == "database-iops"]
    assert "needs 50,000 IOPS" in finding.message


def test_large_storage_of_rds_includes_and_can_be_given_more_io():
    rds = f"{PLATFORMS['rds']}, machine: db.r6g.xlarge, storage: %s, io_per_request: %s"
    included = database(rds % ("400Gi", 119))
    assert has(included, "iops") == 12000
    assert "iops-general-purpose" not in lines_by_sku(included, "d")
    more = database(rds % ("450Gi", 200))
    assert has(more, "iops") == needs(more, "iops") == 20000
    (line,) = lines_by_sku(more, "d")["iops-general-purpose"]
    assert line.quantity.expected[0, 0] == pytest.approx(8000)
    assert not codes(more)
    most = database(rds % ("450Gi", 900))
    assert has(most, "iops") == 64000
    assert codes(most) == {"database-iops"}
    (small,) = [f for f in database(rds % ("399Gi", 119)).findings if f.code == "database-iops"]
    assert "400Gi" in small.remedy


SERIES = "time_series: {m: {rows_per_second: 1000, row_size: 200B, retain: 90d, compress_after: 7d}}"


def test_a_hypertable_is_stored_and_paid():
    spec = f"platform: azure-postgresql, machine: GP_Standard_D4ds_v4, storage: 10Gi, {SERIES}"
    result = database(spec)
    gib = 1000 * 200 * 86400 * (7 + 83 / 10) / 2**30
    assert needs(result, "m: size") == pytest.approx(gib)
    assert needs(result, "m: full after") == pytest.approx(90 * 12 / 365)
    assert needs(result, "storage") == pytest.approx(10 + gib)
    line = lines_by_sku(result, "d")["storage"][0]
    assert float(line.quantity.expected[0, 0]) == pytest.approx(10 + gib)


def test_rows_follow_the_load_and_its_growth():
    series = "time_series: {m: {rows_per_request: 10, row_size: 200B, retain: 1d}}"
    spec = f"platform: azure-postgresql, machine: GP_Standard_D4ds_v4, {series}"
    result = database(spec, "demand.growth_per_month=10%", sweep=("demand.month=0,1",))
    assert needs(result, "m: size") == pytest.approx(100 * 10 * 200 * 86400 / 2**30)
    assert needs(result, "m: size", 1) == pytest.approx(1.1 * needs(result, "m: size"))


FIELDS = {
    "rows_per_second": (1, 5000),
    "retain": (1, 400),
    "compression_ratio": (1, 40),
    "compress_after": (1, 90),
}


@moderate
@given(
    st.fixed_dictionaries({k: st.integers(*v) for k, v in FIELDS.items()}),
    st.sampled_from(sorted(FIELDS)),
    st.integers(0, 50),
)
def test_more_rows_longer_retention_or_less_compression_never_cost_less(values, field, by):
    def usd(**said):
        fields = ", ".join(
            f"{k}: {v}{'d' if k in ('retain', 'compress_after') else ''}" for k, v in said.items()
        )
        spec = f"platform: azure-postgresql, machine: auto, time_series: {{m: {{row_size: 1KiB, {fields}}}}}"
        return monthly(database(spec), "d")

    more = max(1, values[field] - by) if field == "compression_ratio" else values[field] + by
    assert usd(**{**values, field: more}) >= usd(**values) - 1e-9


@pytest.mark.parametrize("platform", ["cloud-sql", "rds", "aurora"])
def test_compression_where_the_extension_is_not_offered_is_a_warning(platform):
    assert "extension-not-offered" in codes(database(f"{PLATFORMS[platform]}, machine: auto, {SERIES}"))


def test_timescale_on_mysql_is_refused():
    with pytest.raises(
        InputError, match=r"databases\.d\.time_series: TimescaleDB is an extension of PostgreSQL"
    ):
        database(f"platform: rds, engine: mysql, machine: auto, {SERIES}")


# --- backups and recovery --------------------------------------------------------------------------

SQL = "platform: cloud-sql, engine: postgres, machine: db-custom-2-7680, storage: 100Gi"


@pytest.mark.parametrize(("kept", "gib"), [("7d", 135), ("30d", 250), ("0", 0)])
def test_backups_are_billed(kept, gib):
    """A full copy and 5 % of it for each day."""
    lines = lines_by_sku(database(f"{SQL}, backup: {{retention: {kept}}}"), "d")
    paid = float(lines["backup"][0].quantity.expected[0, 0]) if "backup" in lines else 0.0
    assert paid == pytest.approx(gib)


def test_backups_up_to_the_storage_are_free_on_rds_and_azure():
    for spec in (
        "platform: rds, engine: postgres, machine: db.t3.large",
        "platform: azure-postgresql, machine: B1MS",
    ):
        lines = lines_by_sku(database(f"{spec}, storage: 100Gi, backup: {{retention: 7d}}"), "d")
        assert float(lines["backup"][0].quantity.expected[0, 0]) == pytest.approx(35)


def test_a_log_needs_the_copies_before_it():
    """Point-in-time recovery over 7 days keeps the daily copies of 7 days."""
    log, copies = (
        monthly(database(f"{SQL}, backup: {{{b}: 7d}}"), "d") for b in ("point_in_time", "retention")
    )
    assert log == copies


@moderate
@given(st.sampled_from(sorted(PLATFORMS)), st.integers(0, 400), st.integers(0, 400))
def test_longer_backups_never_cost_less(platform, days, more):
    spec = f"{PLATFORMS[platform]}, machine: auto, storage: 100Gi"
    short, long = (
        monthly(database(f"{spec}, backup: {{retention: {n}d}}"), "d") for n in (days, days + more)
    )
    assert long >= short


RECOVERY = [
    # backup, high availability, standby elsewhere → RPO and RTO in minutes for a lost zone and a lost region.
    ("", False, False, (np.inf, np.inf, np.inf, np.inf)),
    ("backup: {retention: 7d}", False, False, (1440, 60, np.inf, np.inf)),
    ("backup: {retention: 7d, point_in_time: 7d}", False, False, (5, 60, np.inf, np.inf)),
    ("backup: {retention: 7d, point_in_time: 7d}", True, False, (0, 2, np.inf, np.inf)),
    ("backup: {retention: 7d, point_in_time: 7d}", True, True, (0, 2, 1, 15)),
    ("", False, True, (np.inf, np.inf, 1, 15)),
]
RPO_RTO = ("RPO, zone lost", "RTO, zone lost", "RPO, region lost", "RTO, region lost")


@pytest.mark.parametrize(("backup", "available", "standby", "minutes"), RECOVERY)
def test_what_a_failure_costs(backup, available, standby, minutes):
    goal = "rpo: 5m, rto: 1h" + (", standby_region: us-east1" if standby else "")
    spec = ", ".join(
        filter(None, [SQL, backup, f"recovery: {{{goal}}}", f"high_availability: {str(available).lower()}"])
    )
    result = database(spec)
    assert tuple(needs(result, name) for name in RPO_RTO) == minutes
    missed = any(m > goal for m, goal in zip(minutes, (5, 60, 5, 60), strict=True))
    assert ("recovery-objective" in codes(result)) == missed


def test_scenarios_recover_on_their_own():
    """A sweep over the retention: what one scenario keeps does not rescue another."""
    recovery = ", recovery: {rpo: 5m}"
    swept = database(f"{SQL}{recovery}", sweep=("databases.d.backup.retention=0,7d",))
    assert [needs(swept, "RPO, zone lost", i) for i in range(2)] == [np.inf, 1440]


def test_a_standby_region_costs_an_instance_and_its_storage_there():
    here = database(SQL)
    standby = database(f"{SQL}, recovery: {{standby_region: us-east1}}")
    away = [line for line in standby.lines_of("d") if line.meter.region == "us-east1"]
    assert len(away) == len(here.lines_of("d"))
    priced_there = monthly(database(SQL, "databases.d.region=us-east1"), "d")
    assert monthly(standby, "d") == pytest.approx(monthly(here, "d") + priced_there)


@pytest.mark.parametrize(
    ("region", "says"),
    [("us-eats1", "gcp has no region 'us-eats1'. Did you mean"), ("us-central1", "the database itself runs")],
)
def test_a_standby_region_must_exist_and_differ(region, says):
    with pytest.raises(InputError, match=r"databases\.d\.recovery\.standby_region: ") as caught:
        database(f"{SQL}, recovery: {{standby_region: {region}}}")
    assert says in str(caught.value)


def test_commitments_take_off_their_share():
    spec = "platform: rds, engine: postgres, machine: db.r6g.xlarge"
    assert monthly(database(f"{spec}, commit_1y: 100%"), "d") == pytest.approx(730 * 0.2597)
    assert monthly(database(f"{spec}, commit_1y: 50%, commit_3y: 50%"), "d") == pytest.approx(
        730 * (0.2597 + 0.1630137) / 2
    )
    with pytest.raises(InputError, match="commitments add up to 160%"):
        database(f"{spec}, commit_1y: 80%, commit_3y: 80%")
