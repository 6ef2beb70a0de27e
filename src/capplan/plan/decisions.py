"""What a plan says about deciding: comparisons, what switching costs, tiers of growth, migration rules."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from capplan.plan.fields import DEFAULTS, Money, Name, Number, Positive, Section, Whole, Words
from capplan.quantities import parse_money, parse_number, parse_share


class Ownership(Section):
    """Costs of an alternative besides the bill; each alternative may set its own."""

    engineering_hours_per_month: Number = Field(
        0.0, description="Engineering hours a month to keep it running."
    )
    usd_per_engineering_hour: Money = Field(100.0, description="Cost of an engineering hour.")
    on_call_usd_per_month: Money = Field(0.0, description="On-call pay a month.")
    migration_usd: Money = Field(0.0, description="One-time cost of switching to it.")
    migration_months: Positive = Field(12.0, description="Months over which the migration cost is spread.")


class Driver(Section):
    """A number that matters to users, and the values of the plan that depend on it."""

    description: Words = ""
    unit: str = Field("", description="Unit of the driver, for tables and charts.")
    sets: dict[str, str] = Field(
        min_length=1,
        description="Path in the plan → expression over the driver, `x`, and the first estimate.",
    )


def bound(value: object) -> float:
    """Return an end of a range: a number, a share or an amount of money."""
    text = str(value)
    if text.endswith("%"):
        return parse_share(value)
    return parse_money(value) if text.startswith("$") else parse_number(value)


Bound = Annotated[float, BeforeValidator(bound, json_schema_input_type=float | str)]


class Comparison(Section):
    """Alternatives to choose from, and what decides between them."""

    description: Words = ""
    between: list[str] = Field(min_length=2, description="Alternatives; `plan` is the plan itself.")
    over: str = Field(description="What varies: a driver, or the path of a number.")
    from_: Bound | None = Field(None, alias="from", description="Smallest value of the driver.")
    to: Bound | None = Field(None, description="Largest value of the driver.")
    books: list[str] = Field([], description="Price books in addition to the plan's.")
    shown: dict[str, str] = Field(
        {}, description="Title → expression over the estimate of the first alternative at each crossing."
    )


class GrowthTier(Section):
    """A stage of growth and its prescriptions."""

    below: Number | None = Field(
        None, description="Upper bound of the tier; without one, the tier has no end."
    )
    alternative: Name | None = Field(
        None, description="Alternative that the tier stands for; `plan` is the plan itself."
    )
    infrastructure: str = Field("", description="What the tier runs on, in words.")
    models: str = Field("", description="Where the LLMs come from.")
    usd_per_month: list[Money] = Field([], max_length=2, description="Lowest and highest monthly budget.")
    setup_time: str = Field("", description="How long it takes to set up, in words.")

    @field_validator("usd_per_month")
    @classmethod
    def _in_order(cls, ends: list[float]) -> list[float]:
        if ends != sorted(ends):
            raise ValueError("the lowest budget comes first")
        return ends


class GrowthTiers(Section):
    """Stages of growth, by a number that drives them."""

    by: str = Field(description="Expression over the estimate, such as plan.demand.users_per_day.")
    unit: str = Field("", description="Unit of what the tiers are found by.")
    tiers: dict[str, GrowthTier] = Field(min_length=1, description="Tiers, in order of rising bounds.")


class MigrationRule(Section):
    """When to switch to another alternative."""

    description: Words = ""
    to: Name = Field(description="The alternative to switch to.")
    when: Literal["any", "all"] = Field("any", description="How many of the triggers must fire.")
    triggers: dict[str, str] = Field(
        min_length=1, description="Text of the trigger → expression over the estimate."
    )
    comparison: Name | None = Field(None, description="Comparison that shows whether the switch pays.")


class TrafficSteps(Section):
    """How load moves to a phase's alternative, step by step."""

    over: str = Field(description="Driver that says how much has moved, or the path of a number.")
    steps: list[Bound] = Field(min_length=1, description="Its values, such as 10%, 50% and 100%; they rise.")

    @field_validator("steps")
    @classmethod
    def _rising(cls, steps: list[float]) -> list[float]:
        if steps != sorted(set(steps)):
            raise ValueError("the steps must rise")
        return steps


class RoadmapPhase(Section):
    """A phase of the roadmap. A plan enters it when its entry criteria hold, and all metrics before it."""

    goal: str = Field("", description="What the phase is for.")
    timeline: str = Field("", description="When it is, in words.")
    when: Literal["any", "all"] = Field("all", description="How many of the entry criteria must hold.")
    entry: dict[str, str] = Field({}, description="Text of the entry criterion → expression.")
    tasks: list[str] = Field([], description="What is to do; nothing follows from it.")
    metrics: dict[str, str] = Field({}, description="Text of the success metric → expression.")
    alternative: Name | None = Field(
        None, description="Alternative that the phase builds; `plan` is the plan itself."
    )
    traffic: TrafficSteps | None = None

    @model_validator(mode="after")
    def _moves_somewhere(self) -> "RoadmapPhase":
        if self.traffic is not None and self.alternative is None:
            raise ValueError("traffic needs an alternative that it moves to")
        return self


class Decisions(Section):
    """What to decide, and by which rules."""

    ownership: Ownership = DEFAULTS
    drivers: dict[Name, Driver] = Field({}, description="What comparisons vary, by name.")
    comparisons: dict[Name, Comparison] = Field({}, description="Alternatives to compare, by name.")
    growth_tiers: GrowthTiers | None = None
    migration_rules: dict[Name, MigrationRule] = Field(
        {}, description="When to switch to another alternative, by name."
    )
    roadmap: dict[Name, RoadmapPhase] = Field({}, description="Phases, in order.")
    facts: dict[str, Any] = Field(
        {}, description="Facts that rules need and no estimate contains; expressions see them as `facts`."
    )
    horizon_months: Whole = Field(36.0, description="Months ahead over which growth is followed.")
