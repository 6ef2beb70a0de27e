import json
from pathlib import Path

import pytest
from helpers import ROOT, moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.catalog import Catalog
from capplan.decide.audit import audit
from capplan.decide.world import PlanWorld
from capplan.errors import InputError
from capplan.plan.claims import read_claims
from capplan.report.answers import ANSWERS
from capplan.report.json_format import estimate_document

PLAN = """
name: t
regions: {gcp: us-central1, aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s}
alternatives:
  larger: {services: {api: {throughput: 20/s}}}
"""
EXAMPLES = ("afpi", "amas", "levqor", "llm-governance", "llm-observatory")


def audited(directory: Path, claims: str):
    (directory / "plan.yaml").write_text(PLAN)
    (directory / "claims.yaml").write_text(f"schema: 1\ndocument: d\nclaims:\n{claims}")
    return audit(
        read_claims(directory / "claims.yaml"), PlanWorld(directory, Catalog(None), estimate_document)
    )


def verdict_on(directory: Path, fields: str):
    return audited(directory, f"  a: {{line: 1, text: t, {fields}}}\n").results[0]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ("value: 10, expression: components.api.instances.peak", "holds"),
        ("value: 9.9, expression: components.api.instances.peak", "holds"),
        ("value: 9, expression: components.api.instances.peak", "off"),
        ("value: 9, expression: components.api.instances.peak, tolerance: 10%", "holds"),
        ("value: [5, 9], expression: components.api.instances.peak", "off"),
        ("value: [5, 10], expression: components.api.instances.peak", "holds"),
        ("value: {at_most: 9}, expression: components.api.instances.peak", "off"),
        ("value: {at_least: 9}, expression: components.api.instances.peak", "holds"),
        ("value: 5, expression: components.api.instances.peak, alternative: larger", "holds"),
        ("value: 20, expression: components.api.instances.peak, set: {requests_per_second: 200}", "holds"),
        ("value: 5, expression: estimated('larger').components.api.instances.peak", "holds"),
        ("value: throughput, expression: components.api.binding_constraint", "holds"),
        ("value: true, expression: components.api.instances.peak > 10", "off"),
        ("value: 4, expression: \"machine('aws', 'ec2', 'm5.xlarge').vcpu\"", "holds"),
        ("value: $0.192, expression: \"price('aws', 'ec2', 'm5.xlarge')\"", "holds"),
        ("value: 1, expression: components.apj.instances.peak", "broken"),
        ("value: 1, expression: components.api.instances.max", "broken"),
        ("value: 1, expression: hours_per_month, alternative: none", "broken"),
        ("value: 1, note: nobody knows", "cannot be computed"),
    ],
)
def test_verdicts(tmp_path, fields, verdict):
    assert verdict_on(tmp_path, fields).verdict == verdict


def test_a_claim_against_another_contradicts_the_document(tmp_path):
    found = audited(
        tmp_path,
        "  trigger: {line: 2, text: t, value: 500, expression: claims.break-even.value}\n"
        "  break-even: {line: 1, text: t, value: 1200}\n".replace(
            "claims.break-even", "\"claims['break-even']\""
        ).replace('".value', '.value"'),
    )
    first, second = found.results
    assert (first.name, second.name) == ("break-even", "trigger")
    assert second.verdict == "contradicts itself"
    assert second.computed == 1200
    assert second.off_by == pytest.approx(-7 / 12)
    assert not found.truthful


def test_a_price_of_something_else_is_recognised(tmp_path):
    result = verdict_on(tmp_path, "value: $0.000024, expression: \"price('gcp', 'cloud-run', 'requests')\"")
    assert "request-based-cpu, a vCPU-second" in result.explanation


