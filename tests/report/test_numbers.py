"""Numbers for people: cents exact, small prices whole, nothing that looks like something else."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capplan.report import numbers


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (0, "0.00"),
        (0.004, "0.00"),
        (-0.001, "0.00"),
        (-0.01, "-0.01"),
        (1234.567, "1,234.57"),
        (1e9, "1,000,000,000.00"),
        (None, "–"),
    ],
)
def test_money(usd: float | None, shown: str) -> None:
    assert numbers.money(usd) == shown


@given(st.integers(-(10**12), 10**12))
def test_money_is_exact_to_the_cent(cents: int) -> None:
    shown = numbers.money(cents / 100)
    assert round(float(shown.replace(",", "")) * 100) == cents
    assert re.fullmatch(r"-?\d{1,3}(,\d{3})*\.\d\d", shown)


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        (None, "unpriced"),
        (0, "0"),
        (0.0000025, "0.0000025"),
        (0.000000400, "0.0000004"),
        (0.1, "0.1"),
        (12.0, "12"),
        (0.2702, "0.2702"),
        (14.69354, "14.69354"),
        (1000, "1000"),
        (0.27777777777, "0.27777778"),
    ],
)
def test_unit_price_has_every_digit(usd: float | None, shown: str) -> None:
    assert numbers.unit_price(usd) == shown


@given(st.floats(1e-9, 1e5))
def test_unit_price_is_right_to_eight_digits_and_never_scientific(usd: float) -> None:
    shown = numbers.unit_price(usd)
    assert float(shown) == pytest.approx(usd, rel=1e-7)
    assert re.fullmatch(r"\d+(\.\d*[1-9])?", shown)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0, "0"),
        (730, "730"),
        (2528878.5, "2,528,878"),
        (12.3, "12.3"),
        (123.4, "123"),
        (0.4567, "0.457"),
        (0.0001, "0.0001"),
        (-0.00000186, "-0.00000186"),
        (1e-17, "0"),
        (999.96, "1,000"),
        (-163.8, "-164"),
    ],
)
def test_quantity(amount: float, shown: str) -> None:
    assert numbers.quantity(amount) == shown


@pytest.mark.parametrize(
    ("instances", "shown"),
    [(0, "0"), (3, "3"), (1234, "1,234"), (1.4583, "1.5"), (0.04, "0.0"), (None, "∞")],
)
def test_count(instances: float | None, shown: str) -> None:
    assert numbers.count(instances) == shown


@pytest.mark.parametrize(
    "show",
    [
        numbers.count,
        numbers.quantity,
        numbers.rate,
        numbers.unit_price,
    ],
)
def test_nothing_is_minus_zero(show: Callable[[float], str]) -> None:
    assert show(-0.0) == "0"


@pytest.mark.parametrize(
    ("unit", "shown"), [("vCPU-second", "vCPU-s"), ("cluster-hour", "h"), ("IOPS-month", "IOPS-month")]
)
def test_short_unit(unit: str, shown: str) -> None:
    assert numbers.short_unit(unit) == shown
