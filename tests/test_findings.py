"""One way to say a finding: its parts are joined, its severities are ordered, old names are still known."""

import pytest

from capplan.errors import Problem, sentences
from capplan.findings import SEVERITIES, Check, Finding
from capplan.manifests.verify.checks import code_of
from capplan.report.blocks import Result

SAMPLE = Check(
    code="sample",
    severity="warning",
    title="A sample",
    why="It is one.",
    breaks="a: 1\n",
    near="a: 2\n",
    remedy="Mend it.",
    source="a page",
)


@pytest.mark.parametrize(
    ("message", "remedy", "said"),
    [
        ("it is broken", "", "it is broken."),
        ("it is broken", "Mend it.", "it is broken. Mend it."),
        ("it is broken.", "Mend it.", "it is broken. Mend it."),
        ("is it broken?", "Look.", "is it broken? Look."),
        ("it is broken", "See ../runbook.md", "it is broken. See ../runbook.md"),
        ("see ../runbook.md..", "", "see ../runbook.md.."),
    ],
)
def test_message_and_remedy_are_joined_one_way(message, remedy, said):
    finding = SAMPLE.finding("api", message, remedy)
    assert finding.said == sentences(message, remedy) == said
    assert Result(finding, "sample", "checks", "sample:api").said == f"api: {said}"
    assert str(Problem("plan.yaml", message, remedy)) == f"plan.yaml: {said}"


def test_a_waiver_is_told_after_the_remedy():
    finding = SAMPLE.finding("api", "see ../a.md", "Ask.")
    result = Result(finding, "policy/a", "cost", "policy/a:api", waived="ann: known")
    assert result.said == "api: see ../a.md. Ask. Waived by ann: known."


def test_severities_have_one_order():
    found = [SAMPLE.finding("a", "m", severity=severity) for severity in reversed(SEVERITIES)]
    assert [f.severity for f in sorted(found, key=lambda f: f.rank)] == ["error", "warning", "info"]


def test_a_finding_is_what_its_check_says_unless_it_says_otherwise():
    assert SAMPLE.finding("api", "m") == Finding("sample", "warning", "api", "m", "Mend it.")
    assert SAMPLE.finding("api", "m", "", severity="info") == Finding("sample", "info", "api", "m")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("M23-too-many-connections", "too-many-connections"),
        ("M28-image", "cloud-run-image"),
        ("M13-window", "behavior-window"),
        ("M30-rules-without-test", "rules-without-test"),
        ("M30-unset-token", "load-test-unset-token"),
        ("two-pdbs", "two-pdbs"),
    ],
)
def test_checks_are_known_by_their_old_ids(name, code):
    assert code_of(name) == code
