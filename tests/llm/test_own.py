"""Files of a user's own: what is in them counts, what is wrong with them is told."""

from __future__ import annotations

import pytest

from capplan.catalog.catalog import Catalog
from capplan.components.llm.facts import facts_of
from capplan.errors import InputError
from capplan.llm.facts import find_model

SHAPE = "layers: 2, hidden: 64, query_heads: 4, kv_heads: 4, head_size: 16, ffn: 128, vocabulary: 100"


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "own.yaml"
        path.write_text(text)
        return path

    return write


def test_model_without_source_is_unverified(written):
    facts = facts_of(Catalog(), written(f"models: {{mine: {{shape: {{{SHAPE}}}}}}}"))
    assert find_model("mine", facts).confidence == "unverified"
    assert find_model("mistral-7b", facts).layers == 32


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: 3", "has no mapping 'models'"),
        ("models: {mine: 3}", "own.yaml: mine: has no mapping 'shape'"),
        ("models: {mine: {shape: {layers: 2}}}", "lacks hidden, query_heads, "),
        (
            f"models: {{mine: {{shape: {{{SHAPE}, fnn: 3}}}}}}",
            "shape: fnn: unknown field. Did you mean 'ffn'?",
        ),
        (f"models: {{mine: {{shape: {{{SHAPE}, window: big}}}}}}", "window: expected a number, got 'big'"),
        (f"models: {{mine: {{shape: {{{SHAPE}, latent: {{kv_rank: 5}}}}}}}}", "latent: lacks query_rank"),
    ],
)
def test_wrong_architectures_are_told(written, text, said):
    with pytest.raises(InputError, match="own") as error:
        facts_of(Catalog(), written(text))
    assert said in str(error.value)


def test_family_may_differ_in_what_no_other_does(written):
    text = "speed: {families: {Turing: {weights: {4 bit: 0.3}, mfu: {int8: 0.2}}}}"
    families = facts_of(Catalog(), calibration=written(text))["speed"]["families"]
    assert families["Turing"]["weights"] == {"4 bit": 0.3}
    assert families["Turing"]["mfu"] == {
        **facts_of(Catalog())["speed"]["families"]["Turing"]["mfu"],
        "int8": 0.2,
    }


def test_what_was_measured_belongs_to_its_model(written):
    row = "{model: mistral-7b, gpu: T4, kind: 4 bit, tensor_parallel: 1}"
    facts = facts_of(Catalog(), calibration=written(f"speed: {{}}\nmeasured: [{row}]"))
    assert find_model("mistral-7b", facts).measured == {("T4", "4 bit", 1.0)}
    assert find_model("llama-2-7b", facts).measured == frozenset()
    with pytest.raises(InputError, match="measured: 1: needs model, gpu, kind, tensor_parallel"):
        facts_of(Catalog(), calibration=written("speed: {}\nmeasured: [{gpu: T4}]"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed: 3", "has no mapping 'speed'"),
        ("speed: {engnes: {}}", "speed: engnes: unknown constant. Did you mean 'engines'?"),
        ("speed: {engines: {vllm: {step_us: fast}}}", "step_us: expected a number, got 'fast'"),
        ("speed: {engines: {vllm: 3}}", "vllm: expected a mapping, got '3'"),
        ("speed: {families: {Turing: {weights: {5 bit: 1}}}}", "5 bit: unknown constant"),
    ],
)
def test_wrong_constants_are_told(written, text, said):
    with pytest.raises(InputError, match="own") as error:
        facts_of(Catalog(), calibration=written(text))
    assert said in str(error.value)
