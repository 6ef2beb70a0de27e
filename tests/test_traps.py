"""One test for each trap that other estimators fell into, as far as it concerns an estimate.

Sources: infracost, kubectl cost, Kost and OpenCost (recorded output and code, 2026), Netflix's
service-capacity-modeling 0.3.212, and the hazards of published price files. Each test says what it prevents.
"""

import json

import numpy as np
import pytest
from crafted import catalog_of, service_file
from helpers import (
    SHIPPED,
    codes,
    component,
    disks,
    estimate_of,
    lines_by_sku,
    moderate,
    monthly,
    peak,
    plan_of,
)
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.query import rows_of
from capplan.errors import InputError

MONTH_S = 730 * 3600

RUN = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 20, profile: flat}
    pricing: {free_tier: false}
    services:
      api:
        platform: cloud-run
        cpu: 1
        memory: 1Gi
        service_time: 100ms
        concurrency: 1
        target_utilization: {cpu: 100%}
        instances: {max: 1000}
"""
VM = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api: {platform: vm-group, provider: gcp, machine: n1-standard-4, throughput: 10/s}
"""


def quantity(result, sku: str, name: str = "api") -> float:
    return sum(float(line.quantity.expected[0, 0]) for line in lines_by_sku(result, name).get(sku, []))


# infracost, kubectl cost, Kost


@moderate
@given(st.integers(1, 50))
def test_instance_hours_are_billed_once_and_not_by_a_default_of_half_an_instance(instances):
    """infracost 1: a default of 0.5 instances halved the cost of an always-allocated service."""
    result = estimate_of(RUN, "services.api.billing=instance", f"services.api.instances={instances}")
    assert quantity(result, "instance-based-cpu") == pytest.approx(instances * MONTH_S)


def test_request_billing_is_not_priced_as_instance_billing():
    """infracost 2: a filter read the other billing mode's SKU, 25 % too low."""
    file = SHIPPED.service("gcp", "cloud-run")
    for kind in ("cpu", "memory"):
        per_request, per_instance = (file.skus[f"{mode}-based-{kind}"] for mode in ("request", "instance"))
        both = set(per_request.prices["on_demand"]) & set(per_instance.prices["on_demand"])
        assert both
        assert all(per_request.usd(region) >= per_instance.usd(region) for region in both)


@moderate
@given(st.integers(1, 20), st.sampled_from(["0", "0.001", "1"]))
def test_minimum_instances_are_not_free_under_request_billing(instances, rps):
    """infracost 3: min instances cost nothing there."""
    change = (f"services.api.instances={{min: {instances}, max: 100}}", f"demand.requests_per_second={rps}")
    result = estimate_of(RUN, *change)
    assert quantity(result, "request-based-min-instance-idle-cpu") > 0
    assert monthly(result) > monthly(estimate_of(RUN, *change[1:]))


def test_half_a_core_is_not_cut_to_none():
    """infracost 3: 500m of CPU became 0 vCPU."""
    half, whole = (
        estimate_of(RUN, f"services.api.cpu={cpu}", "services.api.cpu_time=1ms") for cpu in ("500m", "1")
    )
    assert quantity(half, "request-based-cpu") == pytest.approx(quantity(whole, "request-based-cpu") / 2)


def test_the_compute_free_tier_is_deducted():
    """infracost 3: only the request fee had its free tier."""
    result = estimate_of(RUN, "pricing.free_tier=true")
    assert quantity(result, "request-based-cpu-free") == pytest.approx(180_000)
    assert quantity(result, "request-based-memory-free") == pytest.approx(360_000)


@pytest.mark.parametrize(
    "machine",
    [
        "a2-highgpu-1g",
        "a2-ultragpu-1g",
        "g2-standard-4",
        "a3-highgpu-1g",
        "e2-standard-4",
        "t2d-standard-4",
        "c3-standard-4",
    ],
)
def test_no_sustained_use_where_google_gives_none(machine):
    """infracost 4, OpenCost: 30 % off every family, A100 and L4 included."""
    result = estimate_of(VM, f"services.api.machine={machine}")
    assert {line.meter.note for line in result.lines} == {""}
    assert quantity(result, machine) == pytest.approx(7300)


def test_an_added_gpu_gets_no_sustained_use_discount():
    """infracost 4: the GPU on a machine was discounted like the machine, which nobody confirms."""
    result = estimate_of(VM, "services.api.gpu={type: nvidia-tesla-t4, count: 2}")
    assert quantity(result, "nvidia-tesla-t4") == pytest.approx(2 * 7300)


