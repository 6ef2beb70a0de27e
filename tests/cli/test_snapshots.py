"""Whole runs, word for word, against a catalog that never changes.

`CAPPLAN_UPDATE_SNAPSHOTS=1 pytest tests/cli/test_snapshots.py` writes them anew; read the diff.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_SNAPSHOTS = _HERE / "snapshots"
_UPDATE = bool(os.environ.get("CAPPLAN_UPDATE_SNAPSHOTS"))

_SHOP = "estimate plans/shop.yaml --catalogs frozen_catalogs"
_CROWDED = "estimate plans/crowded.yaml --catalogs frozen_catalogs"

RUNS = {
    "table": _SHOP,
    "table-verbose": f"{_SHOP} -v",
    "table-quiet": f"{_SHOP} -q",
    "markdown": f"{_SHOP} --format markdown",
    "csv": f"{_SHOP} --format csv",
    "json": f"{_SHOP} --format json",
    "focus": f"{_SHOP} --format focus --period 2026-02",
    "focus-commitments": f"{_SHOP} --alternative vms --format focus",
    "explain-all": f"{_SHOP} --explain",
    "explain-one": f"{_SHOP} --explain web",
    "explain-pool": f"{_SHOP} --alternative pods --explain main/default",
    "sweep-one-axis": f"{_SHOP} --sweep users_per_day=0,1k,20k,1M",
    "sweep-two-axes": f"{_SHOP} --sweep users_per_day=1k,20k --sweep services.web.cpu=1,2",
    "sweep-csv": f"{_SHOP} --sweep users_per_day=1k,20k --format csv",
    "sweep-json": f"{_SHOP} --sweep users_per_day=1k,20k --format json",
    "sweep-markdown": f"{_SHOP} --sweep users_per_day=1k,20k --format markdown",
    "months": f"{_SHOP} --months 6",
    "alternative-vms": f"{_SHOP} --alternative vms",
    "alternative-pods": f"{_SHOP} --alternative pods -v",
    "alternative-all": f"{_SHOP} --alternative all",
    "alternative-all-markdown": f"{_SHOP} --alternative all --format markdown",
    "set": f"{_SHOP} --set users_per_day=1M --set services.web.instances.max=200 -q",
    "book": f"{_SHOP} --book agreed",
    "unpriced": f"{_SHOP} --alternative taiwan",
    "unpriced-csv": f"{_SHOP} --alternative taiwan --format csv",
    "too-small-and-no-node": _CROWDED,
    "too-small-and-no-node-markdown": f"{_CROWDED} --format markdown -q",
    "sweep-too-small": f"{_CROWDED} --sweep requests_per_second=1,10,100",
    "catalog-list": "catalog list --catalogs frozen_catalogs --vcpu 2",
    "catalog-list-csv": "catalog list --catalogs frozen_catalogs --provider aws --service ec2 --format csv",
    "catalog-list-json": "catalog list --catalogs frozen_catalogs --name t4 --format json",
    "catalog-list-markdown": "catalog list --catalogs frozen_catalogs --gpu l4 --format markdown",
    "catalog-list-nothing": "catalog list --catalogs frozen_catalogs --vcpu 999",
    "catalog-show": "catalog show n1-standard-2 --catalogs frozen_catalogs",
    "catalog-show-json": "catalog show alb-lcu --catalogs frozen_catalogs --format json",
    "catalog-check": "catalog check --catalogs frozen_catalogs --today 2026-02-01",
    "catalog-check-old": "catalog check --catalogs frozen_catalogs --today 2027-06-01 --strict",
    "error-sku": f"{_SHOP} --set databases.db.machine=db-custm-2-7680",
    "error-region": f"{_SHOP} --set regions.gcp=us-centrall",
    "error-field": f"{_SHOP} --set services.web.servicetime=1s",
    "error-two-fields": f"{_SHOP} --set services.web.cpu=-1 --set services.web.memory=512",
    "error-alternative": f"{_SHOP} --alternative vm",
}


@pytest.mark.parametrize("name", RUNS)
def test_run_prints_what_its_snapshot_says(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(_HERE)
    shown = _said(RUNS[name], capplan(*RUNS[name].split()))
    file = _SNAPSHOTS / f"{name}.txt"
    if _UPDATE:
        file.write_text(shown, encoding="utf-8")
    expected = file.read_text(encoding="utf-8")
    assert shown == expected, _difference(expected, shown, file.name)


def test_schema_begins_as_its_snapshot_says(capplan: Callable) -> None:
    run = capplan("schema")
    beginning = "".join(run.stdout.splitlines(keepends=True)[:12])
    shown = _said("schema", run._replace(stdout=beginning))
    file = _SNAPSHOTS / "schema.txt"
    if _UPDATE:
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


def test_every_snapshot_belongs_to_a_run() -> None:
    assert {file.stem for file in _SNAPSHOTS.iterdir()} == {*RUNS, "schema"}


def _said(command: str, run: tuple[int, str, str]) -> str:
    exit_code, stdout, stderr = run
    # The last digits of a float are the processor's; that they are all there is another test's business.
    figures = re.sub(r"\d+\.\d{9,}", lambda figure: f"{float(figure[0]):.9g}", stdout)
    return f"$ capplan {command}\n[exit code] {exit_code}\n[stdout]\n{figures}[stderr]\n{stderr}"


def _difference(expected: str, shown: str, name: str) -> str:
    lines = difflib.unified_diff(expected.splitlines(), shown.splitlines(), name, "this run", lineterm="")
    return "\n".join(lines)
