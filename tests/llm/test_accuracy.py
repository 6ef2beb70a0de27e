"""benchmarks/accuracy_llm.py on files that spell, leave out and contain what it cannot know beforehand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "accuracy_llm.py"
HEAD = "model,precision,gpu,tp,concurrency,in_len,out_len,metric,value,engine,mode\n"
QUESTIONS = {"tpot", "throughput", "ttft"}
FIGURES = {"median_ape", "p90_ape", "bias", "in_range", "rows"}


@pytest.fixture
def run(tmp_path):
    def running(*lines: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "measured.csv"
        file.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")
        return subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, check=False)

    return running


def test_spellings_are_of_one_model_and_gpu(run):
    done = run(
        "Llama-3.1-8B,FP8,h100,1,8,500,100,tpot_ms,7,sglang 0.5,",
        "meta-llama/Llama-3.1-8B-Instruct,fp8,NVIDIA H100 80GB HBM3,,8,500,100,ttft_ms,90,trtllm 1.2,",
        "llama-3.1-8b,fp8,H100-80G,1,8,500,100,out_tok_s,900,,fixed concurrency",
    )
    report = json.loads(done.stdout)
    assert set(report) >= {*QUESTIONS, "predicted_share", "by_gpu", "by_model"}
    assert all(set(report[question]) == FIGURES for question in QUESTIONS)
    assert set(report["by_model"]["llama-3.1-8b"]) == set(report["by_gpu"]["H100-80GB"]) == QUESTIONS
    assert report["predicted_share"] == 1


def test_classes_add_up_to_all(run):
    report = json.loads(
        run(
            "openai/GPT-OSS-120B,mxfp4,H200,1,8,500,100,tpot_ms,7,vllm,",
            "gemma-2-9b,bf16,H100,1,8,500,100,tpot_ms,7,vllm,",
        ).stdout
    )
    assert report["tpot"]["rows"] == 2
    assert report["by_model"]["gpt-oss-120b"]["tpot"]["rows"] == 1
    assert sum(questions["tpot"]["rows"] for questions in report["by_class"].values()) == 2


def test_runs_of_a_lab_are_bursts_and_its_gpus_are_what_it_has(tmp_path):
    file = tmp_path / "lab.csv"
    head = (
        "page,engine,precision,tp,requests,at_once,tokens_in,tokens_out,real_s,real_tpot,real_ttft,source\n"
    )
    runs = (
        "qwen3-8b__h100,vllm,bf16,1,1000,1000,215,200,40,90,9000,some/lab@1",
        "qwen3-8b__h100-latency,vllm,bf16,2,100,4,215,200,30,6,50,some/lab@1",
    )
    file.write_text(head + "".join(f"{run}\n" for run in runs), encoding="utf-8")
    done = subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert {report[question]["rows"] for question in QUESTIONS} == {2}
    assert report["by_load"]["saturated"]["ttft"]["rows"] == 1
    assert set(report["by_gpu"]) == {"H100-80GB throttled"}
    assert set(report["by_source"]) == {"some/lab"}


def test_a_run_faster_than_the_hardware_is_left_out(run):
    """64 prompts of 2,000 tokens every 1.1 s are 1.8e15 operations/s, of 2.0e15 at the peak; and bytes."""
    report = json.loads(
        run(
            "llama-3.1-8b,fp8,H200,1,64,2000,100,tpot_ms,9.8,vllm,",
            "llama-3.1-8b,fp8,H200,1,64,2000,100,ttft_ms,120,vllm,",
            "llama-3.1-8b,fp8,H200,1,64,2000,100,tpot_ms,24,sglang,",
            "llama-3.1-8b,fp8,H200,1,64,2000,100,ttft_ms,230,sglang,",
        ).stdout
    )
    assert report["excluded"] == {"needs more than the hardware has": 2}
    assert set(report["by_engine"]) == {"sglang"}


def test_a_release_is_left_out_if_most_of_its_runs_cannot_be(run):
    """Two runs need more operations than the GPU has; the third could be, but is of the same script."""

    def line(engine, users, tpot, ttft):
        head = f"llama-3.1-8b,fp8,H200,1,{users},2000,100"
        return f"{head},tpot_ms,{tpot},{engine},", f"{head},ttft_ms,{ttft},{engine},"

    report = json.loads(
        run(
            *line("vllm 0.9", 32, 4, 50),
            *line("vllm 0.9", 64, 8, 100),
            *line("vllm 0.9", 96, 48, 900),
            *line("vllm 1.9", 64, 8, 100),
            *line("vllm 1.9", 48, 28, 230),
            *line("vllm 1.9", 96, 48, 900),
        ).stdout
    )
    assert report["excluded"] == {"needs more than the hardware has": 8}
    assert report["tpot"]["rows"] == 2


def test_rows_that_cannot_be_predicted_are_counted(run):
    report = json.loads(
        run(
            "llama-3.1-8b,fp8,H100,1,8,500,100,tpot_ms,7,vllm,",
            "llama-3.1-8b,fp8,H100,1,8,500,100,tpot_ms,7,vLLM 0.12.0,seed",
            "llama-3.1-8b,int5,H100,1,8,500,100,tpot_ms,7,vllm,",
            "phi-9,fp8,H100,1,8,500,100,tpot_ms,7,vllm,",
            "llama-3.1-8b,fp8,H100,1,8,,nan,tpot_ms,7,vllm,",
        ).stdout
    )
    assert report["skipped"] == {"precision": 1, "model": 1, "lengths": 1}
    assert sum(report["excluded"].values()) == 1
    assert report["predicted_share"] == 0.25


def test_nothing_to_predict_is_told(run):
    done = run("llama-3.1-8b,fp8,MI210,1,8,500,100,tpot_ms,7,vllm,")
    assert done.returncode == 1
    assert "no row can be predicted" in done.stderr
    assert "Traceback" not in done.stderr


def test_rooms_that_engines_reported(tmp_path):
    file = tmp_path / "logs.csv"
    file.write_text(
        "model,precision,gpu,tp,kv_cache_gib_per_gpu,max_num_seqs,source\n"
        "meta-llama/Llama-3.1-8B-Instruct,bfloat16,NVIDIA H100 80GB HBM3,1,51.38,,a log\n"
        "llama-3.3-70b,fp8,H100,1,-1.44,,a log\n"
        # With so few sequences it would have started: the row is made up, and so a wrong fit.
        "llama-3.3-70b,fp8,H100,1,0,16,a log\n"
        "llama-3.1-8b,bf16,H100,1,30,,made up\n"
        "phi-9,bf16,H100,1,30,,a log\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, check=False)
    memory = json.loads(done.stdout)["memory"]
    assert (memory["within_15_percent"], memory["wrong_fits"], memory["wrong_refusals"]) == (0.5, 1, 0)
    assert (memory["rows"], memory["skipped"]) == (4, {"model": 1})