def test_no_sustained_use_below_a_quarter_of_the_month():
    """infracost 4: 30 % were taken off 100 hours a month."""
    hours = ["0"] * 18 + ["1"] * 6
    busy = f"demand.profile=[{', '.join(hours)}]"
    result = estimate_of(VM, busy, "services.api.instances={min: 0, max: 100}")
    assert peak(result, "api") == 40
    assert quantity(result, "n1-standard-4") == pytest.approx(7300), "what runs, less what is taken off"


@pytest.mark.parametrize("machine", ["g2-standard-4", "g2-standard-8", "a2-highgpu-2g"])
def test_a_gpu_in_the_machines_price_is_not_charged_again(machine):
    """infracost 5: g2-standard was billed as machine plus L4, which its price includes."""
    assert set(lines_by_sku(estimate_of(VM, f"services.api.machine={machine}"), "api")) == {machine}
    with pytest.raises(InputError, match="already includes"):
        estimate_of(VM, f"services.api.machine={machine}", "services.api.gpu={type: nvidia-l4}")


@pytest.mark.parametrize(
    "store",
    [
        "platform: azure-postgresql, machine: GP_Standard_D4ds_v4",
        "platform: rds, engine: postgres, machine: db.r6g.large",
        "platform: cloud-sql, engine: mysql, machine: db-n1-standard-2",
        "platform: cloud-sql, engine: postgres, machine: db-custom-6-24576",
    ],
)
def test_high_availability_is_not_forgotten(store):
    """infracost 6: the standby of an Azure server was free, for want of an array index."""
    single, double = (
        monthly(estimate_of(VM, f"databases={{d: {{{store}, high_availability: {on}}}}}"), "d")
        for on in ("false", "true")
    )
    assert double >= 2 * single * (1 - 1e-9) > 0


@pytest.mark.parametrize("platform", ["gcp", "aws", "azure"])
def test_no_region_is_an_error_and_no_default(platform):
    """infracost 7: what had no region was priced in us-east-1, eastus or us-central1."""
    machine = {"gcp": "n1-standard-4", "aws": "m5.large", "azure": "Standard_D4s_v5"}[platform]
    with pytest.raises(InputError, match=f"has no region: the plan does not say where on {platform} it runs"):
        estimate_of(
            VM, "regions=null", f"services.api.provider={platform}", f"services.api.machine={machine}"
        )


def test_a_region_without_a_price_is_unpriced_and_not_the_next_one():
    """infracost 7: West Europe priced as eastus, 20 % too low."""
    result = estimate_of(VM, "regions.gcp=europe-west9")
    assert all(line.cost is None for line in result.lines)
    assert monthly(result) == 0
    assert "unpriced" in codes(result)


TOKENS = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 1, profile: flat}
    services: {api: {platform: cloud-run, service_time: 10ms, calls: {llm: 1}}}
    external_apis:
      llm: {input_tokens: 1k, output_tokens: 200, usd_per_1m_input_tokens: 3, usd_per_1m_output_tokens: 15}
"""


@pytest.mark.parametrize("field", ["usd_per_1m_input_tokens", "usd_per_1m_output_tokens"])
def test_tokens_without_a_price_do_not_vanish(field):
    """infracost 8: 95 % of a deployment's cost dropped out in silence when a SKU was withdrawn."""
    result = estimate_of(TOKENS, f"external_apis.llm.{field}=null")
    missing = [line for line in result.lines if line.cost is None]
    assert len(missing) == 1
    assert float(missing[0].quantity.expected[0, 0]) > 0
    assert any(
        f.code == "unpriced" and f.severity == "warning" and f.subject == "llm" for f in result.findings
    )


def test_an_unknown_price_does_not_read_as_a_saving(tmp_path):
    """infracost 9: moving to a class without a price showed a large decrease."""
    skus = {
        "known": {"vcpu": 4, "memory_gib": 16, "usd": {"us-central1": 1.0}},
        "unknown": {"vcpu": 4, "memory_gib": 16, "usd": {"us-east1": 1.0}},
    }
    catalog = catalog_of(tmp_path, service_file(skus=skus))
    bounds = "services.api.instances={min: 1, max: 50}"
    before = estimate_of(VM, bounds, "services.api.machine=known", catalog=catalog)
    after = estimate_of(VM, bounds, "services.api.machine=unknown", catalog=catalog)
    assert monthly(after) < monthly(before)
    (line,) = after.lines
    assert line.status == "unpriced"
    assert line.unit_price is None, "not 0, which would be a price"
    assert "unpriced" in codes(after) - codes(before)


