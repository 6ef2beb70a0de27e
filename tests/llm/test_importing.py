"""config.json of published models give the shapes in models.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.llm.facts import architecture_of, find_model
from capplan.llm.importing import row_of
from capplan.strictyaml import load

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
        "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]},
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
    found = imported(CONFIGS[name])
    known = find_model(name, facts)
    for figure in ("layers", "total_parameters", "active_parameters", "stored_bytes", "fp8_blocks"):
        assert getattr(found, figure) == pytest.approx(getattr(known, figure), rel=0.001), figure
    assert found.held(2.0) == known.held(2.0)
    assert {group.chunked for group in found.groups} == {group.chunked for group in known.groups}
    assert found.attended() == known.attended()


KEYS = Catalog().facts("configs")
PUBLISHED = load((Path(__file__).parent / "configs.yaml").read_text(), "configs.yaml")


def published(name):
    return PUBLISHED[name]["config"]


def imported(config):
    return architecture_of("x", row_of(config, "x", "config.json", KEYS))


@pytest.mark.parametrize("name", PUBLISHED)
def test_config_gives_the_published_number_of_weights(name):
    expected = 1e9 * PUBLISHED[name]["billions"]
    assert imported(published(name)).total_parameters == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("name", "window", "layers"),
    [
        ("mistral-7b-v0.1", 4096, 32),
        ("gemma-2-9b", 4096, 21),
        ("gemma-3-12b", 1024, 40),
        ("gemma-3-4b", 1024, 29),
        ("llama-4-scout", 8192, 36),
        ("qwen2.5-1.5b", 0, 0),
    ],
)
def test_layers_with_a_window(name, window, layers):
    model = imported(published(name))
    assert (model.window, windowed_layers(model)) == (window, layers)


def windowed_layers(model):
    return sum(group.layers for group in model.groups if group.window)


def test_window_of_the_last_layers_only():
    windowed = {"sliding_window": 32768, "use_sliding_window": True, "max_window_layers": 21}
    model = imported({**published("qwen2.5-1.5b"), **windowed})
    assert (model.window, windowed_layers(model)) == (32768, 7)
    unused = imported({**published("qwen2.5-1.5b"), **windowed, "use_sliding_window": False})
    assert windowed_layers(unused) == 0


def test_key_and_value_heads():
    assert imported(published("falcon-7b")).groups[0].kv_heads == 1
    assert imported(published("falcon-40b")).groups[0].kv_heads == 8
    assert imported(published("gpt2-xl")).groups[0].kv_heads == 25
    assert imported(published("glm-4-9b")).groups[0].kv_heads == 2


def test_mixtures_of_dense_and_expert_layers():
    maverick = imported(published("llama-4-maverick"))
    dense = [group for group in maverick.groups if group.experts == 1]
    assert (sum(group.layers for group in dense), {group.ffn for group in dense}) == (24, {16384})
    assert {group.shared_experts for group in maverick.routed} == {1}
    sparse = {**published("qwen3-30b-a3b"), "mlp_only_layers": [0, 1]}
    assert imported(sparse).expert_layers == 46


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "an encoder"),
        ({"model_type": "some-bert", "architectures": ["NewForMaskedLM"]}, "an encoder"),
        ({"model_type": "t5", "is_encoder_decoder": True}, "an encoder-decoder model"),
        ({"model_type": "whisper", "decoder_layers": 32}, "an encoder-decoder model"),
        ({"model_type": "rwkv", "state_size": 16}, "a recurrent model"),
        ({"model_type": "jetmoe"}, "experts of attention"),
        ({"model_type": "zamba2", "num_mem_blocks": 2}, "blocks of attention that layers share"),
        ({"model_type": "mllama_text_model", "cross_attention_layers": [3]}, "layers that attend to images"),
        ({"model_type": "rwkv7", "head_dim": 64}, "a recurrent model"),
        ({"layer_types": ["full_attention"] * 31 + ["wavelet"]}, "layers of type wavelet"),
    ],
)
def test_what_is_no_known_decoder_is_refused(more, says):
    config = {**published("olmo-7b"), **more}
    with pytest.raises(InputError, match=f"config.json: describes .*{says}"):
        imported(config)


def test_nested_text_model_is_found():
    assert imported({"model_type": "x", "text_config": CONFIGS["mixtral-8x7b"]}).experts == 8


def test_what_single_layers_have_of_their_own_is_read():
    """As transformers 5 saves Gemma 4 again, without the keys that its layers' kinds had."""
    common = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4}
    small = {**common, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 1000, "model_type": "llama"}
    model = imported({**small, "per_layer_config": {"1": {"head_dim": 32}, "03": {"intermediate_size": 48}}})
    assert [(g.layers, g.head_size, g.ffn) for g in model.groups] == [(2, 16, 96), (1, 32, 96), (1, 16, 48)]
    for row, said in (
        ({"x": {"head_dim": 32}}, r"per_layer_config\.x: expected the number of a layer"),
        ({"1": {"skip": ["mlp"]}}, r"per_layer_config\.1: skip: unknown key"),
        ({"1": {"head_dim": -1}}, "expected a whole number"),
    ):
        with pytest.raises(InputError, match=said):
            imported({**small, "per_layer_config": row})


