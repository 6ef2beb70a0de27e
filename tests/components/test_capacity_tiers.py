"""What a machine carries, from a table by its memory."""

import pytest
from helpers import codes, component, estimate_of, peak

from capplan.errors import InputError

PLAN = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 500, profile: flat}
    services:
      backend:
        platform: vm-group
        provider: aws
        machine: t3.micro
        capacity: levqor-capacity
        service_time: 125ms
        instances: {min: 2, max: 10}
        redundancy: {spare: 1}
"""


@pytest.mark.parametrize(
    ("machine", "tier", "instances"),
    # Levqor: 500 requests/s by instances of 75, 150 and 300 requests/s, and one more.
    [
        ("t3.micro", "single instance", 8),
        ("t3.small", "2 GB", 5),
        ("t3.medium", "4 GB", 3),
        ("m5.xlarge", "4 GB", 3),
    ],
)
def test_levqors_capacity_by_memory(machine, tier, instances):
    result = estimate_of(PLAN, f"services.backend.machine={machine}")
    assert peak(result, "backend") == instances
    assert component(result, "backend").pick.name(0) == tier
    assert "unsized" not in codes(result)


def test_it_is_the_same_as_naming_the_figures():
    named = (
        "services.backend.capacity=null",
        "services.backend.throughput=150/s",
        "services.backend.concurrency=200",
    )
    table, said = (estimate_of(PLAN, "services.backend.machine=t3.small", *sets) for sets in ((), named))
    assert table.total.expected == said.total.expected
    one, other = (component(result, "backend").sizing.constraints for result in (table, said))
    assert {k: v.tolist() for k, v in one.items()} == {k: v.tolist() for k, v in other.items()}


def test_auto_takes_the_plans_table():
    result = estimate_of(PLAN, "services.backend.capacity=auto", "tiers.capacity=levqor-capacity")
    assert peak(result, "backend") == 8


def test_a_table_of_another_kind_is_refused():
    with pytest.raises(
        InputError, match=r"services\.backend\.capacity: 'levqor-load' is a table of load, not of capacity"
    ):
        estimate_of(PLAN, "services.backend.capacity=levqor-load")


def test_a_machine_may_be_chosen_with_it():
    assert codes(estimate_of(PLAN, "services.backend.machine=auto")) == set()
