"""LLM serving: a model on your own GPUs, with or instead of an API."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from capplan.plan.deferred import Deferred
from capplan.plan.fields import (
    DEFAULTS,
    Cores,
    Count,
    Duration,
    Memory,
    Money,
    Positive,
    Section,
    Share,
    Utilization,
    Whole,
    Words,
)
from capplan.plan.services import Provider, Purchase, Range, Redundancy
from capplan.plan.texts import Host, matching

if TYPE_CHECKING:
    from capplan.plan.workload import Workload
else:
    Workload = Annotated[Any, Deferred("capplan.plan.workload", "Workload")]

Auto = Literal["auto"]
EngineVersion = Annotated[str, matching(r"v?\d{1,4}(\.\d{1,6}){1,3}", "a version such as 0.15.1")]
LlmProvider = Provider | Literal["gpu-cloud"]
"""gpu-cloud: machines of clouds that rent little but GPUs, each cloud a region, and of one's own."""


class LlmSlo(Section):
    """How fast answers have to come."""

    ttft: Duration | None = Field(None, description="Time to the first token for 95 % of the requests.")
    tpot: Duration | None = Field(None, description="Mean time of each further token.")


class ColdStart(Section):
    """How long a new replica takes, and how long one is kept that is no longer needed."""

    node: Duration = Field(120.0, description="Time until the machine is ready.")
    image: Duration = Field(60.0, description="Time to pull the container image.")
    weights_gb_per_s: Positive = Field(0.5, description="GB of weights loaded each second.")
    scale_down_window: Duration = Field(
        300.0, description="How long an idle replica stays before it is removed."
    )


class Lengths(Section):
    """Quantiles of the length of requests, in tokens."""

    p50: Positive = Field(description="Length that half of the requests stay below.")
    p90: Positive = Field(description="Length that 90 % stay below.")
    p99: Positive = Field(description="Length that 99 % stay below.")

    @model_validator(mode="after")
    def _rising(self) -> "Lengths":
        known = [q for q in (self.p50, self.p90, self.p99) if isinstance(q, float)]
        if known != sorted(known):
            raise ValueError("quantiles must rise from p50 to p99")
        return self


class Speculative(Section):
    """What the engine drafts, for one step of the model to verify: speculative decoding."""

    method: Literal["mtp", "eagle", "eagle3", "draft", "ngram"] = Field(
        description="What drafts: layers of the model itself that predict further tokens (mtp), a head "
        "trained for it (eagle, eagle3), a smaller model (draft), or a search in the text (ngram)."
    )
    tokens: Whole = Field(description="Tokens that are drafted in a step; 0 turns speculation off.")
    acceptance: Share | None = Field(
        None,
        description="Chance that a drafted token is accepted if those before it are, as measured with your "
        "requests.",
    )
    acceptance_length: Positive | None = Field(
        None,
        description="Instead of acceptance, tokens that a step emits on average, the model's own included, "
        "as engines report them for so many drafted ones.",
    )
    model: Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", "a model's name")] | None = Field(
        None, description="Draft model, or the checkpoint of the head, such as llama-3.2-1b."
    )

    @model_validator(mode="after")
    def _measured(self) -> "Speculative":
        if (self.acceptance is None) == (self.acceptance_length is None):
            raise ValueError(
                "give acceptance or acceptance_length: how many drafts are accepted depends on your requests"
            )
        length, tokens = self.acceptance_length, self.tokens
        if isinstance(length, float) and isinstance(tokens, float) and not 1 <= length <= tokens + 1:
            raise ValueError(f"acceptance_length must lie between 1 and {tokens + 1:g}, one more than tokens")
        return self

    @model_validator(mode="after")
    def _drafted(self) -> "Speculative":
        if (self.method in ("eagle", "eagle3", "draft")) != (self.model is not None):
            what = "needs a model" if self.model is None else "drafts without a model: leave it out"
            raise ValueError(f"{self.method} {what}")
        return self


