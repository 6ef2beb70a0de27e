"""Services: sized by what one instance carries."""

import numpy as np
import pytest
from helpers import FLAT_VM, codes, component, estimate_of, peak

from capplan.errors import InputError


def constraints(result, name="api"):
    return {key: float(value[0, 0]) for key, value in component(result, name).sizing.constraints.items()}


RUN = """
    name: t
    regions: {gcp: us-central1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: cloud-run
        cpu: 2
        memory: 2Gi
        service_time: 500ms
        concurrency: 10
"""


def test_every_limit_that_applies_and_which_one_binds():
    result = estimate_of(
        RUN,
        "services.api.cpu_time=50ms",
        "services.api.memory_base=512Mi",
        "services.api.memory_per_request=64Mi",
        "services.api.throughput=30/s",
    )
    # 2·0.7/0.05 = 28/s by cpu, (2·0.8 − 0.5)/0.0625/0.5 = 35.2/s by memory, 10/0.5 = 20/s by concurrency.
    assert constraints(result) == {"cpu": 4, "memory": 3, "concurrency": 5, "throughput": 4, "min": 0}
    assert component(result, "api").sizing.binding() == "concurrency"
    assert peak(result, "api") == 5


def test_cpu_time_is_the_service_time_unless_something_else_is_said():
    assert constraints(estimate_of(RUN))["cpu"] == np.ceil(100 * 0.5 / (2 * 0.7))
    assert constraints(estimate_of(RUN, "services.api.cpu_time=10ms"))["cpu"] == 1
    assert "cpu" not in constraints(estimate_of(RUN, "services.api.throughput=30/s"))
    assert "cpu" not in constraints(estimate_of(RUN, "services.api.cpu_time=0"))


def test_targets_leave_headroom():
    full = estimate_of(
        RUN, "services.api.target_utilization={cpu: 100%, concurrency: 100%}", "services.api.cpu_time=20ms"
    )
    half = estimate_of(
        RUN, "services.api.target_utilization={cpu: 100%, concurrency: 50%}", "services.api.cpu_time=20ms"
    )
    assert (peak(full, "api"), peak(half, "api")) == (5, 10)


def test_utilization_is_the_share_of_the_scarcest_resource_in_the_busiest_hour():
    result = estimate_of(FLAT_VM, "services.api.throughput=30/s")
    assert float(component(result, "api").utilization[0, 0]) == pytest.approx(100 / (4 * 30))
    spare = estimate_of(FLAT_VM, "services.api.redundancy={spare: 4}")
    assert float(component(spare, "api").utilization[0, 0]) == pytest.approx(100 / 140)


def test_a_ceiling_that_is_too_low_is_an_error_with_the_number_to_raise_it_to():
    result = estimate_of(
        FLAT_VM, "services.api.instances={min: 1, max: 6}", "services.api.redundancy={spare: 1}"
    )
    (finding,) = [f for f in result.findings if f.code == "max-too-small"]
    assert finding.severity == "error"
    assert finding.subject == "api"
    assert "max 6 carries 50 requests/s" in finding.message
    assert "brings 100" in finding.message
    assert "needs 11" in finding.message
    assert finding.remedy == "Raise instances.max to 11."


def test_the_finding_is_that_of_the_worst_scenario():
    result = estimate_of(
        FLAT_VM, "services.api.instances={min: 1, max: 6}", sweep=("requests_per_second=10,200,100",)
    )
    (finding,) = [f for f in result.findings if f.code == "max-too-small"]
    assert finding.remedy == "Raise instances.max to 20."


def test_a_service_of_which_nothing_is_known_is_a_warning():
    result = estimate_of(FLAT_VM, "services.api.throughput=null", "services.api.instances={min: 2}")
    assert "unsized" in codes(result)
    assert peak(result, "api") == 2


FULL = ("services.api.memory_base=3Gi", "services.api.memory_per_request=1Mi")


def test_an_instance_without_room_for_one_request_is_refused():
    with pytest.raises(InputError, match="an instance has no memory left for a single request"):
        estimate_of(RUN, *FULL)


@pytest.mark.parametrize(
    ("change", "floor", "ceiling"),
    [
        ("", 0, 100),
        ("services.api.instances={min: 3}", 3, 100),
        ("services.api.instances={min: 200}", 200, 200),
        ("services.api.instances={max: 5}", 0, 5),
        ("services.api.instances=4", 4, 4),
    ],
)
def test_bounds_that_nobody_says_are_the_platforms(change, floor, ceiling):
    sizing = component(estimate_of(RUN, *[change] if change else []), "api").sizing
    assert (float(sizing.floor[0, 0]), float(sizing.ceiling[0, 0])) == (floor, ceiling)


def test_virtual_machines_have_a_floor_of_one_and_no_ceiling():
    sizing = component(estimate_of(FLAT_VM), "api").sizing
    assert float(sizing.floor[0, 0]) == 1
    assert sizing.ceiling is None


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("services.api.machine=m5.huge", "unknown SKU 'm5.huge' of aws ec2"),
        ("services.api.region=us-east-7", "aws has no region 'us-east-7'"),
        ("regions={gcp: us-central1}", "has no region: the plan does not say where on aws it runs"),
        ("regions={aws: us-east1}", "aws has no region 'us-east1'. Did you mean 'us-east-1'"),
    ],
)
def test_what_the_catalog_does_not_have_is_refused(change, what):
    sets = ["regions=null", change] if change.startswith("regions") else [change]
    with pytest.raises(InputError) as caught:
        estimate_of(FLAT_VM, *sets)
    assert what in str(caught.value)
