"""Results of benchmark tools are read in the form that the tools write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from capplan.components.llm.facts import facts_of
from capplan.errors import InputError
from capplan.llm.benchmark import Given, model_name, precision_name, read_results, unusable
from capplan.llm.facts import known_name

L4 = Given(gpu="NVIDIA L4", precision="bfloat16")
# The keys of `vllm bench serve --save-result` that matter.
VLLM: dict[str, Any] = {
    "endpoint_type": "openai",
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "num_prompts": 100,
    "request_rate": "inf",
    "max_concurrency": 16,
    "duration": 60.5,
    "completed": 100,
    "total_input_tokens": 102_400,
    "total_output_tokens": 12_800,
    "output_throughput": 211.5,
    "mean_ttft_ms": 512.4,
    "p99_ttft_ms": 1333.0,
    "mean_tpot_ms": 71.3,
    "mean_itl_ms": 71.1,
}
GENAI_PERF: dict[str, Any] = {
    "time_to_first_token": {"unit": "ms", "avg": 350.0, "p99": 900.0},
    "inter_token_latency": {"unit": "ms", "avg": 55.5},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 140.0},
    "output_sequence_length": {"unit": "tokens", "avg": 128.0},
    "input_sequence_length": {"unit": "tokens", "avg": 550.0},
    "input_config": {
        "model_names": ["llama-3.1-8b"],
        "perf_analyzer": {"stimulus": {"concurrency": 8}},
    },
}


@pytest.fixture
def read(tmp_path, facts):
    def reading(content: Any, given: Given = L4, name: str = "result.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_results(path, given, facts)

    return reading


def figures(rows):
    return {row.metric: row.value for row in rows}


def test_result_of_vllm_bench_serve(read):
    rows = read(VLLM)
    assert figures(rows) == {"tpot_ms": 71.3, "ttft_ms": 512.4, "out_tok_s": 211.5}
    one = rows[0]
    assert (one.model, one.precision, one.gpu, one.tp, one.engine) == (
        "llama-3.1-8b",
        "bf16",
        "L4",
        1,
        "vllm",
    )
    assert (one.concurrency, one.inputs, one.outputs) == (16, 1024, 128)


def test_a_run_at_a_rate_tells_its_concurrency_by_littles_law(read):
    rows = read({**VLLM, "request_rate": 2.0, "max_concurrency": None})
    assert figures(rows) == {"tpot_ms": 71.3, "ttft_ms": 512.4}
    assert rows[0].concurrency == pytest.approx(211.5 * 0.0713)


def test_several_results_in_a_file_or_a_line_each(read):
    assert len(read([VLLM, VLLM])) == 6
    assert len(read("\n".join(json.dumps(VLLM) for _ in range(3)))) == 9


def test_result_of_genai_perf(read):
    rows = read(GENAI_PERF)
    assert figures(rows) == {"itl_ms": 55.5, "ttft_ms": 350, "out_tok_s": 140}
    assert (rows[0].model, rows[0].concurrency, rows[0].inputs, rows[0].outputs) == (
        "llama-3.1-8b",
        8,
        550,
        128,
    )
    in_seconds = {**GENAI_PERF, "inter_token_latency": {"unit": "sec", "avg": 0.0555}}
    assert figures(read(in_seconds))["itl_ms"] == pytest.approx(55.5)


def test_table_with_a_column_for_each_figure(read):
    table = "Model,GPU_name,dtype,tp_size,max_concurrency,ISL,OSL,ttft_s,mean_tpot_ms,output_throughput\n"
    rows = read(
        table + "mixtral-8x7b-instruct,NVIDIA A100-SXM4-80GB,float16,2,32,1024,128,0.6,25,900\n",
        Given(),
        "b.csv",
    )
    assert figures(rows) == {"ttft_ms": 600, "tpot_ms": 25, "out_tok_s": 900}
    assert (rows[0].model, rows[0].gpu, rows[0].precision, rows[0].tp) == (
        "mixtral-8x7b",
        "A100-80GB",
        "fp16",
        2,
    )


def test_table_with_a_line_for_each_figure_may_use_other_names(read):
    head = "model,precision,gpu,tp,concurrency,in_len,out_len,metric,value\n"
    (row,) = read(
        head + "openai/gpt-oss-20b,mxfp4,NVIDIA H100 80GB HBM3,1,4,100,100,tpot_ms,5\n", Given(), "b.csv"
    )
    assert (row.model, row.gpu) == ("gpt-oss-20b", "H100-80GB")


def test_what_the_user_gives_goes_before_what_a_table_says(read):
    head = "model,precision,gpu,tp,concurrency,in_len,out_len,metric,value\n"
    given = Given(gpu="L4", precision="fp8", tp=2, engine="sglang")
    (row,) = read(head + "llama-3.1-8b,bf16,H100,1,4,100,100,tpot_ms,5\n", given, "b.csv")
    assert (row.gpu, row.precision, row.tp, row.engine) == ("L4", "fp8", 2, "sglang")


@pytest.mark.parametrize(
    ("content", "given", "said"),
    [
        (VLLM, Given(), r"does not say precision, gpu. Give --precision and --gpu"),
        ({**VLLM, "model_id": None}, L4, "does not say model"),
        ({**VLLM, "mean_tpot_ms": "fast"}, L4, "tpot_ms: expected a number above 0, got 'fast'"),
        ({**VLLM, "completed": 0}, L4, "completed: expected a number above 0, got '0'"),
        ({**VLLM, "completed": None}, L4, "does not say in_len"),
        ({**VLLM, "max_concurrency": None, "output_throughput": None}, L4, "neither its concurrency nor"),
        ({"model_id": "x"}, L4, "has none of mean_tpot_ms"),
        ([1], L4, "expected a mapping"),
        ("{", L4, r"result.json:1:2: not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_told(read, content, given, said):
    with pytest.raises(InputError, match=said):
        read(content, given)


def test_names_of_tools_and_engines(facts):
    models = facts["models"]
    for theirs in ("Qwen/Qwen2.5-7B-Instruct-AWQ", "qwen2.5-7b", "qwen2.5-7b-instruct"):
        assert model_name(theirs, models) == "qwen2.5-7b"
    assert model_name("nobody/nothing", models) == "nobody/nothing"
    assert model_name("Meta-Llama-3.1-8B-Instruct", models) == "llama-3.1-8b"
    assert model_name("nvidia/Llama-3.1-70B-FP8", models) == "llama-3.1-70b"
    assert model_name("Llama-2-34B (never released)", models) == "llama-2-34b"
    assert model_name("Falcon 180B", models) == "falcon-180b"
    assert precision_name("gptq_marlin") == "int4"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-40GB"),
        ("NVIDIA A100 80GB PCIe", "A100-80GB-PCIe"),
        ("NVIDIA H100 80GB HBM3", "H100-80GB"),
        ("NVIDIA H100 PCIe", "H100-80GB-PCIe"),
        ("NVIDIA H100 NVL", "H100-94GB"),
        ("NVIDIA GH200 480GB", "GH200"),
        ("Tesla V100-SXM2-16GB", "V100-16GB"),
        ("Tesla V100-SXM2-32GB", "V100-32GB"),
        ("Tesla V100-PCIE-16GB", "V100-16GB-PCIe"),
        ("tesla t4", "T4"),
        ("A100_80GB", "A100-80GB"),
        ("a100 40g", "A100-40GB"),
        ("H100-SXM5", "H100-80GB"),
        ("H200 SXM", "H200"),
        ("L40S PCIe", "L40S"),
    ],
)
def test_gpus_by_every_name(facts, theirs, ours):
    assert known_name(theirs, facts["gpus"]) == ours


def test_names_do_not_clash(facts):
    for rows in (facts["gpus"], facts["models"]):
        for name, row in rows.items():
            assert {known_name(said, rows) for said in (name, *row.get("aliases", ()))} == {name}


def test_own_constants_of_one_family_leave_the_others_alone(capplan, tmp_path):
    """A GPU with seven tenths of the bandwidth that is taken for granted is found out, and only that GPU."""
    from capplan.catalog.catalog import Catalog
    from capplan.llm.measured import predict, rows_in, sample_of
    from capplan.tabular import read_table

    bench, own = tmp_path / "bench.csv", tmp_path / "own.yaml"
    head = "model,precision,gpu,tp,concurrency,in_len,out_len,metric,value,engine\n"
    lines = [
        f"{model},fp8,L4,1,{users},512,256,tpot_ms,{{}},vllm"
        for model in ("llama-3.1-8b", "qwen2.5-7b")
        for users in (1, 4, 16)
    ]
    bench.write_text(head + "\n".join(line.format(1) for line in lines))
    base = facts_of(Catalog())
    slow = base["speed"]["families"]
    truth = {
        **base,
        "speed": {**base["speed"], "families": {**slow, "Ada": {**slow["Ada"], "weights": {"8 bit": 0.58}}}},
    }
    measured = predict(sample_of(rows_in(read_table(bench)), truth), truth)
    bench.write_text(head + "\n".join(line.format(v) for line, v in zip(lines, measured, strict=True)))
    run = capplan("calibrate", "llm", bench, "-o", own)
    assert run.exit_code == 0
    fitted = facts_of(Catalog(), calibration=own)
    sample = sample_of(rows_in(read_table(bench)), base)
    values = [row.value for row in sample.rows]
    before, after = (abs(predict(sample, f) / values - 1).max() for f in (base, fitted))
    assert before > 0.2
    assert after < 0.05
    families = fitted["speed"]["families"]
    assert families["Ada"]["weights"]["8 bit"] < 0.75
    assert {name: of for name, of in families.items() if name != "Ada"} == {
        name: of for name, of in base["speed"]["families"].items() if name != "Ada"
    }


def test_a_run_that_queues_tells_how_many_ran_at_once(read, facts):
    """Of 300 users 6 decode: 120 tokens/s at 50 ms each. Waiting for the queue is not the server's speed."""
    saturated = {
        **VLLM,
        "model_id": "qwen3-32b",
        "max_concurrency": 300,
        "output_throughput": 120.0,
        "mean_tpot_ms": 50.0,
        "mean_ttft_ms": 400_000.0,
        "total_input_tokens": 3_000_000,
    }
    rows = read(saturated, Given(gpu="H100", precision="bf16"))
    assert {row.metric: row.ran for row in rows} == {"tpot_ms": 6.0, "ttft_ms": 0.0, "out_tok_s": 6.0}
    assert [bool(reason) for reason in unusable(rows, facts)] == [row.metric == "ttft_ms" for row in rows]
    assert {row.ran for row in read(VLLM)} == {0.0}
