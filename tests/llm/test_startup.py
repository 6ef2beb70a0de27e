"""Logs of vLLM's start, several versions, against the estimate."""

from __future__ import annotations

import pytest

V1 = """
    INFO [utils.py] non-default args: {'model': 'meta-llama/Llama-3.1-8B-Instruct', 'max_model_len': 16000}
    INFO [core.py] Initializing a V1 LLM engine (v0.11.0) with config: \
    model='meta-llama/Llama-3.1-8B-Instruct', \
    dtype=torch.bfloat16, tensor_parallel_size=1, quantization=None, kv_cache_dtype=auto
    INFO [gpu_model_runner.py:2653] Model loading took 14.9889 GiB and 31.464 seconds
    INFO [gpu_worker.py:298] Available KV cache memory: 51.38 GiB
    INFO [kv_cache_utils.py:1087] GPU KV cache size: 420,864 tokens
    INFO [kv_cache_utils.py:1091] Maximum concurrency for 16,000 tokens per request: 26.30x
    INFO [gpu_model_runner.py:3480] Graph capturing finished in 20 secs, took 0.67 GiB
"""
V0 = """
    INFO [llm_engine.py:234] Initializing a V0 LLM engine (v0.7.3) with config: \
    model='NousResearch/Llama-3.1-8B', \
    dtype=torch.bfloat16, tensor_parallel_size=1, quantization=None, kv_cache_dtype=auto
    INFO [worker.py:266] the current vLLM instance can use total_gpu_memory (22.07GiB) x \
    gpu_memory_utilization \
    (0.90) = 19.86GiB
    INFO [worker.py:266] model weights take 14.99GiB; non_torch_memory takes 0.05GiB; PyTorch \
    activation peak \
    memory takes 1.23GiB; the rest of the memory reserved for KV Cache is 3.59GiB.
    INFO [executor_base.py:108] # CUDA blocks: 1838, # CPU blocks: 2048
    ERROR [engine.py:387] The model's max seq len (131072) is larger than the maximum number of \
    tokens that can be \
    stored in KV cache (29408). Try increasing `gpu_memory_utilization`.
"""
NO_ROOM = """
    INFO [core.py:71] Initializing a V1 LLM engine (v0.10.2) with config: \
    model='RedHatAI/Llama-3.3-70B-Instruct', \
    dtype=torch.bfloat16, tensor_parallel_size=1, quantization=compressed-tensors, kv_cache_dtype=auto
    INFO [gpu_model_runner.py:2392] Model loading took 67.7229 GiB and 45.09 seconds
    INFO [gpu_worker.py:298] Available KV cache memory: -1.44 GiB
    ERROR [core.py:718] ValueError: No available memory for the cache blocks. Try increasing it.
"""
TOO_LONG = """
    INFO [core.py:77] Initializing a V1 LLM engine (v0.11.0) with config: model='Qwen/Qwen3-32B', \
    dtype=torch.bfloat16, tensor_parallel_size=1, quantization=None, kv_cache_dtype=auto
    INFO [gpu_model_runner.py:2653] Model loading took 61.0324 GiB and 60.1 seconds
    INFO [gpu_worker.py:298] Available KV cache memory: 4.45 GiB
    ERROR ValueError: To serve at least one request with the models's max seq len (32000), (7.81 \
    GiB KV cache is \
    needed, which is larger than the available KV cache memory (4.45 GiB).
"""
TOLD = """
    INFO [api_server.py] vLLM API server version 0.19.0
    INFO [utils.py] non-default args: {'gpu_memory_utilization': 0.95, 'max_num_seqs': 1024}
    INFO [core.py] Initializing a V1 LLM engine (v0.19.0) with config: \
    model='meta-llama/Llama-3.1-8B-Instruct', \
    dtype=torch.bfloat16, tensor_parallel_size=1, quantization=fp8, kv_cache_dtype=auto
    INFO [gpu_worker.py:440] Available KV cache memory: 64.61 GiB
"""
WHOLE = """
    INFO [llm_engine.py:234] Initializing a V0 LLM engine (v0.7.3) with config: model='Qwen/Qwen2.5-72B', \
    dtype=torch.bfloat16, max_seq_len=32768, tensor_parallel_size=4, quantization=None, \
    kv_cache_dtype=auto, chunked_prefill_enabled=False
    INFO [worker.py:267] model weights take 33.98GiB; the rest of the memory \
    reserved for KV Cache is 31.60GiB.
    INFO [worker.py:267] model weights take 33.98GiB; the rest of the memory \
    reserved for KV Cache is 33.10GiB.
"""


