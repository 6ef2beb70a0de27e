"""`-` is stdin wherever a file is read, and stdout wherever one is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "tests" / "cli" / "plans" / "shop.yaml"
FROZEN = ("--catalogs", str(ROOT / "tests" / "cli" / "frozen_catalogs"))
SERVING = ROOT / "examples" / "llm-serving"
LEVQOR = ROOT / "examples" / "levqor"
GATES = "budgets: [{expected: 2}]\n"
TRACE = "timestamp,requests\n" + "".join(f"2026-01-01T{hour:02}:00,{10 + hour}\n" for hour in range(24))
BOOK = "schema: 1\nname: ours\nsource: {text: a contract, as_of: 2026-01-01}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: web, image: "web:1"}]}
"""


def _bill() -> str:
    return (
        "BilledCost,ChargePeriodStart,ChargePeriodEnd,SkuId,ConsumedQuantity,ConsumedUnit,ServiceName,RegionId\n"
        "5,2026-07-01T00:00:00Z,2026-08-01T00:00:00Z,x,1,h,Compute,us-central1\n"
    )


CASES = {
    "plan": (("estimate", "{}", *FROZEN), SHOP.read_text("utf-8")),
    "gates": (("check", SHOP, "--gates", "{}", *FROZEN), GATES),
    "book": (("estimate", SHOP, "--book", "{}", *FROZEN), BOOK),
    "bill": (("diff", SHOP, "--actual", "{}", *FROZEN), _bill()),
    "manifests": (("verify", "{}"), DEPLOYMENT),
    "trace": (("simulate", LEVQOR, "--days", "0.05", "--trace", "{}"), TRACE),
    "measurements": (("calibrate", "llm", "{}"), (SERVING / "bench.csv").read_text("utf-8")),
    "model": (("catalog", "import-model", "{}", "--as", "m"), (SERVING / "config.json").read_text("utf-8")),
    "catalog": (
        ("catalog", "check", "{}", "--today", "2026-10-01"),
        (ROOT / "catalogs" / "aws" / "elb.yaml").read_text("utf-8"),
    ),
    "claims": (
        ("audit", ROOT / "examples" / "afpi", "--claims", "{}"),
        (ROOT / "examples" / "afpi" / "claims.yaml").read_text("utf-8"),
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_stdin_is_read_as_the_file_would_be(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command, text = CASES[what]
    Path("stdin").write_text(text, encoding="utf-8")
    # A book's path is relative to the plan.
    name = Path("stdin").absolute() if what == "book" else "stdin"
    there = capplan(*(name if part == "{}" else part for part in command))
    here = capplan(*("-" if part == "{}" else part for part in command), stdin=text.encode())
    assert here == there
    assert len(here.stdout) > 20, here.stderr


def test_diff_takes_a_plan_an_estimate_and_manifests_from_stdin(capplan: Callable) -> None:
    estimate = capplan("estimate", SHOP, "--format", "json", *FROZEN).stdout
    for text in (SHOP.read_text("utf-8"), estimate):
        run = capplan("diff", "-", SHOP, "--format", "json", *FROZEN, stdin=text.encode())
        assert run.exit_code == 0, run.stderr
        assert json.loads(run.stdout)["monthly_cost"]
    where = ("--provider", "gcp", "--region", "us-central1")
    run = capplan("diff", "-", SHOP, "--format", "json", *FROZEN, *where, stdin=DEPLOYMENT.encode())
    assert "stdin: no Kubernetes" not in run.stderr
    assert "apiVersion" not in run.stderr


def test_baseline_comes_from_stdin(capplan: Callable) -> None:
    command = ("check", SHOP, "--format", "json", "--exit-zero", *FROZEN)
    baseline = capplan(*command).stdout.encode()
    run = capplan("check", SHOP, "--baseline", "-", *FROZEN, stdin=baseline)
    assert "cannot be read" not in run.stderr


def test_what_is_wrong_on_stdin_is_said_of_stdin(capplan: Callable) -> None:
    run = capplan("check", SHOP, "--gates", "-", *FROZEN, stdin=b"budgetz: []\n")
    assert run.exit_code == 2
    assert run.stderr.startswith("capplan: stdin:1:1: budgetz")


@pytest.mark.parametrize(
    ("command", "second", "first"),
    [
        (("check", "-", "--gates", "-"), "--gates", "PLAN"),
        (("diff", "-", "-"), "HEAD", "BASE"),
        (("estimate", "-", "--book", "-"), "--book", "PLAN"),
        (("simulate", "-", "--right-size", "--usage", "cpu=-"), "--usage", "PLAN"),
        (("calibrate", "llm", "-", "-"), "BENCH...", "BENCH..."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_stdin_is_read_once(capplan: Callable, command: tuple, second: str, first: str) -> None:
    run = capplan(*command, stdin=b"name: x\n")
    assert (run.exit_code, run.stdout) == (2, "")
    said = f"stdin can be read only once, and {first} reads it. Name a file instead of '-'."
    assert run.stderr == f"capplan: {second}: {said}\n"


def test_settings_are_not_applied_to_stdin(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stdin").write_text("mine")
    plan = (LEVQOR / "plan.yaml").read_bytes()
    run = capplan("simulate", "-", "--days", "0.05", "--tune", "--tries", "2", "--apply", stdin=plan)
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith("capplan: --apply: writes into the plan's file")
    assert (tmp_path / "stdin").read_text() == "mine"


def test_one_file_is_verified_as_its_directory_would_be(capplan: Callable, tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(DEPLOYMENT, encoding="utf-8")
    alone = capplan("verify", path)
    assert alone.exit_code == 4
    assert alone.stdout == capplan("verify", tmp_path).stdout


def test_manifests_are_rendered_to_stdout(capplan: Callable, tmp_path: Path) -> None:
    command = ("render-manifests", LEVQOR, "--alternative", "eks", "--layout", "plain")
    capplan(*command, "-o", tmp_path)
    run = capplan(*command, "--only", "kubernetes", "-o", "-")
    assert run.exit_code == 0, run.stderr
    kinds = [document["kind"] for document in yaml.safe_load_all(run.stdout) if document]
    assert {"Deployment", "Service"} <= set(kinds)
    source = next(line for line in run.stdout.splitlines() if line.startswith("# Source: "))
    assert (tmp_path / source.removeprefix("# Source: ")).is_file()


@pytest.mark.parametrize(
    ("options", "says"),
    [(("--check",), "--check: compares files"), ((), "is not YAML"), (("--prune",), "--prune: compares")],
)
def test_what_stdout_cannot_be_is_refused(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    run = capplan("render-manifests", LEVQOR, "--alternative", "eks", "-o", "-", *options)
    assert (run.exit_code, run.stdout) == (2, "")
    assert says in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_templates_go_to_a_directory(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = capplan("templates", "eject", "-o", "-")
    assert (run.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "capplan templates show" in run.stderr
