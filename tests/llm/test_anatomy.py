"""The parts of a step are the step, and each belongs to what it is called after."""

from __future__ import annotations

import pytest

from capplan.llm.anatomy import decode_parts
from capplan.llm.roofline import step_time
from capplan.llm.serving import Served, decode_step


def served(one, facts, inputs=1000.0):
    return Served(one.work(), one.reached(facts), inputs, 200.0, True)


@pytest.mark.parametrize("case", [("llama-3.1-8b", "bf16", "L4", 1), ("gpt-oss-120b", "mxfp4", "H100", 4)])
def test_parts_are_the_whole(configuration, facts, case):
    ones = served(configuration(*case), facts)
    parts = decode_parts(ones, 16.0)
    assert sum(parts.values()) == pytest.approx(decode_step(ones, 16.0))
    assert all(part >= 0 for part in parts.values())


def test_each_part_follows_its_cause(configuration, facts):
    one = configuration("llama-3.1-8b", "bf16", "H100")
    short, long = (decode_parts(served(one, facts, tokens), 16.0) for tokens in (900.0, 1900.0))
    assert long["KV cache"] == pytest.approx(2 * short["KV cache"])
    assert long["weights"] == pytest.approx(short["weights"])
    assert short["all-reduce"] == 0
    shared = decode_parts(served(configuration("llama-3.1-8b", "bf16", "H100", 2), facts), 16.0)
    assert shared["all-reduce"] > 0
    # A step of nothing but the engine's own work takes what the engine is said to take.
    reached = one.reached(facts)
    engine = one.work().layers * reached.layer_s + reached.step_s + 16 * reached.sequence_s
    assert short["engine"] == pytest.approx(engine)
    assert step_time(one.work(), reached, 16.0, 0.0) > engine
