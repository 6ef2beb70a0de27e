"""Diffs: what changed by design and what by price; what lost its price is no saving."""

from __future__ import annotations

import copy
import json
import shlex
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest
from helpers import estimate_of, moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.gate.diff import Diff, diff, lost_prices
from capplan.gate.diff_report import MARKER, report_of
from capplan.plan.read import PLAN_NAMES
from capplan.report.blocks import Style
from capplan.report.formats import written
from capplan.report.formats.markdown import MOST_CHARACTERS
from capplan.report.json_format import estimate_document

PLAN = """
    name: shop
    regions: {gcp: us-central1, aws: us-east-1}
    demand: {requests_per_second: 50, profile: flat}
    services:
      api:
        platform: vm-group
        provider: aws
        machine: m5.xlarge
        throughput: 10/s
        instances: {min: 2, max: 9}
        calls: {db: 1, mail: 0.01}
    databases:
      db: {platform: cloud-sql, engine: mysql, machine: db-n1-standard-2}
    external_apis:
      mail: {price_per_request: 0.001}
"""


def document(*sets: str) -> dict:
    return json.loads(json.dumps(estimate_document(estimate_of(PLAN, *sets))))


BASE = document()


def comment(found: Diff, reproduce: str = "capplan diff a b") -> str:
    return str(written(report_of(found, reproduce), "markdown", Style(80)))


def test_nothing_changed_is_no_change() -> None:
    found = diff(BASE, copy.deepcopy(BASE))
    assert found.changed == []
    assert (found.by_design, found.by_price) == (0.0, 0.0)


def test_a_difference_that_only_rounding_makes_is_no_decrease() -> None:
    head = copy.deepcopy(BASE)
    head["monthly_cost"]["max"] -= 1e-9
    assert "-0.00" not in comment(diff(BASE, head))


def test_a_larger_fleet_is_design() -> None:
    found = diff(BASE, document("demand.requests_per_second=80"))
    more = found.total["expected"].difference
    assert more == pytest.approx(found.by_design)
    assert found.by_price == pytest.approx(0.0)
    assert {c.name for c in found.changed} == {"api", "mail"}


def test_a_dearer_catalog_is_price() -> None:
    head = copy.deepcopy(BASE)
    for line in head["cost_lines"]:
        line["unit_price"] *= 1.1
        line["monthly_cost"] *= 1.1
    found = diff(BASE, head)
    assert found.by_price == pytest.approx(0.1 * BASE["monthly_cost"]["expected"])
    assert found.by_design == pytest.approx(0.0)


@given(st.floats(0.5, 200), st.floats(0.1, 10))
@moderate
def test_design_and_price_add_up_to_the_change(rps: float, factor: float) -> None:
    head = document(f"demand.requests_per_second={rps:.3f}")
    for line in head["cost_lines"]:
        line["unit_price"] *= factor
        line["monthly_cost"] *= factor
    head["monthly_cost"]["expected"] *= factor
    found = diff(BASE, head)
    assert found.by_design + found.by_price == pytest.approx(found.total["expected"].difference, abs=1e-6)


def test_a_lost_price_is_not_a_saving() -> None:
    head = document("external_apis.mail.price_per_request=null")
    found = diff(BASE, head)
    assert list(lost_prices(found)) == ["mail"]
    assert (found.by_design, found.by_price, found.exact) == (None, None, False)
    assert "not a saving" in comment(found)


def test_added_and_removed_components_count_whole() -> None:
    head = document("services.api.calls.mail=null", "external_apis.mail=null")
    found = {c.name: c for c in diff(BASE, head).components}
    assert found["mail"].status == "removed"
    assert found["mail"].cost["expected"].after == 0.0
    back = {c.name: c for c in diff(head, BASE).components}
    assert back["mail"].status == "added"
    assert back["mail"].by_design == pytest.approx(BASE["components"]["mail"]["monthly_cost"]["expected"])


def test_a_binding_constraint_that_changes_is_told() -> None:
    found = diff(BASE, document("services.api.instances.min=8"))
    assert "bound by min, before by throughput" in comment(found)


def test_new_findings_are_told() -> None:
    found = diff(BASE, document("services.api.instances.max=3"))
    assert [f["code"] for f in found.findings[0]] == ["max-too-small"]
    assert diff(document("services.api.instances.max=3"), BASE).findings[1]


def test_a_comment_on_thousands_of_components_fits() -> None:
    base, head = copy.deepcopy(BASE), copy.deepcopy(BASE)
    for index in range(2000):
        name = f"service-with-a-long-name-{index}"
        base["components"][name] = copy.deepcopy(BASE["components"]["api"])
        head["components"][name] = copy.deepcopy(BASE["components"]["api"])
        head["components"][name]["monthly_cost"]["expected"] += index + 1
        head["components"][name]["binding_constraint"] = "memory"
    text = comment(diff(base, head))
    assert len(text) <= MOST_CHARACTERS
    assert text.startswith(f"<!-- {MARKER} -->\n")
    assert text.count("more, omitted here") == 2
    assert text.rstrip().endswith("`capplan diff a b`")
    assert "service-with-a-long-name-1999 " in text