class LlmApi(Section):
    """An API that serves requests that are not served locally."""

    model: str = Field(description="The API's model, such as gpt-4o-mini.")
    vendor: str | None = Field(None, description="Vendor of the model, if there are several.")
    as_of: str | None = Field(
        None,
        description="Day of the prices, YYYY-MM-DD; by default, of the newest that genai-prices has. Of your "
        "own prices: the day on which they were right.",
    )
    processing: Literal["standard", "batch"] = Field(
        "standard", description="batch: answers within a day, for less."
    )
    service_tier: Literal["default", "flex", "priority", "fast"] | None = Field(
        None, description="Tier of service that is asked for."
    )
    host: Host | None = Field(
        None,
        description="Host of the API, for rendered routes; by default, the vendor's where genai-prices "
        "knows it.",
    )
    retries: Share = Field(0.0, description="Share of the requests that are retried.")
    usd_per_1m_input_tokens: Money | None = Field(None, description="Price of a million input tokens.")
    usd_per_1m_cached_tokens: Money | None = Field(
        None, description="Price of a million cached input tokens; by default, the price of input tokens."
    )
    usd_per_1m_output_tokens: Money | None = Field(None, description="Price of a million output tokens.")
    cache_write_share: Share = Field(0.0, description="Share of the input tokens written to the cache.")
    usd_per_1m_cache_write_tokens: Money | None = Field(
        None,
        description="Price of a million input tokens written to the cache; by default, that of input tokens.",
    )

    @property
    def price_context(self) -> dict[str, str]:
        """What tells the price from that of usual requests."""
        batch = {"processing": "batch"} if self.processing == "batch" else {}
        return (
            batch if self.service_tier in (None, "default") else {**batch, "service_tier": self.service_tier}
        )

    @model_validator(mode="after")
    def _one_kind(self) -> "LlmApi":
        if len(self.price_context) > 1:
            raise ValueError("batch requests have no service_tier")
        return self

    @model_validator(mode="after")
    def _both(self) -> "LlmApi":
        if (self.usd_per_1m_input_tokens is None) != (self.usd_per_1m_output_tokens is None):
            raise ValueError("give both usd_per_1m_input_tokens and usd_per_1m_output_tokens, or neither")
        for field in ("usd_per_1m_cached_tokens", "usd_per_1m_cache_write_tokens"):
            if getattr(self, field) is not None and self.usd_per_1m_input_tokens is None:
                raise ValueError(f"{field} needs the prices of input and output tokens too")
        if self.price_context and self.usd_per_1m_input_tokens is not None:
            raise ValueError("your own prices are those of batch and service_tier already: leave these out")
        return self


class Prefill(Section):
    """Replicas that only read prompts. What is left out is as the component has it, but for replicas."""

    gpu: str | None = Field(None, description="GPU of a prefill replica, such as H100.")
    machine: str | None = Field(None, description="Machine type of prefill replicas.")
    tensor_parallel: Count | None = Field(None, description="GPUs for each prefill replica.")
    replicas: Range = DEFAULTS
    redundancy: Redundancy | None = None
    purchase: Purchase | None = None
    target_utilization: Utilization | None = Field(
        None, description="Target share of the load that a prefill replica can carry within the SLO."
    )

    @property
    def given(self) -> dict[str, Any]:
        """What differs from the component."""
        said = {field: getattr(self, field) for field in type(self).model_fields}
        return {field: value for field, value in said.items() if value is not None}


class Disaggregated(Section):
    """Prompts are read by other replicas (prefill) than those that make the tokens (decode)."""

    prefill: Prefill = DEFAULTS
    link_gb_per_s: Positive = Field(
        description="GB/s at which a replica sends, or receives, the KV cache of prompts."
    )


_MEAN: Any = None
"""The mean of the lengths, which stands in its place in a plan that is bound to scenarios."""


