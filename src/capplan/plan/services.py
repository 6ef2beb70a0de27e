"""Services: what runs, on which platform, and how much one instance can carry."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from capplan.plan.classes import RequestClass
from capplan.plan.deferred import Deferred, variants
from capplan.plan.fields import (
    DEFAULTS,
    Cores,
    Count,
    Duration,
    Memory,
    Name,
    Number,
    Positive,
    Rate,
    Section,
    Share,
    Utilization,
    Whole,
    Words,
    check_commitments,
)
from capplan.plan.texts import EnvName

if TYPE_CHECKING:
    from capplan.arrays import Floats
    from capplan.plan.workload import Workload
else:
    Workload = Annotated[Any, Deferred("capplan.plan.workload", "Workload")]

Provider = Literal["gcp", "aws", "azure"]

CLUSTER_PROVIDERS: dict[str, Provider] = {"gke": "gcp", "eks": "aws", "aks": "azure"}
"""Provider of the machines that the nodes of each managed Kubernetes run on."""

DATABASE_PROVIDERS: dict[str, Provider] = {
    "cloud-sql": "gcp",
    "rds": "aws",
    "aurora": "aws",
    "azure-postgresql": "azure",
}
"""Provider of each managed database."""

CLUSTER_PLATFORMS: dict[str, str] = {provider: platform for platform, provider in CLUSTER_PROVIDERS.items()}
"""The managed Kubernetes of each provider."""


def _range_of(value: object) -> object:
    return value if isinstance(value, dict) else {"min": value, "max": value}


class Instances(Section):
    """What the autoscaler may run; a single number means exactly so many."""

    min: Whole | None = Field(None, description="Fewest instances; the platform's default is 0 or 1.")
    max: Whole | None = Field(None, description="Most instances; without it, the highest cost is unknown.")
    desired: Whole | None = Field(
        None,
        description="Instances that run today, before the autoscaler acts; expected figures never fall below "
        "them, and simulations start there.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Instances":
        said = {"min": self.min, "desired": self.desired, "max": self.max}
        given = [(name, value) for name, value in said.items() if value is not None]
        for (name, value), (above, limit) in pairwise(given):
            if value > limit:
                raise ValueError(f"{name} {value:,.0f} is above {above} {limit:,.0f}")
        return self


def desired_of(instances: Instances) -> "Floats":
    """Return the instances that run today; 0 where the plan does not say."""
    return 0.0 if instances.desired is None else instances.desired


Range = Annotated[Instances, BeforeValidator(_range_of, json_schema_input_type=Whole | Instances)]


class Targets(Section):
    """How full an instance may get before another is needed, by resource."""

    cpu: Utilization = Field(0.7, description="Target utilization of the cores.")
    memory: Utilization = Field(0.8, description="Target utilization of the memory.")
    concurrency: Utilization = Field(1.0, description="Target utilization of the concurrency.")
    throughput: Utilization = Field(1.0, description="Target share of the measured throughput.")


def running_share(concurrency: float) -> float:
    """Return the share of what a pod with GPUs takes at once at which another is added: the plan's, or 70 %.

    A pod never works on more than all it takes, so a target of all would never be exceeded.
    """
    return concurrency if concurrency < 1 else 0.7


class Redundancy(Section):
    """What may fail at the peak without the rest being overloaded."""

    spare: Whole = Field(0.0, description="Spare instances: the k of N+k.")
    zones: Whole = Field(1.0, description="Zones that the instances are spread over.")
    survive_zones: Whole = Field(0.0, description="Zones that may fail at the peak.")
    instance_availability: Utilization = Field(
        1.0,
        description="Share of the time that an instance is up; with slo.availability, it decides how many "
        "spares are needed.",
    )

    @model_validator(mode="after")
    def _possible(self) -> "Redundancy":
        if self.zones < 1:
            raise ValueError("zones must be at least 1")
        if self.survive_zones >= self.zones:
            raise ValueError(f"cannot survive {self.survive_zones:g} of {self.zones:g} zones")
        return self


def _below_one(value: float) -> float:
    if value >= 1:
        raise ValueError("must be below 100%, as nothing is available all the time")
    return value


Availability = Annotated[Share, AfterValidator(_below_one)]


class Slo(Section):
    """What users were promised."""

    p50: Duration | None = Field(None, description="Response time of at least 50 % of the requests.")
    p95: Duration | None = Field(None, description="Response time of at least 95 % of the requests.")
    p99: Duration | None = Field(None, description="Response time of at least 99 % of the requests.")
    availability: Availability | None = Field(
        None, description="Share of the time that the service answers, below 100%."
    )
    end_to_end: Duration | None = Field(
        None, description="Response time of 95 % of the requests that enter here, calls included."
    )


AUTO = "auto"


def _machine_of(value: object) -> object:
    """Read a list of families as a choice among them."""
    if isinstance(value, list) and value and all(isinstance(family, str) for family in value):
        return f"{AUTO}:{','.join(value)}"
    return value


MachineType = Annotated[str, BeforeValidator(_machine_of, json_schema_input_type=str | list[str])]


class Purchase(Section):
    """How machines are bought. What is left is on-demand."""

    spot: Share = Field(0.0, description="Share of the machines that run on spot.")
    commit_1y: Share = Field(
        0.0, description="Share of the average number of other machines under a one-year commitment."
    )
    commit_3y: Share = Field(
        0.0, description="Share of the average number of other machines under a three-year commitment."
    )

    @model_validator(mode="after")
    def _at_most_all(self) -> "Purchase":
        check_commitments(self.commit_1y + self.commit_3y)
        return self


class PoolEnv(Section):
    """Environment variables that tell a service the size of its pool."""

    max: EnvName | None = Field(None, description="Name of the variable for pool.max.")
    min: EnvName | None = Field(None, description="Name of the variable for pool.min.")
    acquire_timeout: EnvName | None = Field(
        None, description="Name of the variable for pool.acquire_timeout, in seconds."
    )


class ConnectionPool(Section):
    """The connections that each instance of a service keeps to a database."""

    min: Whole = Field(0.0, description="Connections that an instance keeps open.")
    max: Count = Field(description="Most connections that an instance opens.")
    hold_time: Duration | None = Field(None, description="Mean time that a call holds a connection.")
    acquire_timeout: Duration = Field(30.0, description="How long a call waits for a free connection.")
    idle_timeout: Duration | None = Field(
        None, description="How long an unused connection stays open; by default, the pooler's own."
    )
    max_lifetime: Duration | None = Field(
        None, description="Age at which a connection is replaced; by default, the pooler's own."
    )
    env: PoolEnv = DEFAULTS

    @model_validator(mode="after")
    def _ordered(self) -> "ConnectionPool":
        if self.min > self.max:
            raise ValueError(f"min {self.min:,.0f} is above max {self.max:,.0f}")
        return self


class Call(Section):
    """What one request asks of another component."""

    per_request: Number = Field(1.0, description="Calls that one request makes.")
    cache_hit_rate: Share = Field(0.0, description="Share of the calls that a cache answers.")
    deduplicated: Share = Field(
        0.0, description="Share of the calls that join an identical call in progress."
    )
    through: Name | None = Field(None, description="Semantic cache that is queried first.")
    parallel: bool = Field(
        False,
        description="Whether these calls run at the same time, together with the service's other parallel "
        "calls.",
    )
    async_: bool | None = Field(
        None,
        alias="async",
        description="Whether the service does not wait for the call; true by default if the callee has a "
        "queue.",
    )
    response_time: Duration | None = Field(
        None, description="Mean time of a call; required if capplan does not size the callee."
    )
    pool: ConnectionPool | None = Field(None, description="Connections to a database.")
    size: Memory | None = Field(None, description="Data of a call and its answer, between sites.")


def _call_of(value: object) -> object:
    return value if isinstance(value, dict) else {"per_request": value}


Calls = dict[Name, Annotated[Call, BeforeValidator(_call_of, json_schema_input_type=Number | Call)]]


class Disk(Section):
    """The boot disk of every machine."""

    type: str = Field(description="SKU of the disk, such as pd-balanced or gp3.")
    size: Memory = Field(description="Size of each disk.")


class GpuAddOn(Section):
    """GPUs added to a machine that does not include them."""

    type: str = Field(description="SKU of the GPU, such as nvidia-tesla-t4.")
    count: Count = Field(1.0, description="GPUs in each machine.")


class Queue(Section):
    """Work that waits for the service, as messages do for workers."""

    backlog: Number = Field(0.0, description="Messages waiting when the peak begins.")
    drain_time: Duration = Field(300.0, description="Time to work off the backlog.")
    target_length: Positive | None = Field(
        None, description="Waiting messages for each instance, as in KEDA's queue triggers."
    )

    @field_validator("drain_time")
    @classmethod
    def _drains(cls, value: float) -> float:
        if value <= 0:
            raise ValueError("must be above 0, as working off a backlog takes time")
        return value


def _some(value: float) -> float:
    if value <= 0:
        raise ValueError("must be above 0, or it is always open")
    return value


def _few(value: float) -> float:
    if value > 20:
        raise ValueError("must be at most 20")
    return value


class CircuitBreaker(Section):
    """Stops calls to a service that fails, so that it can recover."""

    failures: Annotated[Share, AfterValidator(_some)] = Field(
        description="Share of failed requests that opens it."
    )
    open: Duration = Field(30.0, description="How long it lets nothing through.")


class ServiceBase(Section):
    """What every service has, whatever it runs on."""

    description: Words = ""
    region: str | None = Field(None, description="Region; the plan's for this provider by default.")
    service_time: Duration | None = Field(
        None,
        description="Mean time that a request occupies an instance, including the calls that it waits for.",
    )
    own_time: Duration | None = Field(
        None, description="Mean time of a request's own work, without the calls that it waits for."
    )
    cpu_time: Duration | None = Field(
        None,
        description="Mean CPU time of a request; by default service_time, unless throughput is given.",
    )
    concurrency: Positive | None = Field(None, description="Requests that an instance handles at once.")
    throughput: Rate | None = Field(
        None, description="Requests per second that one instance was measured to handle."
    )
    classes: dict[Name, RequestClass] = Field(
        {}, description="Kinds of requests that differ in times or limits; the rest is as the service says."
    )
    cs2: Number = Field(
        1.0,
        description="Variance ÷ mean² of the service time: 0 for constant, 1 for exponential, above 1 for "
        "heavy tails.",
    )
    memory_base: Memory = Field(0.0, description="Memory of an idle instance.")
    memory_per_request: Memory = Field(0.0, description="Memory that each request in progress adds.")
    target_utilization: Targets = DEFAULTS
    instances: Range = DEFAULTS
    redundancy: Redundancy = DEFAULTS
    slo: Slo = DEFAULTS
    calls: Calls = Field({}, description="Components that a request calls, and how often.")
    queue: Queue | None = Field(None, description="Queue settings, for a service that works off messages.")
    retries: Annotated[Whole, AfterValidator(_few)] = Field(
        0.0, description="How often callers, and the proxy in front, try a failed request again."
    )
    breaker: CircuitBreaker | None = None
    interruptible: bool = Field(
        False, description="Whether the service tolerates losing instances, as on spot."
    )
    response_size: Memory = Field(
        0.0, description="Data sent to the internet for each request that enters here."
    )
    workload: Workload | None = Field(None, description="Container for rendered manifests.")

    @property
    def measured(self) -> bool:
        """Whether what an instance carries was measured, which says nothing of another machine."""
        rates = (self.throughput, *(one.throughput for one in self.classes.values()))
        return any(rate is not None for rate in rates)


class CloudRun(ServiceBase):
    """A Cloud Run service."""

    platform: Literal["cloud-run"]
    cpu: Cores = Field(1.0, description="CPU of an instance.")
    memory: Memory = Field(0.5, description="Memory of an instance.")
    service_time: Duration = Field(description="Mean time that a request occupies an instance.")
    concurrency: Positive = Field(
        80.0, description="Requests that an instance handles at once, at most 1000."
    )
    billing: Literal["request", "instance"] = Field(
        "request", description="Whether CPU is billed only while requests are processed, or all the time."
    )
    idle_timeout: Duration = Field(900.0, description="How long an idle instance stays before it is removed.")

    @model_validator(mode="after")
    def _allowed(self) -> "CloudRun":
        if self.concurrency > 1000:
            raise ValueError(f"Cloud Run's concurrency is at most 1000, got {self.concurrency:g}")
        return self


class ContainerApps(ServiceBase):
    """An Azure Container App on the consumption plan."""

    platform: Literal["container-apps"]
    cpu: Cores = Field(0.5, description="CPU of a replica.")
    memory: Memory = Field(1.0, description="Memory of a replica.")
    service_time: Duration = Field(description="Mean time that a request occupies a replica.")
    concurrency: Positive = Field(10.0, description="Requests that a replica handles at once.")


class Fargate(ServiceBase):
    """An ECS service on Fargate."""

    platform: Literal["fargate"]
    cpu: Cores = Field(0.25, description="CPU of a task.")
    memory: Memory = Field(0.5, description="Memory of a task.")
    architecture: Literal["x86", "arm"] = Field("x86", description="Processor architecture of the tasks.")
    spot: Share = Field(0.0, description="Share of the tasks that run on Fargate Spot.")
    ephemeral_storage: Memory = Field(20.0, description="Disk of a task; the first 20 GiB are included.")


class VmGroup(ServiceBase):
    """A group of virtual machines behind an autoscaler: AWS ASG, GCE MIG, Azure scale set."""

    platform: Literal["vm-group"]
    provider: Provider = Field(description="Cloud provider of the machines.")
    machine: MachineType = Field(
        description="Machine type; each machine runs one instance of the service. With auto or a list of "
        "families, capplan chooses."
    )
    capacity: str | None = Field(
        None,
        description="Tier table that gives throughput and concurrency by the machine's memory: its name, a "
        "file, or auto for the plan's.",
    )
    gpu: GpuAddOn | None = None
    disk: Disk | None = Field(None, description="Boot disk; by default the image's, which has no price.")
    purchase: Purchase = DEFAULTS


class Kubernetes(ServiceBase):
    """Pods of a Deployment on a node pool of one of the plan's clusters."""

    platform: Literal["kubernetes"]
    cluster: Name | None = Field(None, description="Cluster; the plan's only one by default.")
    pool: Name | None = Field(None, description="Node pool; the cluster's first by default.")
    cpu: Cores = Field(0.25, description="CPU request of a pod.")
    memory: Memory = Field(0.25, description="Memory request of a pod.")
    cpu_limit: Cores | None = Field(None, description="CPU limit of a pod.")
    memory_limit: Memory | None = Field(None, description="Memory limit of a pod.")
    overhead_cpu: Cores = Field(
        0.0,
        description="CPU that a pod takes of its node besides its request: what its runtime takes, and what "
        "an init container asks for beyond the request.",
    )
    overhead_memory: Memory = Field(0.0, description="Memory of that kind.")
    resources: str | None = Field(
        None,
        description="Tier table that gives requests and limits by load: a name, a file, or auto.",
    )
    gpu: Whole = Field(0.0, description="GPUs that a pod requests.")
    one_per_node: bool = Field(False, description="Whether no two of its pods may run on one node.")


if TYPE_CHECKING:
    Service = CloudRun | ContainerApps | Fargate | VmGroup | Kubernetes
else:
    Service = Annotated[
        Any,
        variants(
            "capplan.plan.services",
            cloud_run="CloudRun",
            container_apps="ContainerApps",
            fargate="Fargate",
            vm_group="VmGroup",
            kubernetes="Kubernetes",
        ),
    ]
