"""Tier tables: what documents prescribe by load, and what is wrong with a table of one's own."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, SHIPPED, moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.tiers import TierTable, read_table
from capplan.errors import InputError


def shipped(name: str) -> TierTable:
    return SHIPPED.tier_table(name, Path())


@pytest.mark.parametrize(
    ("rps", "tier", "cpu", "memory_gib"),
    [
        (0, "low", 0.1, 0.125),
        (99, "low", 0.1, 0.125),
        (100, "medium", 0.25, 0.25),
        (999, "medium", 0.25, 0.25),
        (1000, "high", 0.5, 0.5),
        (1e9, "high", 0.5, 0.5),
    ],
)
def test_llm_governance_requests_by_traffic(rps, tier, cpu, memory_gib):
    """The guide: low below 100 requests/s, medium 100 to 1,000, high above."""
    table = shipped("llm-governance")
    load = np.array([[float(rps)]])
    assert table.tiers[int(table.falls_into(load)[0, 0])].name == tier
    assert table.prescribes("cpu", load).tolist() == [[cpu]]
    assert table.prescribes("memory", load).tolist() == [[memory_gib]]
    assert table.fields() == {"cpu", "memory", "cpu_limit", "memory_limit"}


@pytest.mark.parametrize(
    ("spans_per_day", "tier", "cpu", "memory_gib"),
    [
        (80e3, "small", 4, 16),
        (99_999, "small", 4, 16),
        (100e3, "medium", 8, 32),
        (1e6, "large", 16, 64),
        (9e9, "large", 16, 64),
    ],
)
def test_llm_observatory_database_by_spans(spans_per_day, tier, cpu, memory_gib):
    table = shipped("llm-observatory-database")
    load = np.array([[float(spans_per_day)]])
    assert table.tiers[int(table.falls_into(load)[0, 0])].name == tier
    assert (table.prescribes("cpu", load)[0, 0], table.prescribes("memory", load)[0, 0]) == (cpu, memory_gib)


@pytest.mark.parametrize(
    ("ratio", "tier"),
    [
        (0, "low"),
        (0.29, "low"),
        (0.3, "medium"),
        (0.45, "medium"),
        (0.6, "high"),
        (0.65, "high"),
        (0.8, "critical"),
        (2, "critical"),
    ],
)
def test_levqor_load_tiers(ratio, tier):
    """65 % is high in the document's own example, 45 % comes from 450 of 1,000 requests a minute."""
    table = shipped("levqor-load")
    assert table.tiers[int(table.falls_into(ratio))].name == tier


def test_levqor_limits_fall_from_tier_to_tier():
    tiers = shipped("levqor-load").tiers
    assert [tier.limits["ai-chat"] for tier in tiers] == [50, 30, 20, 10]
    for calm, loaded in pairwise(tiers):
        assert all(calm.limits[name] >= loaded.limits[name] for name in calm.limits)


@pytest.mark.parametrize(("memory_gib", "rps"), [(1, 75), (2, 150), (4, 300), (64, 300)])
def test_levqor_capacity_lies_in_the_documents_range(memory_gib, rps):
    """50 to 100 requests/s on one instance, 100 to 200 with 2 GB, 200 to 400 with 4 GB."""
    assert float(shipped("levqor-capacity").prescribes("throughput", memory_gib)) == rps


@moderate
@given(st.floats(0, 1e5), st.floats(0, 1e5))
def test_more_load_never_falls_into_a_lower_tier(load, more):
    table = shipped("llm-governance")
    assert table.falls_into(load + more) >= table.falls_into(load)


@moderate
@given(st.floats(0.01, 999))
def test_until_next_is_exact(load):
    """At the bound the next tier holds, just below it the old one."""
    table = shipped("llm-governance")
    at = np.array([[load]])
    bound = load * (1 + table.until_next(at)[0, 0])
    here = int(table.falls_into(at)[0, 0])
    assert table.falls_into(bound * (1 - 1e-9)) == here
    assert table.falls_into(bound * (1 + 1e-9)) == here + 1


def test_the_last_tier_has_no_next():
    assert np.isinf(shipped("llm-governance").until_next(np.array([[5000.0]]))[0, 0])


def test_every_shipped_table_is_read_and_has_a_source():
    files = sorted((ROOT / "catalogs" / "tiers").glob("*.yaml"))
    assert len(files) >= 4
    for file in files:
        table = read_table(file)
        assert table.name == file.stem
        assert table.source.text


FINE = """\
schema: 1
name: own
kind: resources
by: requests_per_second
source: {as_of: 2026-01-01, text: our load test}
tiers:
  - {name: small, below: 10, cpu: 100m, memory: 1Gi}
  - {name: large, cpu: 2, memory: 4Gi}
"""


def test_a_table_of_ones_own(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(FINE)
    table = read_table(file)
    assert [tier.values["cpu"] for tier in table.tiers] == [0.1, 2.0]
    assert table.source.as_of == "2026-01-01"
    assert SHIPPED.tier_table("own.yaml", tmp_path).name == "own"


BAD = {
    "schema": ("schema: 1", "schema: 2", "own.yaml:1:1: schema: expected 1, got '2'"),
    "unknown kind": (
        "resources",
        "resource",
        "own.yaml:3:1: kind: unknown kind 'resource'. Did you mean 'resources'?",
    ),
    "unknown driver": ("by: requests_per_second", "by: rps", "own.yaml:4:1: by: unknown by 'rps'"),
    "driver of another kind": (
        "by: requests_per_second",
        "by: memory_gib",
        "own.yaml:4:1: by: tiers of resources cannot be selected by memory_gib",
    ),
    "no source": (
        "source: {as_of: 2026-01-01, text: our load test}\n",
        "",
        "source: is required, but missing",
    ),
    "unknown key": ("cpu: 2", "cpus: 2", "unknown field. Did you mean 'cpu'?"),
    "no cpu": ("cpu: 2, ", "", "tiers.1.cpu: is required, but missing"),
    "a unit that is none": ("cpu: 2", "cpu: 2Gi", "tiers.1.cpu: expected cores"),
    "no cores": ("cpu: 2", "cpu: 0", "tiers.1.cpu: must be above 0, got 0"),
    "bounds that fall": (
        "name: large,",
        "name: large, below: 5,",
        "own.yaml:6:1: tiers: the bounds of the tiers must rise",
    ),
    "no bound in between": ("below: 10, ", "", "the bounds of the tiers must rise"),
    "fields of one tier only": (
        "name: large,",
        "name: large, cpu_limit: 3,",
        "own.yaml:6:1: tiers: every tier must give the same fields",
    ),
    "no list": ("tiers:\n", "tiers: 5\nx:\n", "x: unknown field"),
    "limits that are no mapping": (
        "memory: 1Gi}",
        "memory: 1Gi, limits: 5}",
        "tiers.0.limits: expected a mapping",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_its_place(case, tmp_path):
    old, new, message = BAD[case]
    assert FINE.count(old) == 1
    file = tmp_path / "own.yaml"
    file.write_text(FINE.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_table(file)
    assert message in str(caught.value)
    assert "own.yaml:" in str(caught.value)


def test_problems_in_a_tier_point_at_its_line(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(FINE.replace("cpu: 2", "cpu: two"))
    with pytest.raises(InputError, match=r"own\.yaml:8:\d+: tiers\.1\.cpu"):
        read_table(file)