class Llm(Section):
    """A model that serves requests of so many tokens, on GPUs that the plan names or capplan chooses."""

    description: Words = ""
    model: str = Field(description="Model, as `capplan llm --models` lists them.")
    architectures: str | None = Field(
        None, description="File with your own models, as written by `capplan catalog import-model`."
    )
    precision: str = Field("auto", description="fp16, bf16, fp8, int8, int4, fp4, mxfp4 or auto.")
    engine: str = Field("vllm", description="vllm, tensorrt-llm, triton, sglang, tgi, ollama or other.")
    provider: LlmProvider = Field(
        "gcp",
        description="Cloud provider of the machines; gpu-cloud for coreweave, lambda, nebius, runpod, and "
        "machines of your own in a price book.",
    )
    region: str | None = Field(
        None, description="Region; the plan's for this provider by default. Of gpu-cloud: whose cloud."
    )
    gpu: str = Field("auto", description="GPU, such as T4 or H100.")
    machine: str = Field("auto", description="Machine type; GPUs are added to N1 machines.")
    tensor_parallel: Annotated[
        Auto | Whole, Field(description="GPUs that share each layer, those of a replica if it has no more.")
    ] = "auto"
    pipeline_parallel: Count = Field(
        1.0, description="Stages that the layers are divided into, also over several machines."
    )
    data_parallel: Count = Field(
        1.0, description="Ranks of a model with experts that each run attention for their own requests."
    )
    expert_parallel: bool = Field(
        False, description="Whether experts lie whole on the GPUs of all ranks, instead of sliced."
    )
    network_gbit_per_s: Positive | None = Field(
        None,
        description="Gbit/s of a machine's network, for replicas over several; by default, the catalog's.",
    )
    input_tokens: Positive = Field(
        _MEAN, description="Input tokens of a request; by default, the mean of its lengths."
    )
    output_tokens: Positive = Field(
        _MEAN, description="Output tokens of a request; by default, the mean of its lengths."
    )
    input_lengths: Lengths | None = Field(
        None, description="How the lengths of inputs spread around input_tokens, their mean."
    )
    output_lengths: Lengths | None = Field(
        None, description="How the lengths of outputs spread around output_tokens, their mean."
    )
    lengths: str | None = Field(
        None,
        description="File with the lengths of recorded requests: CSV or JSON lines, such as the Azure and "
        "Mooncake traces.",
    )
    requests_per_conversation: Positive = Field(1.0, description="Requests that make up a conversation.")
    prefix_cache_hit_rate: Share = Field(
        0.0, description="Share of the input tokens found in the prefix cache."
    )
    semantic_cache_hit_rate: Share = Field(0.0, description="Share of the requests answered from a cache.")
    slo: LlmSlo = DEFAULTS
    target_utilization: Utilization = Field(
        0.7, description="Target share of the load that a replica can carry within the SLO."
    )
    engine_version: EngineVersion | None = Field(
        None, description="Version of the engine; by default the one whose image manifests name."
    )
    gpu_memory_utilization: Utilization | None = Field(
        None, description="Share of the GPUs' memory that the engine takes; by default, the engine's own."
    )
    max_num_batched_tokens: Count | None = Field(
        None, description="Most tokens in a step; by default, the engine's own for the GPU."
    )
    max_num_seqs: Count | None = Field(
        None, description="Most requests that the engine runs at once; by default, its own for the GPU."
    )
    kv_cache_dtype: Literal["auto", "fp8"] | None = Field(
        None, description="auto: as the checkpoint says, else 16 bit; by default 8 bit beside weights at FP8."
    )
    hybrid_cache: bool | None = Field(
        None, description="Whether layers with a window cache only that; by default, the engine's own."
    )
    prefix_cache: bool | None = Field(
        None, description="Whether the engine caches prefixes; by default, if it does so by itself."
    )
    speculative: Speculative | None = Field(
        None, description="What the engine drafts; by default, it does not speculate."
    )
    replicas: Range = DEFAULTS
    redundancy: Redundancy = DEFAULTS
    purchase: Purchase = DEFAULTS
    cold_start: ColdStart = DEFAULTS
    pod_cpu: Cores | None = Field(None, description="CPU request of a replica's pod.")
    pod_memory: Memory = Field(0.0, description="Memory request of a replica's pod.")
    local_share: Share = Field(
        1.0, description="Share of the requests served locally; the API serves the rest."
    )
    local_steps: list[Share] = Field(
        [],
        description="Shares served locally, step by step, such as 10%, 50%, 100%: an alternative for each, "
        "NAME-10 and so on.",
    )
    fallback: Share = Field(0.0, description="Share of the local requests that fall back to the API.")
    api: LlmApi | None = Field(None, description="API that serves the rest.")
    disaggregated: Disaggregated | None = Field(
        None,
        description="Prefill on replicas of its own; what the component says itself is then that of decode.",
    )
    calibration: str | None = Field(
        None, description="File with your own constants, as written by `capplan calibrate llm`."
    )
    workload: Workload | None = Field(None, description="Container for rendered manifests.")

    @model_validator(mode="after")
    def _some_gpu(self) -> "Llm":
        if self.tensor_parallel != "auto" and self.tensor_parallel < 1:
            raise ValueError("tensor_parallel must be at least 1")
        return self

    @property
    def says_lengths(self) -> bool:
        """Whether more is said than the means."""
        return any((self.lengths, self.input_lengths, self.output_lengths))

    @model_validator(mode="after")
    def _long(self) -> "Llm":
        if self.lengths is not None and (self.input_lengths or self.output_lengths):
            raise ValueError("lengths has those of inputs and outputs: leave out the quantiles")
        said = {"input": self.input_lengths, "output": self.output_lengths}
        for field, quantiles in said.items():
            if getattr(self, f"{field}_tokens") is None and quantiles is None and self.lengths is None:
                raise ValueError(f"give {field}_tokens, {field}_lengths, or lengths")
        return self

    @model_validator(mode="after")
    def _named(self) -> "Llm":
        if self.disaggregated is None:
            return self
        fields = ("precision", "gpu", "machine", "tensor_parallel")
        found = [field for field in fields if "auto" in (getattr(self, field), getattr(self.prefill, field))]
        if found:
            raise ValueError(f"name {', '.join(found)}: auto does not search for two pools at once")
        for field in ("pipeline_parallel", "data_parallel", "expert_parallel"):
            if getattr(self, field) != Llm.model_fields[field].default:
                raise ValueError(f"{field} of disaggregated pools is not modelled")
        return self

    @property
    def prefill(self) -> "Llm":
        """The component with its pool for prompts in place of the one that makes tokens."""
        given = {} if self.disaggregated is None else self.disaggregated.prefill.given
        return self.model_copy(update={**given, "disaggregated": None})

    @model_validator(mode="after")
    def _somewhere(self) -> "Llm":
        if self.provider == "gpu-cloud" and self.region is None:
            raise ValueError("gpu-cloud needs a region: coreweave, lambda, nebius, runpod or own")
        return self

    @model_validator(mode="after")
    def _told_once(self) -> "Llm":
        server = self.workload.vllm if self.workload else None
        twice = sorted(server.model_fields_set & {*Llm.model_fields} - {"model"}) if server else ()
        for field in twice:
            own, value = getattr(self, field), getattr(server, field)
            if own is not None and own != value:
                raise ValueError(f"{field} is {_plain(own)}, but workload.vllm.{field} is {_plain(value)}")
        if server and server.chunked_prefill is False:
            raise ValueError("workload.vllm.chunked_prefill is false, but estimates count with chunks")
        if server and server.served_model_name and self.engine not in ("vllm", "sglang"):
            raise ValueError(f"workload.vllm.served_model_name is nothing that {self.engine} is told")
        if server and server.dtype == "float32":
            raise ValueError("workload.vllm.dtype is float32, which estimates do not count with")
        return self

    @model_validator(mode="after")
    def _cached(self) -> "Llm":
        server = self.workload.vllm if self.workload else None
        for where, says in (("", self), ("workload.vllm.", server)):
            if says and says.prefix_cache is False and _above_zero(self.prefix_cache_hit_rate):
                raise ValueError(f"prefix_cache_hit_rate is given, but {where}prefix_cache is false")
        return self

    @model_validator(mode="after")
    def _counted(self) -> "Llm":
        if self.workload and self.workload.vllm and self.workload.vllm.speculative_config:
            raise ValueError("say what vLLM drafts as speculative, not in workload.vllm: so it is counted")
        return self

    @model_validator(mode="after")
    def _answered(self) -> "Llm":
        shared = _below_one(self.local_share) or any(map(_below_one, self.local_steps))
        if self.api is None and (shared or _above_zero(self.fallback)):
            raise ValueError("an api is needed for the requests that are not served locally")
        shares = () if self.api is None else (self.prefix_cache_hit_rate, self.api.cache_write_share)
        if sum(share for share in shares if isinstance(share, float)) > 1 + 1e-9:
            raise ValueError("more than all of the input is read from the cache or written to it")
        return self


def _plain(value: object) -> str:
    """Return a setting as a plan has it."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _below_one(share: object) -> bool:
    return isinstance(share, float) and share < 1


def _above_zero(share: object) -> bool:
    return isinstance(share, float) and share > 0
