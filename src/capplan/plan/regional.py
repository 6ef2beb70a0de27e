"""The sites of a plan as users write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from capplan.plan.fields import Count, Duration, Name, Number, Section, Share
from capplan.plan.services import Provider
from capplan.plan.texts import Host

if TYPE_CHECKING:
    from capplan.arrays import Floats


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
    switch: Duration | None = Field(
        None,
        description="Time until requests go elsewhere; by default, what `site_routing` takes to notice and "
        "to switch, or a minute.",
    )


class SiteRouting(Section):
    """What sends requests to one site or another, and away from one that is lost."""

    by: Literal["dns", "load-balancer"] = Field(
        description="`dns`: Route 53, Cloud DNS, or Traffic Manager behind Azure DNS. `load-balancer`: "
        "Global Accelerator, Google's global external load balancer, or Front Door."
    )
    provider: Provider | None = Field(
        None, description="Who routes; by default, the provider of what requests enter at."
    )
    host: Host | None = Field(None, description="Name that the sites share, such as shop.example.com.")
    queries_per_request: Number | None = Field(
        None, description="DNS queries that reach the zone for each request; resolvers answer the rest."
    )
    interval: Duration = Field(30.0, description="Time between two health checks of a site, 10s to 5m.")
    failures: Count = Field(3.0, description="Failed health checks after which a site counts as lost.")
    ttl: Duration = Field(60.0, description="How long resolvers keep an answer, at least 1s.")

    @model_validator(mode="after")
    def _in_bounds(self) -> SiteRouting:
        if not 10 <= self.interval <= 300 or not 1 <= self.ttl <= 86400 or self.failures > 10:
            raise ValueError("the interval is 10s to 5m, the ttl 1s to 24h, failures are at most 10")
        return self

    @property
    def switch_s(self) -> Floats:
        """How long requests go to a site that is lost, seconds."""
        return self.interval * self.failures + (self.ttl if self.by == "dns" else 0.0)
