"""`capplan explain`, `verify --list`, and the help that SARIF carries: all from the register."""

import json

import pytest
from helpers import estimate_of

from capplan.errors import InputError
from capplan.findings import found_by, register
from capplan.manifests.site import Site
from capplan.manifests.verify.facts import facts_of
from capplan.manifests.verify.run import SHARED
from capplan.report.blocks import Report, Result, Results, Style
from capplan.report.formats import written


@pytest.mark.parametrize("fmt", ["table", "json", "markdown", "html"])
def test_one_code_is_explained_in_full(capplan, fmt):
    run = capplan("explain", "pdb-blocks-drain", "--format", fmt)
    assert run.exit_code == 0
    for said in ("A disruption budget allows no eviction", "minAvailable: 60%", "configure-pdb"):
        assert said in run.stdout


def test_every_code_is_explained(capplan):
    listed = json.loads(capplan("explain", "--format", "json").stdout)["checks"]
    assert {one["code"]: one["command"] for one in listed} == {
        code: command for code, (command, _) in found_by().items()
    }
    for one in listed:
        explained = json.loads(capplan("explain", one["code"], "--format", "json").stdout)
        assert explained == {"schema_version": explained["schema_version"], **one}


def test_an_old_id_is_explained_under_its_name(capplan):
    assert capplan("explain", "M28-image").stdout.startswith("cloud-run-image: ")


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ("budget/total-max", "budget-exceeded"),
        ("policy/no-spot", "policy-broken"),
        ("capacity/quota", "instance-quota-exceeded"),
        ("capacity/max-too-small", "max-too-small"),
        ("coverage/unpriced", "unpriced"),
    ],
)
def test_a_gate_is_explained_by_the_name_that_reports_give_it(capplan, gate, code):
    assert capplan("explain", gate).stdout.startswith(f"{code}: ")


def test_an_unknown_code_names_the_nearest(capplan):
    run = capplan("explain", "pdb-block-drain")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "Did you mean 'pdb-blocks-drain'?" in run.stderr


def test_verify_lists_its_checks_and_reads_nothing(capplan):
    lines = capplan("verify", "--list").stdout.splitlines()[1:]
    own = {code for code, (command, _) in found_by().items() if command == "verify"}
    assert {line.split()[0] for line in lines} == own | {check.code for check in SHARED}


def test_sarif_explains_every_rule_once():
    """Code scanning shows a rule's title, its text, and a link."""
    found = [
        Result(check.finding("web", "m", file="a.yaml"), code, "a.yaml", code)
        for code, check in register().items()
    ]
    budget = register()["budget-exceeded"].finding("api", "m", file="a.yaml")
    results = Results([*found, found[0], Result(budget, "budget/total", "cost", "b")], ["a.yaml"])
    log = json.loads(written(Report(list, results=results), "sarif", Style(80)))
    rules = {rule["id"]: rule for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    assert rules.keys() == {*register(), "budget/total"}
    for code, check in register().items():
        rule = rules[code]
        assert rule["shortDescription"]["text"] == f"{check.title}."
        assert rule["fullDescription"]["text"] == check.why
        assert check.breaks.splitlines()[0] in rule["help"]["text"]
        assert rule["help"]["markdown"].count("```") == 4
        assert rule.get("helpUri", "https://").startswith("https://")
        assert rule["name"].isalnum()
    assert rules["budget/total"]["name"] == "BudgetExceeded"


def test_a_plan_accepts_checks_by_name_or_by_their_old_id():
    text = """
        name: shop
        regions: {gcp: us-central1}
        demand: {requests_per_second: 5}
        services: {web: {platform: cloud-run, service_time: 1s}}
    """

    def accepted(name):
        return dict(facts_of(Site(estimate_of(text, f"manifests.accepted.{name}=known"))).accepted)

    assert accepted("two-pdbs") == accepted("M17-two-pdbs") == {"two-pdbs": "known"}
    assert accepted("pod-fits-no-node") == {"pod-fits-no-node": "known"}
    with pytest.raises(InputError, match="Did you mean 'two-pdbs'"):
        accepted("two-pdb")
