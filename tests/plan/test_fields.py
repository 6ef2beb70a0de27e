"""Every kind of number in a plan has bounds, and says so where they are crossed."""

import pytest
from helpers import FLAT_VM, plan_of

from capplan.errors import InputError


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("demand.requests_per_second=-1", "must be at least 0, got -1"),
        ("demand.requests_per_second=.nan", "finite"),
        ("demand.requests_per_second=.inf", "finite"),
        ("demand.requests_per_second=true", "got true"),
        ("demand.requests_per_second=[1]", "got a list"),
        ("demand.peak_to_average=0", "must be above 0"),
        ("demand.growth_per_month=-100%", "must be at least -0.99"),
        ("demand.growth_per_month=5", "write 5% if you mean percent"),
        ("services.api.throughput=0/s", "must be above 0"),
        ("services.api.service_time=-5ms", "a duration with its unit"),
        ("services.api.service_time=5", "without a unit"),
        ("services.api.memory_base=-1Gi", "must be at least 0"),
        ("services.api.concurrency=0", "must be above 0"),
        ("services.api.target_utilization.cpu=0%", "must be above 0% and at most 100%"),
        ("services.api.target_utilization.cpu=101%", "must be above 0% and at most 100%"),
        ("services.api.redundancy.spare=1.5", "must be a whole number"),
        ("services.api.redundancy.spare=-1", "must be a whole number"),
        ("services.api.redundancy={zones: 0}", "zones must be at least 1"),
        ("services.api.redundancy={zones: 2, survive_zones: 2}", "cannot survive 2 of 2 zones"),
        ("services.api.instances={min: 5, max: 3}", "min 5 is above max 3"),
        ("services.api.instances.max=2.5", "must be a whole number"),
        ("services.api.purchase.spot=120%", "must lie between 0% and 100%"),
        ("services.api.purchase.spot=-1%", "must lie between 0% and 100%"),
        ("services.api.slo.availability=100.1%", "must lie between 0% and 100%"),
        ("hours_per_month=0", "must be above 0"),
        ("name=Bad_Name", "not a usable name"),
        ("name='-x'", "not a usable name"),
        ("services.api.provider=oracle", "must be 'gcp', "),
        ("pricing.free_tier=maybe", "expected true or false"),
        ("demand.profile=lunar", "expected one of flat"),
        ("demand.profile=[1, 2, 3]", "24 or 168 hours, got 3"),
        ("services.api.workload.port=0", "port: must be at least 1, got 0"),
        ("services.api.workload.port=70000", "port: must be at most 65535, got 70000"),
        ("services.api.workload.port=http", "port: expected a whole number, got 'http'"),
        ("services.api.workload.port=80.5", "port: expected a whole number, got 80.5"),
        ("services.api.workload.image=" + "a" * 501, "image: must have at most 500 characters"),
    ],
)
def test_bound(change, why):
    with pytest.raises(InputError) as caught:
        plan_of(FLAT_VM, change)
    message = str(caught.value)
    assert why in message
    assert message.startswith(f"--set {change.split('=')[0]}"), "the message names the option that said it"


@pytest.mark.parametrize("weights", ["[" + ", ".join(["0"] * 24) + "]", "[" + ", ".join(["-1"] * 24) + "]"])
def test_a_profile_needs_a_load(weights):
    with pytest.raises(InputError, match="0 or more, and not all 0"):
        plan_of(FLAT_VM, f"demand.profile={weights}")


def test_an_integer_too_large_for_a_float_is_bad_input():
    with pytest.raises(InputError):
        plan_of(FLAT_VM, "demand.requests_per_second=" + "9" * 400)


def test_commitments_of_a_store_cannot_exceed_the_whole():
    shares = "commit_1y: 80%, commit_3y: 80%"
    with pytest.raises(InputError, match="commitments add up to 160%"):
        plan_of(
            FLAT_VM, f"databases={{db: {{platform: rds, engine: mysql, machine: db.r6g.large, {shares}}}}}"
        )


def test_commitments_of_machines_cannot_exceed_the_whole():
    with pytest.raises(InputError, match=r"services\.api\.purchase: commitments add up to 160%"):
        plan_of(FLAT_VM, "services.api.purchase={commit_1y: 80%, commit_3y: 80%}")


def test_a_single_number_is_exactly_so_many_instances():
    instances = plan_of(FLAT_VM, "services.api.instances=3").plan.services["api"].instances
    assert (instances.min, instances.max) == (3, 3)


def test_a_plan_is_frozen_once_read():
    with pytest.raises(ValueError, match="frozen"):
        plan_of(FLAT_VM).plan.name = "other"
