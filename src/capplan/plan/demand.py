"""How much load there is, and when."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema, WrapValidator
from pydantic_core.core_schema import ValidatorFunctionWrapHandler

from capplan.plan.fields import Growth, Name, Number, Positive, Section, Share, Whole
from capplan.quantities import parse_number

PROFILES = ("flat", "office-hours", "consumer-diurnal", "weekly")
"""The shipped shapes of a week, drawn in :mod:`capplan.demand.profiles`."""


def _profile(value: object, _: ValidatorFunctionWrapHandler) -> str | tuple[float, ...]:
    if isinstance(value, str) and value in PROFILES:
        return value
    if not isinstance(value, list):
        known = ", ".join(PROFILES)
        raise ValueError(f"expected one of {known}, or a list of 24 or 168 numbers, got '{value}'")
    if len(value) not in (24, 168):
        raise ValueError(f"a profile has 24 or 168 hours, got {len(value)}")
    weights = tuple(map(parse_number, value))
    if min(weights) < 0 or sum(weights) == 0:
        raise ValueError("a profile's hours must be 0 or more, and not all 0")
    return weights


Profile = Annotated[
    str | tuple[float, ...],
    WrapValidator(_profile),
    WithJsonSchema({"anyOf": [{"enum": list(PROFILES)}, {"type": "array", "items": {"type": "number"}}]}),
]


class Trace(Section):
    """A recorded load: a CSV file with a time and a value in each row, or requests/s from Prometheus."""

    file: str = Field(
        description="CSV file, or a query_range response of Prometheus as JSON; relative to the plan."
    )
    time: str = Field("timestamp", description="Column that holds the time of a row.")
    value: str = Field("requests", description="Column that holds the load.")
    unit: Literal["requests", "requests_per_second"] = Field(
        "requests", description="Whether the column holds requests in each step, or their rate."
    )
    max_gaps: Share = Field(
        0.2,
        description="Share of the steps that may be missing or repeated; missing ones are interpolated, "
        "repeated ones averaged.",
    )


class Demand(Section):
    """Requests that enter the system: a volume, a shape over the week, growth."""

    users_per_day: Number | None = Field(None, description="Users a day; needs requests_per_user.")
    requests_per_user: Number | None = Field(None, description="Requests of a user in a day.")
    requests_per_month: Number | None = Field(None, description="Requests in a month of hours_per_month.")
    requests_per_day: Number | None = Field(None, description="Requests a day.")
    requests_per_second: Number | None = Field(None, description="Requests a second, on average.")
    entry: dict[Name, Positive] = Field(
        {},
        description="Where requests enter, with weights; by default, the only service that no other calls.",
    )
    profile: Profile | None = Field(None, description="Shape of the week; consumer-diurnal by default.")
    peak_to_average: Positive | None = Field(
        None,
        description="Load of the busiest hour ÷ that of the average hour; the profile is stretched to match.",
    )
    ca2: Number = Field(
        1.0,
        description="Burstiness within an hour: variance ÷ mean of the requests counted in windows of about "
        "ten service times; 1 for independent users.",
    )
    trace: Trace | None = Field(None, description="A recorded load instead of a profile.")
    growth_per_month: Growth = Field(0.0, description="Compound growth each month.")
    month: Number = Field(0.0, description="How many months from now the estimate is for.")
    horizon_months: Whole = Field(
        0.0, description="Months that `estimate --months` covers when it has no value."
    )
