"""What the real autoscalers decide, case by case, and the harnesses themselves."""

import json

import pytest
from conformance import hpa, keda, vpa
from helpers import CASES

HPA_FILES = [CASES / "hpa.json", CASES / "hpa_trajectories.json", CASES / "hpa_upstream.json"]


def hpa_cases():
    for file in HPA_FILES:
        for section, cases in json.loads(file.read_text()).items():
            if isinstance(cases, list):
                yield from (pytest.param(section, case, id=f"{section}-{case['id']}") for case in cases)


@pytest.mark.parametrize(("section", "case"), list(hpa_cases()))
def test_hpa(section, case):
    assert list(hpa.failures(section, case)) == []


@pytest.mark.parametrize("case", json.loads((CASES / "vpa.json").read_text())["cases"], ids=lambda c: c["id"])
def test_vpa(case):
    assert list(vpa.failures(case)) == []


@pytest.mark.parametrize("section", ["executor", "fallback"])
def test_keda(section):
    for case in json.loads((CASES / "keda.json").read_text())[section]:
        assert list(keda.SECTIONS[section](case)) == []


def test_the_hpa_harness_counts_and_fails(tmp_path, capsys):
    good = json.loads(HPA_FILES[0].read_text())["limit_functions"][0]
    wrong = {**good, "id": "wrong", "expect": {"limit": 3}}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"limit_functions": [good, wrong], "magic": [good]}))
    assert hpa.main([str(file)]) == 1
    printed = capsys.readouterr().out
    assert "limit_functions wrong: limit: expected 3, computed 2" in printed
    assert printed.endswith("1 passed, 2 failed\n")
    assert hpa.main(list(map(str, HPA_FILES))) == 0


@pytest.mark.parametrize(
    ("harness", "section", "field"),
    [(keda, "executor", "replicas_after"), (vpa, "cases", "expect_per_container")],
)
def test_the_other_harnesses_count_and_fail(harness, section, field, tmp_path, capsys):
    name = harness.__name__.rpartition(".")[2]
    good = json.loads((CASES / f"{name}.json").read_text())[section][0]
    wrong = {**good, field: 7 if section == "executor" else {"target": {}}}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({section: [good, wrong]}))
    assert harness.main([str(file)]) == 1
    assert capsys.readouterr().out.endswith("1 passed, 1 failed\n")


def test_the_harnesses_take_files_with_more_in_them(tmp_path, capsys):
    good = json.loads(HPA_FILES[0].read_text())["limit_functions"][0]
    file = tmp_path / "cases.json"
    more = {"note": "more", "sources": ["a", "b"], "controller": [], "limit_functions": [{**good, "seen": 1}]}
    file.write_text(json.dumps(more))
    assert hpa.main([str(file)]) == 0
    file.write_text(json.dumps({"cases": [{"id": "broken"}]}))
    assert vpa.main([str(file)]) == 1
    file.write_text(json.dumps({"executor": [{"current": 1}], "magic": [{}]}))
    assert keda.main([str(file)]) == 1
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith("failed")] == [
        "1 passed, 0 failed",
        "0 passed, 1 failed",
        "0 passed, 2 failed",
    ]
