import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, SHIPPED
from hypothesis import given, settings
from hypothesis import strategies as st

from capplan.decide.answers import answer
from capplan.decide.breakeven import Alternative, Owned, break_even
from capplan.decide.crossings import cheapest
from capplan.decide.drivers import driver_of
from capplan.decide.questions import ComparisonOptions, questions
from capplan.decide.world import names_of
from capplan.errors import InputError
from capplan.estimate import context_of, estimate
from capplan.plan.bind import Scenarios
from capplan.plan.read import parse_plan, text_of
from capplan.report.json_format import estimate_document

AFPI = ROOT / "examples" / "afpi"
PLAN = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, calls: {llm: 1}}
external_apis:
  llm: {price_per_request: 0}
alternatives:
  large: {services: {api: {machine: m5.4xlarge, throughput: 45/s}}}
  paid:
    services: {api: {machine: t3.micro, throughput: 1000/s}}
    external_apis: {llm: {price_per_request: $0.000001}}
"""


def document(found):
    return names_of(found, estimate_document)


def answers_to(source: Path, **asked):
    return [
        answer(q, document) for q in questions(text_of(source), ComparisonOptions(**asked), SHIPPED, document)
    ]


def afpi(**asked):
    (found,) = answers_to(AFPI, points=100, **asked)
    return found


def test_afpi_breaks_even_where_its_own_tables_say():
    found = afpi(comparison="llm", books=("afpi",))
    (switch,) = found.found.switches
    assert switch.first == pytest.approx(24_260)
    assert switch.sustained == switch.first
    assert found.shown[0]["LLM API, USD a month"] == pytest.approx(1213)
    assert found.found.now.costs == pytest.approx((900, 1613))


def test_at_list_prices_and_730_hours_it_breaks_even_later():
    found = afpi(comparison="llm")
    # 50 for the boot disks of five nodes, 5 for the volume that the one pod loads its weights to.
    assert found.shown[0]["LLM API, USD a month"] == pytest.approx(1277.5 + 55, abs=0.1)
    assert found.found.switches[0].first == pytest.approx(25_550 + 55 / 0.05, rel=1e-3)


def test_engineers_move_the_break_even():
    hours = "alternatives.gke-gpu.decisions.ownership.engineering_hours_per_month=30"
    found = afpi(comparison="llm", books=("afpi",), sets=(hours,))
    assert found.found.switches[0].first == pytest.approx(24_260 + 3000 / 0.05)


def test_the_price_of_the_api_decides_most():
    """The reference: 29.3K conversations at 5 cents, 574K at the price of a small model, never at an 8B's.

    It counts no disks. With those of nodes, volumes for weights, and sizes from the model's own figures,
    they are 31.5K and 703K.
    """
    plan, mini, api_8b = afpi(comparison="like-for-like").found.switches
    assert plan.crossings[0] == pytest.approx(31_500, rel=0.01)
    assert mini.crossings[0] == pytest.approx(703_000, rel=0.01)
    assert api_8b.from_start
    assert not api_8b.crossings


def test_every_comparison_that_ships_has_an_answer():
    answers = answers_to(AFPI, points=30)
    assert [a.question.name for a in answers] == ["llm", "like-for-like", "hybrid", "purchase", "platform"]
    hybrid = answers[2].found.least[0]
    assert hybrid.value == 1.0


def test_migration_is_spread_and_pays_back():
    sets = (
        "alternatives.gke-gpu.decisions.ownership.migration_usd=6000",
        "external_apis.llm-api.price_per_request=0.2",
    )
    found = afpi(between=("plan", "gke-gpu"), over="price_per_request", books=("afpi",), sets=sets[:1])
    assert found.found.now.costs[1] == pytest.approx(1613 + 500)
    assert found.found.now.payback_months == [None, None]
    found = afpi(
        between=("plan", "gke-gpu"), over="conversations", low="1k", high="1M", books=("afpi",), sets=sets
    )
    assert found.found.now.payback_months[1] == pytest.approx(6000 / (2400 - 1613))


def test_never_says_why():
    (switch,) = afpi(
        between=("api-8b", "gke-gpu"), over="conversations", low="1k", high="100k"
    ).found.switches
    assert switch.first is None
    assert "beyond the range" in switch.reason


def files(text, *names):
    return [parse_plan(text, "plan.yaml", Path(), alternative=name) for name in names]


def compared(text, x, *names, over="requests_per_second"):
    plans = files(text, *names)
    alternatives = [
        Alternative(str(n), context_of(f, SHIPPED), Owned()) for n, f in zip(names, plans, strict=True)
    ]
    return break_even(alternatives, driver_of(over, plans, dict), x)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["m5.large", "m5.xlarge", "c5.2xlarge"]),
    st.integers(3, 60),
    st.integers(3, 90),
    st.sampled_from([0, 2e-7, 1e-6, 3e-6]),
    st.integers(2, 40),
)
def test_crossings_of_plans_are_those_of_a_scan(machine, throughput, other, price, points):
    text = (
        PLAN.replace("price_per_request: 0}", f"price_per_request: {price}}}")
        + f"""
  other:
    services: {{api: {{machine: {machine}, throughput: {other}/s}}}}
    external_apis: {{llm: {{price_per_request: 0}}}}
