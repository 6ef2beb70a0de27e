"""What a bill rests on: shares by source that add up, what depends on what, and what to measure next."""

from __future__ import annotations

import json
import math
import re
from textwrap import dedent

import pytest
from helpers import SHIPPED, moderate, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.estimate import estimate
from capplan.plan.intervals import SOURCES
from capplan.uncertainty.grounds import WEAKEST_FIRST, Grounds, grounds_of
from capplan.uncertainty.measuring import to_measure

SHOP = """
    name: shop
    regions: {gcp: us-central1}
    demand: {requests_per_second: 30, profile: office-hours, peak_to_average: 3, entry: {web: 9, batch: 1}}
    services:
      web:
        platform: vm-group
        provider: gcp
        machine: n1-standard-2
        service_time: 200ms
        concurrency: 8
        instances: {min: 1, max: 60}
        calls: {model: 0.01, mail: 0.1}
      batch:
        platform: vm-group
        provider: gcp
        machine: n1-standard-1
        service_time: 50ms
        concurrency: 4
        instances: {min: 3, max: 3}
    external_apis:
      model: {input_tokens: 1k, output_tokens: 300, usd_per_1m_input_tokens: 0.5, usd_per_1m_output_tokens: 2}
      mail: {price_per_request: $0.0004}
"""
NUMBERS = {
    "demand.requests_per_second": "30",
    "demand.peak_to_average": "3",
    "services.web.service_time": "200ms",
    "services.web.concurrency": "8",
    "services.web.calls.model": "0.01",
    "services.batch.service_time": "50ms",
    "services.batch.instances": "3",
    "external_apis.model.output_tokens": "300",
    "external_apis.mail.price_per_request": "$0.0004",
}


def marked(**sources: str | None) -> list[str]:
    return [
        f"{path}={{value: {NUMBERS[path]}, source: {source}}}" for path, source in sources.items() if source
    ]


def grounds(*sets: str, text: str = SHOP, assumed_only: bool = False) -> Grounds:
    return grounds_of(estimate(plan_of(text, *sets), SHIPPED), assumed_only)


@settings(moderate, max_examples=25)
@given(st.fixed_dictionaries({path: st.sampled_from([None, *SOURCES]) for path in NUMBERS}))
def test_shares_by_source_add_up_and_a_better_source_never_raises_what_is_assumed(sources):
    result = estimate(plan_of(SHOP, *marked(**sources)), SHIPPED)
    found = grounds_of(result)
    assert list(found.usd) == list(WEAKEST_FIRST)
    assert all(usd >= 0 for usd in found.usd.values())
    assert sum(found.usd.values()) == pytest.approx(float(result.total.expected[0, 0]), rel=1e-12)
    assert 0 <= found.share("assumed") <= 1
    assert grounds_of(result, assumed_only=True).share("assumed") == pytest.approx(found.share("assumed"))
    better = {path: "measured" if source == "assumed" else source for path, source in sources.items()}
    assert grounds(*marked(**better)).share("assumed") == 0


def test_the_share_is_that_of_the_costs_that_change_with_what_is_assumed():
    found = grounds(*marked(**{"external_apis.model.output_tokens": "assumed"}))
    calls = 30 * 0.9 * 0.01 * 730 * 3600
    assert found.usd["assumed"] == pytest.approx(calls * 300 * 2e-6, rel=1e-9)
    assert found.counts == {"web": "unstated", "batch": "fixed"}


def test_a_count_rests_on_what_decides_it():
    sources = dict.fromkeys(("services.web.service_time", "services.batch.service_time"), "assumed")
    assert grounds(*marked(**sources)).counts == {"web": "assumed", "batch": "fixed"}
    many = marked(**{"services.batch.instances": "vendor"})
    assert grounds(*many).counts["batch"] == "vendor"  # its minimum decides


def test_a_discount_goes_with_what_it_lowers():
    result = estimate(plan_of(SHOP, *marked(**{"services.web.service_time": "assumed"})), SHIPPED)
    lowered = [line for line in result.lines if line.cost is not None and (line.cost.expected < 0).any()]
    assert lowered
    found = grounds_of(result)
    assert found.usd["assumed"] == pytest.approx(float(result.cost_of("web").expected[0, 0]))


def test_what_no_plan_could_say_is_not_tried():
    """Office hours can be stretched to less than 4.2 times the mean, and nobody can run 120 % of a share."""
    found = grounds(*marked(**{"demand.peak_to_average": "assumed"}))
    (peak,) = (ground for ground in found.numbers if ground.source == "assumed")
    assert (peak.low, peak.high) == (1.5, 3)
    assert math.isnan(peak.costs[1])
    assert peak.costs[0] < sum(found.figures[figure] for figure in found.figures if figure[1])


def test_an_interval_is_tried_at_its_ends_and_a_zero_above_it():
    interval = "{p5: 190ms, p50: 200ms, p95: 210ms, source: measured}"
    sets = [f"services.web.service_time={interval}", "demand.growth_per_month={value: 0%, source: assumed}"]
    tried = {ground.path[-1]: (ground.low, ground.high) for ground in grounds(*sets).numbers}
    assert tried["service_time"] in [(0.19, 0.21), (0.025, 0.1)]
    assert tried["growth_per_month"] == (0, 0.1)


