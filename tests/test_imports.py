"""Importing capplan is cheap, and every module stands on its own."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest
from helpers import ROOT

import capplan

_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def _modules() -> list[str]:
    found = pkgutil.walk_packages(capplan.__path__, "capplan.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def _python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("backwards", [False, True])
def test_modules_can_be_imported_in_any_order(backwards: bool) -> None:
    # Either order has modules that come before those they need: a circle fails in one of them.
    _python(_ALL, *sorted(_modules(), reverse=backwards))


def test_import_of_capplan_loads_nothing_else() -> None:
    code = """
import sys
before = set(sys.modules)
import capplan
print(sorted(set(sys.modules) - before))
"""
    assert _python(code).strip() == "['capplan']"


def test_model_loads_no_library_for_tables_or_templates() -> None:
    code = """
import sys
import capplan.estimate, capplan.plan.read, capplan.report.render
print(sorted({"jinja2", "rich", "typer"} & set(sys.modules)))
"""
    assert _python(code).strip() == "[]"


def test_sizing_knows_neither_plans_nor_files() -> None:
    code = """
import sys
import capplan.capacity.sizing, capplan.capacity.nodes, capplan.capacity.limits, capplan.capacity.redundancy
print(sorted({"pydantic", "yaml"} & set(sys.modules)))
"""
    assert _python(code).strip() == "[]"


def test_an_estimate_needs_no_masked_arrays() -> None:
    """They take longer to import than an estimate takes, and functions like np.unique ask for them."""
    code = """
import sys
import numpy
before = "numpy.ma" in sys.modules
from capplan.catalog.catalog import Catalog
from capplan.estimate import estimate
from capplan.plan.read import read_plan
from pathlib import Path
estimate(read_plan(Path(sys.argv[1])), Catalog())
print("numpy.ma" in sys.modules and not before)
"""
    assert _python(code, str(ROOT / "examples" / "afpi")).strip() == "False"


def test_an_estimate_declares_no_checks_of_others() -> None:
    """Texts of checks are long; a command loads its own, and only `explain` and SARIF load all of them."""
    code = """
import sys
import capplan.estimate, capplan.plan.read, capplan.report.estimate
print(sorted(name for name in sys.modules if name.startswith("capplan.") and "checks" in name.split(".")))
"""
    assert _python(code).strip() == "['capplan.components.checks']"


def test_a_plan_without_clusters_builds_no_models_of_them() -> None:
    code = """
import sys
from pathlib import Path
from capplan.catalog.catalog import Catalog
from capplan.estimate import estimate
from capplan.plan.read import read_plan
estimate(read_plan(Path(sys.argv[1])), Catalog())
print("capplan.plan.clusters" in sys.modules)
"""
    assert _python(code, str(ROOT / "examples" / "afpi")).strip() == "False"
