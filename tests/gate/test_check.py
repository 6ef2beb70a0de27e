"""Gates: each fires where it must, says where and what to do, and decides the exit code."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

PLAN = """\
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 10, profile: flat}
services:
  api:
    platform: cloud-run
    service_time: 100ms
    cpu_time: 50ms
    concurrency: 10
    instances: {min: 1, max: 10}
    calls: {db: 1, mail: 0.1}
databases:
  db: {platform: cloud-sql, engine: mysql, machine: db-n1-standard-2}
external_apis:
  mail: {price_per_request: 0.001}
tags: {backend: [api, db]}
"""


@pytest.fixture
def judge(capplan, tmp_path):
    """Check PLAN, changed and with gates, on a fixed day."""

    def run(gates: str, *options: str, plan: str = PLAN):
        (tmp_path / "plan.yaml").write_text(plan)
        (tmp_path / "gates.yaml").write_text(gates)
        arguments = ["--gates", str(tmp_path / "gates.yaml"), "--today", "2026-11-21", *options]
        return capplan("check", str(tmp_path / "plan.yaml"), *arguments)

    return run


def violations(run) -> list[dict]:
    return json.loads(run.stdout)["violations"]


@pytest.mark.parametrize(
    ("gates", "code", "gate"),
    [
        ("budgets: [{expected: 1}]", 3, "budget/total-expected"),
        ("budgets: [{min: 1}]", 3, "budget/total-min"),
        ("budgets: [{name: high, max: 1}]", 3, "budget/high"),
        ("budgets: [{component: db, expected: 10}]", 3, "budget/db-expected"),
        ("budgets: [{tag: backend, expected: 10}]", 3, "budget/backend-expected"),
        ("budgets: [{per: mail, expected: 0.0005, component: mail}]", 3, "budget/mail-expected"),
        ("budgets: [{p95: 100000}]", 3, "budget/total-p95"),
        ("capacity: {headroom: 5000%}", 4, "capacity/headroom"),
        ("capacity: {minimum_instances: 2}", 4, "capacity/minimum"),
        ("capacity: {quotas: {api: 5}}", 4, "capacity/quota"),
        ("coverage: {max_price_age: 1d}", 6, "coverage/stale"),
        (
            "policies: [{name: ha, when: component.high_availability == false, message: no standby}]",
            4,
            "policy/ha",
        ),
        (
            "policies: [{name: big, over: line, fails: cost, when: line.monthly_cost > 50, message: dear}]",
            3,
            "policy/big",
        ),
        (
            "policies: [{name: t, over: estimate, fails: coverage, when: monthly_cost.max > 1, message: m}]",
            6,
            "policy/t",
        ),
    ],
)
def test_each_gate_fires_with_its_exit_code(judge, gates: str, code: int, gate: str) -> None:
    run = judge(gates, "--format", "json")
    assert run.exit_code == code
    found = [v for v in violations(run) if v["fails"]]
    assert gate in {v["gate"] for v in found}
    assert all(v["remedy"] or v["gate"].startswith("policy/") for v in found)
    assert all(v["where"].split(":")[1].isdigit() for v in found)


@pytest.mark.parametrize(
    "gates",
    [
        "budgets: [{expected: 100000, min: 100000, max: 100000}]",
        "budgets: [{per: mail, expected: 0.0011, component: mail}]",
        "capacity: {headroom: 10%, minimum_instances: 1, quotas: {api: 10}}",
        "coverage: {max_price_age: 5000d}",
        "policies: [{name: none, when: component.kind == 'cache', message: m}]",
        "{}",
    ],
)
def test_a_plan_within_its_gates_passes(judge, gates: str) -> None:
    run = judge(gates)
    assert (run.exit_code, run.stdout[:4]) == (0, "PASS")


def test_cost_and_capacity_together_have_their_own_code(judge) -> None:
    assert judge("{budgets: [{expected: 1}], capacity: {minimum_instances: 2}}").exit_code == 5


def test_coverage_gives_way_to_cost(judge) -> None:
    assert judge("{budgets: [{expected: 1}], coverage: {max_price_age: 1d}}").exit_code == 3


def test_exit_zero_reports_without_failing(judge) -> None:
    run = judge("budgets: [{expected: 1}]", "--exit-zero")
    assert run.exit_code == 0
    assert run.stdout.startswith("FAIL")


def test_a_warning_does_not_fail(judge) -> None:
    run = judge("budgets: [{expected: 1, severity: warn}]")
    assert run.exit_code == 0
    assert "WARN" in run.stdout


def test_a_max_below_the_peak_fails_without_any_gate(judge) -> None:
    run = judge("{}", plan=PLAN.replace("requests_per_second: 10", "requests_per_second: 1000"))
    assert run.exit_code == 4
    assert "capacity/max-too-small" in run.stdout
    assert "plan.yaml:5:3" in run.stdout


def test_an_unpriced_line_fails_without_any_gate(judge) -> None:
    run = judge("{}", plan=PLAN.replace("{price_per_request: 0.001}", "{}"))
    assert run.exit_code == 6
    assert "mail" in run.stdout


def test_a_waiver_holds_until_its_day(judge) -> None:
    waiver = "waivers: [{gate: 'budget/*', owner: web, reason: launch, expires: %s}]"
    gates = "budgets: [{expected: 1}]\n"
    assert judge(gates + waiver % "2026-11-21").exit_code == 0
    expired = judge(gates + waiver % "2026-11-20")
    assert expired.exit_code == 3
    assert "the waiver of web expired on 2026-11-20" in " ".join(expired.stdout.split())


def test_a_waiver_is_for_the_component_that_it_names(judge) -> None:
    waiver = "{gate: capacity/minimum, component: db, owner: a, reason: b, expires: 2030-01-01}"
    gates = f"capacity: {{minimum_instances: 2}}\nwaivers: [{waiver}]"
    assert judge(gates).exit_code == 4


def test_only_new_violations_fail_against_a_baseline(judge, tmp_path: Path) -> None:
    before = judge("budgets: [{expected: 1}]", "--format", "json", "--exit-zero")
    (tmp_path / "before.json").write_text(before.stdout)
    baseline = ("--baseline", str(tmp_path / "before.json"))
    assert judge("budgets: [{expected: 2}]", *baseline).exit_code == 0
    assert judge("{budgets: [{expected: 2}], capacity: {minimum_instances: 2}}", *baseline).exit_code == 4


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ("{percent: 1%}", 3),
        ("{percent: 9000%}", 0),
        ("{usd: 1}", 3),
        ("{usd: 10000}", 0),
        ("{component: db, usd: 1}", 0),
        ("{component: mail, percent: 900%}", 3),
    ],
)
def test_increases_are_measured_from_the_base(judge, tmp_path: Path, gate: str, code: int) -> None:
    base = (
        PLAN.replace("min: 1", "min: 0")
        .replace(", mail: 0.1", "")
        .replace("requests_per_second: 10", "requests_per_second: 5")
    )
    (tmp_path / "base.yaml").write_text(base)
    assert judge(f"increases: [{gate}]", "--base", str(tmp_path / "base.yaml")).exit_code == code


def test_an_increase_from_zero_is_infinite(judge, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(PLAN.replace(", mail: 0.1", ""))
    run = judge("increases: [{component: mail, percent: 1000000%}]", "--base", str(tmp_path / "base.yaml"))
    assert run.exit_code == 3
    assert "+∞ %" in run.stdout


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ("budgets: [{component: ap, expected: 1}]", "Did you mean 'api'?"),
        ("budgets: [{tag: front, expected: 1}]", "the plan has no 'front'"),
        ("budgets: [{per: conversations, expected: 1}]", "the plan has no 'conversations'"),
        ("budgets: [{expected: -1}]", "gates.yaml:1:12"),
        ("budget: []", "Did you mean 'budgets'?"),
        ("capacity: {quotas: {web: 1}}", "the plan has no 'web'"),
        ("policies: [{name: x, when: 'component.', message: m}]", "cannot be read"),
        ("policies: [{name: x, when: component.knd == 1, message: m}]", "knd"),
        ("policies: [{name: x, when: __import__('os'), message: m}]", "__import__"),
        ("budgets: [{}]", "gates.yaml:1:11: budgets.0: needs a limit: min, expected, max or p95"),
        ("budgets: [{component: api, per: mail}]", "budgets.0: needs a limit"),
        ("increases: [{}]", "gates.yaml:1:13: increases.0: needs a limit: usd or percent"),
        ("increases: [{component: api, of: max}]", "increases.0: needs a limit"),
        ("policies: [{name: x, when: monthly_cost, message: m}]", "policies.0.when: is no condition"),
        ("policies: [{name: x, when: monthly_cost.max, over: estimate, message: m}]", "is a number"),
        ("policies: [{name: x, when: component.name, message: m}]", "is text"),
        ("policies: [{name: x, when: cost_lines, message: m}]", "is a list"),
        ("policies: [{name: x, when: '1', message: m}]", "is no condition"),
        ("waivers: [{gate: x, owner: a, reason: b, expires: soon}]", "expected a day as YYYY-MM-DD"),
        ("- 1", "a gates file must be a mapping"),
    ],
)
def test_bad_gates_get_one_message(judge, gates: str, said: str) -> None:
    run = judge(gates)
    assert run.exit_code == 2
    assert run.stdout == ""
    assert said in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_junit_counts_what_it_holds(judge) -> None:
    root = ElementTree.fromstring(
        judge("{budgets: [{expected: 1}], capacity: {minimum_instances: 2}}", "--format", "junit").stdout
    )
    cases = root.findall("testsuite/testcase")
    failures = root.findall("testsuite/testcase/failure")
    assert (int(root.get("tests")), int(root.get("failures"))) == (len(cases), len(failures))
    assert [suite.get("name") for suite in root] == ["cost", "capacity", "coverage"]
    assert {f.get("type") for f in failures} == {"budget/total-expected", "capacity/minimum"}


JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "disabled", "errors"}, {"testsuite"}),
    "testsuite": (
        {
            "name",
            "tests",
            "failures",
            "errors",
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "file",
        },
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "assertions", "time", "classname", "status", "group", "file"},
        {"skipped", "error", "failure", "system-out", "system-err", "properties"},
    ),
    "failure": ({"message", "type"}, set()),
    "system-out": (set(), set()),
}
"""Attributes and children by element, of jenkinsci/xunit-plugin junit-10.xsd."""


@pytest.mark.parametrize("gates", ["{}", "{budgets: [{expected: 1}], capacity: {minimum_instances: 2}}"])
def test_junit_holds_nothing_that_its_schema_has_not(judge, gates: str) -> None:
    for element in ElementTree.fromstring(judge(gates, "--format", "junit").stdout).iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
        assert element.tag != "testcase" or element.get("name")


def test_sarif_of_a_clean_plan_has_empty_results(judge) -> None:
    assert json.loads(judge("{}", "--format", "sarif").stdout)["runs"][0]["results"] == []


def test_sarif_results_name_file_and_line(judge) -> None:
    results = json.loads(judge("capacity: {minimum_instances: 2}", "--format", "sarif").stdout)["runs"][0][
        "results"
    ]
    place = results[0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("plan.yaml")
    assert place["region"]["startLine"] == 10
    assert len(results[0]["partialFingerprints"]["capplan/v1"]) == 64


def test_annotations_are_escaped_and_at_most_ten(judge) -> None:
    services = "".join(
        f"  s{i}: {{platform: cloud-run, service_time: 1s, instances: {{min: 1, max: 2}}}}\n"
        for i in range(15)
    )
    plan = PLAN.replace("databases:", services + "databases:").replace(
        "profile: flat", "profile: flat, entry: {api: 1}"
    )
    run = judge("capacity: {minimum_instances: 2}", "--format", "github", plan=plan)
    errors = [line for line in run.stdout.splitlines() if line.startswith("::error ")]
    assert len(errors) == 10
    assert "7 more" in errors[-1]
    assert "title=capacity/minimum" in errors[0]


def test_the_step_summary_is_appended_to(judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    judge("budgets: [{expected: 1}]", "--format", "github")
    assert summary.read_text().startswith("before\n### FAIL")


def test_gates_written_twice_are_refused(capplan, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN + "gates: {}\n")
    (tmp_path / "capplan.gates.yaml").write_text("{}\n")
    run = capplan("check", str(tmp_path))
    assert run.exit_code == 2
    assert "Keep one of them" in run.stderr


def test_gates_inside_the_plan_are_placed_there(capplan, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN + "gates:\n  budgets:\n    - {expected: 1}\n")
    run = capplan("check", str(tmp_path), "--today", "2026-11-21")
    assert run.exit_code == 3
    assert f"plan.yaml:{len(PLAN.splitlines()) + 3}:8" in run.stdout


@pytest.mark.parametrize("example", ["afpi", "levqor", "llm-governance", "amas", "llm-observatory"])
def test_the_examples_pass_their_gates(capplan, example: str) -> None:
    root = Path(__file__).resolve().parents[2]
    run = capplan("check", str(root / "examples" / example), "--today", "2026-11-21")
    assert (run.exit_code, run.stdout[:4]) == (0, "PASS")


@pytest.mark.parametrize(
    ("example", "change", "code"),
    [
        ("afpi", "services.backend.instances.max=1000", 3),
        ("levqor", "services.backend.instances.min=9", 3),
        ("levqor", "services.backend.instances.max=5", 4),
        ("levqor", "regions.aws=eu-west-1", 3),
        ("llm-governance", "service_templates.microservice.instances.min=2", 4),
        ("amas", "services.orchestrator.instances.max=8", 4),
        ("llm-observatory", "external_apis.x.price_per_request=1", 0),
    ],
)
def test_deliberate_regressions_are_caught(capplan, example: str, change: str, code: int) -> None:
    root = Path(__file__).resolve().parents[2]
    run = capplan("check", str(root / "examples" / example), "--today", "2026-11-21", "--set", change)
    assert run.exit_code == code, run.stdout


def test_a_stale_catalog_is_caught(capplan) -> None:
    root = Path(__file__).resolve().parents[2]
    run = capplan("check", str(root / "examples" / "afpi"), "--today", date(2029, 1, 1).isoformat())
    assert run.exit_code == 6
    assert "days old" in " ".join(run.stdout.split())


UNPRICED = PLAN.replace("{price_per_request: 0.001}", "{}")


@pytest.mark.parametrize(
    ("budget", "unpriced", "code"),
    [
        # What has a price is too much already.
        ("expected: 1", "deny", 3),
        ("expected: 1", "allow", 3),
        ("tag: all, expected: 1", "allow", 3),
        # What has a price is within the budget, and nobody knows about the rest.
        ("expected: 100000", "deny", 6),
        ("expected: 100000", "warn", 0),
        ("expected: 100000", "allow", 0),
        ("severity: warn, expected: 100000", "deny", 6),
        ("tag: all, expected: 100000", "deny", 6),
        ("component: mail, expected: 100000", "deny", 6),
        ("component: mail, expected: 100000", "allow", 0),
        # Every price of the database is known.
        ("component: db, expected: 100000", "allow", 0),
        ("component: db, expected: 1", "allow", 3),
    ],
)
def test_a_budget_is_judged_as_far_as_prices_are_known(judge, budget: str, unpriced: str, code: int) -> None:
    plan = UNPRICED.replace("tags: {", "tags: {all: [api, db, mail], ")
    run = judge(f"budgets: [{{{budget}}}]\ncoverage: {{unpriced: {unpriced}}}", "--format", "json", plan=plan)
    assert run.exit_code == code
    found = {(v["gate"].split("/")[0], v["kind"]): v["severity"] for v in violations(run)}
    within_and_open = "100000" in budget and "db" not in budget and unpriced != "allow"
    assert (("budget", "coverage") in found) is within_and_open
    assert (("budget", "cost") in found) is (code == 3)
    if "severity: warn" in budget:
        assert found["budget", "coverage"] == "warn"


def test_the_price_that_a_plan_leaves_out_is_asked_of_the_plan(judge) -> None:
    run = judge("coverage: {unpriced: deny}", "--format", "json", plan=UNPRICED)
    hints = {v["component"]: v["remedy"] for v in violations(run) if v["gate"] == "coverage/unpriced"}
    assert hints["mail"] == "Give its price: external_apis.mail.price_per_request."


def test_a_maximum_that_nothing_bounds_is_no_matter_of_prices(judge) -> None:
    plan = UNPRICED.replace("instances: {min: 1, max: 10}", "instances: {min: 1}")
    plan = plan.replace("{gcp: us-central1}", "{gcp: us-central1, aws: us-east-1}")
    plan = plan.replace("platform: cloud-run", "platform: fargate\n    cpu: 1\n    memory: 2Gi")
    assert judge("{budgets: [{max: 100000}], coverage: {unpriced: allow}}", plan=plan).exit_code == 3


@pytest.mark.parametrize(("gate", "code"), [("usd: 1000", 6), ("usd: 1", 3)])
def test_an_increase_is_judged_as_far_as_prices_are_known(
    judge, tmp_path: Path, gate: str, code: int
) -> None:
    (tmp_path / "base.yaml").write_text(PLAN.replace("min: 1", "min: 0").replace(", mail: 0.1", ""))
    plan = UNPRICED.replace("min: 1", "min: 3")
    run = judge(f"increases: [{{{gate}, of: min}}]", "--base", str(tmp_path / "base.yaml"), plan=plan)
    assert run.exit_code == code
    assert "increase/total" in run.stdout


@pytest.mark.parametrize("gate", ["usd: 1", "percent: 10%", "component: mail, usd: 1"])
@pytest.mark.parametrize(("unpriced", "code"), [("deny", 6), ("allow", 0)])
@pytest.mark.parametrize("base_calls", ["0.3", "0.05"])
def test_an_increase_from_a_base_without_all_prices_is_unknown(
    judge, tmp_path: Path, gate: str, unpriced: str, code: int, base_calls: str
) -> None:
    """The base calls another API more or less often at a price that nobody knows."""
    (tmp_path / "base.yaml").write_text(UNPRICED.replace("mail: 0.1", f"mail: {base_calls}"))
    gates = f"{{increases: [{{{gate}}}], coverage: {{unpriced: {unpriced}}}}}"
    run = judge(gates, "--base", str(tmp_path / "base.yaml"), plan=UNPRICED)
    assert run.exit_code == code
    assert "from 0.00" not in run.stdout
    assert ("increase of the expected cost is unknown" in " ".join(run.stdout.split())) is (code == 6)


@pytest.mark.parametrize(
    ("base", "gate", "code"),
    [
        # The base uses more of what has no price, so the plan may cost less than it.
        (UNPRICED.replace("mail: 0.1", "mail: 0.3").replace("min: 1", "min: 0"), "usd: 1, of: min", 6),
        # What costs more already, and uses as much of the rest, rises by that for sure; a share is unknown.
        (UNPRICED.replace("min: 1", "min: 0"), "usd: 1, of: min", 3),
        (UNPRICED.replace("min: 1", "min: 0"), "percent: 1%, of: min", 6),
        # A price that was unknown became known, which is no increase from nothing.
        (UNPRICED, "component: mail, percent: 10%", 6),
    ],
)
def test_an_increase_needs_prices_on_both_sides(
    judge, tmp_path: Path, base: str, gate: str, code: int
) -> None:
    (tmp_path / "base.yaml").write_text(base)
    plan = PLAN if "mail" in gate else UNPRICED.replace("min: 1", "min: 3")
    run = judge(f"increases: [{{{gate}}}]", "--base", str(tmp_path / "base.yaml"), plan=plan)
    assert run.exit_code == code


NOTHING_PRICED = "{name: t, demand: {requests_per_second: 200}, external_apis: {pay: {}}}"


@pytest.mark.parametrize("fmt", ["table", "markdown", "html"])
def test_the_cost_of_a_check_is_shown_with_what_it_bounds(judge, fmt: str) -> None:
    assert "≥ " in judge("{}", "--format", fmt, plan=UNPRICED).stdout
    assert "max: unpriced" in judge("{}", "--format", fmt, plan=NOTHING_PRICED).stdout
    assert "≥" not in judge("{}", "--format", fmt).stdout


@pytest.mark.parametrize("plan", [PLAN, NOTHING_PRICED])
def test_a_p95_needs_an_interval_in_the_plan(judge, plan: str) -> None:
    run = judge("{budgets: [{p95: 100000}], coverage: {unpriced: allow}}", plan=plan)
    assert run.exit_code == 3
    said = " ".join(run.stdout.split())
    assert "needs a number of the plan to be an interval" in said
    assert "--samples" not in said


@pytest.mark.parametrize(("unpriced", "code"), [("deny", 6), ("allow", 0)])
@pytest.mark.parametrize("over", ["component", "line", "estimate"])
def test_a_policy_on_a_cost_without_prices_is_unknown(judge, over: str, unpriced: str, code: int) -> None:
    """The component without a price is left open, and the others are judged."""
    cost = {"estimate": "monthly_cost.expected", "line": "line.monthly_cost"}.get(
        over, "component.monthly_cost.expected"
    )
    policy = f"{{name: dear, over: {over}, when: {cost} > %s, fails: cost, message: too dear}}"
    gates = f"{{policies: [{policy}], coverage: {{unpriced: {unpriced}}}}}"
    run = judge(gates % "1000000", "--format", "json", plan=UNPRICED)
    assert run.exit_code == code
    found = [v for v in violations(run) if v["gate"] == "policy/dear"]
    subject = None if over == "estimate" else "mail"
    assert [(v["component"], v["kind"]) for v in found] == ([(subject, "coverage")] if code else [])
    dear = violations(judge(gates % "1", "--format", "json", plan=UNPRICED))
    assert "cost" in {v["kind"] for v in dear if v["gate"] == "policy/dear" and v["component"] != "mail"}


@pytest.mark.parametrize(
    ("limit", "hours", "code"),
    [
        ("of: quantity, percent: 10%", 3300, 3),
        ("of: quantity, percent: 20%", 3300, 0),
        ("of: quantity, usd: 50", 2600, 3),
        ("of: price, usd: 0", 3300, 0),
        ("of: not_matched, usd: 1", 3300, 0),
        ("usd: 10, severity: warn", 3300, 0),
    ],
)
def test_a_bill_that_drifts_is_a_matter_of_cost(
    capplan, tmp_path: Path, limit: str, hours: float, code: int
) -> None:
    plan, bill = tmp_path / "plan.yaml", tmp_path / "bill.csv"
    plan.write_text(
        "name: t\nregions: {aws: us-east-1}\ndemand: {requests_per_second: 40, profile: flat}\n"
        "services: {api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s,"
        " target_utilization: {throughput: 100%}, instances: {min: 4, max: 9}}}\n"
        f"gates: {{drifts: [{{{limit}}}], capacity: {{errors: allow}}}}\n"
    )
    header = "ServiceName,SkuId,PricingUnit,PricingQuantity,EffectiveCost,ChargePeriodStart"
    bill.write_text(f"{header}\nEC2,aws/ec2/m5.xlarge,Hours,{hours},{hours * 0.192},2026-09-01\n")
    assert capplan("check", plan, "--actual", bill).exit_code == code
    assert capplan("check", plan).exit_code == 0
    assert capplan("check", plan, "--period", "2026-09").exit_code == 2
