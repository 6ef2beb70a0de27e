"""What a service's artefacts need beyond its size: its container, and how its autoscaler decides."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from capplan.plan.cron import parse_cron, zone_of
from capplan.plan.fields import (
    DEFAULTS,
    Cores,
    Count,
    Duration,
    Memory,
    Name,
    Number,
    Positive,
    Section,
    Share,
    Utilization,
    Whole,
)
from capplan.plan.placement import AwsPlacement
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
        None,
        description="Value to keep on each instance, latency in seconds; by default, the plan's own target.",
    )
    activation: Number | None = Field(None, description="Value above which KEDA scales up from zero.")
    query: Text | None = Field(None, description="PromQL query that KEDA asks instead of the default one.")


def _trigger_of(value: object) -> object:
    return value if isinstance(value, dict) else {"threshold": value}


TriggerKind = Literal["cpu", "memory", "requests", "queue", "latency"]
Triggers = dict[
    TriggerKind, Annotated[Trigger, BeforeValidator(_trigger_of, json_schema_input_type=Number | Trigger)]
]


class ScaleLimit(Section):
    """How far the count may change in a period."""

    percent: Positive | None = Field(None, description="Change in a period, in percent of the instances.")
    pods: Whole | None = Field(None, description="Change in a period, in instances.")
    period: Duration = Field(60.0, description="Period of the limit, at most 30m.")

    @model_validator(mode="after")
    def _in_bounds(self) -> "ScaleLimit":
        if (self.percent is None) == (self.pods is None):
            raise ValueError("needs percent or pods")
        _check_period(self.period)
        return self


def _check_period(period: Duration) -> None:
    if not 1 <= period <= 1800:
        raise ValueError("a period is 1s to 30m")


class Steps(Section):
    """How fast the count may change in one direction."""

    window: Duration | None = Field(
        None, description="Stabilization window, at most 1h; by default none up and 5m down."
    )
    percent: Positive | None = Field(None, description="Change in a period, in percent of the instances.")
    pods: Whole | None = Field(None, description="Change in a period, in instances.")
    period: Duration = Field(60.0, description="Period of percent and pods, at most 30m.")
    policies: list[ScaleLimit] = Field(
        [],
        description="More limits with periods of their own; Kubernetes' own limits if there are none at all.",
    )
    select: Literal["min", "max", "disabled"] | None = Field(
        None,
        description="Which limit counts: the one that allows the smallest or the largest change; disabled "
        "never changes the count in this direction. By default, min for limits of the plan.",
    )
    tolerance: Share | None = Field(
        None, description="How far a metric may be from its target before the count changes; by default, 10%."
    )

    @model_validator(mode="after")
    def _in_bounds(self) -> "Steps":
        if not self.model_fields_set - {"period"}:
            raise ValueError("needs window, percent, pods, policies, select or tolerance")
        if self.window is not None and self.window > 3600:
            raise ValueError("the window is at most 1h")
        _check_period(self.period)
        return self

    def limits(self) -> "list[ScaleLimit]":
        """Return all limits, those of percent and pods first."""
        given = ((self.percent, None), (None, self.pods))
        own = [
            ScaleLimit.model_construct(percent=percent, pods=pods, period=self.period)
            for percent, pods in given
            if (percent, pods) != (None, None)
        ]
        return [*own, *self.policies]


class Behavior(Section):
    """How fast an autoscaler may act."""

    up: Steps | None = None
    down: Steps | None = None


class Fallback(Section):
    """Instances that KEDA falls back to when a measure is not to be had."""

    replicas: Whole = Field(description="Instances to run in place of a measure.")
    failures: Whole = Field(3.0, description="Failed polls before KEDA uses the fallback.")
    behavior: Literal["static", "current", "current-if-higher", "current-if-lower"] = Field(
        "static", description="Whether what runs already counts instead of replicas."
    )


def _cron(value: str) -> str:
    parse_cron(value)
    return value


CronText = Annotated[str, Field(max_length=100), AfterValidator(_cron)]


class CronTrigger(Section):
    """Instances that KEDA keeps at certain times."""

    start: CronText = Field(description="When the time begins, such as 0 8 * * 1-5.")
    end: CronText = Field(description="When the time ends, such as 0 18 * * 1-5.")
    timezone: Text = Field("UTC", description="Zone of both, such as Europe/Berlin.")
    replicas: Count = Field(description="Instances in that time, at least.")

    @model_validator(mode="after")
    def _is_a_time(self) -> "CronTrigger":
        if self.start == self.end:
            raise ValueError("start and end are the same")
        zone_of(self.timezone)
        return self


class Knative(Section):
    """How Knative counts instances by the requests in progress; Knative's own defaults."""

    target_utilization: Utilization = Field(0.7, description="Target share of the concurrency.")
    window: Duration = Field(60.0, description="Time over which requests are averaged, 6s to 1h.")
    panic_window: Utilization = Field(0.1, description="Panic window, as a share of the window.")
    panic_threshold: Positive = Field(
        2.0, description="Needed ÷ ready instances at which a panic begins, 1.1 to 10."
    )
    max_scale_up: Positive = Field(1000.0, description="Largest factor to scale up by at once, above 1.")
    max_scale_down: Positive = Field(2.0, description="Largest factor to scale down by at once, above 1.")
    activation_scale: Whole = Field(1.0, description="Fewest instances when the service scales up from zero.")
    scale_down_delay: Duration = Field(
        0.0, description="How long fewer instances must be enough before scaling down, at most 1h."
    )
    grace: Duration = Field(30.0, description="Longest wait before the last instance is removed.")

    @model_validator(mode="after")
    def _in_bounds(self) -> "Knative":
        if not 6 <= self.window <= 3600 or self.scale_down_delay > 3600:
            raise ValueError("the window is 6s to 1h, the delay at most 1h")
        if not 1.1 <= self.panic_threshold <= 10:
            raise ValueError("the panic threshold is 1.1 to 10")
        if min(self.max_scale_up, self.max_scale_down) <= 1:
            raise ValueError("max_scale_up and max_scale_down are above 1")
        return self


