"""The page of every example in a real browser: its controls, its figures, and who can use it.

Chromium and its driver are Debian's; a test says so where they are missing. axe-core is npm's.
"""

from __future__ import annotations

import json
import random
import re
import shlex
from pathlib import Path

import pytest
from browser import browsing
from helpers import ROOT
from rendering import tool

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/plan.yaml"))
AXE = ROOT / ".venv" / "validators" / "package" / "axe.min.js"
RIGHT, HOME, DOWN = "\ue014", "\ue011", "\ue015"
SIGNS = {None: "", "lower": "≥ ", "upper": "≤ ", "neither": "≈ "}

SHOWN = """
const rows = [...document.querySelectorAll('#figures tbody tr')];
return {
  total: document.getElementById('total').textContent,
  command: document.getElementById('command').textContent,
  figures: Object.fromEntries(
    rows.map((row) => [...row.cells].map((cell) => cell.textContent)).map((cells) => [cells[0], cells])),
};
"""
CONTROLS = """
return {
  sliders: [...document.querySelectorAll('#controls input')].map((one) => Number(one.max)),
  selects: [...document.querySelectorAll('#controls select')].map((one) => one.options.length),
};
"""
MOVE = """
const [sliders, selects] = arguments;
document.querySelectorAll('#controls select').forEach((one, i) => { one.selectedIndex = selects[i]; });
document.querySelectorAll('#controls input').forEach((one, i) => { one.value = sliders[i]; });
document.getElementById('controls').dispatchEvent(new Event('input'));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tool("chromedriver"), tool("chromium"), tmp_path_factory.mktemp("browser")) as opened:
        opened.open("about:blank")
        opened.requested()
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the page of every example, made once."""
    from capplan.ask.pages import PageOptions, page_of

    directory = tmp_path_factory.mktemp("pages")
    for example in EXAMPLES:
        page = page_of(PageOptions(example, (), (), None, None))
        (directory / f"{example.name}.html").write_text(page, encoding="utf-8")
    return directory


def _opened(browser, pages: Path, name: str) -> str:
    address = (pages / f"{name}.html").as_uri()
    browser.open(address)
    return address


def _is(shown: str, usd: float, bound: str | None) -> bool:
    """Say whether words are an amount in cents; of a half, either may be."""
    sign, number = re.fullmatch(r"([≥≤≈] )?([\d,.]+)", shown).groups("")
    return sign == SIGNS[bound] and abs(float(number.replace(",", "")) - usd) < 0.005_001


def _compare(capplan, shown) -> None:
    """Check what the page shows against what the command says that it shows."""
    program, *words = shlex.split(shown["command"])
    assert program == "capplan"
    run = capplan(*words, "--format", "json")
    assert run.exit_code == 0, run.stderr
    document = json.loads(run.stdout)
    cost = document["monthly_cost"]
    expected, least = re.match(r"(.*) USD a month expected, (.*) to ", shown["total"]).groups()
    assert _is(expected, cost["expected"], cost["bound"])
    assert _is(least, cost["min"], cost["bound"])
    assert shown["figures"].keys() == document["components"].keys()
    for name, component in document["components"].items():
        _, peak, usd, _ = shown["figures"][name]
        cost = component["monthly_cost"]
        if cost is None:
            assert usd == "unpriced"
        elif usd == "in nodes":
            assert component["billed_with"] is not None
            assert cost["expected"] == 0
        else:
            assert _is(usd, cost["expected"], cost["bound"])
        counts = component["instances"]
        assert peak.split(" ")[0] == ("" if counts is None else f"{counts['peak']:,.0f}")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_position_is_a_figure_of_the_model(capplan, browser, pages, example):
    address = _opened(browser, pages, example.name)
    there = browser.run(CONTROLS)
    assert there["sliders"]
    drawn = random.Random(example.name)
    sliders = [drawn.randint(0, most) for most in there["sliders"]]
    selects = [drawn.randrange(count) for count in there["selects"]]
    browser.run(MOVE, sliders, selects)
    moved = browser.run(SHOWN)
    _compare(capplan, moved)
    kept = browser.run("return location.href")
    assert kept.startswith(address)
    browser.open("about:blank")
    browser.open(kept)
    assert browser.run(SHOWN) == moved
    assert browser.said() == []
    assert {url.split("#")[0] for url in browser.requested()} <= {address, "about:blank"}


def test_each_control_answers_to_the_keyboard(capplan, browser, pages):
    _opened(browser, pages, "amas")
    seen = {browser.run(SHOWN)["command"]}
    for index, _ in enumerate(browser.run(CONTROLS)["sliders"]):
        browser.press(f"#slider-{index}", HOME)
        shown = browser.run(SHOWN)
        seen.add(shown["command"])
        assert browser.run(f"return document.getElementById('slider-{index}').getAttribute('aria-valuetext')")
    for name in ("alternative", "region"):
        browser.press(f"#{name}", DOWN)
        seen.add(browser.run(SHOWN)["command"])
    assert len(seen) == 1 + len(browser.run(CONTROLS)["sliders"]) + 2
    _compare(capplan, browser.run(SHOWN))
    browser.run("document.querySelector('#controls button').click()")
    browser.run("return new Promise((done) => setTimeout(done, 20))")
    assert browser.run(SHOWN)["command"] == f"capplan estimate {ROOT / 'examples' / 'amas'}"
    assert browser.run("return location.hash") in ("", "#")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_fits(browser, pages, width):
    browser.wide(width)
    for example in EXAMPLES:
        _opened(browser, pages, example.name)
        assert browser.run("return document.documentElement.scrollWidth") <= width
        charts = "[...document.querySelectorAll('.chart')].filter((c) => c.scrollWidth > c.clientWidth + 40)"
        assert browser.run(f"return {charts}.length") == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(browser, pages, dark):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed")
    browser.wide(768, dark)
    _opened(browser, pages, "amas")
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    browser.run(AXE.read_text("utf-8"))
    found = browser.run("return axe.run().then((result) => result.violations)")
    assert [(one["id"], [node["html"] for node in one["nodes"][:3]]) for one in found] == []


def test_the_page_loads_and_runs_nothing_of_others(pages):
    for page in pages.glob("*.html"):
        text = page.read_text("utf-8")
        assert re.search(r"default-src 'none'.*script-src 'sha256-[^']+'\"", text)
        assert len(text) < 2_000_000
