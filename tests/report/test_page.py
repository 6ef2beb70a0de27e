"""The page of a plan: its chapters, its charts, and that it is whole by itself."""

from __future__ import annotations

import json
import re

import pytest
from helpers import ROOT

from capplan.report.blocks import Curves
from capplan.report.formats import drawing
from capplan.report.formats import picture as pictures

CHAPTERS = {
    "amas": "unknown bill what-if week binding alternatives simulation inputs prices",
    "afpi": "unknown bill what-if binding alternatives growth simulation inputs prices",
    "llm-serving": "unknown bill what-if week binding alternatives llm simulation inputs prices",
}


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_page_has_the_chapters_that_the_plan_has_something_for(capplan, name):
    page = capplan("report", ROOT / "examples" / name).stdout
    assert re.findall(r'<section id="([\w-]+)" aria-labelledby', page) == CHAPTERS[name].split()
    assert re.findall(r'<li><a href="#([\w-]+)"', page) == CHAPTERS[name].split()
    assert not re.findall(r"</h2>\s*</section>", page)
    assert not re.search(r"""\b(src|srcset|action)=|href="(?!#)|url\(|@import""", page)
    assert len(page) < 2_000_000
    if name == "afpi":
        for said in (
            "Roadmap: phase",
            "What each tier costs as built",
            "no tier carries the load",
            "Rule own-gpus",
        ):
            assert said in page


def test_the_figures_are_those_of_the_estimate(capplan):
    given = (ROOT / "examples" / "levqor", "--set", "demand.requests_per_second=321")
    page = capplan("report", *given).stdout
    document = json.loads(capplan("estimate", *given, "--format", "json").stdout)
    assert f"{document['monthly_cost']['expected']:,.2f}" in page
    for component in document["components"].values():
        assert component["monthly_cost"] is None or f"{component['monthly_cost']['expected']:,.2f}" in page


VARIED = {
    "demand.requests_per_second=10,100": ("demand.requests_per_second", ["10", "100", "200"]),
    "demand.requests_per_second=400,200": ("demand.requests_per_second", ["200", "400"]),
    "demand.growth_per_month=2%": ("demand.growth_per_month", ["0", "2%"]),
    "backend.throughput=50/s": ("services.backend.throughput", ["50/s", "75/s"]),
}


@pytest.mark.parametrize("text", VARIED)
def test_vary_chooses_the_sliders_and_keeps_the_value_of_the_plan(capplan, text):
    page = capplan("report", ROOT / "examples" / "levqor", "--vary", text).stdout
    data = json.loads(re.search(r'id="positions">(.*?)</script>', page)[1])
    assert (data["names"], data["labels"]) == ([VARIED[text][0]], [VARIED[text][1]])


MANY = ("requests_per_second", "peak_to_average", "resources.load-balancer.quantity")


@pytest.mark.parametrize(
    ("varied", "message"),
    [
        (["demand.requests=1,2"], "unknown field"),
        (["backend.platform=cloud-run,fargate"], "is not a number"),
        (["demand.requests_per_second=-1,2"], "demand.requests_per_second"),
        ([f"demand.requests_per_second={','.join(map(str, range(1, 99999)))}"], "too many for a slider"),
        ([f"{name}={','.join(map(str, range(1, 51)))}" for name in MANY], "too many for a page"),
        (["demand.requests_per_second=1"] * 2, "is swept twice"),
        (["demand.requests_per_second=1,,2"], "a value is missing between two commas"),
        (["services.backend.instances.max=0"], "min 2 is above max 0"),
    ],
)
def test_what_cannot_be_varied_is_refused(capplan, varied, message):
    given = [word for text in varied for word in ("--vary", text)]
    run = capplan("report", ROOT / "examples" / "levqor", *given)
    assert run.exit_code == 2
    assert message in run.stderr
    assert "--vary" in run.stderr
    assert run.stdout == ""


def test_the_command_of_a_position_has_what_the_page_was_made_with(capplan):
    given = ("--set", "demand.requests_per_second=300", "--alternative", "ram-4gb")
    page = capplan("report", ROOT / "examples" / "levqor", *given).stdout
    data = json.loads(re.search(r'id="positions">(.*?)</script>', page)[1])
    command = data["variations"][data["base"]]["command"]
    assert command.endswith("--alternative ram-4gb --set demand.requests_per_second=300")


