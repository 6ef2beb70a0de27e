"""Models and GPUs are found as people write them."""

from __future__ import annotations

import pytest

from capplan.errors import InputError
from capplan.llm.facts import find_gpu, find_model, find_precision, others_meant


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Qwen/Qwen3-8B", "qwen3-8b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b"),
        ("meta-llama/Meta-Llama-3.1-70B-Instruct", "llama-3.1-70b"),
        ("google/gemma-2-9b-it", "gemma-2-9b"),
        ("Mistral 7B", "mistral-7b"),
        ("RedHatAI/Llama-3.3-70B-Instruct-quantized.w4a16", "llama-3.1-70b"),
        ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-NVFP4", "nemotron-3-super-120b-a12b"),
        ("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit", "llama-3.1-8b"),
        ("Intel/Qwen3-30B-A3B-Instruct-2507-int4-mixed-AutoRound", "qwen3-30b-a3b-2507"),
        ("Qwen/Qwen3-30B-A3B-GPTQ-Int4", "qwen3-30b-a3b"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen2.5-32b"),
        ("llama3.1:8b-instruct-q4_K_M", "llama-3.1-8b"),
        ("deepseek-r1:671b", "deepseek-v3"),
        ("hf.co/unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", "qwen3-8b"),
        ("bartowski/Qwen3-8B-GGUF:Q8_0", "qwen3-8b"),
    ],
)
def test_models(facts, said, name):
    assert find_model(said, facts).name == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("NVIDIA A10G", "A10G"),
        ("A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA A100 80GB PCIe", "A100-80GB-PCIe"),
        ("H100 80GB HBM3", "H100-80GB"),
        ("NVIDIA H100 PCIe", "H100-80GB-PCIe"),
        ("nvidia-tesla-t4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100-16GB"),
        ("h100 nvl", "H100-94GB"),
        ("MI300X", "MI300X"),
        # Labels of GKE's nodes and of NVIDIA's operator, and what clouds call one of a kind.
        ("nvidia-tesla-a100", "A100-40GB"),
        ("nvidia-h100-mega-80gb", "H100-80GB"),
        ("NVIDIA-A100-PCIE-40GB", "A100-40GB-PCIe"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX-6000-Ada"),
        ("1x A100 SXM4 80GB", "A100-80GB"),
        ("gpu_1x_a100", "A100-80GB"),
        ("AMD Instinct MI300X", "MI300X"),
    ],
)
def test_gpus(facts, said, name):
    assert find_gpu(said, facts).name == name


@pytest.mark.parametrize(
    ("find", "said", "names"),
    [
        (find_model, "meta-llama/Llama-3.1", "llama-3.1-8b or llama-3.1-70b or llama-3.1-405b"),
        (find_gpu, "NVIDIA 80GB", "A100-80GB or A100-80GB-PCIe or H100-80GB or H100-80GB-PCIe"),
    ],
)
def test_what_may_be_several_is_refused_with_them(facts, find, said, names):
    with pytest.raises(InputError, match=f"'{said}' may be {names}"):
        find(said, facts)


@pytest.mark.parametrize(
    ("said", "name"), [("bfloat16", "bf16"), ("AWQ", "int4"), ("w8a8", "int8"), ("nvfp4", "fp4")]
)
def test_precisions(said, name):
    assert find_precision(said).name == name


@pytest.mark.parametrize(
    ("said", "others"),
    [
        ("A100", ["A100-40GB", "A100-80GB-PCIe", "A100-40GB-PCIe"]),
        ("Tesla V100", ["V100-32GB", "V100-16GB-PCIe"]),
        ("A100-80GB", []),
        ("a100-40g", []),
        ("NVIDIA A100-SXM4-40GB", []),
        ("L40", []),
    ],
)
def test_a_name_that_several_have_is_taken_for_one_and_the_others_are_known(facts, said, others):
    assert others_meant(said, facts["gpus"]) == others


@pytest.mark.parametrize("said", ["Qwen3-8B-heretic", "falcon", "nvidia", "Instruct"])
def test_one_word_of_a_name_is_no_model(facts, said):
    with pytest.raises(InputError, match=f"unknown model '{said}'"):
        find_model(said, facts)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("8xH100", "'8xH100' is 8 GPUs. Name H100-80GB, and say how many"),
        ("4 x L40S", "is 4 GPUs. Name L40S"),
        ("H100:2", "is 2 GPUs. Name H100-80GB"),
    ],
)
def test_several_gpus_are_not_taken_for_one(facts, said, words):
    with pytest.raises(InputError, match=words):
        find_gpu(said, facts)
