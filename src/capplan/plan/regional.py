"""The sites of a plan as users write them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from capplan.plan.fields import Duration, Name, Section, Share
from capplan.plan.services import Provider


class RegionalSite(Section):
    """A region, or one of each provider, in which the plan runs."""

    regions: dict[Provider, str] = Field(
        {}, description="Regions of the site; those of the plan for other providers."
    )
    share: Share | None = Field(
        None, description="Share of the demand; active sites that say none share equally what is left."
    )
    hours_ahead: int = Field(
        0, ge=-24, le=24, description="Hours by which its day begins before that of the plan's profile."
    )
    standby: Literal["pilot", "warm", "hot"] | None = Field(
        None,
        description="Serves only when an active site is lost: `pilot` keeps copies of the data, `warm` also "
        "the least instances of everything, `hot` enough for the largest active site.",
    )
    starts_in: Duration | None = Field(
        None, description="Time until a standby serves; a pilot light has to be brought up first."
    )
    components: list[Name] | None = Field(
        None, description="Components that run here; all by default. Calls to others go to the first site."
    )


class SiteRecovery(Section):
    """What the loss of a site may cost the whole system."""

    rpo: Duration | None = Field(None, description="Most data that may be lost, as time.")
    rto: Duration | None = Field(None, description="Longest time without service.")
    switch: Duration = Field(
        60.0, description="Time until requests go elsewhere, such as the TTL of a DNS record."
    )
