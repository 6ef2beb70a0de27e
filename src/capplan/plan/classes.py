"""Classes of requests: what a service is asked for, each kind with times and limits of its own."""

from pydantic import Field

from capplan.plan.fields import Duration, Number, Rate, Section, Share


class RequestClass(Section):
    """A kind of request. What it leaves out is the service's, which also holds for requests of no class."""

    share: Share = Field(description="Share of the service's requests.")
    service_time: Duration | None = Field(
        None, description="Mean time that such a request occupies an instance, with the calls it waits for."
    )
    cpu_time: Duration | None = Field(None, description="Mean CPU time of such a request.")
    cs2: Number | None = Field(None, description="Variance ÷ mean² of its service time.")
    throughput: Rate | None = Field(
        None, description="Requests of this class that one instance was measured to handle."
    )