def test_a_month_of_720_hours_is_recognised(tmp_path):
    assert "720 hours" in verdict_on(tmp_path, "value: 720, expression: 730 * 1.0, tolerance: 0%").explanation


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        (
            "  a: {line: 1, text: t, value: 1, expression: '1 +'}\n",
            "claims.yaml:4:35: claims.a.expression: cannot be read",
        ),
        ("  a: {line: 0, text: t, value: 1}\n", "claims.a.line"),
        ("  a: {line: 1, text: t, value: 1, expresion: x}\n", "Did you mean 'expression'?"),
        ("  a: {line: 1, text: t, value: [1, 2, 3]}\n", "expected a number, a word"),
        ("  a: {line: 1, text: t, value: 1x}\n", "claims.a.value"),
    ],
)
def test_what_is_wrong_in_a_file_of_claims_is_said_with_its_place(tmp_path, claims, said):
    with pytest.raises(InputError) as error:
        audited(tmp_path, claims)
    assert said in str(error.value)


@moderate
@given(st.floats(0.01, 1e6), st.floats(0, 1))
def test_a_figure_is_off_exactly_outside_its_tolerance(tmp_path_factory, figure, tolerance):
    directory = tmp_path_factory.mktemp("claims")
    found = audited(
        directory,
        f"  a: {{line: 1, text: t, value: {figure!r}, tolerance: {tolerance!r}, expression: '10'}}\n",
    ).results[0]
    assert (found.verdict == "holds") == (abs(figure - 10) <= tolerance * 10)


@pytest.fixture(scope="module")
def shipped():
    return {
        name: audit(
            read_claims(ROOT / "examples" / name / "claims.yaml"),
            PlanWorld(ROOT / "examples" / name, Catalog(None), estimate_document, ANSWERS),
        )
        for name in EXAMPLES
    }


def test_every_shipped_claim_has_a_value_or_says_why_not(shipped):
    results = [result for found in shipped.values() for result in found.results]
    assert len(results) >= 300
    assert not [(r.name, r.explanation) for r in results if r.verdict == "broken"]
    assert not [r.name for r in results if r.verdict == "cannot be computed" and not r.explanation]


def test_most_of_what_can_be_computed_is_and_the_rest_says_its_kind(shipped, capplan):
    for name, found in shipped.items():
        possible = len(found.results) - found.kinds["not computable"]
        assert found.kinds["computed"] >= 0.6 * possible, (name, found.kinds)
    kinds = shipped["levqor"].kinds
    share = kinds["computed"] / (sum(kinds.values()) - kinds["not computable"])
    said = " ".join(capplan("audit", ROOT / "examples/levqor").stdout.split())
    assert f"{kinds['not computable']} not computable; {share:.0%} of what can be computed" in said


@pytest.mark.parametrize(
    ("name", "verdict", "computed"),
    [
        ("trigger", "contradicts itself", 1200),
        ("standard-own", "contradicts itself", 0.1644),
        ("hours-of-gpus", "contradicts itself", 722.2),
        ("phase-2-list", "contradicts itself", 1677.5),
        ("break-even-list", "off", 1332.5),
        ("traffic-cost-100k", "contradicts itself", 36_000),
        ("traffic-backend-100k", "contradicts itself", 108_000),
        ("frontend-request", "off", 4e-7),
        ("no-api-cost", "contradicts itself", 250),
        ("phase-2-staffed", "off", None),
        ("break-even-capacity", "contradicts itself", 46.3),
        ("tier-4-cost", "contradicts itself", 17_520),
        ("v100-largest", "off", False),
        ("a100-falcon", "off", False),
        ("pod-fits", "off", False),
        ("t4-mistral-fp16", "off", False),
        ("pod-replicas", "contradicts itself", 1),
        ("backend-cold-start", "off", 1300),
        ("burst", "off", 2),
        ("latency-trigger", "off", None),
        ("a100-node", "off", 7.34677),
        ("a100-memory", "off", 170),
        ("phase-1-total", "holds", 900),
        ("phase-2-total", "holds", 1613),
        ("llm-cost", "holds", 500),
    ],
)
def test_what_is_wrong_in_the_afpi_document_is_found(shipped, name, verdict, computed):
    result = next(r for r in shipped["afpi"].results if r.name == name)
    assert result.verdict == verdict
    if computed is not None:
        assert result.computed == pytest.approx(computed, rel=2e-3)