def test_a_number_that_nothing_varies_is_named(capplan, tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(dedent(SHOP) + "survive_sites: {value: 0, source: assumed}\n")
    run = capplan("estimate", file, "--explain", "all")
    assert run.exit_code == 0
    assert "assumed, but not varied: survive_sites" in run.stdout


def test_copies_at_other_sites_rest_on_the_same_numbers():
    sites = "sites={one: {}, two: {regions: {gcp: europe-west1}}}"
    found = grounds(sites, *marked(**{"services.web.service_time": "assumed"}))
    assert [name for name, source in found.counts.items() if source == "assumed"] == ["web", "web-two"]


def test_of_a_bill_of_nothing_there_is_no_share():
    text = """
        name: free
        demand: {requests_per_second: {value: 1, source: assumed}, profile: flat}
        external_apis: {mail: {price_per_request: 0}}
    """
    assert grounds(text=text).share("assumed") is None


def test_what_narrows_the_bill_most_for_a_day_of_work_comes_first():
    sources = {
        "services.web.service_time": "assumed",  # a day
        "external_apis.model.output_tokens": "assumed",  # a quarter of one
        "demand.requests_per_second": "measured",
    }
    found = to_measure(grounds(*marked(**sources)))
    assert [one.usd_per_day for one in found] == sorted((one.usd_per_day for one in found), reverse=True)
    names = [".".join(one.ground.path) for one in found]
    assert "demand.requests_per_second" not in names
    assert names.index("external_apis.model.output_tokens") < names.index("services.web.service_time")
    assert "services.web.target_utilization.concurrency" not in names
    swing = 30 * 0.9 * 0.01 * 730 * 3600 * 2e-6 * (600 - 150)
    assert found[names.index("external_apis.model.output_tokens")].ground.swing == pytest.approx(swing)


ASSUMED = marked(**{"external_apis.model.output_tokens": "assumed", "services.web.service_time": "assumed"})


@pytest.fixture
def shop(tmp_path):
    """The plan on disk."""
    file = tmp_path / "plan.yaml"
    file.write_text(dedent(SHOP))
    return file


def test_reports_say_what_rests_on_assumptions(capplan, shop):
    sets = [part for text in ASSUMED for part in ("--set", text)]
    share = grounds(*ASSUMED).share("assumed")
    assert (
        f"{share:.0%} of the expected cost and 1 of 2 counts rest on assumptions"
        in capplan("estimate", shop, *sets).stdout
    )
    document = json.loads(capplan("estimate", shop, "--format", "json", *sets).stdout)["assumptions"]
    assert document["share"] == pytest.approx(share)
    assert document["counts"] == ["web"]
    assert {one["path"]: one["components"] for one in document["numbers"]} == {
        "services.web.service_time": ["web"],
        "external_apis.model.output_tokens": ["model"],
    }
    said = capplan("estimate", shop, "--explain", "all", *sets).stdout
    assert "external_apis.model.output_tokens" in said.partition("What the bill rests on")[2]
    assert "web.service_time" not in capplan("estimate", shop, "--explain", "model", *sets).stdout


def test_a_plan_that_marks_nothing_is_told_nothing(capplan, shop):
    assert "assumption" not in capplan("estimate", shop).stdout
    assert json.loads(capplan("estimate", shop, "--format", "json").stdout)["assumptions"] is None
    assert "rests on" not in capplan("estimate", shop, "--explain", "all").stdout


def test_what_to_measure_next_is_part_of_sensitivity(capplan, shop):
    document = json.loads(capplan("estimate", shop, "--sensitivity", "--format", "json").stdout)
    first = document["measure_next"][0]
    assert first["uncertain_per_day"] == pytest.approx(first["uncertain"] / first["days"])
    assert first["path"] in capplan("estimate", shop, "--sensitivity").stdout.partition("MEASURE NEXT")[2]


def test_a_diff_tells_how_the_share_changes(capplan, shop, tmp_path):
    guess, measured = tmp_path / "guess.yaml", tmp_path / "measured.yaml"
    tokens = "output_tokens: {value: 300, source: %s}"
    guess.write_text(shop.read_text().replace("output_tokens: 300", tokens % "assumed"))
    measured.write_text(shop.read_text().replace("output_tokens: 300", tokens % "measured"))
    run = capplan("diff", guess, shop)
    assert run.exit_code == 0
    assert re.search(r"rests on assumptions: \d+% → unmarked", run.stdout)
    document = json.loads(capplan("diff", guess, measured, "--format", "json").stdout)
    assert document["assumed_share"]["before"] == pytest.approx(
        grounds(*marked(**{"external_apis.model.output_tokens": "assumed"})).share("assumed")
    )
    assert "rests on" not in capplan("diff", guess, guess).stdout


@pytest.mark.parametrize(
    ("gate", "sets", "code", "found"),
    [
        ("max_share: 1%", ASSUMED, 6, ["assumptions/assumed-cost"]),
        ("max_share: 1%, severity: warn", ASSUMED, 0, ["assumptions/assumed-cost"]),
        ("max_share: 50%", ASSUMED, 0, ["assumptions/unstated-cost"]),
        ("max_share: 50%, unstated: allow", ASSUMED, 0, []),
        ("max_share: 50%, unstated: deny", ASSUMED, 6, ["assumptions/unstated-cost"]),
        ("max_share: 10%", (), 0, ["assumptions/unstated-cost"]),
    ],
)
def test_check_gates_on_it(capplan, shop, gate, sets, code, found):
    shop.write_text(
        f"{shop.read_text()}gates:\n  assumptions: {{{gate}}}\n  coverage: {{artefacts: allow}}\n"
    )
    run = capplan("check", shop, "--format", "json", *(part for text in sets for part in ("--set", text)))
    assert run.exit_code == code
    told = [v for v in json.loads(run.stdout)["violations"] if v["gate"].startswith("assumptions")]
    assert [v["gate"] for v in told] == found
    assert all("model.output_tokens" in v["message"] for v in told if v["gate"].endswith("assumed-cost"))