def test_the_page_says_at_its_top_that_a_plan_does_not_hold(capplan, tmp_path):
    api = {"platform": "cloud-run", "service_time": "50ms", "instances": {"max": 1}}
    plan = {"name": "small", "regions": {"gcp": "us-central1"}, "services": {"api": api}}
    (tmp_path / "plan.yaml").write_text(json.dumps(plan | {"demand": {"requests_per_second": 500}}))
    page = capplan("report", tmp_path).stdout
    assert "1 error among the findings" in page[: page.index("<main")]
    assert "error among" not in capplan("report", tmp_path, "--set", "demand.requests_per_second=1").stdout


def test_what_is_unpriced_comes_first(capplan, tmp_path):
    plan = {
        "name": "few-prices",
        "regions": {"gcp": "us-central1"},
        "demand": {"requests_per_second": 3},
        "external_apis": {"maps": {"description": "of streets"}},
    }
    (tmp_path / "plan.yaml").write_text(json.dumps(plan))
    page = capplan("report", tmp_path).stdout
    first = page[page.index('<section id="unknown"') : page.index('<section id="bill"')]
    assert "<code>maps</code>" in first
    assert "Why it matters: A price is unknown" in page
    assert "0.00" not in page[page.index('<section id="bill"') : page.index('<section id="inputs"')]


def test_a_fleet_has_a_page_that_can_be_mailed(capplan, tmp_path):
    service = {"platform": "cloud-run", "service_time": "50ms", "instances": {"min": 1, "max": 20}}
    services = {f"s{i}": service | {"calls": {f"s{i + 1}": 1}} for i in range(249)} | {"s249": service}
    plan = {"name": "fleet", "regions": {"gcp": "us-central1"}, "services": services}
    (tmp_path / "plan.yaml").write_text(json.dumps(plan | {"demand": {"requests_per_second": 50}}))
    page = capplan("report", tmp_path).stdout
    assert len(page) < 2_000_000
    assert "250 services are too many to simulate on a page" in page
    assert json.loads(re.search(r'id="positions">(.*?)</script>', page)[1])["names"]


def test_a_chart_has_a_legend_only_for_several_lines_and_keeps_the_highest_value():
    x = [float(i) for i in range(2000)]
    spike = [9.0 if i == 777 else 1.0 for i in range(2000)]
    one = "".join(drawing.curves(Curves(x, {"load": spike}, "requests/s")))
    assert "legend" not in one
    assert "load 1 to 9" in one
    assert " 0.0" in one[one.index('class="line') :]
    two = "".join(drawing.curves(Curves(x, {"load": spike, "limit": [9.0] * 2000}, "requests/s")))
    assert two.count("<li") == 2


def test_axes_go_by_ratios_only_where_the_horizontal_one_does():
    wide = [1.0, 10.0, 100.0, 1000.0]
    assert ">100<" in "".join(drawing.curves(Curves(wide, {"a": wide}, "USD")))
    load = {"a": [1.0, 50.0, 168.0]}
    week = "".join(drawing.curves(Curves([0.0, 84.0, 168.0], load, "requests/s", across="hours")))
    assert re.findall(r"bottom:[^>]*>([^<]+)<", week) == ["0", "50", "100", "150"]
    assert re.findall(r"left:[^>]*>([^<]+)<", week) == ["0", "24", "48", "72", "96", "120", "144", "168"]


def test_each_of_many_curves_looks_its_own_way_and_has_a_key_that_looks_the_same():
    lines = {f"l{i}": [1.0, 2.0] for i in range(30)}
    block = Curves([1.0, 2.0], lines, "instances", dots=["l3"], marks={"limit": [1.5]})
    drawn = "".join(drawing.curves(block))
    looks = re.findall(r'<path class="([^"]+)"', drawn)
    curves, marks, keys = looks[1:31], looks[31], looks[32:]
    assert len(set(curves)) == 30
    assert [*curves, marks] == keys
    assert looks[0] == "grid"
    assert curves[3].startswith("dots")
    assert "limit at 1.5" in drawn
    picture = pictures.drawn([block])
    strokes = re.findall(r'd="M\S+ \S+h\d+" (stroke.*?)/>', picture)
    assert len(set(strokes)) == 31
    assert picture.count(">limit</text>") == 1


def test_whole_amounts_have_whole_ticks():
    shown = "".join(drawing.curves(Curves([0.0, 1.0, 2.0], {"a": [1.0, 1.0, 2.0]}, "instances", steps=True)))
    assert re.findall(r"bottom:[^>]*>([^<]+)<", shown) == ["0", "1", "2"]
