"""From meters to money."""

import numpy as np
import pytest
from crafted import catalog_of, service_file, write_book
from helpers import moderate
from hypothesis import given
from hypothesis import strategies as st

from capplan.cost.lines import Terms, certainty, cost_lines, total_cost
from capplan.cost.meters import EXTERNAL, Meter, Range
from capplan.errors import InputError

REGION = "us-central1"
BLOCKS = {
    "free": {"tier_of": "out", "from": 0, "free": True, "usd": {"global": 0}},
    "first": {"tier_of": "out", "from": 100, "usd": {REGION: 0.09}},
    "next": {"tier_of": "out", "from": 1000, "usd": {REGION: 0.05}},
    "bulk": {"tier_of": "out", "from": 5000, "usd": {REGION: 0.02}},
    "open": {"tier_of": "half", "from": 0, "usd": {REGION: 1.0}},
    "shut": {"tier_of": "half", "from": 10},
    "flat": {"usd": {REGION: 0.5}},
    "monthly": {"unit": "month", "usd": {REGION: 7.3}},
}
MONTH = Terms(730.0, free_tier=True)
quantities = st.floats(0, 20_000)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    root = tmp_path_factory.mktemp("catalog")
    return catalog_of(root, service_file(service="egress", kind="meter", unit="GB", skus=BLOCKS))


def meter(quantity, sku="out", component="api", unit="GB", **more):
    amount = quantity if isinstance(quantity, Range) else Range.fixed(quantity)
    place = {"provider": "gcp", "service": "egress", "region": REGION, **more}
    return Meter(component=component, sku=sku, unit=unit, quantity=amount, formula="", **place)


def cost(catalog, *meters, terms=MONTH) -> float:
    return float(total_cost(cost_lines(meters, catalog, terms)).expected[0, 0])


def by_hand(quantity: float) -> float:
    """Return the price of a quantity, a block at a time."""
    blocks = ((100, 0.0), (1000, 0.09), (5000, 0.05), (float("inf"), 0.02))
    total, below = 0.0, 0.0
    for top, usd in blocks:
        total += max(min(quantity, top) - below, 0.0) * usd
        below = top
    return total


@moderate
@given(quantities)
def test_blocks_price_each_part_by_its_own(catalog, quantity):
    assert cost(catalog, meter(quantity)) == pytest.approx(by_hand(quantity), abs=1e-9)


@moderate
@given(st.sampled_from([100.0, 1000.0, 5000.0]), st.floats(1e-6, 1))
def test_a_tariff_has_no_step_at_the_edge_of_a_block(catalog, edge, epsilon):
    """Crossing an edge reprices what is above it, never what is below."""
    below, above = cost(catalog, meter(edge - epsilon)), cost(catalog, meter(edge + epsilon))
    assert 0 <= above - below <= 2 * epsilon * 0.09 + 1e-9


@moderate
@given(quantities, quantities)
def test_more_never_costs_less(catalog, one, other):
    low, high = sorted((one, other))
    assert cost(catalog, meter(low)) <= cost(catalog, meter(high)) + 1e-9


@moderate
@given(st.lists(quantities, min_size=1, max_size=5))
def test_an_account_has_one_free_tier_however_many_services_use_it(catalog, parts):
    meters = [meter(part, component=f"s{index}") for index, part in enumerate(parts)]
    assert cost(catalog, *meters) == pytest.approx(by_hand(sum(parts)), abs=1e-6)


@moderate
@given(st.lists(quantities.filter(lambda q: q > 1), min_size=2, max_size=4))
def test_each_service_pays_its_share_of_every_block(catalog, parts):
    meters = [meter(part, component=f"s{index}") for index, part in enumerate(parts)]
    lines = cost_lines(meters, catalog, MONTH)
    whole = by_hand(sum(parts))
    for index, part in enumerate(parts):
        own = [line for line in lines if line.meter.component == f"s{index}"]
        assert sum(float(line.quantity.expected[0, 0]) for line in own) == pytest.approx(part)
        assert sum(float(line.cost.expected[0, 0]) for line in own) == pytest.approx(
            whole * part / sum(parts), abs=1e-6
        )


def test_without_free_tiers_the_first_paid_block_starts_at_zero(catalog):
    terms = Terms(730.0, free_tier=False)
    assert cost(catalog, meter(50), terms=terms) == pytest.approx(4.5)
    assert cost(catalog, meter(2000), terms=terms) == pytest.approx(1000 * 0.09 + 1000 * 0.05)
    assert "free" not in {line.sku for line in cost_lines([meter(50)], catalog, terms)}


