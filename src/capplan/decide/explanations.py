"""Why a figure may be off: factors that people mix up, and prices that stand next to the right one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from capplan.plan.claims import Said

_FACTORS = (
    (720 / 730, "a month of 720 hours stands against one of 730"),
    (0.7, "sustained-use discount of 30%"),
    (2**30 / 1e9, "GiB and GB are mixed up"),
    (10.0, "a factor of 10"),
    (12.0, "a year stands against a month"),
    (24.0, "a day stands against an hour"),
    (30.0, "a month stands against a day"),
    (60.0, "minutes and seconds are mixed up"),
    (100.0, "a factor of 100"),
    (1000.0, "a factor of 1,000"),
    (3600.0, "hours and seconds are mixed up"),
)
_CLOSE = 0.002
"""How near a ratio must be to a factor; what is explained wrongly is worse than what is not explained."""


def explained(said: Said, computed: float | bool | str, twins: Iterable[Mapping[str, float]]) -> str:
    """Return what would explain the difference, or nothing.

    twins: for every price that was asked for, the SKUs of the same service and what each costs.
    """
    figure = said.low if said.low is not None else said.high
    if figure is None or isinstance(computed, bool | str) or not figure or not computed:
        return ""
    return "; ".join(list(_same_price(figure, twins)) or _factor(figure / computed))


def _same_price(figure: float, twins: Iterable[Mapping[str, float]]) -> Iterator[str]:
    for prices in twins:
        same = [sku for sku, usd in prices.items() if abs(usd - figure) <= 1e-6 * figure]
        if same:
            yield f"{figure:g} is the price of {', '.join(same[:3])}"


def _factor(ratio: float) -> Iterator[str]:
    for factor, meaning in _FACTORS:
        if abs(ratio / factor - 1) < _CLOSE or abs(ratio * factor - 1) < _CLOSE:
            yield meaning