class Autoscaler(Section):
    """What scales the service on Kubernetes."""

    kind: Literal["hpa", "keda", "knative"] = Field("hpa", description="What scales the pods.")
    triggers: Triggers = Field({}, description="cpu, memory, requests, queue, latency; cpu by default.")
    behavior: Behavior = DEFAULTS
    polling: Duration = Field(30.0, description="KEDA's polling interval.")
    cooldown: Duration = Field(300.0, description="How long KEDA waits before it scales to zero or to idle.")
    idle: Whole | None = Field(
        None, description="Instances that KEDA keeps while no trigger is active, below instances.min."
    )
    cron: list[CronTrigger] = Field([], description="Times at which KEDA keeps instances.")
    fallback: Fallback | None = None
    knative: Knative = DEFAULTS

    @model_validator(mode="after")
    def _of_one_kind(self) -> "Autoscaler":
        given = self.model_fields_set
        if self.kind == "knative" and (self.triggers or given & {"behavior", "fallback"}):
            raise ValueError(
                "knative scales by requests in progress and takes no triggers, behavior or fallback"
            )
        own_query = {"query"} if any(trigger.query for trigger in self.triggers.values()) else set()
        of_keda = sorted(given & {"cron", "idle"} | own_query)
        if self.kind != "keda" and of_keda:
            raise ValueError(f"{of_keda[0]} needs kind: keda")
        if self.kind != "knative" and "knative" in given:
            raise ValueError("the settings of knative need kind: knative")
        return self


class Vpa(Section):
    """A vertical autoscaler beside the horizontal one."""

    mode: Literal["off", "initial", "recreate"] = Field(
        "off", description="Update mode; off only recommends."
    )
    min_cpu: Cores | None = Field(None, description="Smallest CPU request; unbounded by default.")
    min_memory: Memory | None = Field(None, description="Smallest memory request; unbounded by default.")
    max_cpu: Cores | None = Field(None, description="Largest CPU request; unbounded by default.")
    max_memory: Memory | None = Field(None, description="Largest memory request; unbounded by default.")