def test_layers_with_two_attentions_and_experts_that_compute_nothing():
    """LongCat-Flash: 560 billion weights, 27 billion of them for a token on average."""
    model = imported(
        {
            "model_type": "longcat_flash",
            "attention_method": "MLA",
            "hidden_size": 6144,
            "ffn_hidden_size": 12288,
            "expert_ffn_hidden_size": 2048,
            "num_layers": 28,
            "num_attention_heads": 64,
            "q_lora_rank": 1536,
            "kv_lora_rank": 512,
            "qk_rope_head_dim": 64,
            "qk_nope_head_dim": 128,
            "v_head_dim": 128,
            "n_routed_experts": 512,
            "moe_topk": 12,
            "zero_expert_num": 256,
            "zero_expert_type": "identity",
            "routed_scaling_factor": 6.0,
            "mla_scale_q_lora": True,
            "vocab_size": 131072,
        }
    )
    assert model.total_parameters == pytest.approx(560e9, rel=0.01)
    assert model.active_parameters == pytest.approx(27e9, rel=0.05)
    assert model.held(2.0).full == 2 * 28 * (512 + 64) * 2


@pytest.mark.parametrize(
    ("layers", "ffn", "shared", "billions"), [(30, 8192, 10, 5.44), (35, 16384, 15, 7.85)]
)
def test_gemma_3n_with_its_encoders(layers, ffn, shared, billions):
    text = {
        "model_type": "gemma3n_text",
        "hidden_size": 2048,
        "intermediate_size": [ffn] * layers,
        "num_hidden_layers": layers,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "num_kv_shared_layers": shared,
        "hidden_size_per_layer_input": 256,
        "vocab_size_per_layer_input": 262144,
        "vocab_size": 262400,
        "laurel_rank": 64,
        "altup_num_inputs": 4,
        "activation_sparsity_pattern": [0.95] * 10 + [0.0] * (layers - 10),
        "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * (layers // 5),
        "sliding_window": 512,
    }
    vision = {"model_type": "gemma3n_vision", "architecture": "mobilenetv5_300m_enc", "hidden_size": 2048}
    audio = {"model_type": "gemma3n_audio", "hidden_size": 1536, "conf_num_hidden_layers": 12}
    whole = {"model_type": "gemma3n", "text_config": text, "vision_config": vision, "audio_config": audio}
    assert imported(whole).total_parameters == pytest.approx(billions * 1e9, rel=0.01)
    assert imported(whole).held(2.0).full == 2 * 2 * 256 * 2 * (layers - shared) // 5


def test_of_a_model_that_hears_and_speaks_the_thinker_is_served():
    thinker = {
        "model_type": "qwen3_omni_moe_thinker",
        "text_config": {**published("qwen3-30b-a3b"), "model_type": "qwen3_omni_moe_text"},
        "audio_config": {"model_type": "x_audio_encoder", "d_model": 1280, "encoder_layers": 32},
    }
    model = imported(
        {
            "model_type": "qwen3_omni_moe",
            "enable_audio_output": True,
            "thinker_config": thinker,
            "talker_config": {"text_config": {"hidden_size": 1024}},
            "code2wav_config": {"hidden_size": 1024},
        }
    )
    text = imported(published("qwen3-30b-a3b"))
    assert model.groups == text.groups
    assert model.total_parameters - text.total_parameters == pytest.approx(32 * 24 * 1280**2)


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match=r"config.json: does not say layers \(num_hidden_layers or"):
        imported({"hidden_size": 1, "vocab_size": 2, "num_attention_heads": 1})
    with pytest.raises(InputError, match=r"does not say ffn \(intermediate_size or"):
        imported({**published("olmo-7b"), "intermediate_size": None})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("num_hidden_layers", "x", "num_hidden_layers: expected a whole number, 0 or more, got 'x'"),
        ("num_key_value_heads", -1, "num_key_value_heads: expected a whole number, 0 or more, got '-1'"),
        ("layer_types", 3, "layer_types: expected a list of names, got '3'"),
        ("quantization_config", "fp8", "quantization_config: expected a mapping, got 'fp8'"),
        ("num_attention_heads", 0, "num_attention_heads or n_head or .*: expected a number above 0"),
    ],
)
def test_what_is_of_another_kind_is_named(key, value, said):
    with pytest.raises(InputError, match=f"config.json: {said}"):
        imported({**published("olmo-7b"), key: value})