def test_nothing_is_billed_that_the_plan_does_not_use():
    """infracost 11: an unused IP address on every public Cloud SQL instance."""
    result = estimate_of(VM, "databases={d: {platform: cloud-sql, engine: mysql, machine: db-n1-standard-2}}")
    assert set(lines_by_sku(result, "d")) == {"db-n1-standard-2"}


@pytest.mark.parametrize("file", SHIPPED.services(), ids=lambda f: f"{f.provider}/{f.service}")
def test_an_upfront_payment_is_spread_over_the_term(file):
    """infracost 12: all-upfront reservations cost $0.00 a month."""
    for row in rows_of(file):
        for committed in (row.commit_1y_usd, row.commit_3y_usd):
            if committed is not None and row.usd:
                assert 0.2 * row.usd < committed <= row.usd, row


def test_zones_multiply_a_node_pool():
    """infracost: --num-nodes counts in each zone."""
    text = """
        name: t
        regions: {gcp: us-central1}
        demand: {requests_per_second: 0, profile: flat}
        clusters:
          k: {platform: gke, pools: {p: {machine: e2-standard-4, nodes: 2, zones: 3, nodes_per_zone: true}}}
        services: {api: {platform: kubernetes, throughput: 1/s, instances: 0}}
    """
    whole = monthly(estimate_of(text, "clusters.k.pools.p.nodes_per_zone=false"), "k/p")
    assert monthly(estimate_of(text), "k/p") == pytest.approx(3 * whole)


@pytest.mark.parametrize("hours", ["720", "730", "744"])
def test_one_length_of_the_month_holds_everywhere(hours):
    """infracost 730, Kost 720: every hourly line of an estimate counts the same month."""
    parts = (
        "databases={d: {platform: rds, engine: mysql, machine: db.r6g.large}}",
        "services.api.machine=e2-standard-4",
    )
    result = estimate_of(VM, *parts, f"hours_per_month={hours}")
    assert quantity(result, "e2-standard-4") == pytest.approx(10 * float(hours))
    assert quantity(result, "db.r6g.large", "d") == pytest.approx(float(hours))
    run = estimate_of(RUN, f"hours_per_month={hours}", "services.api.instances={min: 1, max: 100}")
    seconds = sum(quantity(run, f"request-based-{sku}cpu") for sku in ("", "min-instance-idle-"))
    assert seconds == pytest.approx(2 * float(hours) * 3600)


def test_a_name_means_one_sku():
    """infracost: where several SKUs matched, the cheapest won."""
    assert SHIPPED.find("gcp", "compute-engine", "n1-standard") is None
    assert SHIPPED.find("gcp", "compute-engine", "N1-STANDARD-4") is None
    with pytest.raises(InputError, match="unknown SKU"):
        estimate_of(VM, "services.api.machine=n1-standard")


def test_an_autoscaler_is_a_range_and_not_a_number():
    """infracost: one number, the desired count, else the minimum, else 1."""
    result = estimate_of(
        VM,
        "services.api.instances={min: 2, max: 30}",
        "demand.profile=office-hours",
        "pricing.sustained_use=false",
    )
    low, expected, high = (
        float(v[0, 0]) for v in (result.total.floor, result.total.expected, result.total.ceiling)
    )
    assert low < expected < high
    assert high == pytest.approx(15 * low)


def test_an_open_ceiling_is_unknown_and_not_the_expected_cost():
    """infracost: without a maximum the range silently collapsed."""
    assert estimate_of(VM).total.ceiling is None


POD = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 10, profile: flat}
    pricing: {sustained_use: false}
    clusters: {k: {platform: gke, pools: {p: {machine: n1-standard-4, nodes: {min: 0, max: 100}}}}}
    services: {api: {platform: kubernetes, throughput: 1/s}}
