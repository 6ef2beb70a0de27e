"""What can be wrong with how a model is served: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

LLM_CONTEXT = Check(
    code="llm-context",
    severity="error",
    title="A request is longer than the model's context",
    why="The engine refuses such requests, however many replicas there are.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 200000
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
""",
    near="""\
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
""",
    remedy="Choose a model with a longer context.",
    source="max_position_embeddings in the config.json of the model",
)
LLM_CANNOT_RUN = Check(
    code="llm-cannot-run",
    severity="error",
    title="A model cannot run as it is configured",
    why="The engine does not start, because the GPU lacks the precision or the weights cannot be divided "
    "that way.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: T4
    machine: n1-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
""",
    near="""\
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
""",
    remedy="Choose another precision, GPU or tensor_parallel.",
    source="https://docs.vllm.ai/en/latest/features/quantization/",
)
LLM_DOES_NOT_FIT = Check(
    code="llm-does-not-fit",
    severity="error",
    title="A model does not fit its GPUs",
    why="The weights and the cache of one request need more memory than the GPUs have, so the engine does "
    "not start.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-70b
    precision: bf16
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
""",
    near="""\
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
""",
    remedy="Choose a larger GPU, more of them, or a smaller precision.",
    source="weights = parameters × bytes each; KV cache = 2 × layers × KV heads × head size × bytes × tokens",
)
LLM_SLO = Check(
    code="llm-slo",
    severity="error",
    title="A model is too slow for its objective with a single request",
    why="No number of replicas helps, because each token takes longer than the objective.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 5ms, ttft: 3s}
""",
    near="""\
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
""",
    remedy="Choose a faster GPU, more GPUs, or a looser SLO.",
    source="roofline: bytes read for a token ÷ memory bandwidth",
)
LLM_LOW_CONFIDENCE = Check(
    code="llm-low-confidence",
    severity="warning",
    title="Speeds are only a rough estimate",
    why="No measurement is near this model, GPU and precision, so the replicas may be far too few or too "
    "many.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: int4
    gpu: T4
    machine: n1-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
""",
    near="""\
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
""",
    remedy="Calibrate with a benchmark of the model on this GPU.",
    source="docs/llm.md, confidence",
)
LLM_SPEED_UNKNOWN = Check(
    code="llm-speed-unknown",
    severity="warning",
    title="The speed of a serving engine is unknown",
    why="No measurement of the engine is known, so the load says nothing of how many replicas it takes.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    engine: tgi
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
""",
    near="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    engine: sglang
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
""",
    remedy="Calibrate with a benchmark of the engine.",
    source="catalogs/hardware/gpus.yaml, speed.engines",
)
LLM_SAME_MACHINE = Check(
    code="llm-same-machine",
    severity="warning",
    title="Spare replicas run on one machine",
    why="Losing that machine removes more replicas than are spare.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-24
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    slo: {tpot: 100ms, ttft: 3s}
    redundancy: {spare: 1}
""",
    near="""\
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
    redundancy: {spare: 1}
""",
    remedy="Set redundancy.spare to the number of replicas on a machine.",
    source="replicas of a machine, against those that are spare",
)
LLM_IDLE = Check(
    code="llm-idle",
    severity="warning",
    title="Replicas are kept that no request reaches",
    why="The API answers everything, and the replicas cost as if they did.",
    breaks="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    local_share: 0%
    replicas: {min: 1}
    api: {model: mini, usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}
""",
    near="""\
llm:
  chat:
    model: llama-3.1-8b
    precision: fp8
    gpu: L4
    machine: g2-standard-8
    tensor_parallel: 1
    input_tokens: 1200
    output_tokens: 200
    local_share: 0%
    api: {model: mini, usd_per_1m_input_tokens: 0.15, usd_per_1m_output_tokens: 0.6}
""",
    remedy="Remove replicas.min, or set it to 0, unless they wait for the API to fail.",
    source="local_share against replicas.min",
)
LLM_SPOT = Check(
    code="llm-spot",
    severity="warning",
    title="A model runs on spot machines without a spare",
    why="When the provider takes one back, its load has nowhere to go until a new one has loaded the "
    "weights.",
    breaks="""\
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
    purchase: {spot: 100%}
""",
    near="""\
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
    purchase: {spot: 100%}
    redundancy: {spare: 1}
""",
    remedy="Set redundancy.spare.",
    source="https://cloud.google.com/compute/docs/instances/spot",
)
