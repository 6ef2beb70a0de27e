"""Gates: what a plan must not exceed, must carry, and must be able to prove."""

from typing import Literal

from pydantic import Field, model_validator

from capplan.plan.fields import DEFAULTS, Day, Duration, Growth, Money, Name, Number, Section, Share, Whole

Answer = Literal["deny", "warn", "allow"]
"""What a gate does about what it finds."""


class Budget(Section):
    """Money that a month, or a unit of work, may cost at most."""

    name: str | None = Field(None, description="Name of the budget in reports.")
    component: Name | None = Field(None, description="One component; the whole plan by default.")
    tag: str | None = Field(None, description="Components with this tag of the plan.")
    min: Money | None = Field(None, description="Most USD a month with every autoscaler at its floor.")
    expected: Money | None = Field(None, description="Most USD a month when instances follow the load.")
    max: Money | None = Field(None, description="Most USD a month with every autoscaler at its ceiling.")
    p95: Money | None = Field(
        None, description="Most USD a month in 95 % of the draws, for plans with intervals."
    )
    per: Name | None = Field(
        None, description="Unit to budget by: requests, users (a day), or requests to this component."
    )
    units: Number = Field(1.0, description="Number of units that the budget covers, such as 1000 requests.")
    severity: Answer = Field("deny", description="What the gate does when the limit is exceeded.")

    @model_validator(mode="after")
    def _limited(self) -> "Budget":
        if self.min is self.expected is self.max is self.p95 is None:
            raise ValueError("needs a limit: min, expected, max or p95")
        return self


class Increase(Section):
    """Limit on the increase of the monthly cost over a base; needs a base to compare with."""

    component: Name | None = Field(None, description="One component; the whole plan by default.")
    of: Literal["min", "expected", "max"] = Field("expected", description="Cost to compare.")
    usd: Money | None = Field(None, description="Largest increase, USD a month.")
    percent: Growth | None = Field(
        None,
        description="Largest increase as a share of the base; with a base of zero, any increase exceeds it.",
    )
    severity: Answer = Field("deny", description="What the gate does when the limit is exceeded.")

    @model_validator(mode="after")
    def _limited(self) -> "Increase":
        if self.usd is self.percent is None:
            raise ValueError("needs a limit: usd or percent")
        return self


class BillDrift(Section):
    """Limit on how far a bill is from the estimate, either way; needs a bill (`--actual`)."""

    of: Literal["total", "quantity", "price", "not_matched"] = Field(
        "total", description="Part of the drift: all of it, or what quantity, price or unmatched SKUs make."
    )
    usd: Money | None = Field(None, description="Largest drift, USD over the bill's months.")
    percent: Growth | None = Field(None, description="Largest drift as a share of the estimate.")
    severity: Answer = Field("deny", description="What the gate does when the limit is exceeded.")

    @model_validator(mode="after")
    def _limited(self) -> "BillDrift":
        if self.usd is self.percent is None:
            raise ValueError("needs a limit: usd or percent")
        return self


class CapacityGate(Section):
    """What the plan must carry."""

    errors: Answer = Field(
        "deny", description="Errors, such as a max that is too small or pods that fit no node."
    )
    warnings: Answer = Field("warn", description="Warnings.")
    headroom: Growth = Field(0.0, description="Room above the peak that every service must have.")
    minimum_instances: Whole = Field(0.0, description="Fewest instances that every service must keep.")
    quotas: dict[str, Whole] = Field({}, description="Most instances or nodes, by component.")
    files: Answer = Field(
        "allow", description="Files, as rendered, that do not keep what the estimate promises."
    )


class CoverageGate(Section):
    """Requirements on prices: known, dated and recent; and on what was adopted: covered."""

    unpriced: Answer = Field("deny", description="Cost lines without a price.")
    max_price_age: Duration | None = Field(None, description="Prices older than this are stale.")
    stale: Answer = Field("deny", description="Prices older than max_price_age.")
    undated: Answer = Field("allow", description="Prices without a date.")
    estimated: Answer = Field("warn", description="Prices that a book estimates, or that nothing confirms.")
    adopted: Answer = Field("warn", description="Adopted resources that are not, or only partly, covered.")
    artefacts: Answer = Field(
        "warn", description="What is rendered and not paid for, or paid for and not rendered."
    )


class AssumptionsGate(Section):
    """How much of the bill may rest on numbers that nobody measured or looked up."""

    max_share: Share = Field(description="Largest share of the expected cost that rests on assumptions.")
    severity: Answer = Field("deny", description="What the gate does when the share is exceeded.")
    unstated: Answer = Field(
        "warn", description="What it does when the share is exceeded together with numbers without a source."
    )


class Policy(Section):
    """Your own rule: an expression that is true where the rule is broken."""

    name: str = Field(description="Name of the policy in reports and waivers.")
    when: str = Field(
        description="Expression over the estimate that is true where the policy is broken; `component` or "
        "`line` is the item being judged."
    )
    over: Literal["component", "line", "estimate"] = Field(
        "component", description="Items that the policy judges."
    )
    severity: Answer = Field("deny", description="What the policy does when it is broken.")
    fails: Literal["cost", "capacity", "coverage"] = Field(
        "capacity", description="Kind of violation, which decides the exit code."
    )
    message: str = Field(description="What is wrong.")
    remedy: str = Field("", description="How to fix it.")


class Waiver(Section):
    """A violation that is accepted until a day, and who is responsible for it."""

    gate: str = Field(description="Gate, or a pattern with *.")
    component: str = Field("*", description="Component, or a pattern with *.")
    owner: str = Field(description="Person or team responsible for the waiver.")
    reason: str = Field(description="Why the violation is accepted.")
    expires: Day = Field(description="Last day on which the waiver applies.")


class Gates(Section):
    """What `capplan check` judges by."""

    budgets: list[Budget] = Field(default=[], description="Highest monthly costs.")
    increases: list[Increase] = Field(default=[], description="Highest increases over the base.")
    drifts: list[BillDrift] = Field(default=[], description="Highest distances between the plan and a bill.")
    capacity: CapacityGate = DEFAULTS
    coverage: CoverageGate = DEFAULTS
    assumptions: AssumptionsGate | None = None
    policies: list[Policy] = Field(default=[], description="Rules of your own.")
    waivers: list[Waiver] = Field(default=[], description="Violations that are accepted for now.")