"""


def test_pods_without_requests_are_not_free():
    """kubectl cost: a pod without requests costs nothing."""
    assert peak(estimate_of(POD), "k/p") >= 1
    with pytest.raises(InputError, match="must be above 0"):
        estimate_of(POD, "services.api.cpu=0")


def test_whole_nodes_are_paid_and_not_average_cores():
    """kubectl cost: cores × an average price hides what packing, DaemonSets and the fee cost."""
    result = estimate_of(POD, "services.api.cpu=2", "services.api.memory=1Gi")
    # 3.92 cores less 0.384 for DaemonSets hold one pod of 2: half of every node is lost.
    assert peak(result, "k/p") == 10
    assert monthly(result, "k/p") - disks(result, "k/p") == pytest.approx(10 * 730 * 0.189999)
    assert monthly(result, "k") == pytest.approx(73)


# Hazards of published price files


MACHINES = [("gcp", "compute-engine"), ("aws", "ec2"), ("azure", "virtual-machines")]


@pytest.mark.parametrize(("provider", "service"), MACHINES)
def test_no_machine_is_free(provider, service):
    """Hazard 1: capacity-block SKUs list GPU machines at 0.0."""
    for row in rows_of(SHIPPED.service(provider, service)):
        assert row.usd is None or row.usd > 0.001, row


@pytest.mark.parametrize(("provider", "service"), MACHINES)
def test_sizes_of_a_family_double_in_price(provider, service):
    """Hazard 1: a size priced 6 or 10 % above its family was the Dedicated-tenancy price."""
    skus = SHIPPED.service(provider, service).skus
    pairs = {
        "gcp": [
            ("n1-standard-4", "n1-standard-8"),
            ("e2-standard-2", "e2-standard-16"),
            ("n2-highmem-2", "n2-highmem-8"),
        ],
        "aws": [
            ("m5.large", "m5.4xlarge"),
            ("c5.large", "c5.2xlarge"),
            ("r5.xlarge", "r5.8xlarge"),
            ("m7g.large", "m7g.xlarge"),
        ],
        "azure": [("Standard_D2s_v5", "Standard_D32s_v5"), ("Standard_E4s_v5", "Standard_E16s_v5")],
    }[provider]
    for small, large in pairs:
        ratio = skus[large].vcpu / skus[small].vcpu
        for region, usd in skus[small].prices["on_demand"].items():
            assert skus[large].usd(region) == pytest.approx(ratio * usd, rel=0.02), (small, large, region)


def test_h100_is_not_the_flexible_starts_price():
    """Hazard 2: 4.20 an hour instead of 9.80."""
    h100 = SHIPPED.require("gcp", "compute-engine-gpu", "nvidia-h100-80gb")
    assert all(usd > 8 for usd in h100.prices["on_demand"].values())


@pytest.mark.parametrize(("provider", "service"), MACHINES)
def test_spot_is_below_on_demand(provider, service):
    """Hazard 2: spot = on demand stands for a machine that has no spot."""
    for row in rows_of(SHIPPED.service(provider, service)):
        assert row.spot_usd is None or row.usd is None or row.spot_usd < row.usd, row


def test_a_cache_of_two_nodes_costs_two_nodes():
    """Hazard 3: the meter `C3 Cache Instance` is one node, half a Standard cache."""
    skus = SHIPPED.service("azure", "redis-cache").skus
    for region, usd in skus["standard-C3"].prices["on_demand"].items():
        # Both are rounded to a tenth of a cent.
        assert usd == pytest.approx(2 * skus["standard-C3-node"].usd(region), abs=0.0021)


def test_the_list_price_holds_no_sustained_use_discount():
    """Hazard 4: a month with the discount, divided by 730, is not the list price."""
    n1 = SHIPPED.require("gcp", "compute-engine", "n1-standard-4")
    assert n1.usd("us-central1") == pytest.approx(4 * 0.031611 + 15 * 0.004237, rel=1e-4)


@pytest.mark.parametrize(
    ("provider", "machine"), [("gcp", "n1-standard-4"), ("aws", "m5.large"), ("azure", "Standard_D4s_v5")]
)
def test_a_gigabyte_of_egress_is_the_same_on_every_provider(provider, machine):
    """Hazard 5: what providers bill as GB are 1024³ bytes; a decimal GB would be 7 % off."""
    sized = (
        "services.api.response_size=1Gi",
        f"services.api.provider={provider}",
        f"services.api.machine={machine}",
    )
    result = estimate_of(VM, *sized, "demand.requests_per_second=0.001")
    sent = sum(float(x.quantity.expected[0, 0]) for x in result.lines if x.meter.service == "egress-internet")
    assert sent == pytest.approx(0.001 * MONTH_S)


def test_elasticache_prices_are_not_those_of_outposts():
    """Hazard 6: cache.r5.large at 0.09, found because its reservation cost more."""
    assert SHIPPED.require("aws", "elasticache-redis", "cache.r5.large").usd("us-east-1") == pytest.approx(
        0.216
    )


def test_v100_is_not_sold_where_google_has_none():
    """Validity: a price that exists in a file is not an offer."""
    v100 = SHIPPED.require("gcp", "compute-engine-gpu", "nvidia-tesla-v100")
    assert v100.usd("europe-west1") is None


@pytest.mark.parametrize("purchase", ["{commit_1y: 100%}", "{commit_3y: 100%}"])
def test_sustained_use_and_commitment_never_multiply(purchase):
    """Prices, section 6: the discounts do not stack; the saving is the larger one, never the product."""
    listed = monthly(estimate_of(VM, "pricing.sustained_use=false"))
    sustained = monthly(estimate_of(VM))
    committed = monthly(estimate_of(VM, f"services.api.purchase={purchase}"))
    off = {"{commit_1y: 100%}": 0.37, "{commit_3y: 100%}": 0.55}[purchase]
    assert sustained == pytest.approx(0.7 * listed)
    assert committed == pytest.approx((1 - off) * listed, rel=1e-3)
    assert committed == pytest.approx(min(sustained, committed))


# Netflix's service-capacity-modeling


@moderate
@given(st.lists(st.integers(0, 5000), min_size=2, max_size=5))
def test_more_requests_never_cost_less(rates):
    """Peer 1."""
    ordered = sorted(rates)
    result = estimate_of(VM, sweep=("requests_per_second=" + ",".join(map(str, ordered)),))
    assert np.all(np.diff(result.total.expected.ravel()) >= -1e-9)


@moderate
@given(
    st.sampled_from(
        [
            "cloud-sql, engine: mysql, machine: db-n1-standard-2",
            "rds, engine: mysql, machine: db.r6g.large",
            "aurora, machine: db.r6g.large",
        ]
    ),
    st.lists(st.integers(0, 4000), min_size=2, max_size=4),
)
def test_more_data_never_costs_less(platform, sizes):
    """Peer 2: a fictitious bonus made 110 GiB cheaper than 109. Memorystore's brackets are Google's own."""
    text = VM + f"    databases:\n      d: {{platform: {platform}, storage: 1Gi}}\n"
    sweep = "databases.d.storage=" + ",".join(f"{size}Gi" for size in sorted(sizes))
    costs = estimate_of(text, sweep=(sweep,)).cost_of("d").expected.ravel()
    assert np.all(np.diff(costs) >= -1e-9)


@moderate
@given(st.integers(1, 1000), st.integers(1, 64))
def test_a_rate_of_bytes_is_the_same_in_any_size_of_message(rps, kib):
    """Peer 5: the size of a message was taken for bytes per second, whatever the rate."""
    few = estimate_of(VM, f"demand.requests_per_second={rps}", f"services.api.response_size={kib * 8}Ki")
    many = estimate_of(VM, f"demand.requests_per_second={rps * 8}", f"services.api.response_size={kib}Ki")
    few_sent, many_sent = (
        [
            (line.sku, float(line.quantity.expected[0, 0]))
            for line in r.lines
            if line.meter.service == "egress-internet"
        ]
        for r in (few, many)
    )
    assert [sku for sku, _ in few_sent] == [sku for sku, _ in many_sent]
    assert [q for _, q in few_sent] == pytest.approx([q for _, q in many_sent])


@moderate
@given(st.integers(1, 400), st.integers(1, 8))
def test_speed_counts_once(milliseconds, factor):
    """Peer 6: dividing by the clock twice let too small a shape pass."""
    slow, fast = (
        component(estimate_of(RUN, f"services.api.cpu_time={time}us"), "api").sizing
        for time in (milliseconds * 1000 * factor, milliseconds * 1000)
    )
    slow_cpu, fast_cpu = (next(x for x in s.limits if x.name == "cpu").rps_per_instance for s in (slow, fast))
    assert fast_cpu == pytest.approx(factor * slow_cpu)


@moderate
@given(st.integers(1, 500), st.integers(1, 97))
def test_an_integral_quotient_is_never_rounded_up(count, sevenths):
    """Peer 7: 7 cores on a shape 7/4 as fast gave 4.000000000000001, so 5."""
    load, each = count * sevenths / 7, sevenths / 7
    result = estimate_of(VM, f"demand.requests_per_second={load!r}", f"services.api.throughput={each!r}/s")
    assert peak(result, "api") == count


def test_every_count_that_is_shown_is_the_count_that_is_charged():
    """Peer 8: one instance printed, two charged."""
    aurora = "databases={d: {platform: aurora, machine: db.r6g.large, read_replicas: 2}}"
    result = estimate_of(VM, aurora, "pricing.sustained_use=false")
    assert quantity(result, "n1-standard-4") == pytest.approx(730 * peak(result, "api"))
    assert quantity(result, "db.r6g.large", "d") == pytest.approx(730 * 3)
    for line in result.lines:
        assert float(line.cost.expected[0, 0]) == pytest.approx(
            float(line.quantity.expected[0, 0]) * line.unit_price
        )


@pytest.mark.parametrize("value", ["-5", ".nan", ".inf", "-.inf", "5/s", "true", "[1, 2]", "''", "{p50: 1}"])
def test_a_rate_that_is_none_is_rejected_by_name(value):
    """Peer 15: negative rates, unordered intervals and NaN were taken as they came."""
    with pytest.raises(InputError) as caught:
        plan_of(VM, f"demand.requests_per_second={value}")
    assert "demand.requests_per_second" in str(caught.value)


def test_a_floor_above_its_ceiling_is_rejected():
    """Peer 15: an interval in the wrong order."""
    with pytest.raises(InputError, match="min 5 is above max 2"):
        plan_of(VM, "services.api.instances={min: 5, max: 2}")


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("demand.request_per_second=5", "requests_per_second"),
        ("services.api.throughputs=5/s", "throughput"),
        ("services.api.redundancy={spares: 1}", "spare"),
        ("services.api.purchase={spott: 1}", "spot"),
        ("pricing.freetier=true", "free_tier"),
        ("serivces={}", "services"),
    ],
)
def test_an_unknown_key_is_not_ignored(change, meant):
    """Peer 16: misspelt fields and arguments were dropped."""
    with pytest.raises(InputError, match=f"unknown field. Did you mean '{meant}'|has no 'serivces'"):
        plan_of(VM, change)


@pytest.mark.parametrize(
    ("word", "on"), [("no", False), ("off", False), ("false", False), ("yes", True), ("true", True)]
)
def test_no_is_never_on(word, on):
    """Peer: failover="no" turned failover on, as every text that is not empty is true."""
    store = f"{{platform: rds, engine: mysql, machine: x, high_availability: {word}}}"
    text = VM + f"    databases: {{d: {store}}}\n"
    assert plan_of(text).plan.databases["d"].high_availability is on


KEYS_RUN = [
    "services.api.cpu=2",
    "services.api.memory=2Gi",
    "services.api.service_time=300ms",
    "services.api.cpu_time=900ms",
    "services.api.concurrency=2",
    "services.api.throughput=3/s",
    "services.api.billing=instance",
    "services.api.region=europe-west2",
    "services.api.response_size=1Mi",
    "services.api.instances={min: 5, max: 1000}",
    "services.api.instances={max: 3}",
    "services.api.redundancy={spare: 2}",
    "services.api.redundancy={zones: 3, survive_zones: 1}",
    "services.api.target_utilization={cpu: 20%}",
    "services.api.target_utilization={cpu: 100%, concurrency: 20%}",
    "demand.requests_per_second=21",
    "demand.profile=weekly",
    "demand.growth_per_month=10%",
    "demand.month=3",
    "pricing.free_tier=true",
    "hours_per_month=700",
    "regions.gcp=asia-south1",
    "databases.d.storage=10Gi",
    "databases.d.io_per_request=3",
    "databases.d.read_replicas=2",
    "databases.d.high_availability=true",
    "databases.d.commit_1y=50%",
    "databases.d.commit_3y=50%",
    "databases.d.machine=db.r6g.xlarge",
    "databases.d.region=eu-west-1",
]
"""Keys that change the cost, the counts or the findings of the plan below, each set alone."""

KEYED = RUN.replace(
    "requests_per_second: 20,", "requests_per_second: 20, growth_per_month: 1%, month: 1,"
) + ("    databases:\n      d: {platform: aurora, machine: db.r6g.large, storage: 5Gi}\n")


def said(result) -> str:
    """Return all that an estimate says: costs, counts and findings."""
    parts = [(c.name, c.sizing and (c.sizing.required.tolist(), c.sizing.ceiling)) for c in result.components]
    lines = [
        (x.sku, x.meter.region, x.meter.rate, x.quantity.expected.tolist(), x.quantity.floor.tolist())
        for x in result.lines
    ]
    return json.dumps(
        [str(parts), lines, result.total.expected.tolist(), [f.message for f in result.findings]]
    )


@pytest.mark.parametrize("change", KEYS_RUN)
def test_every_documented_key_is_read(change):
    """Peer 17: a key that the documentation has and the code ignores."""
    extra = ["services.api.calls={d: 0.5}"] if "io_per_request" in change else []
    assert said(estimate_of(KEYED, *extra, change)) != said(estimate_of(KEYED, *extra))


KEYS_NODES = [
    "services.api.gpu=1",
    "services.api.cpu=2",
    "services.api.memory=9Gi",
    "clusters.k.zonal=true",
    "clusters.k.region=europe-west1",
    "clusters.k.pools.p.machine=n1-standard-8",
    "clusters.k.pools.p.nodes={min: 20, max: 100}",
    "clusters.k.pools.p.nodes={min: 0, max: 2}",
    "clusters.k.pools.p={machine: n1-standard-4, nodes: {min: 1}, nodes_per_zone: true, zones: 5}",
    "clusters.k.pools.p.gpu={type: nvidia-tesla-t4, count: 2}",
    "clusters.k.pools.p.max_pods=9",
    "clusters.k.pools.p.daemonsets={cpu: 3, memory: 1Gi, pods: 3}",
    "clusters.k.pools.p.daemonsets={cpu: 1m, memory: 11Gi, pods: 3}",
    "clusters.k.pools.p.daemonsets={cpu: 1m, memory: 1Mi, pods: 109}",
    "clusters.k.pools.p.disk={type: pd-ssd, size: 10Gi}",
    "clusters.k.pools.p.purchase={spot: 50%}",
    "clusters.k.pools.p.purchase={commit_1y: 50%}",
    "clusters.k.pools.p.purchase={commit_3y: 50%}",
    "pricing.sustained_use=true",
]


@pytest.mark.parametrize("change", KEYS_NODES)
def test_every_documented_key_of_a_cluster_is_read(change):
    """Peer 17."""
    assert said(estimate_of(POD, change)) != said(estimate_of(POD))


@pytest.mark.parametrize(
    ("field", "tightest"),
    # Work of 100 ms, exponential: half is done after 69 ms, 95 % after 300, 99 % after 461.
    [("p50", "72ms"), ("p95", "310ms"), ("p99", "470ms")],
)
def test_a_tighter_slo_never_needs_fewer_and_some_slo_changes_the_plan(field, tightest):
    """Peer 3: plans were identical for an SLO of 1 to 1000 ms."""
    targets = (tightest, "500ms", "700ms", "1s", "60s")
    counts = [peak(estimate_of(RUN, f"services.api.slo={{{field}: {target}}}"), "api") for target in targets]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


def test_an_availability_that_is_not_counted_says_so():
    """Peer 17."""
    assert said(estimate_of(RUN, "services.api.slo={availability: 99.99%}")) != said(estimate_of(RUN))


def test_an_instance_smaller_than_its_idle_process_is_noticed():
    """Peer 17: a base of 3 GiB in an instance of 1 GiB."""
    with pytest.raises(InputError, match="memory_base: is more memory than an instance has"):
        estimate_of(RUN, "services.api.memory_base=3Gi")


def test_what_cannot_be_had_names_the_limit_that_binds():
    """Peer 18: an empty list for an impossible size, unexplained."""
    (ceiling,) = [
        f
        for f in estimate_of(VM, "services.api.instances={min: 1, max: 4}").findings
        if f.severity == "error"
    ]
    assert "max 4 carries 40 requests/s" in ceiling.message
    for change, reason in (("memory=99Gi", "GiB"), ("cpu=99", "vCPU"), ("gpu=9", "GPU")):
        (pod,) = [f for f in estimate_of(POD, f"services.api.{change}").findings if f.severity == "error"]
        assert pod.code == "pod-fits-no-node"
        assert reason in pod.message


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ("regions.gcp=us-centrall", "us-central1"),
        ("services.api.machine=n1-standrd-4", "n1-standard-4"),
        ("databases={d: {platform: rds, engine: oracle, machine: x}}", "'postgres' or 'mysql'"),
        ("databases={d: {platform: rsd, engine: mysql, machine: x}}", "rds"),
        ("services.api.provider=ibm", "'gcp', 'aws' or 'azure'"),
        ("pricing.books=[apfi]", "afpi"),
    ],
)
def test_an_unknown_region_family_or_engine_is_refused_with_the_known_ones(change, known):
    """Peer 19: KeyError, an empty list, or Oracle priced as MySQL."""
    with pytest.raises(InputError) as caught:
        estimate_of(VM, change)
    assert known in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "service", "machine", "gib"),
    [
        ("aws", "ec2", "m6i.large", 8),
        ("aws", "ec2", "m5.xlarge", 16),
        ("aws", "ec2", "c5.xlarge", 8),
        ("aws", "ec2", "r5.2xlarge", 64),
        ("aws", "ec2", "t3.micro", 1),
        ("gcp", "compute-engine", "n1-standard-4", 15),
        ("gcp", "compute-engine", "e2-standard-8", 32),
        ("azure", "virtual-machines", "Standard_D4s_v5", 16),
        ("azure", "virtual-machines", "Standard_E8s_v5", 64),
    ],
)
def test_memory_is_the_nominal_gib(provider, service, machine, gib):
    """Peer 20: every EC2 shape 4.63 % low."""
    assert SHIPPED.require(provider, service, machine).memory_gib == gib


RATIOS = {"m5": 4, "m6i": 4, "m7g": 4, "m7i": 4, "c5": 2, "c6i": 2, "c7g": 2, "r5": 8, "r6g": 8, "r6i": 8}


def test_memory_is_the_familys_ratio_to_cores():
    """Peer 20, for every size of the families that have one ratio."""
    for name, sku in SHIPPED.service("aws", "ec2").skus.items():
        ratio = RATIOS.get(name.partition(".")[0])
        if ratio:
            assert sku.memory_gib == ratio * sku.vcpu, name


def test_terms_are_never_mixed_unlabelled():
    """Peer 21: a profile that held 3-year all-upfront and on-demand prices, summed."""
    result = estimate_of(VM, "services.api.purchase={spot: 20%, commit_1y: 30%, commit_3y: 20%}")
    rates = {line.meter.rate for line in result.lines}
    assert rates == {"on_demand", "spot", "commit_1y", "commit_3y"}
    for rate in rates:
        prices = {line.unit_price for line in result.lines if line.meter.rate == rate}
        assert len(prices) == 1, "a line has one rate, and a rate one price"


def test_the_terms_of_aws_commitments_are_named():
    """Peer 21: which payment option a price is for."""
    for service in ("ec2", "rds-mysql", "rds-postgres", "aurora-postgres", "elasticache-redis"):
        terms = SHIPPED.service("aws", service).commitment_terms
        assert set(terms) == {"commit_1y", "commit_3y"}, service
        assert all("upfront" in term for term in terms.values()), service


def test_an_estimate_does_not_assume_that_the_plan_is_possible():
    """Peer 22: what does not fit is estimated at its ceiling, and is an error finding."""
    result = estimate_of(VM, "services.api.instances={min: 1, max: 4}", "pricing.sustained_use=false")
    assert quantity(result, "n1-standard-4") == pytest.approx(4 * 730)
    assert result.findings[0].severity == "error"


def test_what_is_not_bought_is_not_missed():
    """Coverage is a gate: a price that nobody needs must not be reported as missing."""
    azure = ("services.api.provider=azure", "services.api.machine=Standard_D4s_v5")
    assert "unpriced" not in codes(estimate_of(VM, *azure))
    assert {line.meter.rate for line in estimate_of(VM).lines} == {"on_demand"}


def test_the_same_plan_gives_the_same_bytes():
    """Peer 24."""
    once, again = (said(estimate_of(KEYED, "demand.profile=weekly")) for _ in range(2))
    assert once == again


def test_a_spot_share_beyond_everything_is_refused():
    """A share of machines lies between none and all."""
    for spot in ("101%", "-1%"):
        with pytest.raises(InputError, match="must lie between 0% and 100%"):
            plan_of(VM, f"services.api.purchase={{spot: {spot}}}")


def test_reading_a_plan_never_needs_the_network_or_a_cluster(monkeypatch):
    """kubectl cost: a live cluster and its metrics were needed for any answer."""
    import socket

    def refuse(*_):
        raise AssertionError("an estimate opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert monthly(estimate_of(KEYED)) > 0
