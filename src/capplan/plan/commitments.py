"""Commitments that are held today, with the day on which each ends."""

from __future__ import annotations

from pydantic import Field, model_validator

from capplan.plan.fields import Day, Positive, Section, Share
from capplan.plan.services import Provider


class HeldCommitment(Section):
    """A commitment that you hold: machines by their number, or dollars an hour at a discount."""

    provider: Provider = Field(description="Whose it is.")
    service: str | None = Field(
        None, description="Service of the price list, such as ec2; all of the provider by default."
    )
    machine: str | None = Field(None, description="Machine type whose family it covers in the region.")
    region: str | None = Field(None, description="Region that it covers; all by default.")
    count: Positive | None = Field(None, description="Machines of the type.")
    usd_per_hour: Positive | None = Field(None, description="Dollars an hour of a commitment to spend.")
    discount: Share | None = Field(None, description="Share that such a plan takes off the on-demand price.")
    until: Day = Field(description="Last day.")

    @model_validator(mode="after")
    def _one_way(self) -> HeldCommitment:
        machines = (self.service, self.machine, self.region, self.count)
        spend = (self.usd_per_hour, self.discount)
        if None in (machines if self.count else spend) or (self.count is not None and spend != (None, None)):
            raise ValueError("needs service, machine, region and count, or usd_per_hour and discount")
        if self.discount == 1:
            raise ValueError("discount must be below 100%")
        return self
