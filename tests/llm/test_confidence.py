"""How sure a speed is, and why it is not surer."""

from __future__ import annotations

import pytest

from capplan.llm.confidence import confidence_of, range_of


@pytest.mark.parametrize(
    ("case", "level", "why"),
    [
        (("llama-3.1-8b", "fp8", "H100", 1, "tensorrt-llm"), "high", ""),
        (
            ("llama-3.1-8b", "fp8", "H100"),
            "low",
            "loaded H100-80GBs of one lab are 1.5 times as slow as others",
        ),
        (("qwen3-14b", "bf16", "A100"), "high", ""),
        (("llama-3.1-70b", "bf16", "A100", 4), "medium", "servers differ in how their GPUs reach each other"),
        (("mixtral-8x7b", "fp8", "H200"), "medium", "few measurements of models with experts"),
        (("qwen3-30b-a3b", "bf16", "H200"), "low", "qwen3-30b-a3b is not among the measurements"),
        (("llama-3.1-70b", "fp4", "B200"), "low", "fp4 on B200 is not among the measurements"),
        (("llama-3.1-8b", "int8", "H200"), "medium", "int8 on H200 is not among the measurements"),
        (
            ("qwen3-14b", "int4", "A100"),
            "low",
            "weights below 8 bit on A100-80GB with vllm",
        ),
        (("llama-3.1-8b", "bf16", "H200", 1, "sglang"), "medium", "few measurements of this engine"),
        (("gpt-oss-20b", "mxfp4", "H100"), "medium", "few measurements of models with experts"),
        (("gpt-oss-20b", "mxfp4", "H200", 1, "sglang"), "low", "weights below 8 bit on H200 with sglang"),
        (("llama-3.1-8b", "fp8", "L40S", 2), "low", "all-reduce of 2 GPUs over PCIe"),
        (("mistral-7b", "int4", "T4"), "low", "none of prompts at 4 bit"),
        (("gemma-2-9b", "bf16", "H100"), "low", "gemma-2-9b is not among the measurements"),
    ],
)
def test_class_and_reason(configuration, case, level, why):
    found = confidence_of(configuration(*case))
    assert found.level == level
    assert why in "; ".join(found.reasons)


def test_less_sure_is_a_wider_range_and_first_tokens_wider_still():
    tops = {
        question: [range_of(level, question)[1] for level in ("high", "medium", "low")]
        for question in ("tpot", "throughput", "ttft")
    }
    assert all(widths == sorted(widths) for widths in tops.values())
    assert all(first > other for first, other in zip(tops["ttft"], tops["tpot"], strict=True))
    assert range_of("low", "ttft") == pytest.approx((0.25, 4.0))
