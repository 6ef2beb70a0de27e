"""config.json of published models give the shapes in models.yaml."""

from __future__ import annotations

import pytest

from capplan.errors import InputError
from capplan.llm.facts import architecture_of, find_model
from capplan.llm.importing import row_of

CONFIGS = {
    "mixtral-8x7b": {
        "model_type": "mixtral",
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_attention_heads": 32,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "vocab_size": 32000,
        "max_position_embeddings": 32768,
        "sliding_window": None,
    },
    "gpt-oss-20b": {
        "model_type": "gpt_oss",
        "hidden_size": 2880,
        "intermediate_size": 2880,
        "head_dim": 64,
        "num_attention_heads": 64,
        "num_hidden_layers": 24,
        "num_key_value_heads": 8,
        "num_local_experts": 32,
        "num_experts_per_tok": 4,
        "vocab_size": 201088,
        "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * 12,
        "max_position_embeddings": 131072,
    },
    "deepseek-v3": {
        "model_type": "deepseek_v3",
        "hidden_size": 7168,
        "intermediate_size": 18432,
        "moe_intermediate_size": 2048,
        "num_attention_heads": 128,
        "num_key_value_heads": 128,
        "head_dim": 128,
        "num_hidden_layers": 61,
        "first_k_dense_replace": 3,
        "n_routed_experts": 256,
        "n_shared_experts": 1,
        "num_experts_per_tok": 8,
        "q_lora_rank": 1536,
        "kv_lora_rank": 512,
        "qk_rope_head_dim": 64,
        "qk_nope_head_dim": 128,
        "v_head_dim": 128,
        "vocab_size": 129280,
        "max_position_embeddings": 163840,
        "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    },
    "starcoder-15b": {
        "model_type": "gpt_bigcode",
        "n_embd": 6144,
        "n_head": 48,
        "n_layer": 40,
        "n_inner": 24576,
        "multi_query": True,
        "n_positions": 8192,
        "vocab_size": 49152,
    },
}


@pytest.mark.parametrize("name", CONFIGS)
def test_config_gives_the_known_shape(facts, name):
    row = row_of(CONFIGS[name], name, "config.json")
    known = find_model(name, facts)
    assert architecture_of(name, row) == known._replace(confidence=row["confidence"], source=row["source"])


def test_nested_text_model_is_found():
    row = row_of({"model_type": "x", "text_config": CONFIGS["mixtral-8x7b"]}, "x", "config.json")
    assert row["shape"]["experts"] == 8


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match=r"config.json: does not say layers \(num_hidden_layers or"):
        row_of({"hidden_size": 1, "vocab_size": 2, "num_attention_heads": 1}, "x", "config.json")
