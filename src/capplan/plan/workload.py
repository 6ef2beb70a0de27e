"""What a service's artefacts need beyond its size: its container, and how its autoscaler decides."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

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

_IMAGE = (
    r"[a-z0-9]+([._-]+[a-z0-9]+)*(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_HOST = r"(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+"
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ue000\ue001\ud800-\udfff]")


def matching(pattern: str, what: str) -> AfterValidator:
    """Return the check that text matches ``pattern`` whole (``$`` would allow a newline after it)."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{value[:80]!r} is not {what}")
        return value

    return AfterValidator(check)


def _safe(value: str) -> str:
    found = _UNSAFE.search(value)
    if found:
        raise ValueError(f"must not contain the character U+{ord(found[0]):04X}")
    return value


def _text_of(value: object) -> object:
    """Environment values are text; a plain number in the plan means its digits."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text_of, json_schema_input_type=str | float), AfterValidator(_safe)]
Image = Annotated[str, Field(max_length=500), matching(_IMAGE, "a container image")]
Host = Annotated[str, Field(max_length=253), matching(_HOST, "a host name")]
UrlPath = Annotated[str, matching(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", "a URL path")]
FilePath = Annotated[str, matching(r"(/[A-Za-z0-9._-]+)+", "an absolute path")]
EnvName = Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]{0,127}", "an environment variable's name")]
PortName = Annotated[str, matching(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?", "a port's name")]
LabelKey = Annotated[
    str,
    matching(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", "a label's name"),
]
LabelValue = Annotated[str, matching(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", "a label's value")]
Port = Annotated[int, Field(ge=1, le=65535)]
SecretRef = Annotated[
    str, matching(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9._-]{1,253}", "SECRET/KEY")
]
MetricName = Annotated[str, matching(r"[a-zA-Z_:][a-zA-Z0-9_:]*", "a metric's name")]


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
