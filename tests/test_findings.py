"""One way to say a finding: its parts are joined, its severities are ordered, old names are still known."""

import pytest

from capplan.errors import Problem, sentences
from capplan.findings import SEVERITIES, Check, Finding
from capplan.gate.judged import Judged
from capplan.manifests.verify.checks import code_of

SAMPLE = Check("sample", "warning")


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
    assert Judged(finding, "policy/sample", "capacity").said == said
    assert str(Problem("plan.yaml", message, remedy)) == f"plan.yaml: {said}"


def test_a_waiver_is_told_after_the_remedy():
    judged = Judged(SAMPLE.finding("api", "see ../a.md", "Ask."), "policy/a", "cost", waived="ann: known")
    assert judged.said == "see ../a.md. Ask. Waived by ann: known."


def test_severities_have_one_order():
    found = [SAMPLE.finding("a", "m", severity=severity) for severity in reversed(SEVERITIES)]
    assert [f.severity for f in sorted(found, key=lambda f: f.rank)] == ["error", "warning", "info"]


def test_a_finding_is_what_its_check_says_unless_it_says_otherwise():
    assert SAMPLE.finding("api", "m") == Finding("sample", "warning", "api", "m")
    assert SAMPLE.finding("api", "m", severity="info", file="a.yaml", line=3).severity == "info"


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
