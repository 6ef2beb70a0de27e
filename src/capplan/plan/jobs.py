"""Work that runs at its times, as batches and reports do, and not for requests."""

from pydantic import Field, model_validator

from capplan.plan.cron import zone_of
from capplan.plan.fields import Cores, Count, Duration, Memory, Name, Section, Words
from capplan.plan.texts import Text
from capplan.plan.workload import CronText, Workload


class Job(Section):
    """A CronJob on Kubernetes."""

    description: Words = ""
    cluster: Name | None = Field(None, description="Cluster; the plan's only one by default.")
    pool: Name | None = Field(None, description="Node pool; the cluster's first by default.")
    schedule: CronText = Field(description="When it starts, such as 0 2 * * 1-5.")
    timezone: Text = Field("UTC", description="Zone of the schedule, such as Europe/Berlin.")
    duration: Duration = Field(description="How long a run takes.")
    pods: Count = Field(1.0, description="Pods of a run, all at once.")
    cpu: Cores = Field(description="CPU request of a pod.")
    memory: Memory = Field(description="Memory request of a pod.")
    workload: Workload | None = Field(None, description="Container for rendered manifests.")

    @model_validator(mode="after")
    def _can_run(self) -> "Job":
        zone_of(self.timezone)
        if self.duration <= 0:
            raise ValueError("a run takes longer than 0s")
        return self
