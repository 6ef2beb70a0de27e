"""What is known of the plan's uncertain numbers besides their intervals."""

from typing import Annotated

from pydantic import AfterValidator, Field

from capplan.plan.fields import Money, Section, Utilization


def _coefficient(value: float) -> float:
    if not -1 < value < 1:
        raise ValueError(f"must lie between -1 and 1, got {value:g}")
    return value


def _several(value: list[str]) -> list[str]:
    if len(set(value)) < 2:
        raise ValueError("needs at least two different numbers")
    return value


class Correlation(Section):
    """Uncertain numbers that move together."""

    between: Annotated[list[str], AfterValidator(_several)] = Field(
        description="Paths of intervals, as --set takes them."
    )
    coefficient: Annotated[float, AfterValidator(_coefficient)] = Field(
        description="Rank correlation of each pair: near 1 they rise together, near -1 one rises as the "
        "other falls."
    )


class Uncertainty(Section):
    """How uncertain numbers belong together; intervals themselves stand where the numbers do."""

    correlations: list[Correlation] = Field(
        [], description="Intervals that rise and fall together; others are independent."
    )
    meet: Utilization = Field(
        0.95, description="Share of the scenarios in which a choice must meet every constraint."
    )
    shortage_cost: Money | None = Field(
        None,
        description="USD a month that falling short costs; if set, `machine: auto` minimizes the expected "
        "regret instead of using `meet`.",
    )
