"""Measurements read, predicted, and learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from capplan.errors import InputError
from capplan.llm.calibrate import calibrate, overlay, paths_for
from capplan.llm.confidence import confidence_of, range_of
from capplan.llm.measured import predict, rows_in, sample_of, unpredictable
from capplan.strictyaml import load
from capplan.tabular import read_table

BENCH = Path(__file__).resolve().parents[2] / "examples" / "llm-serving" / "bench.csv"
PUBLISHED = Path(__file__).with_name("published.csv")
HEAD = "model,precision,gpu,tp,concurrency,in_len,out_len,metric,value,engine\n"


def _rows_of(path):
    return rows_in(read_table(path))


def test_published_throughput_is_predicted_within_a_tenth(facts):
    rows = [row for row in _rows_of(BENCH) if row.metric == "out_tok_s"]
    errors = predict(sample_of(rows, facts), facts) / [row.value for row in rows] - 1
    assert np.median(np.abs(errors)) < 0.1
    assert abs(np.median(errors)) < 0.05


@pytest.mark.parametrize(("question", "median", "bias"), [("tpot", 0.07, 0.04), ("ttft", 0.25, 0.08)])
def test_published_times_under_load_are_predicted(facts, question, median, bias):
    """A sample of measurements on four GPUs with three engines: medians, and the ranges that are printed."""
    rows = [row for row in _rows_of(PUBLISHED) if row.question == question]
    sample = sample_of(rows, facts)
    ratios = np.array([row.value for row in rows]) / predict(sample, facts)
    assert np.median(np.abs(1 / ratios - 1)) < median
    assert abs(np.median(1 / ratios - 1)) < bias
    levels = [confidence_of(sample.configurations[which]).level for which in sample.which]
    ends = np.array([range_of(level, question) for level in levels])
    assert np.mean((ends[:, 0] <= ratios) & (ratios <= ends[:, 1])) >= 0.8


def test_units_of_the_metrics_agree(facts, tmp_path):
    file = tmp_path / "bench.csv"
    line = "llama-3.1-8b,bf16,H100,1,1,1000,200,{},1,vllm\n"
    metrics = ("tpot_ms", "ttft_ms", "prefill_tok_s", "out_tok_s")
    file.write_text(HEAD + "".join(line.format(metric) for metric in metrics), encoding="utf-8")
    tpot, ttft, prefill, stream = predict(sample_of(_rows_of(file), facts), facts)
    assert prefill == pytest.approx(1000 / (ttft / 1e3))
    assert stream == pytest.approx(200 / (ttft / 1e3 + 200 * tpot / 1e3), rel=0.05)


def test_benchmarks_leave_the_kv_cache_to_the_engine(facts, tmp_path):
    """vLLM and SGLang keep 16 bit beside FP8 weights unless told, as checkpoints for Blackwell do."""
    file = tmp_path / "bench.csv"
    lines = [
        f"llama-3.1-8b,fp8,{gpu},1,64,4000,500,tpot_ms,9,{name}"
        for gpu in ("H200", "B200")
        for name in ("vllm", "sglang", "trtllm 1.0")
    ]
    file.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    kv = sample_of(_rows_of(file), facts).work.kv_full
    assert kv[:2] == pytest.approx(2 * kv[2])
    assert kv[3:5] == pytest.approx(kv[5])


def test_several_users_meet_what_a_simulated_benchmark_meets(facts, tmp_path):
    """In a closed form everybody waits for everybody's prompts; in a benchmark many of them come at once."""
    file = tmp_path / "bench.csv"
    line = "llama-3.1-8b,bf16,H100,1,{},4096,128,{},9,tensorrt-llm\n"
    cases = [(users, metric) for users in (1, 8, 64) for metric in ("tpot_ms", "ttft_ms")]
    file.write_text(HEAD + "".join(line.format(*case) for case in cases), encoding="utf-8")
    sample = sample_of(_rows_of(file), facts)
    made, closed = predict(sample, facts), predict(sample, facts, simulated=False)
    assert made[:2] == pytest.approx(closed[:2])
    assert np.all(made[2::2] < closed[2::2])
    assert np.all(made[2::2] > 0.8 * closed[2::2])
    assert np.all(np.isnan(closed[3::2]))
    assert np.all(made[3::2] > made[1])


