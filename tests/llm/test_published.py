"""Published config.json, unedited: weights as their publishers count them, caches by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.llm.architecture import PRECISIONS, weight_bytes
from capplan.llm.facts import architecture_of
from capplan.llm.importing import row_of

FILES = Path(__file__).parent / "published"
KEYS = Catalog().facts("configs")


def imported(config):
    return architecture_of("x", row_of(config, "x", "config.json", KEYS))


def published(name):
    return imported(json.loads((FILES / f"{name}.json").read_text()))


@pytest.mark.parametrize(
    ("name", "total", "active", "gigabytes"),
    [
        # Counted in the modelling files of transformers 5.24.0; the publishers round them.
        ("DeepSeek-V4-Flash", 284.33, 13.2, 155.5),
        ("Qwen3.5-35B-A3B", 35.107, 2.95, 70.2),
        ("gemma-4-26B-A4B", 25.806, 3.8, 51.6),
        ("gpt-oss-20b", 20.915, 3.61, 13.76),
    ],
)
def test_weights_are_those_published(name, total, active, gigabytes):
    model = published(name)
    assert model.total_parameters / 1e9 == pytest.approx(total, rel=0.003)
    assert model.active_parameters / 1e9 == pytest.approx(active, rel=0.01)
    assert model.stored_bytes / 1e9 == pytest.approx(gigabytes, rel=0.005)


@pytest.mark.parametrize(
    ("name", "every", "bounded", "tokens", "fixed"),
    [
        # 43 layers keep 512 elements for 128 tokens. 21 of them keep an entry for 4 tokens, with an index
        # of 132 bytes; 20 keep one for 128. While entries form, each holds two buffers of 32 bit, and those
        # of 4 tokens are double.
        (
            "DeepSeek-V4-Flash",
            21 * (1024 + 132) / 4 + 20 * 1024 / 128,
            43 * 1024,
            128,
            21 * 8 * 4 * 2 * 512 + 20 * 8 * 128 * 512,
        ),
        # 10 layers attend; 30 hold a matrix for each of 32 heads at 32 bit, and three inputs to convolve.
        (
            "Qwen3.5-35B-A3B",
            10 * 2 * 2 * 256 * 2,
            0,
            0,
            30 * (32 * 128 * 128 * 4 + 3 * (2 * 16 * 128 + 32 * 128) * 2),
        ),
        # 5 layers with 2 heads of 512 see all, 25 with 8 heads of 256 see 1,024 tokens.
        ("gemma-4-26B-A4B", 5 * 2 * 2 * 512 * 2, 25 * 2 * 8 * 256 * 2, 1024, 0),
        ("gpt-oss-20b", 12 * 2 * 8 * 64 * 2, 12 * 2 * 8 * 64 * 2, 128, 0),
    ],
)
def test_cache_of_a_sequence_by_hand(name, every, bounded, tokens, fixed):
    held = published(name).held(2.0)
    assert (held.full, held.bounded, held.tokens, held.fixed) == (every, bounded, tokens, fixed)


def test_sparse_attention_reads_less_than_it_holds():
    model = published("DeepSeek-V4-Flash")
    held, read = model.held(2.0), model.read(2.0)
    assert read.full == 21 * 132 / 4 + 20 * 1024 / 128
    assert read.tokens == 512 * 4
    assert read.bounded * read.tokens == pytest.approx(43 * 1024 * 128 + 21 * 1024 / 4 * read.tokens)
    assert read.full < held.full


def test_cache_is_copied_where_heads_are_fewer_than_gpus():
    model = published("gemma-4-26B-A4B")
    one, four = model.held(2.0), model.held(2.0, 4)
    assert (four.full, four.bounded) == (2 * one.full, one.bounded)


def test_checkpoint_is_as_large_as_it_is_stored():
    model = published("gpt-oss-20b")
    assert model.stored.precision == "mxfp4"
    assert weight_bytes(model, PRECISIONS["mxfp4"]) == model.stored_bytes
    assert weight_bytes(model, PRECISIONS["bf16"]) == pytest.approx(2 * model.total_parameters)


DENSE = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
EXPERTS = {
    **DENSE,
    "model_type": "qwen3_moe",
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 4,
}


@pytest.mark.parametrize(
    ("config", "quantization", "stored"),
    [
        (DENSE, {"quant_method": "fp8"}, {"attention": 1, "dense": 1, "head": 2}),
        (DENSE, {"quant_method": "awq", "bits": 4, "group_size": 128}, {"dense": 0.515625, "head": 2}),
        (DENSE, {"quant_method": "gptq", "bits": 8, "group_size": -1}, {"dense": 1.0}),
        (DENSE, {"quant_method": "bitsandbytes", "load_in_4bit": True}, {"attention": 0.515}),
        (
            EXPERTS,
            {"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0.self_attn.o_proj", "lm_head"]},
            {"attention": 1.25, "experts": 1},
        ),
        (
            EXPERTS,
            {
                "quant_method": "compressed-tensors",
                "format": "pack-quantized",
                "config_groups": {
                    "group_0": {
                        "targets": ["Linear"],
                        "weights": {"num_bits": 4, "type": "int", "group_size": 32},
                    }
                },
                "ignore": ["re:.*self_attn.*", "lm_head"],
            },
            {"attention": 2, "experts": 0.5625, "precision": "int4"},
        ),
        (
            EXPERTS,
            {
                "quant_algo": "NVFP4",
                "exclude_modules": ["lm_head", "model.layers.1.self_attn*", "mtp.layers.0*"],
                "kv_cache_quant_algo": "FP8",
            },
            {"attention": 0.75 * 0.5625 + 0.25 * 2, "experts": 0.5625, "kv_bytes": 1, "precision": "fp4"},
        ),
        (
            EXPERTS,
            {
                "quant_method": "modelopt",
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {
                    **{f"model.layers.{n}.mlp.experts": {"quant_algo": "NVFP4"} for n in range(4)},
                    **{f"model.layers.{n}.self_attn.o_proj": {"quant_algo": "MXFP8"} for n in range(4)},
                },
            },
            {"attention": 1.03125, "experts": 0.5625, "head": 2},
        ),
    ],
)
def test_quantisation_is_read_by_part(config, quantization, stored):
    model = imported({**config, "quantization_config": quantization})
    assert {part: getattr(model.stored, part) for part in stored} == pytest.approx(stored)


@pytest.mark.parametrize("strategy", ["block", "channel"])
def test_blocks_are_read(strategy):
    weights = {"num_bits": 8, "type": "float", "strategy": strategy}
    groups = {"group_0": {"targets": ["Linear"], "weights": weights, "input_activations": None}}
    quantization = {"quant_method": "compressed-tensors", "config_groups": groups, "ignore": ["lm_head"]}
    model = imported({**DENSE, "quantization_config": quantization})
    assert model.fp8_blocks == (strategy == "block")
    assert (model.stored.precision, model.stored.dense) == ("fp8", 1.0)


@pytest.mark.parametrize(
    ("quantization", "said"),
    [
        ({"quant_method": "gwq"}, "unknown method 'gwq'"),
        ({"quant_method": "awq", "bits": "four"}, "expected bits up to 16 and a group size, got 'four'"),
        ({"quant_method": "awq", "ignore": ["re:(a+)+b"]}, "expected a simple regular expression"),
        ({"quant_method": "awq", "ignore": ["re:("]}, "expected a simple regular expression"),
    ],
)
def test_quantisation_that_is_not_known_is_refused(quantization, said):
    with pytest.raises(InputError, match=f"quantization_config: {said}"):
        imported({**DENSE, "quantization_config": quantization})


def test_encoder_without_sizes_is_refused():
    with pytest.raises(InputError, match="does not say vision_config: layers"):
        imported({**DENSE, "vision_config": {"hidden_size": 64}})


@pytest.mark.parametrize("value", [16, 1.5, "yes", [1], {"a": 1}, True])
def test_unknown_key_is_refused_by_name(value):
    with pytest.raises(InputError, match=r"config\.json: share_layers_with: unknown key, which may change"):
        imported({**DENSE, "share_layers_with": value})


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_unknown_key_that_says_nothing_is_none(value):
    assert imported({**DENSE, "share_layers_with": value}) == imported(DENSE)


def test_unknown_type_with_known_keys_is_a_decoder():
    assert imported({**DENSE, "model_type": "newcomer"}).total_parameters == imported(DENSE).total_parameters


def test_latent_attention_has_the_sizes_that_it_names():
    latent = {"kv_lora_rank": 256, "qk_rope_head_dim": 32, "qk_nope_head_dim": 96, "v_head_dim": 64}
    row = row_of({**DENSE, "num_attention_heads": 64, **latent}, "x", "config.json", KEYS)
    assert row["shape"]["latent"] == {
        "query_rank": 0,
        "kv_rank": 256,
        "rope_size": 32,
        "nope_size": 96,
        "value_size": 64,
    }
    assert "head_size" not in row["shape"]
    model = architecture_of("x", row)
    assert model.held(2.0).full == 32 * (256 + 32) * 2
    assert model.attended().full == 32 * 2 * 64 * (96 + 32 + 64)


def test_layers_that_draft_are_counted_apart():
    model = published("DeepSeek-V4-Flash")
    experts, joined = 257 * 3 * 4096 * 2048, 2 * 4096**2
    assert model.drafts == pytest.approx(experts + joined, rel=0.02)  # and attention
    assert imported(DENSE).drafts == 0
