"""A service whose requests are of several kinds: limits of each, and the times of their mixture."""

import json

import numpy as np
import pytest
from helpers import SHIPPED, codes, component, estimate_of, peak, plan_of

from capplan.decide.recommend import recommend
from capplan.errors import InputError
from capplan.estimate import estimate

MEASURED = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        throughput: 20/s
        classes:
          exports: {share: 1%, throughput: 6/min}
          questions: {share: 5%, throughput: 1/s}
"""
TIMED = """
    name: t
    regions: {aws: us-east-1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        service_time: 50ms
        cpu_time: 10ms
        concurrency: 10
        classes:
          questions: {share: 20%, service_time: 550ms, cpu_time: 60ms, cs2: 0}
"""


def test_every_class_is_a_limit_of_its_own_and_the_binding_one_is_named():
    sizing = component(estimate_of(MEASURED), "api").sizing
    # 100/s ÷ 20/s; 1/s ÷ 0.1/s; 5/s ÷ 1/s.
    assert {name: float(count[0, 0]) for name, count in sizing.constraints.items()} == {
        "throughput": 5,
        "throughput of exports": 10,
        "throughput of questions": 5,
        "min": 0,
    } | {"min": float(sizing.floor[0, 0])}
    assert sizing.binding() == "throughput of exports"


def test_the_target_of_the_throughput_holds_for_classes():
    assert peak(estimate_of(MEASURED, "services.api.target_utilization.throughput=50%"), "api") == 20


def test_a_class_that_nobody_asks_for_limits_nothing():
    found = estimate_of(MEASURED, "services.api.classes.exports.share=0")
    assert peak(found, "api") == 5


def test_times_are_those_of_the_mixture():
    (one,) = [s for n, s in estimate_of(TIMED).plan.services.items() if n == "api"]
    assert one.service_time == pytest.approx(0.8 * 0.05 + 0.2 * 0.55)
    assert one.cpu_time == pytest.approx(0.8 * 0.01 + 0.2 * 0.06)
    # Exponential times of 50 ms, constant ones of 550 ms.
    square = 0.8 * 2 * 0.05**2 + 0.2 * 0.55**2
    assert one.cs2 == pytest.approx(square / 0.15**2 - 1)


def test_a_mixture_is_sized_as_its_times_by_hand():
    mixed = estimate_of(TIMED, "services.api.slo.p95=2s")
    square = 0.8 * 2 * 0.05**2 + 0.2 * 0.55**2
    said = TIMED[: TIMED.index("        classes")].replace("50ms", "150ms").replace("10ms", "20ms")
    by_hand = estimate_of(said, f"services.api.cs2={square / 0.15**2 - 1}", "services.api.slo.p95=2s")
    one, other = (component(found, "api") for found in (mixed, by_hand))
    assert one.sizing.constraints.keys() == other.sizing.constraints.keys()
    assert one.sizing.peak == other.sizing.peak
    assert one.response.at_peak(0.95) == pytest.approx(other.response.at_peak(0.95))


def test_the_mixture_agrees_with_times_drawn_one_by_one():
    rng = np.random.default_rng(7)
    question = rng.random(400_000) < 0.2
    times = np.where(question, 0.55, rng.exponential(0.05, question.size))
    found = estimate_of(TIMED).plan.services["api"]
    assert found.service_time == pytest.approx(times.mean(), rel=0.01)
    assert found.cs2 == pytest.approx(times.var() / times.mean() ** 2, rel=0.02)


def test_what_a_class_leaves_out_is_the_services():
    found = estimate_of(TIMED.replace(", cpu_time: 60ms, cs2: 0", "")).plan.services["api"]
    assert found.cpu_time == pytest.approx(0.01)
    assert found.cs2 == pytest.approx(2 * (0.8 * 0.05**2 + 0.2 * 0.55**2) / 0.15**2 - 1)


def test_classes_that_are_all_requests_need_no_times_of_the_service():
    text = TIMED.replace("        service_time: 50ms\n        cpu_time: 10ms\n", "")
    text += "          rest: {share: 80%, service_time: 50ms}\n"
    found = estimate_of(text).plan.services["api"]
    assert found.service_time == pytest.approx(0.15)
    # A class without a CPU time keeps the CPU busy all the time, as a service does.
    assert found.cpu_time == pytest.approx(0.8 * 0.05 + 0.2 * 0.06)


def test_shares_vary_by_scenario():
    swept = estimate_of(MEASURED, sweep=("services.api.classes.exports.share=0,1%,2%",))
    found = component(swept, "api").sizing
    assert found.peak.ravel().tolist() == [5, 10, 20]


@pytest.mark.parametrize(
    ("text", "sets", "where", "what"),
    [
        (MEASURED, ("services.api.classes.exports.share=96%",), "services.api.classes", "add up to 101%"),
        (
            MEASURED,
            ("services.api.classes.exports.service_time=1s",),
            "services.api.service_time",
            "is required",
        ),
        (MEASURED, ("services.api.classes.exports.share=null",), "classes.exports.share", "is required"),
        (MEASURED, ("services.api.classes.exports.rate=1",), "services.api.classes.exports.rate", "unknown"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, sets, where, what):
    with pytest.raises(InputError) as caught:
        estimate_of(text, *sets)
    assert where in str(caught.value)
    assert what in str(caught.value)


TABLE = """\
schema: 1
name: by-memory
kind: capacity
by: memory_gib
source: {as_of: "2026-01-01", text: our load test}
tiers:
  - {name: small, below: 10, throughput: 20/s, classes: {exports: 3/min}}
  - {name: large, below: 20, throughput: 50/s, classes: {exports: 12/min}}
"""


def in_directory(directory, text, *sets):
    return estimate(plan_of(text, *sets, directory=directory), SHIPPED)


def test_a_table_gives_the_limits_of_classes_too(tmp_path):
    (tmp_path / "table.yaml").write_text(TABLE)
    sets = ("services.api.capacity=table.yaml", "services.api.machine=m5.large")
    assert peak(in_directory(tmp_path, MEASURED, *sets), "api") == 20
    sizing = component(in_directory(tmp_path, MEASURED, sets[0]), "api").sizing
    assert float(sizing.constraints["throughput of exports"][0, 0]) == 5
    assert float(sizing.constraints["throughput of questions"][0, 0]) == 5


def test_a_table_says_where_it_ends(tmp_path):
    (tmp_path / "table.yaml").write_text(TABLE)
    within, beyond = (
        in_directory(
            tmp_path, MEASURED, "services.api.capacity=table.yaml", f"services.api.machine={machine}"
        )
        for machine in ("m5.xlarge", "m5.2xlarge")
    )
    assert "beyond-tier-table" not in codes(within)
    (said,) = [f for f in beyond.findings if f.code == "beyond-tier-table"]
    assert "by-memory ends at memory_gib 20, and api has 32" in said.message


def test_a_database_beyond_its_table_is_said(tmp_path):
    table = TABLE.replace("capacity", "database").replace("memory_gib", "requests_per_second")
    table = table[: table.index("  - ")] + "  - {name: only, below: 50, cpu: 2, memory: 8Gi}\n"
    (tmp_path / "table.yaml").write_text(table)
    text = MEASURED + "        calls: {sql: 1}\n"
    text += "    databases: {sql: {platform: rds, engine: postgres, machine: auto, resources: table.yaml}}\n"
    assert "beyond-tier-table" in codes(in_directory(tmp_path, text))
    fewer = in_directory(tmp_path, text, "demand.requests_per_second=40")
    assert "beyond-tier-table" not in codes(fewer)


def test_rate_limits_beyond_their_table_are_said(tmp_path):
    table = TABLE.replace("capacity", "load").replace("memory_gib", "load_ratio")
    table = table[: table.index("  - ")] + "  - {name: only, below: 90%, limits: {all: 100}}\n"
    (tmp_path / "table.yaml").write_text(table)
    front = "{service: api, tiers: table.yaml, clients: 5, endpoints: {all: {share: 100%}}}"
    text = f"{MEASURED}        instances: {{max: 10}}\n    rate_limits: {{front: {front}}}\n"
    assert "beyond-tier-table" in codes(in_directory(tmp_path, text))
    assert "beyond-tier-table" not in codes(in_directory(tmp_path, text, "requests_per_second=80"))


def test_no_other_machine_is_advised_for_a_class_measured_on_this_one():
    text = MEASURED.replace("throughput: 20/s", "cpu_time: 10ms")
    kinds = {hint.change.kind for hint in recommend(plan_of(text), SHIPPED).hints}
    assert kinds.isdisjoint({"right-size", "family"})
    unmeasured = text.replace("throughput: 6/min", "cpu_time: 1s").replace("throughput: 1/s", "cpu_time: 1s")
    found = {hint.change.kind for hint in recommend(plan_of(unmeasured), SHIPPED).hints}
    assert found - kinds


def test_json_names_the_binding_class(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(MEASURED)
    found = json.loads(capplan("estimate", tmp_path, "--format", "json").stdout)["components"]["api"]
    assert found["binding_constraint"] == "throughput of exports"
    shown = capplan("estimate", tmp_path, "--explain", "api").stdout
    assert "services.api.classes.exports.throughput" in shown
