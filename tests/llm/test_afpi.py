"""AFPI's GPU table: what its scaling document says, and what the model says to each claim."""

from __future__ import annotations

import numpy as np
import pytest

from capplan.llm.look import RequestShape, look
from capplan.llm.serving import Served, decode_step

ASKED = RequestShape(1000, 300)


def alone(one, facts):
    """Tokens per second of a single user."""
    served = Served(one.work(), one.reached(facts), 500.0, 300.0, True)
    return 1 / float(decode_step(served, 1.0))


def test_34b_at_4_bit_does_not_fit_a_16_gb_v100(facts, configuration):
    found = look(configuration("llama-2-34b", "int4", "V100"), ASKED, facts)
    assert found.sequences == 0
    assert found.hindrance.startswith("does not fit: ")
    assert found.weights_gb == pytest.approx(19.7, abs=0.3)


def test_falcon_180b_does_not_fit_two_a100_of_40_gb(facts, configuration):
    found = look(configuration("falcon-180b", "int4", "A100-40G", 2), ASKED, facts)
    assert found.sequences == 0
    assert 90 < found.weights_gb < 105


def test_unquantised_7b_leaves_a_t4_no_kv_cache(facts, configuration):
    found = look(configuration("mistral-7b", "fp16", "T4"), ASKED, facts)
    assert found.sequences == 0
    assert found.weights_gb == pytest.approx(14.5, abs=0.1)


@pytest.mark.parametrize("gpu", ["T4", "V100"])
def test_no_bf16_before_ampere(facts, configuration, gpu):
    found = look(configuration("mistral-7b", "bf16", gpu), ASKED, facts)
    assert "bf16 needs compute capability 8" in found.hindrance
    assert np.isnan(found.alone_tokens_per_s)


@pytest.mark.parametrize(
    ("case", "claimed", "low", "high"),
    [
        (("llama-2-13b", "int4", "T4", 1), 20, 16, 22),
        (("llama-2-34b", "int4", "V100-32G", 1), 15, 15, 24),  # on twice the memory: it does not fit 16 GB
        (("llama-2-70b", "int4", "A100-40G", 2), 25, 24, 36),
    ],
)
def test_single_stream_speeds_are_near_the_claims(facts, configuration, case, claimed, low, high):
    speed = alone(configuration(*case), facts)
    assert low <= speed <= high
    assert 0.7 < speed / claimed < 1.5


def test_one_user_is_a_tenth_of_what_batching_serves(facts, configuration):
    found = look(configuration("mistral-7b", "int8", "T4"), ASKED, facts)
    assert found.tokens_per_s > 10 * found.alone_tokens_per_s