class Vllm(Section):
    """The vLLM server's arguments."""

    model: Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", "a model's name")] = Field(
        description="Model, as Hugging Face names it."
    )
    served_model_name: Text | None = Field(
        None, description="Name that requests ask for the model by; by default, that of the checkpoint."
    )
    tensor_parallel: Count = Field(1.0, description="GPUs that share each layer of the model.")
    pipeline_parallel: Count = Field(1.0, description="Stages that the layers are divided into.")
    data_parallel: Count = Field(
        1.0, description="Ranks that each run attention for their own requests, and share the experts."
    )
    expert_parallel: bool = Field(False, description="Whether experts lie whole on GPUs.")
    all2all_backend: Text | None = Field(
        None, description="What ranks exchange tokens for experts with; by default, vLLM's own."
    )
    dtype: Literal["auto", "half", "float16", "bfloat16", "float32"] = Field(
        "auto", description="Number format of the weights."
    )
    quantization: Literal["fp8", "awq", "gptq", "compressed-tensors", "bitsandbytes"] | None = Field(
        None, description="Precision of the weights; by default, the checkpoint's."
    )
    kv_cache_dtype: Literal["auto", "fp8"] = Field("auto", description="Precision of the KV cache.")
    max_model_len: Whole | None = Field(None, description="Longest context, in tokens.")
    max_num_seqs: Count | None = Field(None, description="Requests that the engine runs at once.")
    max_num_batched_tokens: Count | None = Field(None, description="Most tokens in a step.")
    chunked_prefill: bool | None = Field(
        None, description="Whether prompts are read in chunks; by default, as vLLM's version does."
    )
    prefix_cache: bool | None = Field(None, description="Whether prefixes are cached; by default, they are.")
    hybrid_cache: bool | None = Field(
        None, description="Whether layers with a window cache only that; by default, they do."
    )
    speculative_config: Text | None = Field(
        None, description="What vLLM drafts, as JSON; by default, it does not speculate."
    )
    gpu_memory_utilization: Utilization = Field(0.9, description="Share of the GPU's memory that vLLM uses.")
    cache: Memory = Field(50.0, description="Disk for the model's files.")
    shared_memory: Memory = Field(2.0, description="/dev/shm, which tensor parallelism needs.")


class Workload(Section):
    """The container of a service, for the artefacts that capplan renders."""

    image: Image | None = Field(
        None, description="Image with tag and digest; manifests show a placeholder without it."
    )
    command: list[Text] = Field(
        [], description="Command of the container, instead of the image's entry point."
    )
    args: list[Text] = Field([], description="Arguments of the command.")
    port: Port = Field(8080, description="Port for requests.")
    ports: dict[PortName, Port] = Field({}, description="Other ports, by name.")
    health_path: UrlPath = Field(
        "/health", description="Path that answers when the service can take requests."
    )
    live_path: UrlPath | None = Field(
        None,
        description="Path that answers as long as the process runs; by default, the probe only opens a "
        "connection.",
    )
    metrics_path: UrlPath = Field("/metrics", description="Path that Prometheus scrapes.")
    startup: Duration = Field(60.0, description="Longest time to start.")
    grace: Duration = Field(30.0, description="Longest time to stop.")
    timeout: Duration = Field(300.0, description="Timeout of a request.")
    env: dict[EnvName, Text] = Field({}, description="Environment variables; never put secrets here.")
    secrets: dict[EnvName, SecretRef] = Field(
        {}, description="Environment variables from secrets, as SECRET/KEY."
    )
    ephemeral_storage: Memory = Field(1.0, description="Disk of a pod.")
    writable: list[FilePath] = Field(["/tmp"], description="Directories that the container may write to.")
    public: bool = Field(
        False, description="Whether the service is reachable from the internet without an Ingress."
    )
    internet: bool = Field(
        False,
        description="Whether the pods call HTTPS addresses that are no component of the plan.",
    )
    host: Host | None = Field(None, description="Host name of the Ingress.")
    node_selector: dict[LabelKey, LabelValue] = Field({}, description="Labels that a node must have.")
    service_account: Name | None = Field(
        None, description="Service account; by default the service's name, on Cloud Run PLAN-SERVICE-run."
    )
    autoscaler: Autoscaler = DEFAULTS
    vpa: Vpa | None = None
    vllm: Vllm | None = None
    aws: AwsPlacement = DEFAULTS

    @model_validator(mode="after")
    def _distinct(self) -> "Workload":
        ports = [self.port, *self.ports.values()]
        if len(set(ports)) < len(ports) or "http" in self.ports:
            raise ValueError("port names or numbers are repeated; the main port is called http")
        both = sorted(set(self.env) & set(self.secrets))
        if both:
            raise ValueError(f"{both[0]} is in env and in secrets")
        return self
