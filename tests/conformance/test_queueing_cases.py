"""The published queueing cases, and the harness itself."""

import json

import pytest
from conformance.queueing import failures, main
from helpers import CASES

FILE = CASES / "queueing.json"


@pytest.mark.parametrize("case", json.loads(FILE.read_text())["items"], ids=lambda case: case["id"])
def test_published_case(case):
    assert failures(case) == []


def test_the_harness_counts_and_fails(tmp_path, capsys):
    good = {"id": "good", "model": "erlang_b", "inputs": {"c": 1, "a": 1}, "expected": {"blocking": 0.5}}
    wrong = {**good, "id": "wrong", "expected": {"blocking": 0.6}, "rtol": 1e-3}
    unknown = {**good, "id": "unknown", "model": "magic"}
    overloaded = {"id": "o", "model": "mmc", "inputs": {"lam": 3, "mu": 1, "c": 3}, "expected": {"W": None}}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"items": [good, wrong, unknown, overloaded]}))
    assert main([str(file)]) == 1
    printed = capsys.readouterr().out
    assert "wrong: blocking: expected 0.6" in printed
    assert printed.endswith("2 passed, 2 failed\n")
    assert main([str(FILE)]) == 0