def test_what_cannot_be_predicted_says_why(facts, tmp_path):
    file = tmp_path / "bench.csv"
    lines = [
        "no-such-model,bf16,H100,1,1,1000,200,tpot_ms,9,vllm",
        "llama-3.1-8b,bf16,H999,1,1,1000,200,tpot_ms,9,vllm",
        "llama-3.1-8b,int3,H100,1,1,1000,200,tpot_ms,9,vllm",
        "llama-3.1-8b,fp8,T4,1,1,1000,200,tpot_ms,9,vllm",
        "llama-3.1-8b,bf16,H100,1,1,,200,tpot_ms,9,vllm",
        "llama-3.1-8b,bf16,H100,1,1,1000,200,smiles,9,vllm",
    ]
    file.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    reasons = [unpredictable(row, facts) for row in _rows_of(file)]
    assert reasons[:3] == ["model", "gpu", "precision"]
    assert "fp8 needs compute capability 8.9" in reasons[3]
    assert reasons[4:] == ["lengths", "metric"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,gpu\n", "lacks the column precision"),
        (HEAD + "llama-3.1-8b,bf16,H100,1,1,1000,200,tpot_ms,fast,vllm\n", "bench.csv:2: expected a number"),
        (HEAD + "llama-3.1-8b,bf16,H100,1,1,1000,200,tpot_ms,0,vllm\n", "above 0"),
        (HEAD + "llama-3.1-8b,bf16,H100,1,1,1000,200,tpot_ms,inf,vllm\n", "in value, 0 or more, got 'inf'"),
        (HEAD + "llama-3.1-8b,bf16,H100,-1,1,1000,200,tpot_ms,9,vllm\n", "in tp, 0 or more, got '-1'"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, said):
    file = tmp_path / "bench.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        _rows_of(file)


def test_calibration_finds_the_constants_that_made_the_measurements(facts):
    rows = _rows_of(BENCH)
    sample = sample_of(rows, facts)
    made = predict(sample, facts)
    slower = [row._replace(value=value) for row, value in zip(rows, made * 0.8, strict=True)]
    twisted = sample_of(slower, facts)
    found = calibrate(twisted, facts, paths_for(twisted, facts), freedom=10)
    assert found.error_before == pytest.approx(abs(np.log(0.8)), rel=0.02)
    assert found.error_after < 0.3 * found.error_before


def test_overlay_is_what_a_plan_reads(facts):
    sample = sample_of(_rows_of(BENCH), facts)
    found = calibrate(sample, facts, paths_for(sample, facts))
    assert found.error_after <= found.error_before
    tree = load(overlay(found, "bench.csv", 21), "overlay")
    assert tree["speed"]["families"]["Ada"]["mfu"]["8 bit"] > 0
    assert tree["speed"]["source"] == "fitted to 21 rows of bench.csv"


def test_nothing_reaches_more_than_the_hardware_can(facts):
    rows = _rows_of(BENCH)
    made = predict(sample_of(rows, facts), facts)
    quicker = sample_of([row._replace(value=v) for row, v in zip(rows, made * 1.6, strict=True)], facts)
    found = calibrate(quicker, facts, paths_for(quicker, facts), freedom=10)
    shares = [value for path, value in found.after.items() if path[0] == "families"]
    assert max(shares) <= 1


def test_a_sample_that_says_nothing_is_refused(facts, tmp_path):
    file = tmp_path / "bench.csv"
    file.write_text(HEAD + "llama-3.1-8b,bf16,H100,1,64,1000,200,ttft_ms,90,vllm\n", encoding="utf-8")
    sample = sample_of(_rows_of(file), facts)
    with pytest.raises(ValueError, match="depends on the constants"):
        calibrate(sample, facts, paths_for(sample, facts))