"""
    )
    text = text.replace("throughput: 10/s", f"throughput: {throughput}/s")
    values = np.arange(1.0, 501.0)
    scan = []
    for file in files(text, None, "other"):
        found = estimate(file, SHIPPED, Scenarios(500, {("demand", "requests_per_second"): values}))
        scan.append(np.broadcast_to(found.total.expected[:, 0], 500))
    winner = cheapest(np.stack(scan))
    expected = {float(values[i]) for i in np.flatnonzero(np.diff(winner)) + 1}
    found = compared(text, np.linspace(1, 500, points), None, "other")
    # The driver has all values: a crossing lies at or below the whole number at which the scan sees it.
    seen = [change.high for change in found.stretches[:-1]]
    assert expected <= {float(np.ceil(at - 1e-6)) for at in seen} | {float(np.ceil(at + 1e-6)) for at in seen}
    for stretch in found.stretches:
        inside = (values > stretch.low + 1e-6) & (values < stretch.high - 1e-6)
        assert set(winner[inside]) <= {stretch.cheapest}


def test_a_whole_driver_crosses_at_a_whole_number():
    text = PLAN + "  min: {services: {api: {throughput: 1000/s, instances: {min: 7}}}}\n"
    found = compared(text, np.arange(1.0, 51.0), None, "min", over="services.api.instances.min")
    assert all(stretch.high == round(stretch.high) for stretch in found.stretches)


def test_an_alternative_that_reaches_its_maximum_is_told():
    text = PLAN + "  small: {services: {api: {instances: {max: 20}}}}\n"
    found = compared(text, np.linspace(10, 1000, 20), None, "small")
    assert found.limits[0] is None
    assert found.limits[1] == pytest.approx(200)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"between": ("plan", "larg")}, "Did you mean 'large'?"),
        ({"between": ("plan",)}, "needs at least two alternatives"),
        ({"over": "requests_per_secnd"}, "Did you mean"),
        ({"over": "name"}, "is not a number"),
        ({"over": "demand.users_per_day"}, "is not a number in the plan"),
        ({"low": "10", "high": "5"}, "is empty"),
        ({"low": "-3"}, "must be at least 0"),
        ({"comparison": "x"}, "the plan has no comparison 'x'"),
    ],
)
def test_what_cannot_be_compared_is_said(tmp_path, asked, said):
    (tmp_path / "plan.yaml").write_text(PLAN)
    with pytest.raises(InputError) as error:
        answers_to(tmp_path, **asked)
    assert said in str(error.value)


def test_a_plan_without_comparisons_compares_its_alternatives_over_its_volume(tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    (found,) = answers_to(tmp_path, points=50)
    assert [a.name for a in found.question.alternatives] == ["plan", "large", "paid"]
    assert found.question.driver.name == "requests_per_second"
    assert (found.found.x[0], found.found.x[-1]) == (1.0, 10_000.0)


def test_formats(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    command = (
        "breakeven",
        tmp_path,
        "--between",
        "plan",
        "large",
        "--from",
        "1",
        "--to",
        "100",
        "--points",
        "20",
    )
    shown = capplan(*command)
    assert shown.exit_code == 0
    assert "large against plan: " in shown.stdout
    assert "o plan   * large" in shown.stdout
    found = json.loads(capplan(*command, "--format", "json").stdout)["comparisons"][0]
    assert found["driver"]["from"] == 1.0
    assert len(found["curves"]["monthly_cost"]["large"]) == 20
    rows = list(csv.DictReader(io.StringIO(capplan(*command, "--format", "csv").stdout)))
    assert len(rows) == 40
    assert "| from | to | cheapest |" in capplan(*command, "--format", "markdown").stdout.lower()
    assert capplan("breakeven", tmp_path, "--between", "plan,large").exit_code == 2


def test_a_commitment_pays_above_its_share_of_the_price():
    found = {c.sku: c for c in afpi(comparison="purchase").commitments}
    assert found["g2-standard-4"].pays_above == pytest.approx((0.63, 0.45))


def test_intervals_make_the_break_even_a_distribution():
    price = "external_apis.llm-api.price_per_request={p5: 0.03, p50: 0.05, p95: 0.08}"
    (question,) = questions(
        text_of(AFPI),
        ComparisonOptions(comparison="llm", books=("afpi",), sets=(price,), points=200),
        SHIPPED,
        document,
    )
    (chance,) = answer(question, document, samples=400).chances
    assert chance.sustained.p50 == pytest.approx(24_260, rel=0.03)
    assert chance.sustained.p5 == pytest.approx(1213 / 0.08, rel=0.05)
    assert chance.sustained.p95 == pytest.approx(1213 / 0.03, rel=0.05)
    assert np.all(np.diff(chance.cheaper) >= 0)
    assert chance.never == 0


def test_a_plan_without_intervals_is_certain():
    assert afpi(comparison="llm").chances == []


@pytest.mark.parametrize(
    ("fmt", "start"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("html", b"<!doctype html>")]
)
def test_pictures(capplan, tmp_path, fmt, start):
    if fmt == "png":
        pytest.importorskip("vl_convert")
    target = tmp_path / f"out.{fmt}"
    run = capplan("breakeven", AFPI, "--comparison", "llm", "--points", "50", "--format", fmt, "-o", target)
    assert run.exit_code == 0
    assert target.read_bytes().lstrip().startswith(start)


LACKING = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, calls: {both: 1}}
external_apis: {both: {}, mail: {}}
alternatives:
  dearer: {services: {api: {machine: m5.4xlarge, calls: {mail: 1}}}}
  cheaper: {services: {api: {machine: t3.micro, calls: {mail: 1}}}}
"""


