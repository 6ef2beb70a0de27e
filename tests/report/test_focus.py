"""FOCUS rows: numbers without exponents, months that end where the next begins, categories that exist."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.catalog import Catalog
from capplan.report import focus

SERVICE_CATEGORIES = {
    *("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases"),
    *("Developer Tools", "Multicloud", "Identity", "Integration", "Internet of Things"),
    *("Management and Governance", "Media", "Migration", "Mobile", "Networking", "Security", "Storage"),
    *("Web", "Other"),
}
"""What FOCUS 1.0 allows for ServiceCategory."""


@given(st.floats(-1e12, 1e12))
def test_decimals_have_no_exponent(value: float) -> None:
    shown = focus._decimal(value)
    assert re.fullmatch(r"-?\d+\.\d+", shown)
    assert float(shown) == pytest.approx(value, rel=1e-11, abs=0)


@pytest.mark.parametrize(("value", "shown"), [(0, "0.0"), (5, "5.0"), (2.5e-06, "0.0000025"), (1e20, None)])
def test_decimals_are_short(value: float, shown: str | None) -> None:
    assert focus._decimal(value) == (shown or "100000000000000000000.0")


@pytest.mark.parametrize("usd", [1.23456789e-08, 3.3333333333e-10])
def test_small_prices_keep_their_digits(usd: float) -> None:
    assert float(focus._decimal(usd)) == pytest.approx(usd, rel=1e-8, abs=0)


def test_nothing_is_minus_zero() -> None:
    assert focus._decimal(-0.0) == "0.0"


@pytest.mark.parametrize(
    ("period", "following"), [("2026-01", "2026-02"), ("2026-12", "2027-01"), ("2024-02", "2024-03")]
)
def test_month_ends_where_the_next_begins(period: str, following: str) -> None:
    assert focus.month(period) == (f"{period}-01T00:00:00Z", f"{following}-01T00:00:00Z")


def test_every_category_is_one_of_focus() -> None:
    assert set(focus._CATEGORIES) <= SERVICE_CATEGORIES


def test_every_service_of_the_catalog_has_a_category() -> None:
    services = {file.service for file in Catalog().services()}
    assert sorted(services - set(focus._CATEGORY_OF)) == []


def test_no_service_has_two_categories() -> None:
    listed = [service for services in focus._CATEGORIES.values() for service in services]
    assert len(listed) == len(set(listed))
