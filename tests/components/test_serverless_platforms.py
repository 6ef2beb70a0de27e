"""Cloud Run, Container Apps, Fargate: what a month of a known load is billed, by hand."""

import numpy as np
import pytest
from helpers import estimate_of, lines_by_sku, monthly

from capplan.errors import InputError

MONTH_S = 730 * 3600

RUN = """
    name: t
    regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    pricing: {free_tier: false}
    services:
      api:
        platform: cloud-run
        cpu: 1
        memory: 1Gi
        service_time: 200ms
        cpu_time: 10ms
        concurrency: 1
        instances: {max: 100}
"""


def quantity(result, sku: str) -> float:
    return sum(float(line.quantity.expected[0, 0]) for line in lines_by_sku(result, "api").get(sku, []))


def test_request_billing_one_request_at_a_time():
    """Concurrency 1: the billed time is the requests' own, 2 of them in progress all month."""
    result = estimate_of(RUN)
    assert quantity(result, "request-based-cpu") == pytest.approx(2 * MONTH_S)
    assert quantity(result, "request-based-memory") == pytest.approx(2 * MONTH_S)
    assert quantity(result, "requests") == pytest.approx(10 * MONTH_S)
    per_second = 2 * (0.000024 + 0.0000025) + 10 * 0.4e-6
    assert monthly(result) == pytest.approx(per_second * MONTH_S)


def test_request_billing_rounds_each_request_up():
    assert quantity(
        estimate_of(RUN, "services.api.service_time=201ms"), "request-based-cpu"
    ) == pytest.approx(3 * MONTH_S)


def test_request_billing_with_concurrency_shares_the_instance():
    """80 slots, one instance, 2 requests in progress: busy for 1 − (1 − 2/80)^80 of the time."""
    result = estimate_of(RUN, "services.api.concurrency=80")
    assert quantity(result, "request-based-cpu") == pytest.approx((1 - (1 - 2 / 80) ** 80) * MONTH_S)


def test_idle_minimum_instances_cost_their_own_rate():
    result = estimate_of(RUN, "services.api.instances={min: 5, max: 100}")
    assert quantity(result, "request-based-cpu") == pytest.approx(2 * MONTH_S)
    assert quantity(result, "request-based-min-instance-idle-cpu") == pytest.approx(3 * MONTH_S)
    assert quantity(result, "request-based-min-instance-idle-memory") == pytest.approx(3 * MONTH_S)


def test_instance_billing_charges_the_instance_and_no_request():
    result = estimate_of(RUN, "services.api.billing=instance")
    assert set(lines_by_sku(result, "api")) == {"instance-based-cpu", "instance-based-memory"}
    assert quantity(result, "instance-based-cpu") == pytest.approx(2 * MONTH_S)
    assert monthly(result) == pytest.approx(2 * (0.000018 + 0.000002) * MONTH_S)


def test_instance_billing_of_rare_requests_pays_the_idle_timeout():
    rare = ("services.api.billing=instance", "demand.requests_per_second=0.001")
    kept = quantity(estimate_of(RUN, *rare, "services.api.idle_timeout=15m"), "instance-based-cpu")
    assert kept == pytest.approx((1 - np.exp(-0.001 * 900.2)) * MONTH_S)
    gone = quantity(estimate_of(RUN, *rare, "services.api.idle_timeout=1s"), "instance-based-cpu")
    assert gone == pytest.approx((1 - np.exp(-0.001 * 60)) * MONTH_S)


@pytest.mark.parametrize(
    ("billing", "sku", "free"),
    [
        ("request", "request-based-cpu", 180_000),
        ("request", "request-based-memory", 360_000),
        ("request", "requests", 2_000_000),
        ("instance", "instance-based-cpu", 240_000),
        ("instance", "instance-based-memory", 450_000),
    ],
)
def test_the_free_tier_is_googles(billing, sku, free):
    result = estimate_of(RUN, "pricing.free_tier=true", f"services.api.billing={billing}")
    paid, unpaid = quantity(result, sku), quantity(result, f"{sku}-free")
    assert unpaid == pytest.approx(free)
    assert paid + unpaid == pytest.approx((10 if sku == "requests" else 2) * MONTH_S)