def test_command(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    claim = "  a: {line: 3, text: instances, value: 9, expression: components.api.instances.peak}\n"
    (tmp_path / "claims.yaml").write_text(f"schema: 1\ndocument: d\nclaims:\n{claim}")
    plain = capplan("audit", tmp_path)
    assert plain.exit_code == 0
    assert "instances: 9; computed 10 (-10%)" in plain.stdout
    assert capplan("audit", tmp_path, "--strict").exit_code == 7
    found = json.loads(capplan("audit", tmp_path, "--format", "json").stdout)
    assert found["summary"] == {"off": 1}
    assert found["claims"][0]["says"] == {"exact": None, "low": 9.0, "high": 9.0}
    assert (
        "| 3 | instances | 9 | 10 | off (-10%) |" in capplan("audit", tmp_path, "--format", "markdown").stdout
    )
    missing = capplan("audit", tmp_path, "--claims", tmp_path / "none.yaml")
    assert missing.exit_code == 2


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ("expression: components.api.instances.peak", "computed"),
        ("expression: ceil(100 / plan.services.api.throughput) + components.api.instances.peak", "computed"),
        ("expression: \"price('aws', 'ec2', 'm5.xlarge')\"", "computed"),
        ("expression: plan.services.api.throughput", "restated"),
        ("expression: components.api.instances.max", "restated"),
        ("expression: '1000 * max(plan.services.api.throughput, 3)'", "restated"),
        ("expression: \"tier('scale', 1).limits.rps\"", "restated"),
        ("expression: sum(s.throughput for s in values(plan.services))", "restated"),
        ("expression: sum(c.instances.peak for c in values(components))", "computed"),
        ("expression: \"sum(components[name].instances.peak for name in ['api'])\"", "computed"),
        ("expression: \"sum(plan.services[name].throughput for name in ['api'])\"", "restated"),
        ("expression: claims.a.value", "consistency"),
        ("expression: 2 * claims.a.value + plan.services.api.throughput", "restated"),
        ("expression: 450 / 1000", "consistency"),
        ("note: only measuring tells", "not computable"),
    ],
)
def test_the_kind_of_a_claim_follows_from_what_it_asks(tmp_path, fields, kind):
    found = audited(tmp_path, f"  a: {{line: 1, text: t, value: 1, {fields}}}\n")
    assert found.results[0].kind == kind
    assert found.kinds == {k: int(k == kind) for k in found.kinds}


@pytest.mark.parametrize(
    ("said", "expression", "verdict"),
    [
        (0, "simulated(days=0.1, steady=true).services.api.shed", "holds"),
        (0.5, "simulated(days=0.1, steady=true).services.api.shed", "off"),
        (1, "simulated(days=0.1).services.nobody.shed", "broken"),
        (1, "simulated(trace='nowhere.csv').services.api.shed", "broken"),
        (0, "count(f for f in verified().findings if f.severity == 'error')", "holds"),
        ("saving", "'saving' if recommended().recommendations[0].saving_usd_per_month > 0 else ''", "holds"),
        (1000, "breakeven('grow').driver.to", "holds"),
        (1, "breakeven('shrink').driver.to", "broken"),
    ],
)
def test_claims_ask_other_commands(tmp_path, said, expression, verdict):
    (tmp_path / "plan.yaml").write_text(
        PLAN + "decisions: {comparisons: {grow: {between: [plan, larger],"
        " over: requests_per_second, from: 10, to: 1000}}}\n"
    )
    claim = {"line": 1, "text": "t", "value": said, "expression": expression}
    (tmp_path / "claims.yaml").write_text(json.dumps({"schema": 1, "document": "d", "claims": {"a": claim}}))
    world = PlanWorld(tmp_path, Catalog(None), estimate_document, ANSWERS)
    (result,) = audit(read_claims(tmp_path / "claims.yaml"), world).results
    assert result.verdict == verdict, result.explanation
    assert result.kind == "computed"