@pytest.fixture
def compared(capplan, tmp_path):
    def comparing(text: str, *options: str):
        file = tmp_path / "vllm.log"
        lines = (" ".join(line.split()) for line in text.splitlines())
        file.write_text("\n".join(lines), encoding="utf-8")
        run = capplan("calibrate", "llm", str(file), *options)
        return run.exit_code, " ".join(run.stdout.split()) + run.stderr

    return comparing


@pytest.mark.parametrize(
    ("log", "options", "said"),
    [
        (
            V1,
            ("--gpu", "H100"),
            "room for the KV cache, GiB 51.38 51.40 +0.0 % requests of 16,000 tokens 26.30",
        ),
        (V0, ("--gpu", "NVIDIA A10G"), "did not start: The model's max seq len (131072)"),
        (NO_ROOM, ("--gpu", "H100", "--precision", "fp8"), "did not start: No available memory"),
        (TOO_LONG, ("--gpu", "H100"), "did not start: To serve at least one request"),
        (TOLD, ("--gpu", "H100"), "vllm 0.19.0"),
        (WHOLE, ("--gpu", "A100-80GB"), "room for the KV cache, GiB 31.60"),
        (TOLD + WHOLE, ("--gpu", "A100-80GB"), "room for the KV cache, GiB 31.60"),
    ],
)
def test_the_estimate_agrees_with_logs(compared, log, options, said):
    code, shown = compared(log, *options)
    assert (code, said in shown, "The estimate agrees." in shown) == (0, True, True), shown


def test_a_log_says_how_a_replica_is_spread(compared):
    said = "tensor_parallel_size=1, pipeline_parallel_size=2, data_parallel_size=1"
    _, shown = compared(V1.replace("tensor_parallel_size=1", said), "--gpu", "H100")
    assert "bf16 on 2 × H100-80GB (PP 2)" in shown
    # Half of the layers each: 7.5 GiB less of weights leave as much more for the KV cache.
    assert "weights, GiB 14.99 7.48" in shown


@pytest.mark.parametrize(
    ("figure", "garbled"),
    [("16,000 tokens per", ", tokens per"), ("26.30x", "26.30.1x"), ("420,864 tokens", ", tokens")],
)
def test_a_garbled_figure_is_none(compared, figure, garbled):
    code, shown = compared(V1.replace(figure, garbled), "--gpu", "H100")
    assert (code, "The engine started. The estimate agrees." in shown) == (0, True), shown


def test_a_log_of_another_gpu_does_not_agree(compared):
    code, shown = compared(V1, "--gpu", "L40S")
    assert code == 4
    assert "The engine started. The estimate does not agree." in shown


@pytest.mark.parametrize(
    ("log", "options", "said"),
    [
        (V1, (), "--gpu: the log does not say it"),
        (V1.replace("Available", "No"), ("--gpu", "H100"), "does not say how much memory the KV cache has"),
        (
            V1.replace("dtype=torch", "speculative_config=SpeculativeConfig(method='ngram'), dtype=torch", 1),
            ("--gpu", "H100"),
            "the engine of the log: speculates",
        ),
    ],
)
def test_what_a_log_does_not_say_is_asked_for(compared, log, options, said):
    code, shown = compared(log, *options)
    assert code == 2
    assert said in shown
