"""What would fit instead of what does not."""

from __future__ import annotations

import pytest

from capplan.llm.alternatives import would_fit


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            ("mistral-7b", "fp16", "T4", 1),
            "int8 on 1 × T4, or fp16 on 2 × T4, or fp16 on 1 × V100-16GB would fit",
        ),
        (("falcon-180b", "int4", "A100-40G", 2), "int4 on 4 × A100-40GB, or int4 on 2 × A100-80GB would fit"),
        (("llama-3.1-8b", "fp8", "T4", 1), "int8 on 1 × T4, or fp8 on 1 × L4 would fit"),
        # Nothing near does: the least memory that holds it.
        (("deepseek-v3", "fp8", "L4", 1), "int4 on 4 × H200 would fit"),
        # A trillion weights at 8 bit take more than eight of the largest.
        (("kimi-k2", "bf16", "T4", 1), "int4 on 8 × A100-80GB would fit"),
    ],
)
def test_nearest_that_fits(configuration, facts, case, said):
    assert would_fit(configuration(*case), 1000, 300, facts) == said


def test_no_memory_makes_a_context_longer(configuration, facts):
    assert would_fit(configuration("llama-2-7b", "bf16", "L4"), 5000, 300, facts) == ""


def test_nothing_fits_a_context_beyond_all_memory(configuration, facts):
    assert would_fit(configuration("llama-2-70b", "int4", "T4"), 1e8, 300, facts) == ""
