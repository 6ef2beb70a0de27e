"""What nobody knows the price of never looks like a number."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import component, estimate_of, moderate, monthly
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.paths import data_dir

PLAN = """
    name: t
    regions: {aws: us-east-1, azure: eastus}
    demand: {requests_per_second: 20, profile: flat}
    services:
      web: {platform: fargate, cpu_time: 5ms, concurrency: 50, instances: {min: 2, max: 4}, calls: {db: 1}}
    databases:
      db: {platform: rds, engine: postgres, machine: db.m6g.large, storage: 50Gi}
    resources:
      mine: {provider: aws, service: s3, sku: put-request, quantity: 0}
"""
AKS = """
    name: t
    regions: {azure: eastus}
    demand: {requests_per_second: 1, profile: flat}
    services:
      web: {platform: kubernetes, cpu_time: 5ms}
    clusters:
      k: {platform: aks, pools: {p: {machine: Standard_D4s_v5, nodes: 3}}}
"""


def catalog_without(service: str, root: Path) -> Catalog:
    """Return the catalogs, but with what is known of ``service`` in us-east-1 said of another region."""
    shutil.copytree(data_dir("catalogs"), root)
    file = root / "aws" / f"{service}.yaml"
    file.write_text(file.read_text().replace("us-east-1:", "us-west-1:"))
    file.with_suffix(".tsv").unlink()
    return Catalog(root)


def test_a_total_without_all_prices_is_a_lower_bound(tmp_path):
    unknown = catalog_without("fargate", tmp_path / "catalogs")
    known, found = estimate_of(PLAN), estimate_of(PLAN, catalog=unknown)
    assert known.certainty.complete
    assert not found.certainty.complete
    assert found.certainty.sign == "≥"
    assert monthly(found) == pytest.approx(monthly(known) - monthly(known, "web"))
    (finding,) = [f for f in found.findings if f.code == "unpriced"]
    assert "does not know all prices of aws fargate in us-east-1" in finding.message
    assert finding.subject == "web"


def test_spot_without_a_price_costs_at_most_what_is_on_demand():
    committed = estimate_of(AKS, "clusters.k.pools.p.purchase.spot=100%")
    assert monthly(committed) == pytest.approx(monthly(estimate_of(AKS)))
    assert committed.certainty.sign == "≤"
    assert committed.certainty.complete
    (line,) = [line for line in committed.lines if line.status == "bound"]
    assert line.source.startswith("the on-demand price, the highest possible")
    assert [f.subject for f in committed.findings if f.code == "price-bound"] == ["k/p"]


@pytest.mark.parametrize("sku", ["first-10TB", "next-40TB", "internet"])
@pytest.mark.parametrize("gib", [50, 5_000, 102_400])
def test_a_block_of_a_tariff_stands_for_all_of_it(sku, gib):
    """100 GiB free, 9,9 TiB at 9 cents, 40 TiB at 8.5, the rest at 7."""
    plan = PLAN.replace(
        "service: s3, sku: put-request, quantity: 0",
        f"service: egress-internet, sku: {sku}, quantity: {gib}",
    )
    steps = ((100, 0.0), (10_240, 0.09), (51_200, 0.085), (153_600, 0.07))
    low, expected = 0, 0.0
    for high, usd in steps:
        expected += max(min(gib, high) - low, 0) * usd
        low = high
    assert monthly(estimate_of(plan), "mine") == pytest.approx(expected)


@moderate
@given(st.floats(0.01, 1e6), st.floats(0.001, 100))
def test_a_lower_bound_is_no_more_than_the_total_once_prices_are_given(rps, price):
    plan = """
        name: t
        demand: {requests_per_second: 1, profile: flat}
        regions: {aws: us-east-1}
        services: {web: {platform: vm-group, provider: aws, machine: m5.large, cpu_time: 5ms}}
        external_apis: {mail: {}}
    """
    calls = ("services.web.calls={mail: 1}", f"requests_per_second={rps}")
    bound = estimate_of(plan, *calls)
    whole = estimate_of(plan, *calls, f"external_apis.mail.price_per_request={price}")
    assert (bound.certainty.complete, whole.certainty.complete) == (False, True)
    assert monthly(bound) <= monthly(whole)
    assert component(bound, "mail").name == "mail"


def test_what_nobody_knows_the_price_of_is_not_ranked(tmp_path):
    """Classes without a price cannot be compared, so `auto` asks for one."""
    unknown = catalog_without("rds-postgres", tmp_path / "catalogs")
    with pytest.raises(InputError, match="has no price of aws rds-postgres"):
        estimate_of(PLAN, "databases.db.machine=auto", catalog=unknown)
    assert estimate_of(PLAN, catalog=unknown).certainty.sign == "≥"
