"""The fleet file: who shares accounts, who answers for what, and the gates over all plans."""

from typing import Literal

from pydantic import Field

from capplan.plan.fields import DEFAULTS, Name, Section
from capplan.plan.gates import Answer, Budget, Increase, Waiver

Showback = Literal["use", "list-cost", "equal"]
"""What the shares of teams in what they share are proportional to; equal ones to nothing."""


class FleetGates(Section):
    """Limits over the plans of a fleet: a component is a plan here, and a tag is a team or an account."""

    budgets: list[Budget] = []
    increases: list[Increase] = []
    unpriced: Answer = Field("deny", description="Budgets that what has no price may exceed.")
    waivers: list[Waiver] = []


class FleetFile(Section):
    """What holds for all plans together, beside what each of them says."""

    name: Name = "fleet"
    teams: dict[Name, list[str]] = Field(
        {}, description="Plans by team: names or files, or patterns with *. Plans may also say `team`."
    )
    accounts: dict[Name, list[str]] = Field(
        {}, description="Plans by billing account, in the same way. Plans may also say `account`."
    )
    showback: Showback = Field(
        "use", description="How teams share what free tiers, volume blocks and commitments save."
    )
    gates: FleetGates = DEFAULTS