def against_plan(other, tmp_path, **asked):
    file = tmp_path / "plan.yaml"
    file.write_text(LACKING)
    (found,) = answers_to(
        file, between=("plan", other), over="requests_per_second", low="10", high="1000", points=50, **asked
    )
    return found.found


def test_a_bound_that_is_dearer_already_loses_for_sure(tmp_path):
    """A price that is missing can only add to what costs more without it; one that both lack adds to both."""
    found = against_plan("dearer", tmp_path)
    assert found.lacking == [True, True]
    assert [(s.cheapest, s.known) for s in found.stretches] == [(0, True)]
    assert [s.known for s in found.switches] == [True]


def test_a_bound_that_looks_cheaper_wins_nothing(tmp_path):
    found = against_plan("cheaper", tmp_path)
    assert [(s.cheapest, s.known) for s in found.stretches] == [(1, False)]
    (switch,) = found.switches
    assert (switch.known, switch.first, switch.sustained) == (False, None, None)
    assert found.now.payback_months == [None, None]


CALLS = """
name: u1
regions: {aws: us-east-1}
demand: {requests_per_second: 200}
services:
  api:
    {platform: fargate, cpu: 1, memory: 2Gi, service_time: 50ms, cpu_time: 20ms, concurrency: 16,
     instances: {min: 2, max: 20}, calls: {pay: 1}}
external_apis: {pay: {}}
alternatives:
  more: {services: {api: {cpu_time: 10ms, calls: {pay: 3}}}}
  less: {services: {api: {cpu_time: 10ms, calls: {pay: 0.5}}}}
  same: {services: {api: {cpu_time: 10ms}}}
"""


@pytest.mark.parametrize(("other", "known"), [("more", False), ("less", True), ("same", True)])
def test_what_has_no_price_must_not_be_used_more_by_the_cheaper_one(capplan, tmp_path, other, known):
    """Three times as many calls at a price that nobody knows may cost more than all that the rest saves."""
    file = tmp_path / "plan.yaml"
    file.write_text(CALLS)
    asked = (
        "--between",
        "plan",
        other,
        "--over",
        "requests_per_second",
        "--from",
        "100",
        "--to",
        "1000",
        "--points",
        "20",
    )
    (found,) = json.loads(capplan("breakeven", file, *asked, "--format", "json").stdout)["comparisons"]
    (switch,) = found["switches"]
    assert switch["known"] is known
    assert (found["stretches"][-1]["cheapest"] is not None) is known
    shown = capplan("breakeven", file, *asked, "--quiet").stdout
    assert shown.count("unknown  ") + shown.count("unknown\n") >= 2  # what one more unit costs, on both sides
    assert f"Now, at 200: plan ≥ {found['now']['monthly_cost']['plan']:,.2f}, {other} ≥ " in shown
