"""From what enters the system to the load on every component."""

import numpy as np
import pytest
from helpers import estimate_of, load_of, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.errors import InputError

BASE = """
    name: t
    demand: {requests_per_second: 10, profile: flat}
    services:
      web:
        platform: cloud-run
        service_time: 1s
        calls: {api: 2, cdn: {per_request: 10, cache_hit_rate: 90%}}
      api: {platform: cloud-run, service_time: 1s, calls: {db: 3, cdn: 1}}
    databases:
      db: {platform: rds, engine: mysql, machine: db.r6g.large}
    external_apis:
      cdn: {price_per_request: 1}
"""


def load(*sets: str, text: str = BASE):
    file = plan_of(text, *sets)
    return load_of(file)


def average(*sets: str) -> float:
    return float(load(*sets).average_rps[0, 0])


NO_RATE = "demand.requests_per_second=null"


@pytest.mark.parametrize(
    ("sets", "rps"),
    [
        ([], 10),
        ([NO_RATE, "demand.requests_per_day=864k"], 10),
        ([NO_RATE, "demand.requests_per_month=26.28M"], 10),
        ([NO_RATE, "demand.users_per_day=8640", "demand.requests_per_user=100"], 10),
        (["demand.growth_per_month=10%", "demand.month=2"], 12.1),
        (["demand.growth_per_month=-50%", "demand.month=1"], 5),
        (["demand.growth_per_month=10%"], 10),
    ],
)
def test_volume(sets, rps):
    assert average(*sets) == pytest.approx(rps)


def test_a_month_of_720_hours_packs_the_same_requests_tighter():
    file = plan_of(BASE, NO_RATE, "demand.requests_per_month=2592k")
    assert float(load_of(file, 720.0).average_rps[0, 0]) == pytest.approx(1)


def test_fan_out_multiplies_and_a_cache_takes_away():
    rps = {name: float(load().average(name)[0, 0]) for name in ("web", "api", "db", "cdn")}
    assert rps == pytest.approx({"web": 10, "api": 20, "db": 60, "cdn": 10 + 20})


def test_entries_share_by_weight():
    shared = load("demand.entry={web: 3, api: 1}")
    assert float(shared.average("web")[0, 0]) == pytest.approx(7.5)
    assert float(shared.average("api")[0, 0]) == pytest.approx(2.5 + 15)
    assert sum(float(share[0, 0]) for share in shared.entering.values()) == pytest.approx(1)


def test_a_component_that_nobody_calls_gets_nothing():
    idle = load("external_apis.idle={price_per_request: 1}")
    assert idle.average("idle").max() == 0


def test_two_services_that_nobody_calls_need_an_entry():
    with pytest.raises(InputError, match=r"requests could enter at web, other\. Say where, with weights"):
        load("services.other={platform: cloud-run, service_time: 1s}")


@moderate
@given(
    st.lists(st.lists(st.floats(0, 5), min_size=3, max_size=3), min_size=3, max_size=3), st.floats(0, 0.99)
)
def test_the_call_graph_agrees_with_the_matrix(calls, hit_rate):
    """Loads solve x = e + Cᵀx; the plan follows the graph, this inverts the matrix."""
    size = 4
    matrix = np.zeros((size, size))
    services = []
    for caller in range(size):
        called = {}
        for callee in range(caller + 1, size):
            per_request = calls[caller][callee - 1] if caller < 3 else 0.0
            matrix[caller, callee] = per_request * (1 - hit_rate)
            called[f"s{callee}"] = {"per_request": per_request, "cache_hit_rate": hit_rate}
        services.append(f"  s{caller}: {{platform: cloud-run, service_time: 1s, calls: {called}}}")
    text = (
        "name: t\ndemand: {requests_per_second: 7, profile: flat, entry: {s0: 1}}\nservices:\n"
        + "\n".join(services)
    )
    result = load(text=text)
    expected = np.linalg.solve(np.eye(size) - matrix.T, np.array([7.0, 0, 0, 0]))
    assert [float(result.average(f"s{n}")[0, 0]) for n in range(size)] == pytest.approx(expected.tolist())


def test_the_default_shape_is_the_consumers_day():
    result = load("demand.profile=null")
    assert result.profile == "consumer-diurnal"
    assert result.shape.shape == (1, 168)
    assert float(result.peak_rps[0, 0]) == pytest.approx(16)


def test_the_peak_is_average_times_ratio():
    result = load("demand.profile=weekly", "demand.peak_to_average=2.5")
    assert float(result.peak_rps[0, 0]) == pytest.approx(25)
    assert float(result.rps("api").max()) == pytest.approx(50)
    assert float(result.rps("api").mean()) == pytest.approx(20)


@pytest.mark.parametrize("ratio", ["0.9", "4.2", "100"])
def test_a_ratio_that_the_profile_cannot_have_is_refused(ratio):
    with pytest.raises(InputError, match=r"office-hours can be stretched from 1 to below 4\.2"):
        load("demand.profile=office-hours", f"demand.peak_to_average={ratio}")


def test_flat_stays_flat():
    assert load("demand.peak_to_average=1").shape.tolist() == [[1.0]]
    with pytest.raises(InputError, match="has no peak to stretch"):
        load("demand.peak_to_average=1.5")


def test_a_swept_ratio_is_checked_in_every_scenario():
    with pytest.raises(InputError, match="peak_to_average: got 5"):
        estimate_of(
            BASE,
            "demand.profile=office-hours",
            "regions={gcp: us-central1, aws: us-east-1}",
            sweep=("demand.peak_to_average=2,5",),
        )


ONE_STORE = """
    name: t
    regions: {{gcp: us-central1, aws: us-east-1}}
    demand: {{requests_per_second: 7, profile: flat}}
    {section}
"""
ALONE = {
    "m": "llm: {m: {model: llama-3.1-8b, precision: fp8, gpu: L4, tensor_parallel: 1, provider: gcp, "
    "input_tokens: 100, output_tokens: 20, replicas: {min: 1, max: 20}}}",
    "db": "databases: {db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 20Gi}}",
    "api": "external_apis: {api: {price_per_request: 0.01}}",
}


@pytest.mark.parametrize("name", ALONE)
def test_requests_enter_at_the_only_component_there_is(name):
    load = estimate_of(ONE_STORE.format(section=ALONE[name])).load
    assert load.average(name).item() == 7
    assert list(load.entering) == [name]


def test_a_database_may_be_the_entry_beside_services():
    plan = ONE_STORE.format(section=ALONE["db"]) + "    services: {web: {platform: fargate, cpu_time: 5ms}}\n"
    load = estimate_of(plan, "demand.entry={web: 3, db: 1}").load
    assert load.average("db").item() == 1.75
    assert load.average("web").item() == 5.25
