"""Looking things up."""

import pytest
from helpers import SHIPPED

from capplan.catalog.query import Filter, NumberRange, bounds, find_rows
from capplan.errors import InputError

INF = float("inf")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("4", 4, 4), ("4-8", 4, 8), ("4+", 4, INF), ("4-", 4, INF), ("-8", 0, 8), ("0.5-1.5", 0.5, 1.5)],
)
def test_bounds(text, low, high):
    assert bounds(text, "--vcpu") == NumberRange(low, high)


@pytest.mark.parametrize("text", ["", "-", "+", "4+8", "four", "4-8-16", "-4-"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(InputError, match="--vcpu: expected a number or a range"):
        bounds(text, "--vcpu")


def test_an_unknown_size_is_in_no_range():
    assert not NumberRange(0, INF).hold(None)


@pytest.mark.parametrize("name", ["../gcp/gke", "./ec2", "/etc/x", ".."])
def test_a_service_is_a_name_and_no_path(name):
    with pytest.raises(InputError, match="has no service"):
        SHIPPED.service("aws", name)


def test_filters_hold_in_every_row_found():
    wanted = Filter(
        "gcp", "compute-engine", "us-central1", "STANDARD", bounds("4-8", ""), bounds("16+", ""), None
    )
    rows = find_rows(SHIPPED, wanted)
    assert rows
    for row in rows:
        assert (row.provider, row.service, row.region) == ("gcp", "compute-engine", "us-central1")
        assert "standard" in row.sku
        assert 4 <= row.vcpu <= 8
        assert row.memory_gib >= 16


def test_gpus_are_found_across_providers():
    rows = find_rows(SHIPPED, Filter(gpu="a100"))
    assert {row.provider for row in rows} == {"gcp", "aws", "azure", "gpu-cloud"}
    assert all("A100" in row.gpu for row in rows)


def test_a_service_of_any_provider():
    rows = find_rows(SHIPPED, Filter(service="egress-internet"))
    assert {row.provider for row in rows} == {"gcp", "aws", "azure"}
    with pytest.raises(
        InputError, match=r"no provider has a service 'egres-internet'\. Did you mean 'egress-internet'"
    ):
        find_rows(SHIPPED, Filter(service="egres-internet"))


def test_databases_list_their_highly_available_variants():
    names = {
        row.sku for row in find_rows(SHIPPED, Filter("aws", "rds-postgres", "us-east-1", "db.r6g.large"))
    }
    assert names == {"db.r6g.large", "db.r6g.large multi-az"}


def test_what_costs_the_same_everywhere_is_listed_in_a_region_of_its_provider():
    key = find_rows(SHIPPED, Filter(service="kms", region="eu-central-1", name="key"))
    assert [(row.provider, row.region, row.usd) for row in key] == [("aws", "eu-central-1", 1)]
    assert find_rows(SHIPPED, Filter(service="kms", region="europe-west3")) == []
