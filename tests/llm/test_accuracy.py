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


def test_gpt_oss_is_apart_however_it_is_written(run):
    report = json.loads(
        run(
            "openai/GPT-OSS-120B,mxfp4,H200,1,8,500,100,tpot_ms,7,vllm,",
            "llama-3.1-8b,fp8,H100,1,8,500,100,tpot_ms,7,vllm,",
        ).stdout
    )
    assert report["tpot"]["rows"] == 1
    assert report["by_model"]["gpt-oss-120b"]["tpot"]["rows"] == 1


def test_rows_that_cannot_be_predicted_are_counted(run):
    report = json.loads(
        run(
            "llama-3.1-8b,fp8,H100,1,8,500,100,tpot_ms,7,vllm,",
            "llama-3.1-8b,fp8,H100,1,8,500,100,tpot_ms,7,vLLM 0.12.0,",
            "llama-3.1-8b,int5,H100,1,8,500,100,tpot_ms,7,vllm,",
            "phi-9,fp8,H100,1,8,500,100,tpot_ms,7,vllm,",
            "llama-3.1-8b,fp8,H100,1,8,,nan,tpot_ms,7,vllm,",
        ).stdout
    )
    assert report["skipped"] == {"precision": 1, "model": 1, "lengths": 1}
    assert sum(report["excluded"].values()) == 1
    assert report["predicted_share"] == 0.25


def test_nothing_to_predict_is_told(run):
    done = run("llama-3.1-8b,fp8,MI300X,1,8,500,100,tpot_ms,7,vllm,")
    assert done.returncode == 1
    assert "no row can be predicted" in done.stderr
    assert "Traceback" not in done.stderr
