"""What a service's artefacts need beyond its size: its container, and how its autoscaler decides."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from capplan.plan.fields import (
    DEFAULTS,
    Cores,
    Duration,
    Memory,
    Name,
    Number,
    Positive,
    Section,
    Utilization,
    Whole,
)
from capplan.plan.texts import (
    EnvName,
    FilePath,
    Host,
    Image,
    LabelKey,
    LabelValue,
    Port,
    PortName,
    SecretRef,
    Text,
    UrlPath,
    matching,
)


class Trigger(Section):
    """When one measure asks for more instances."""

    threshold: Number | None = Field(
        None, description="Value for each instance to hold; latency in seconds; the plan's own by default."
    )
    activation: Number | None = Field(None, description="Value above which KEDA leaves zero.")
    query: Text | None = Field(None, description="PromQL instead of the usual query.")


def _trigger_of(value: object) -> object:
    return value if isinstance(value, dict) else {"threshold": value}


TriggerKind = Literal["cpu", "memory", "requests", "queue", "latency"]
Triggers = dict[
    TriggerKind, Annotated[Trigger, BeforeValidator(_trigger_of, json_schema_input_type=Number | Trigger)]
]


class Steps(Section):
    """How fast the count may change in one direction; of both limits the smaller change counts."""

    window: Duration = Field(description="Stabilization window, at most 1h.")
    percent: Positive | None = Field(None, description="Change in a period, in percent of the instances.")
    pods: Whole | None = Field(None, description="Change in a period, in instances.")
    period: Duration = Field(60.0, description="Period of the limits, at most 30m.")

    @model_validator(mode="after")
    def _in_bounds(self) -> "Steps":
        if self.percent is None and self.pods is None:
            raise ValueError("needs percent, pods or both")
        if self.window > 3600 or not 1 <= self.period <= 1800:
            raise ValueError("the window is at most 1h, the period 1s to 30m")
        return self


class Behavior(Section):
    """How fast an autoscaler may act."""

    up: Steps | None = None
    down: Steps | None = None


class Fallback(Section):
    """Instances that KEDA falls back to when a measure is not to be had."""

    replicas: Whole
    failures: Positive = Field(3.0, description="Failed polls before it does.")


class Autoscaler(Section):
    """What scales the service on Kubernetes."""

    kind: Literal["hpa", "keda"] = "hpa"
    triggers: Triggers = Field({}, description="cpu, memory, requests, queue, latency; cpu by default.")
    behavior: Behavior = DEFAULTS
    polling: Duration = Field(30.0, description="KEDA's polling interval.")
    cooldown: Duration = Field(300.0, description="KEDA's wait before it goes to zero.")
    fallback: Fallback | None = None


class Vpa(Section):
    """A vertical autoscaler beside the horizontal one."""

    mode: Literal["off", "initial", "recreate"] = Field("off", description="off only recommends.")
    min_cpu: Cores | None = None
    min_memory: Memory | None = None
    max_cpu: Cores | None = None
    max_memory: Memory | None = None


class Vllm(Section):
    """The vLLM server's arguments."""

    model: Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", "a model's name")]
    tensor_parallel: Positive = Field(1.0, description="GPUs that share one copy of the model.")
    dtype: Literal["auto", "half", "float16", "bfloat16", "float32"] = "auto"
    max_model_len: Whole | None = Field(None, description="Longest context, tokens.")
    gpu_memory_utilization: Utilization = Field(0.9, description="Share of the GPU's memory that vLLM takes.")
    cache: Memory = Field(50.0, description="Disk for the model's files.")
    shared_memory: Memory = Field(2.0, description="/dev/shm, which tensor parallelism needs.")


class AwsPlacement(Section):
    """What a service's AWS artefacts refer to and capplan does not create."""

    ami: Annotated[str, matching(r"ami-[0-9a-f]{8,17}", "an AMI")] | None = None
    target_groups: list[
        Annotated[
            str,
            matching(
                r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[A-Za-z0-9-]+/[0-9a-f]{16}",
                "a target group's ARN",
            ),
        ]
    ] = []


class Workload(Section):
    """The container of a service, for the artefacts that capplan renders."""

    image: Image | None = Field(None, description="Image with tag and digest; a placeholder without it.")
    command: list[Text] = []
    args: list[Text] = []
    port: Port = Field(8080, description="Port that requests come to.")
    ports: dict[PortName, Port] = Field({}, description="Further ports, by name.")
    health_path: UrlPath = Field("/health", description="Answers when the service can take requests.")
    metrics_path: UrlPath = Field("/metrics", description="Where Prometheus scrapes.")
    startup: Duration = Field(60.0, description="How long it may take to start.")
    grace: Duration = Field(30.0, description="How long it may take to stop.")
    timeout: Duration = Field(300.0, description="Longest request.")
    env: dict[EnvName, Text] = Field({}, description="Environment; secrets never stand here.")
    secrets: dict[EnvName, SecretRef] = Field({}, description="Environment from secrets, as SECRET/KEY.")
    ephemeral_storage: Memory = Field(1.0, description="Disk of a pod.")
    writable: list[FilePath] = Field(["/tmp"], description="Directories it may write to.")
    public: bool = Field(False, description="Reachable from the internet without an Ingress.")
    host: Host | None = Field(None, description="Host name of an Ingress for it.")
    node_selector: dict[LabelKey, LabelValue] = {}
    service_account: Name | None = Field(None, description="The service's name by default.")
    autoscaler: Autoscaler = DEFAULTS
    vpa: Vpa | None = None
    vllm: Vllm | None = None
    aws: AwsPlacement = DEFAULTS

    @model_validator(mode="after")
    def _distinct(self) -> "Workload":
        ports = [self.port, *self.ports.values()]
        if len(set(ports)) < len(ports) or "http" in self.ports:
            raise ValueError("ports are given twice; the main one is called http")
        both = sorted(set(self.env) & set(self.secrets))
        if both:
            raise ValueError(f"{both[0]} is in env and in secrets")
        return self
