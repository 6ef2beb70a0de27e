"""Gates: what a plan must not exceed, must carry, and must be able to prove."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from capplan.plan.fields import DEFAULTS, Duration, Growth, Money, Name, Number, Section, Whole

Answer = Literal["deny", "warn", "allow"]
"""What a gate does about what it finds."""


def _day(value: object) -> object:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(f"expected a day as YYYY-MM-DD, got '{value}'") from None


Day = Annotated[date, BeforeValidator(_day)]


class Budget(Section):
    """Money that a month, or a unit of work, may cost at most."""

    name: str | None = Field(None, description="How the report calls it.")
    component: Name | None = Field(None, description="One component; the whole plan by default.")
    tag: str | None = Field(None, description="Components that carry this tag of the plan.")
    min: Money | None = Field(None, description="With every autoscaler at its floor.")
    expected: Money | None = Field(None, description="Following the load.")
    max: Money | None = Field(None, description="With every autoscaler at its ceiling.")
    p95: Money | None = Field(None, description="In 95 % of the draws, where the plan has intervals.")
    per: Name | None = Field(
        None, description="Count by the unit: requests, users (a day), or requests to this component."
    )
    units: Number = Field(1.0, description="Units that the budget is for, such as 1000 requests.")
    severity: Answer = Field("deny", description="What it does when it is exceeded.")


class Increase(Section):
    """How much more than the base a month may cost; needs something to compare with."""

    component: Name | None = Field(None, description="One component; the whole plan by default.")
    of: Literal["min", "expected", "max"] = Field("expected", description="Which cost.")
    usd: Money | None = Field(None, description="Dollars a month.")
    percent: Growth | None = Field(None, description="Share of the base; from zero any increase is too much.")
    severity: Answer = Field("deny", description="What it does when it is exceeded.")


class CapacityGate(Section):
    """What the plan must carry."""

    errors: Answer = Field(
        "deny", description="Findings that break the plan: a max too small, pods that fit no node."
    )
    warnings: Answer = Field("warn", description="Findings that may break it.")
    headroom: Growth = Field(0.0, description="How much more than the peak every service must carry.")
    minimum_instances: Whole = Field(0.0, description="Instances that every service keeps at least.")
    quotas: dict[str, Whole] = Field({}, description="Instances or nodes at most, by component.")


class CoverageGate(Section):
    """What must be known about prices."""

    unpriced: Answer = Field("deny", description="Lines that nobody has a price for.")
    max_price_age: Duration | None = Field(None, description="Prices older than this are stale.")
    stale: Answer = Field("deny", description="Prices that are too old.")
    undated: Answer = Field("allow", description="Prices without a date.")


class Policy(Section):
    """A rule of one's own: an expression that is true where it is broken."""

    name: str = Field(description="Identifies it, in reports and waivers.")
    when: str = Field(
        description="Expression over the estimate, with `component` or `line` where it goes over them."
    )
    over: Literal["component", "line", "estimate"] = Field("component", description="What it is asked of.")
    severity: Answer = Field("deny", description="What it does where it is broken.")
    fails: Literal["cost", "capacity", "coverage"] = Field("capacity", description="Which exit code it has.")
    message: str = Field(description="What is wrong.")
    remedy: str = Field("", description="What to do.")


class Waiver(Section):
    """A violation that somebody answers for, until a day."""

    gate: str = Field(description="Gate, or a pattern with *.")
    component: str = Field("*", description="Component, or a pattern with *.")
    owner: str = Field(description="Who answers for it.")
    reason: str = Field(description="Why it is accepted.")
    expires: Day = Field(description="Last day on which it holds.")


class Gates(Section):
    """What `capplan check` judges by."""

    budgets: list[Budget] = []
    increases: list[Increase] = []
    capacity: CapacityGate = DEFAULTS
    coverage: CoverageGate = DEFAULTS
    policies: list[Policy] = []
    waivers: list[Waiver] = []
