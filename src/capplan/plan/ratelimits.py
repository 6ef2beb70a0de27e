"""Rate limits: what each client may send, by how loaded the system is."""

from pydantic import Field

from capplan.plan.fields import Duration, Name, Number, Positive, Section, Share, Words
from capplan.plan.texts import UrlPath


class EndpointGroup(Section):
    """A group of endpoints with a limit of its own."""

    share: Share = Field(description="Share of the requests at the peak.")
    cost: Positive = Field(1.0, description="Cost of a request, in requests of average cost.")
    path: UrlPath | None = Field(None, description="Path prefix of the endpoints, for an Ingress.")


class RateLimits(Section):
    """Limits that keep a service within its SLO when every client uses them."""

    description: Words = ""
    service: Name = Field(description="Service that the limits protect.")
    clients: Positive = Field(description="Active clients when the service is at its capacity.")
    tiers: str = Field(description="Table of load tiers: its name, or a file.")
    endpoints: dict[Name, EndpointGroup] = Field(
        description="Groups of endpoints; their shares add up to 100%."
    )
    requests_per_minute: Number | None = Field(
        None,
        description="Current load; decides the load ratio and the current tier. By default, that of the "
        "plan's busiest hour.",
    )
    burst: Duration = Field(10.0, description="Burst that a client may send at once, in seconds of its rate.")