def test_the_command_to_reproduce_can_be_pasted(capplan, tmp_path: Path) -> None:
    saved = tmp_path / "it's $(mine).json"
    saved.write_text(json.dumps(BASE))
    run = capplan("diff", saved, saved, "--format", "markdown")
    words = shlex.split(run.stdout.strip().splitlines()[-1].strip("`"))
    assert words == ["capplan", "diff", str(saved), str(saved)]


def test_sides_are_plans_saved_estimates_and_revisions(capplan, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "name: x\nregions: {aws: us-east-1}\ndemand: {requests_per_second: 50, profile: flat}\n"
        "services:\n  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s}\n"
    )
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    saved = tmp_path / "before.json"
    saved.write_text(capplan("estimate", str(plan), "--format", "json").stdout)
    plan.write_text(plan.read_text().replace("50", "100"))
    texts = {
        capplan("diff", base, "plan.yaml", "--format", "json").stdout
        for base in ("HEAD:plan.yaml", "HEAD:.", "before.json")
    }
    assert len(texts) == 1
    # A file of that name is no revision, and is read only where it is said to be a file.
    (tmp_path / "HEAD:plan.yaml").write_text(plan.read_text())
    assert capplan("diff", "HEAD:plan.yaml", "plan.yaml", "--format", "json").stdout in texts
    assert capplan("diff", "./HEAD:plan.yaml", "plan.yaml", "--format", "json").stdout not in texts
    assert json.loads(texts.pop())["components"]["api"]["instances"]["peak"]["difference"] == 5.0


def test_a_directory_of_a_revision_has_a_plan_by_any_of_its_names(capplan, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(PLAN_NAMES):
        (tmp_path / f"of{index}").mkdir()
        (tmp_path / f"of{index}" / name).write_text(dedent(PLAN))
    identity = ("-c", "user.name=t", "-c", "user.email=t@t")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *command], check=True)
    for index, name in enumerate(PLAN_NAMES):
        assert ": expected cost stays at" in capplan("diff", f"HEAD:of{index}", f"of{index}").stdout, name


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("nowhere:plan.yaml", "git cannot show it"),
        ("missing.yaml", "missing.yaml"),
        ("broken.json", "broken.json:1:2: not valid JSON"),
        ("other.json", "is not a saved estimate of one plan"),
    ],
)
def test_bad_sides_get_one_message(capplan, tmp_path: Path, monkeypatch, base: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text("{}")
    run = capplan("diff", base, base)
    assert (run.exit_code, run.stdout) == (2, "")
    assert said in run.stderr


UNKNOWN = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 10, profile: flat}
services:
  web: {platform: fargate, cpu_time: 5ms, instances: 2, calls: {mail: 1}}
external_apis: {mail: {}}
"""


def test_what_has_no_price_is_no_saving_and_stays_nowhere(capplan, tmp_path):
    """Without a price on one side the cost does not 'stay': only what has one can be compared."""
    for name, text in (("a", UNKNOWN), ("b", UNKNOWN.replace("instances: 2", "instances: 3"))):
        (tmp_path / f"{name}.yaml").write_text(text)
    run = capplan("diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert "of what has a price rises by 9.01 to at least 27.03 USD" in " ".join(run.stdout.split())
    assert "≥ 18.02" in run.stdout
    document = json.loads(
        capplan("diff", tmp_path / "a.yaml", tmp_path / "b.yaml", "--format", "json").stdout
    )
    assert document["complete"] is False


def test_a_cost_of_which_nothing_is_known_has_no_difference(capplan, tmp_path):
    only = "name: t\ndemand: {requests_per_second: 10}\nexternal_apis: {mail: {}}\n"
    for name, price in (("a", "{}"), ("b", "{price_per_request: 0.01}")):
        (tmp_path / f"{name}.yaml").write_text(only.replace("{}", price))
    run = capplan("diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert "is unknown: nothing that it has before has a price" in " ".join(run.stdout.split())


@pytest.mark.parametrize(
    ("base", "head", "known"),
    [
        ("mail: {price_per_request: 0.001}", "mail: {}", False),
        ("mail: {}", "mail: {price_per_request: 0.001}", False),
        ("mail: {}", "mail: {}", True),
    ],
)
@pytest.mark.parametrize("calls", ["mail: 1", "mail: 3"])
def test_a_change_that_nobody_knows_is_no_number(capplan, tmp_path, base, head, known, calls):
    known = known and calls == "mail: 1"
    (tmp_path / "a.yaml").write_text(UNKNOWN.replace("mail: {}", base))
    (tmp_path / "b.yaml").write_text(UNKNOWN.replace("mail: {}", head).replace("mail: 1", calls))
    asked = ("diff", tmp_path / "a.yaml", tmp_path / "b.yaml")
    found = json.loads(capplan(*asked, "--format", "json").stdout)
    for figure in (found["by_design"], found["by_price"], found["monthly_cost"]["expected"]["difference"]):
        assert (figure is not None) is known
    assert found["usd_per_1k_requests"]["difference"] is None
    table = capplan(*asked).stdout
    assert "+0.0000" not in table
    (unit,) = [line for line in table.splitlines() if "per 1,000 requests" in line]
    assert "≥ " in unit
    assert ("by design unknown" in " ".join(table.split())) is not known
