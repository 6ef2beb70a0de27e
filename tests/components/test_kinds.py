"""Every section of a plan that has components is built by somebody, after what it needs."""

import subprocess
import sys
from typing import get_origin

import pytest
from helpers import FLAT_VM, ROOT, estimate_of

from capplan.components.kinds import KINDS
from capplan.plan.model import Plan

NOT_COMPONENTS = {"regions", "tiers", "alternatives", "service_templates", "tags", "gpus"}
"""Sections by name that describe the plan and not what it runs."""


def sections() -> set[str]:
    """Return the fields of a plan that hold something by name."""
    named = {name for name, field in Plan.model_fields.items() if get_origin(field.annotation) is dict}
    return named - NOT_COMPONENTS


def test_every_section_with_components_has_a_builder():
    assert sections() == set(KINDS)


@pytest.mark.parametrize("section", KINDS)
def test_a_builder_can_be_called_and_needs_sections_that_there_are(section):
    kind = KINDS[section]
    assert callable(kind.load())
    assert set(kind.needs) <= set(KINDS) - {section}


def test_components_come_in_the_order_of_the_table():
    text = (ROOT / "examples" / "afpi" / "plan.yaml").read_text()
    kinds = [component.path[0] for component in estimate_of(text).components]
    assert kinds == sorted(kinds, key=list(KINDS).index)


def test_what_a_plan_does_not_have_is_not_imported(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(FLAT_VM)
    code = """
import sys
from pathlib import Path
from capplan.catalog.catalog import Catalog
from capplan.estimate import estimate
from capplan.plan.read import read_plan
estimate(read_plan(Path(sys.argv[1])), Catalog())
print(sorted(name for name in sys.modules if name.startswith("capplan.components.")))
"""
    done = subprocess.run([sys.executable, "-c", code, plan], capture_output=True, text=True, check=True)
    loaded = done.stdout
    assert "capplan.components.services.component" in loaded
    for absent in ("stores", "llm", "cluster", "others", "ratelimits"):
        assert f"capplan.components.{absent}" not in loaded
