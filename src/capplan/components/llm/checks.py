"""What can be wrong with how a model is served: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

_SERVED = """\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
"""
"""A model that is served within its objective, at a speed that is known."""

_ON_T4 = _SERVED.replace("L4", "T4").replace("g2-", "n1-")
_BY_API = _SERVED.replace(
    "slo: {tpot: 100ms, ttft: 3s}",
    "local_share: 0%\n    api: {model: mini, usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}",
)
_APART = _SERVED + "    disaggregated: {link_gb_per_s: 25}\n"
_DRAFTED = _SERVED + "    speculative: {method: ngram, tokens: 3, acceptance: 90%}\n"
_SPARE = "    redundancy: {spare: 1}\n"
_SPOT = "    purchase: {spot: 100%}\n"

LLM_CONTEXT = Check(
    code="llm-context",
    severity="error",
    title="A request is longer than the model's context",
    why="The engine refuses such requests, however many replicas there are.",
    breaks=_SERVED.replace("input_tokens: 1200", "input_tokens: 200000"),
    near=_SERVED,
    remedy="Choose a model with a longer context.",
    source="max_position_embeddings in the config.json of the model",
)
_LONG = _SERVED + "    input_lengths: {p50: 800, p90: 2k, p99: 6k}\n"
LLM_LENGTHS = Check(
    code="llm-lengths",
    severity="warning",
    title="A plan contradicts the lengths of its requests",
    why="The lengths are scaled to a mean that is not theirs, or more of the input is taken for cached than "
    "the recorded requests repeat.",
    breaks=_LONG.replace("1200", "2400"),
    near=_LONG,
    remedy="Leave out input_tokens and output_tokens, or correct them.",
    source="the mean of the lengths; blocks at the beginning of inputs that came before (hash_ids)",
)
LLM_LONG_REQUESTS = Check(
    code="llm-long-requests",
    severity="warning",
    title="The longest requests do not fit",
    why="The engine refuses requests that its KV cache or the model's context is too small for.",
    breaks=_SERVED + "    input_lengths: {p50: 800, p90: 2k, p99: 60k}\n",
    near=_LONG,
    remedy="Choose a larger GPU, a narrower KV cache or a model with a longer context, or refuse them.",
    source="the longest of the lengths, against max_model_len and the room for the KV cache",
)
LLM_CANNOT_RUN = Check(
    code="llm-cannot-run",
    severity="error",
    title="A model cannot run as it is configured",
    why="The engine does not start, because the GPU lacks the precision or the weights cannot be divided "
    "that way.",
    breaks=_ON_T4,
    near=_SERVED,
    remedy="Choose another precision, GPU or tensor_parallel.",
    source="https://docs.vllm.ai/en/latest/features/quantization/",
)
LLM_DOES_NOT_FIT = Check(
    code="llm-does-not-fit",
    severity="error",
    title="A model does not fit its GPUs",
    why="The weights and the cache of one request need more memory than the GPUs have, so the engine does "
    "not start.",
    breaks=_SERVED.replace("8b", "70b").replace("fp8", "bf16"),
    near=_SERVED,
    remedy="Choose a larger GPU, more of them, or a smaller precision.",
    source="weights = parameters × bytes each; KV cache = 2 × layers × KV heads × head size × bytes × tokens",
)
LLM_SLO = Check(
    code="llm-slo",
    severity="error",
    title="A model is too slow for its objective with a single request",
    why="No number of replicas helps, because each token takes longer than the objective.",
    breaks=_SERVED.replace("100ms", "5ms"),
    near=_SERVED,
    remedy="Choose a faster GPU, more GPUs, or a looser SLO.",
    source="roofline: bytes read for a token ÷ memory bandwidth",
)
LLM_LOW_CONFIDENCE = Check(
    code="llm-low-confidence",
    severity="warning",
    title="Speeds are only a rough estimate",
    why="No measurement is near this model, GPU and precision, so the replicas may be far too few or too "
    "many.",
    breaks=_ON_T4.replace("fp8", "int4"),
    near=_SERVED,
    remedy="Calibrate with a benchmark of the model on this GPU.",
    source="docs/llm.md, confidence",
)
LLM_SPEED_UNKNOWN = Check(
    code="llm-speed-unknown",
    severity="warning",
    title="The speed of a serving engine is unknown",
    why="No measurement of the engine is known, so the load says nothing of how many replicas it takes.",
    breaks=_SERVED.replace("    gpu:", "    engine: tgi\n    gpu:"),
    near=_SERVED.replace("    gpu:", "    engine: sglang\n    gpu:"),
    remedy="Calibrate with a benchmark of the engine.",
    source="catalogs/hardware/gpus.yaml, speed.engines",
)
LLM_SPECULATION = Check(
    code="llm-speculation",
    severity="warning",
    title="Speculative decoding does not pay at the plan's load",
    why="A step that verifies drafts multiplies as many tokens more. Where many requests run at once, or few "
    "drafts are accepted, that takes longer than the accepted drafts save.",
    breaks=_DRAFTED.replace("90%", "10%"),
    near=_DRAFTED,
    remedy="Draft fewer tokens, or none.",
    source="https://arxiv.org/abs/2211.17192, and the roofline of a step",
)
LLM_SAME_MACHINE = Check(
    code="llm-same-machine",
    severity="warning",
    title="Spare replicas run on one machine",
    why="Losing that machine removes more replicas than are spare.",
    breaks=_SERVED.replace("standard-8", "standard-24") + _SPARE,
    near=_SERVED + _SPARE,
    remedy="Set redundancy.spare to the number of replicas on a machine.",
    source="replicas of a machine, against those that are spare",
)
LLM_IDLE = Check(
    code="llm-idle",
    severity="warning",
    title="Replicas are kept that no request reaches",
    why="The API answers everything, and the replicas cost as if they did.",
    breaks=_BY_API.replace("    api:", "    replicas: {min: 1}\n    api:"),
    near=_BY_API,
    remedy="Remove replicas.min, or set it to 0, unless they wait for the API to fail.",
    source="local_share against replicas.min",
)
LLM_DISAGGREGATED = Check(
    code="llm-disaggregated",
    severity="warning",
    title="Prefill on separate replicas costs more than it has to",
    why="Replicas that read prompts beside the sequences that they decode would keep the same objective for "
    "less.",
    breaks=_APART.replace("output_tokens: 200", "output_tokens: 2000"),
    near=_APART,
    remedy="Remove disaggregated.",
    source="Zhong et al. 2024, DistServe: separate pools help where TPOT is tight and prompts are long",
)
LLM_SPOT = Check(
    code="llm-spot",
    severity="warning",
    title="A model runs on spot machines without a spare",
    why="When the provider takes one back, its load has nowhere to go until a new one has loaded the "
    "weights.",
    breaks=_SERVED + _SPOT,
    near=_SERVED + _SPOT + _SPARE,
    remedy="Set redundancy.spare.",
    source="https://cloud.google.com/compute/docs/instances/spot",
)
