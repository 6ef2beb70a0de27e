"""Sizes against what the models' publishers state."""

from __future__ import annotations

import pytest

from capplan.llm.architecture import PRECISIONS, weight_bytes
from capplan.llm.facts import find_model


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("llama-2-7b", 6.74),
        ("llama-2-70b", 68.98),
        ("llama-3.1-8b", 8.03),
        ("llama-3.1-405b", 405.85),
        ("mistral-7b", 7.24),
        ("mixtral-8x7b", 46.7),
        ("falcon-180b", 179.52),
        ("starcoder-15b", 15.5),
        ("qwen2.5-7b", 7.62),
        ("gpt-oss-20b", 20.9),
        ("gpt-oss-120b", 116.8),
        ("deepseek-v3", 671.0),
    ],
)
def test_total_parameters_are_those_published(facts, model, billions):
    assert find_model(model, facts).total_parameters / 1e9 == pytest.approx(billions, rel=0.005)


@pytest.mark.parametrize(("model", "billions"), [("mixtral-8x7b", 12.9), ("deepseek-v3", 37.0)])
def test_active_parameters_are_those_published(facts, model, billions):
    assert find_model(model, facts).active_parameters / 1e9 == pytest.approx(billions, rel=0.02)


@pytest.mark.parametrize(
    ("model", "kilobytes"),
    [
        ("llama-2-7b", 524.288),  # multi-head
        ("llama-3.1-8b", 131.072),  # grouped queries
        ("starcoder-15b", 20.48),  # multi-query
        ("deepseek-v3", 70.272),  # latent
        ("gpt-oss-20b", 49.152),  # every other layer with a window
    ],
)
def test_kv_cache_of_a_token_at_16_bit(configuration, model, kilobytes):
    memory = configuration(model, "fp16", "H100").memory()
    assert (memory.full_kv + memory.window_kv) / 1e3 == pytest.approx(kilobytes)


def test_a_window_bounds_the_cache_of_its_layers(configuration):
    memory = configuration("gpt-oss-20b", "fp16", "H100").memory()
    assert memory.sequence(128 + 1000) - memory.sequence(128) == pytest.approx(1000 * memory.full_kv)


@pytest.mark.parametrize(
    ("model", "precision", "gigabytes"),
    [("llama-3.1-70b", "bf16", 141.1), ("mistral-7b", "fp16", 14.48), ("gpt-oss-120b", "mxfp4", 65.0)],
)
def test_weights_are_as_large_as_the_files(facts, model, precision, gigabytes):
    # 65.2 GB: the files of gpt-oss-120b on Hugging Face; the others are parameters × 2 bytes.
    found = weight_bytes(find_model(model, facts), PRECISIONS[precision]) / 1e9
    assert found == pytest.approx(gigabytes, rel=0.03)


@pytest.mark.parametrize(
    ("model", "gpus", "why"),
    [
        ("llama-3.1-8b", 3, "32 query heads"),
        ("llama-3.1-8b", 16, ""),  # each of eight key-value heads is there twice
        ("mixtral-8x22b", 6, "8 key-value heads"),
        ("starcoder-15b", 6, ""),  # one key-value head is everywhere
        ("deepseek-v3", 2, ""),
    ],
)
def test_heads_divide_over_gpus(facts, model, gpus, why):
    assert find_model(model, facts).undivided(gpus) == why