def test_scenarios_fill_their_own_blocks(catalog):
    column = np.array([[50.0], [1500.0], [9000.0]])
    lines = cost_lines([meter(Range.fixed(column))], catalog, MONTH)
    assert total_cost(lines).expected.ravel() == pytest.approx([by_hand(q) for q in column.ravel()])


def test_floor_expected_and_ceiling_fill_blocks_on_their_own(catalog):
    amount = Range(np.array([[10.0]]), np.array([[500.0]]), np.array([[6000.0]]))
    found = total_cost(cost_lines([meter(amount)], catalog, MONTH))
    figures = [float(v[0, 0]) for v in (found.floor, found.expected, found.ceiling)]
    assert figures == pytest.approx([by_hand(q) for q in (10, 500, 6000)])


def test_without_a_ceiling_the_highest_cost_is_unknown(catalog):
    amount = Range(np.array([[10.0]]), np.array([[500.0]]), None)
    lines = cost_lines([meter(amount), meter(1.0, "flat")], catalog, MONTH)
    assert total_cost(lines).ceiling is None


def test_an_unpriced_line_is_not_zero(catalog):
    (line,) = cost_lines([meter(5.0, "flat", region="europe-west1")], catalog, MONTH)
    assert (line.status, line.cost, line.unit_price) == ("unpriced", None, None)
    assert line.source == "the catalog does not know the on-demand price in europe-west1"
    assert float(line.quantity.expected[0, 0]) == 5
    assert certainty([line]) == (1, 0)
    assert certainty([line]).sign == "≥"


def test_a_block_without_a_price_is_unpriced_and_the_rest_is_not(catalog):
    lines = cost_lines([meter(25.0, "half")], catalog, MONTH)
    assert [(line.sku, line.status, float(line.quantity.expected[0, 0])) for line in lines] == [
        ("open", "list", 10),
        ("shut", "unpriced", 15),
    ]
    assert float(total_cost(lines).expected[0, 0]) == 10


def test_what_is_not_used_has_no_line(catalog):
    assert cost_lines([meter(0.0)], catalog, MONTH) == []
    assert [line.sku for line in cost_lines([meter(50.0)], catalog, MONTH)] == ["free"]


def test_the_plans_own_price_needs_no_catalog(catalog):
    own = meter(1000.0, provider=EXTERNAL)._replace(
        price=0.05, price_path="external_apis.llm.price_per_request"
    )
    (line,) = cost_lines([own], catalog, MONTH)
    assert (line.status, float(line.cost.expected[0, 0])) == ("book", 50)
    assert line.source == "the plan, external_apis.llm.price_per_request"


def test_an_external_meter_without_a_price_is_unpriced(catalog):
    (line,) = cost_lines([meter(1000.0, provider=EXTERNAL)], catalog, MONTH)
    assert line.status == "unpriced"


@pytest.mark.parametrize("hours", [730.0, 720.0])
def test_a_monthly_price_is_spread_over_the_hours_of_the_month(catalog, hours):
    found = cost(catalog, meter(hours, "monthly", unit="hour"), terms=Terms(hours, free_tier=True))
    assert found == pytest.approx(7.3)


def test_an_hourly_price_never_meters_something_else(catalog):
    with pytest.raises(InputError, match="prices flat by the GB, but it is metered by the hour"):
        cost_lines([meter(1.0, "flat", unit="hour")], catalog, MONTH)


def test_list_price_and_paid_price_stand_side_by_side(catalog, tmp_path):
    book = write_book(tmp_path / "b.yaml", discounts=[{"percent": "40%"}])
    (line,) = cost_lines([meter(10.0, "flat")], catalog.with_books([str(book)], tmp_path), MONTH)
    assert (line.list_price, line.unit_price, line.status) == (0.5, pytest.approx(0.3), "book")


def test_two_regions_share_one_free_tier(tmp_path):
    """The free tier is the account's, not the region's."""
    blocks = {
        "free": {"tier_of": "out", "from": 0, "free": True, "usd": {"global": 0}},
        "paid": {"tier_of": "out", "from": 100, "usd": {REGION: 1.0, "europe-west1": 2.0}},
    }
    catalog = catalog_of(tmp_path, service_file(service="egress", kind="meter", unit="GB", skus=blocks))
    found = cost(catalog, meter(100.0), meter(100.0, region="europe-west1"))
    assert found == pytest.approx(50 * 1 + 50 * 2)
