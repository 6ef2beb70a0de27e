"""`capplan llm`, `calibrate llm` and `catalog import-model` from the command line."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "llm-serving"


def test_quick_look_says_what_fits_and_what_does_not(capplan):
    run = capplan(
        "llm", "--model", "Mistral-7B", "--gpu", "t4", "--input-tokens", "800", "--output-tokens", "300"
    )
    assert run.exit_code == 0
    assert run.stdout.startswith("mistral-7b, 7.2 billion weights")
    assert "fp16 on 1 × T4  does not fit: 1.1 GB short" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 90


def test_quick_look_says_what_would_fit(capplan):
    look = ("llm", "--model", "falcon-180b", "--gpu", "a100-40g", "--tp", "2", "--precision", "int4")
    told = "int4 on 4 × A100-40GB, or int4 on 2 × A100-80GB would fit."
    assert capplan(*look).stdout.splitlines()[-1] == told
    assert capplan(*look, "--format", "markdown").stdout.splitlines()[-1] == told


def test_quick_look_says_which_of_several_gpus_a_name_is_taken_for(capplan):
    look = ("llm", "--model", "llama-3.1-8b", "--precision", "int4", "--tp", "1", "--gpu")
    told = capplan(*look, "A100").stdout
    others = "A100-40GB or A100-80GB-PCIe or A100-40GB-PCIe"
    assert told.endswith(f"\nA100 is taken for A100-80GB, not {others}.\n")
    assert "taken for" not in capplan(*look, "A100-40GB").stdout


def test_quick_look_takes_lengths_as_a_trace_or_as_quantiles(capplan, tmp_path):
    rows = [{"input_length": 1024, "output_length": 100 + k % 7, "hash_ids": [0, k + 5]} for k in range(99)]
    rows.append({"input_length": 9000, "output_length": 100, "hash_ids": list(range(1000, 1018))})
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    look = ("llm", "--model", "llama-3.1-8b", "--gpu", "l4", "--precision", "fp8", "--tp", "1")
    recorded = ("--lengths", str(tmp_path / "own.jsonl"))
    text = " ".join(capplan(*look, *recorded).stdout.split())
    assert "1103.8 tokens in, 102.9 out (100 recorded; 99 % have at most 1,130 in all; a prefix cache" in text
    found = json.loads(capplan(*look, *recorded, "--format", "json").stdout)
    assert found["lengths"]["longest_tokens"] == pytest.approx(9100)
    assert found["lengths"]["repeated_input_share"] == pytest.approx(98 * 512 / 110_376)
    scaled = capplan(*look, *recorded, "--input-tokens", "4000").stdout
    assert "scaled to these means" in " ".join(scaled.split())
    quantiles = ("--input-lengths", "800,3k,9k", "--output-lengths", "100,300,900")
    spread, usual = (
        json.loads(capplan(*look, *tokens, "--format", "json").stdout)
        for tokens in (quantiles, ("--input-tokens", "1271", "--output-tokens", "153"))
    )
    assert usual["lengths"] is None
    assert spread["configurations"][0]["sequences"] < 0.8 * usual["configurations"][0]["sequences"]
    longest = json.loads(capplan(*look, "--input-lengths", "1k,9k,200k", "--format", "json").stdout)
    (one,) = longest["configurations"]
    assert one["reason"].endswith("of the requests have more than 131,072 tokens")
    assert one["too_long_share"] > 0.01


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        (("--input-lengths", "800,3k"), "expected three numbers that rise"),
        (("--input-lengths", "800,3k,2k"), "expected three numbers that rise"),
        (("--output-lengths", "0,3k,5k"), "expected three numbers that rise"),
        (("--output-lengths", "1,2,1e300"), "expected three numbers that rise"),
        (("--output-lengths", "a,b,c"), "expected a number"),
        (("--lengths", "absent.csv"), "absent.csv: no such file"),
        (("--lengths", "absent.csv", "--input-lengths", "1,2,3"), "cannot be combined"),
    ],
)
def test_quick_look_refuses_what_cannot_be_lengths(capplan, lengths, said):
    run = capplan("llm", "--model", "llama-3.1-8b", "--gpu", "l4", *lengths)
    assert run.exit_code == 2
    assert said in run.stderr


def test_quick_look_says_which_flags_its_answer_needs(capplan):
    look = ("llm", "--model", "llama-3.1-70b", "--gpu", "h100", "--precision", "fp8", "--tp", "1")
    assert "with max_num_seqs 256, or" in capplan(*look).stdout
    told = (*look, "--max-num-seqs", "128", "--gpu-memory-utilization", "0.92", "--kv-cache-dtype")
    shown = " ".join(capplan(*told, "auto").stdout.split())
    assert "needs vllm 0.15.1 with --tensor-parallel-size=1 --gpu-memory-utilization=0.92" in shown
    wide, narrow = (
        json.loads(capplan(*told, kind, "--format", "json").stdout)["configurations"][0]
        for kind in ("auto", "fp8")
    )
    assert {"--max-num-seqs=128", "--max-num-batched-tokens=8192"} <= set(wide["flags"])
    assert ("--kv-cache-dtype=fp8" in wide["flags"], "--kv-cache-dtype=fp8" in narrow["flags"]) == (
        False,
        True,
    )
    assert narrow["sequences"] == pytest.approx(2 * wide["sequences"], abs=1)
    assert wide["engine_version"] == "0.15.1"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kv-cache-dtype", "int3"), "expected auto or fp8"),
        (("--no-prefix-cache", "--prefix-cache-hit-rate", "30%"), "needs the prefix cache"),
        (("--prefix-cache-hit-rate", "150%"), "must lie between 0% and 100%, got 150%"),
        (("--prefix-cache-hit-rate=-5%",), "must lie between 0% and 100%, got -5%"),
        (("--engine-version", "0.3.0"), "older than any that capplan knows"),
    ],
)
def test_quick_look_refuses_what_no_engine_does(capplan, options, said):
    run = capplan("llm", "--model", "llama-3.1-8b", "--gpu", "l4", *options)
    assert run.exit_code == 2
    assert said in run.stderr


def test_quick_look_at_an_engine_that_nobody_measured(capplan):
    run = capplan("llm", "--model", "llama-3.1-8b", "--gpu", "l4", "--engine", "tgi", "--format", "json")
    by = {(c["precision"], c["tensor_parallel"]): c for c in json.loads(run.stdout)["configurations"]}
    assert by["bf16", 1]["reason"] == "speed unknown: calibrate"
    assert by["bf16", 1]["fits"]
    assert by["bf16", 1]["single_stream"]["tokens_per_s"] is None
    assert "--num-shard=1" in by["bf16", 1]["flags"]


def test_quick_look_at_all_gpus_is_a_line_each(capplan):
    look = ("llm", "--model", "llama-3.1-70b", "--tpot", "50ms")
    short, long = (capplan(*look, *more).stdout for more in ((), ("--all",)))
    fastest = re.findall(r"(?m)^.* × H100-80GB .*$", short)
    assert len(fastest) == short.count("\nPRECISION")
    assert short.count("\nCANNOT SERVE") == 0
    assert long.count("H100-80GB ") > 5
    assert long.count("\nCANNOT SERVE") == 1


def test_quick_look_as_json(capplan):
    run = capplan("llm", "--model", "llama-3.1-70b", "--gpu", "h100", "--gpu", "v100", "--format", "json")
    document = json.loads(run.stdout)
    assert document["schema_version"] == 1
    by = {(c["precision"], c["gpu"], c["tensor_parallel"]): c for c in document["configurations"]}
    assert not by["bf16", "H100-80GB", 1]["fits"]
    good = by["fp8", "H100-80GB", 2]
    assert good["tpot_ms"] > 0
    assert good["usd_per_1m_output_tokens"] > 0
    assert good["range"]["tpot"][0] < 1 < good["range"]["tpot"][1]
    assert ("fp8", "V100-16GB", 1) not in by


def test_promised_speed_limits_users(capplan):
    def users(*more: str) -> float:
        run = capplan(
            *("llm", "--model", "llama-3.1-8b", "--gpu", "l4", "--precision", "fp8", "--tp", "1"),
            *("--format", "json", *more),
        )
        return json.loads(run.stdout)["configurations"][0]["users"]

    assert users("--tpot", "50ms") < users("--tpot", "100ms") < users()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "needs either a PLAN or --model"),
        (("--model", "mistral-7"), "Did you mean 'mistral-7b'?"),
        (("--model", "mistral-7b", "--gpu", "h10"), "--gpu: unknown GPU 'h10'"),
        (("--model", "mistral-7b", "--precision", "fp9"), "--precision: unknown precision 'fp9'"),
        (("--model", "mistral-7b", "--tpot", "fast"), "--tpot"),
        (("--model", "mistral-7b", "--tp", "0"), "--tp"),
        (("--model", "mistral-7b", "--pareto"), "--pareto: can be used only with a PLAN"),
        ((str(EXAMPLE), "--gpu", "t4"), "--gpu: can be used only with --model"),
        ((str(ROOT / "examples" / "levqor"),), "the plan has no llm component"),
    ],
)
def test_wrong_questions_end_with_2(capplan, arguments, said):
    run = capplan("llm", *arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert said in run.stderr


def test_ranking_of_a_plan(capplan):
    document = json.loads(capplan("llm", EXAMPLE, "--all", "--format", "json").stdout)
    found = document["components"]["assistant"]
    assert found["usd_per_1m_output_tokens"] > 0
    assert len(found["replicas_by_hour"]) == 168
    costs = [option["monthly_cost"] for option in found["options"]]
    known = [cost for cost in costs if cost is not None]
    assert known == sorted(known)
    assert all(option["reason"] for option in found["options"][1:])
    assert {option["rate"] for option in found["options"]} >= {"on_demand", "spot", "commit_1y"}


def test_ranking_is_readable_in_80_columns(capplan):
    run = capplan("llm", EXAMPLE)
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert re.search(r"(?m)^int8 +1 × T4 ", run.stdout)
    assert "n1-standard-4 spot" in run.stdout
    assert "\nauto chooses int8 on 1 × T4" in run.stdout
    assert "| fp8 | 1 × L4 |" in capplan("llm", EXAMPLE, "--format", "markdown").stdout


def test_pareto_gets_faster_as_it_gets_dearer(capplan):
    document = json.loads(capplan("llm", EXAMPLE, "--pareto", "--format", "json").stdout)
    options = document["components"]["assistant"]["options"]
    assert len(options) > 3
    assert [o["tpot_ms"] for o in options] == sorted((o["tpot_ms"] for o in options), reverse=True)


def test_imported_model_is_what_it_was_imported_from(capplan, tmp_path):
    own = tmp_path / "own.yaml"
    run = capplan("catalog", "import-model", EXAMPLE / "config.json", "--as", "Mine", "-o", own)
    assert run.exit_code == 0
    mine = capplan("llm", "--model", "mine", "--architectures", own, "--gpu", "h200", "--format", "json")
    known = capplan("llm", "--model", "mixtral-8x7b", "--gpu", "h200", "--format", "json")
    speeds = [[c["tpot_ms"] for c in json.loads(run.stdout)["configurations"]] for run in (mine, known)]
    assert speeds[0] == speeds[1]


def test_not_a_config_is_refused(capplan, tmp_path):
    bad = tmp_path / "config.json"
    bad.write_text("{", encoding="utf-8")
    done = capplan("catalog", "import-model", bad)
    assert (done.exit_code, "not valid JSON" in done.stderr) == (2, True)
    bad.write_text("[]", encoding="utf-8")
    assert "expected a mapping" in capplan("catalog", "import-model", bad).stderr


def test_calibration_changes_what_a_plan_says(capplan, tmp_path):
    own = tmp_path / "own.yaml"
    run = capplan("calibrate", "llm", EXAMPLE / "bench.csv", "-o", own)
    assert run.exit_code == 0
    assert "21 of 21 rows, mean error" in run.stderr
    look = ("llm", "--model", "llama-3.1-8b", "--gpu", "l40s", "--format", "json")
    assert capplan(*look, "--calibration", own).stdout != capplan(*look).stdout


def test_a_compressed_benchmark_is_read_as_it_is_written(capplan, tmp_path):
    text = (EXAMPLE / "bench.csv").read_bytes()
    (tmp_path / "bench.csv.gz").write_bytes(gzip.compress(text))
    run = capplan("calibrate", "llm", tmp_path / "bench.csv.gz")
    assert (run.exit_code, "21 of 21 rows, mean error" in run.stderr) == (0, True)


def test_what_a_user_has_measured_is_sure(capplan, tmp_path):
    own = tmp_path / "own.yaml"
    capplan("calibrate", "llm", EXAMPLE / "bench.csv", "-o", own)

    def sure(*look: str) -> set[str]:
        run = capplan("llm", *look, "--tp", "1", "--calibration", own, "--format", "json")
        return {c["confidence"] for c in json.loads(run.stdout)["configurations"]}

    assert sure("--model", "mistral-7b", "--gpu", "t4", "--precision", "int4") == {"high"}
    assert sure("--model", "mistral-7b", "--gpu", "t4", "--precision", "int8") == {"low"}
    assert sure("--model", "llama-2-7b", "--gpu", "t4", "--precision", "int4") == {"low"}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("llama-3.1-8b,fp8,L4,1,8,1000,200,ttft_ms,500", "time to the first token of several users"),
        ("llama-3.1-70b,bf16,L4,1,8,1000,200,tpot_ms,50", "does not fit"),
        ("llama-9,bf16,L4,1,8,1000,200,tpot_ms,50", "unknown model 'llama-9'"),
    ],
)
def test_rows_that_tell_nothing_of_the_constants_are_left_out(capplan, tmp_path, row, why):
    bench = tmp_path / "bench.csv"
    bench.write_text("model,precision,gpu,tp,concurrency,in_len,out_len,metric,value\n" + f"{row}\n" * 3)
    run = capplan("calibrate", "llm", bench)
    assert (run.exit_code, run.stdout) == (2, "")
    assert f"0 usable rows of 3; at least 3 are needed. Left out: {why}." in run.stderr


def test_a_plan_without_llm_imports_nothing_of_it():
    code = (
        "import sys; from capplan.cli.app import _run\n"
        f"try: _run(['estimate', {str(ROOT / 'examples' / 'levqor')!r}])\n"
        "finally: print([m for m in sys.modules if 'llm' in m or 'genai' in m], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.strip().splitlines()[-1] == "[]"


def test_models_are_listed_in_every_format(capplan):
    table = capplan("llm", "--models")
    markdown = capplan("llm", "--models", "--format", "markdown")
    document = json.loads(capplan("llm", "--models", "--format", "json").stdout)
    assert "mistral-7b 7.2 7.1 32 131 checked" in " ".join(table.stdout.split())
    assert "| mistral-7b | 7.2 |" in markdown.stdout
    known = {model["name"]: model for model in document["models"]}
    assert known["deepseek-v3"]["parameters"] == pytest.approx(671e9, rel=0.01)
    assert known["deepseek-v3"]["kv_kb_per_token"] == pytest.approx(70.272)
    assert known["deepseek-v3"]["stored_gb"] == pytest.approx(673, rel=0.001)
    assert known["qwen3.5-35b-a3b"]["attention"] == "30 recurrent, 10 full"
    assert known["qwen3.5-35b-a3b"]["state_mb"] == pytest.approx(64.39, rel=0.001)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gpu", "L5", "--precision", "fp8"), "--gpu: unknown GPU 'L5'. Known: A10"),
        (("--gpu", "H100-8GB"), "--gpu: unknown GPU 'H100-8GB'. Did you mean 'H100-80GB'?"),
        (
            ("--gpu", "NVIDIA L4", "--precision", "fp9"),
            "--precision: unknown precision 'fp9'. Did you mean 'fp8'?",
        ),
    ],
)
def test_names_given_to_a_calibration_are_known_ones(capplan, options, said):
    run = capplan("calibrate", "llm", EXAMPLE / "bench.csv", *options)
    assert run.exit_code == 2
    assert said in run.stderr


def test_quick_look_tells_the_engine_to_cache_the_prefixes_that_it_counts_on(capplan):
    look = ("llm", "--model", "llama-3.1-8b", "--gpu", "L40S", "--tp", "1", "--precision", "bf16")
    old = (*look, "--engine-version", "0.7.0")
    assert "--enable-prefix-caching" in capplan(*old, "--prefix-cache-hit-rate", "40%").stdout
    assert "--enable-prefix-caching" not in capplan(*old).stdout