def test_nothing_called_nothing_billed():
    assert monthly(estimate_of(RUN, "demand.requests_per_second=0")) == 0


TIMES = "service_time: 200ms, cpu_time: 10ms"
APPS = f"services.api={{platform: container-apps, cpu: 0.5, memory: 1Gi, {TIMES}, concurrency: 10"


def test_container_apps_bill_active_replicas():
    result = estimate_of(RUN, "services.api=null", APPS + ", instances: {min: 0, max: 10}}")
    assert quantity(result, "vcpu-active") == pytest.approx(0.5 * 730)
    assert quantity(result, "memory-active") == pytest.approx(1 * 730)
    assert quantity(result, "requests") == pytest.approx(10 * MONTH_S)


def test_container_apps_at_their_minimum_are_idle_between_requests():
    result = estimate_of(RUN, "services.api=null", APPS + ", instances: {min: 4, max: 10}}")
    active = 4 * (1 - (1 - 2 / 40) ** 10)
    assert quantity(result, "vcpu-active") == pytest.approx(active * 0.5 * 730)
    assert quantity(result, "vcpu-idle") == pytest.approx((4 - active) * 0.5 * 730)


FARGATE = "services.api={platform: fargate, cpu: 1, memory: 2Gi, service_time: 200ms, throughput: 2.5/s"


def test_fargate_bills_tasks_by_the_hour():
    result = estimate_of(RUN, "services.api=null", FARGATE + "}")
    assert quantity(result, "linux-x86-vcpu") == pytest.approx(4 * 730)
    assert quantity(result, "linux-x86-ram") == pytest.approx(8 * 730)
    # AWS's own rates: 0.04048 per vCPU-hour, 0.004445 per GB-hour.
    assert monthly(result) == pytest.approx(4 * 730 * (0.04048 + 2 * 0.004445))


def test_fargate_on_arm_is_cheaper():
    arm = monthly(estimate_of(RUN, "services.api=null", FARGATE + ", architecture: arm}"))
    assert arm == pytest.approx(0.8 * monthly(estimate_of(RUN, "services.api=null", FARGATE + "}")), rel=1e-3)


def test_fargate_disk_above_20_gib_is_extra():
    base = estimate_of(RUN, "services.api=null", FARGATE + "}")
    more = estimate_of(RUN, "services.api=null", FARGATE + ", ephemeral_storage: 50Gi}")
    assert quantity(base, "ephemeral-storage-above-20GiB") == 0
    assert quantity(more, "ephemeral-storage-above-20GiB") == pytest.approx(4 * 30 * 730)


def test_fargate_spot_splits_the_tasks():
    result = estimate_of(RUN, "services.api=null", FARGATE + ", spot: 25%}")
    by_rate = {
        line.meter.rate: float(line.quantity.expected[0, 0])
        for line in lines_by_sku(result, "api")["linux-x86-vcpu"]
    }
    assert by_rate == pytest.approx({"on_demand": 3 * 730, "spot": 730})


@pytest.mark.parametrize(
    ("size", "what"),
    [
        ("cpu: 3, memory: 8Gi", "Fargate has no task with 3 vCPU. Known: 0.25, 0.5, 1, 2, 4, 8, 16"),
        ("cpu: 1, memory: 1Gi", "with 1 vCPU cannot have 1Gi. Known: 2Gi, 3Gi"),
        ("cpu: 8, memory: 18Gi", "with 8 vCPU cannot have 18Gi. Known: 16Gi, 20Gi"),
    ],
)
def test_a_task_size_that_fargate_does_not_offer_is_refused(size, what):
    with pytest.raises(InputError) as caught:
        estimate_of(RUN, "services.api=null", f"services.api={{platform: fargate, throughput: 1/s, {size}}}")
    assert what in str(caught.value)


def test_cloud_run_takes_at_most_1000_at_once():
    with pytest.raises(InputError, match="concurrency is at most 1000"):
        estimate_of(RUN, "services.api.concurrency=1001")
