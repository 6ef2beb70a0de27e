"""GPUs that the catalog lacks, and the clouds that rent little but GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.llm.configuration import Configuration
from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision
from capplan.manifests.site import Site
from capplan.plan.read import parse_plan

PLAN = """
name: chat
demand: {requests_per_second: 1, profile: flat}
gpus:
  Card-X: {memory: 40Gi, memory_gb_per_s: 1000, tflops: {bf16: 150}}
llm:
  chat: {model: llama-3.1-8b, provider: gpu-cloud, region: lambda, input_tokens: 1000, output_tokens: 200}
"""
BOOK = """
schema: 1
name: mine
source: {as_of: "2026-05-04", text: the rack in the cellar}
gpus:
  Card-X: {memory: 40Gi, memory_gb_per_s: 1000, tflops: {bf16: 150}, link: NVLink, link_gb_per_s: 200}
prices:
  gpu-cloud/machines/rack:
    {unit: hour, usd: {own: 1.25}, vcpu: 32, memory_gib: 256, gpu: Card-X, gpu_count: 2}
"""
OF_BOOK = ("gpu=Card-X", "machine=rack", "region=own", "precision=bf16")


def run(tmp_path: Path, *sets: str, text: str = PLAN, book: str = "") -> Estimate:
    catalog = Catalog()
    if book:
        (tmp_path / "mine.yaml").write_text(book, encoding="utf-8")
        catalog = catalog.with_books(["mine.yaml"], tmp_path)
    plan = parse_plan(text, "plan.yaml", tmp_path, [f"llm.chat.{one}" for one in sets])
    return estimate(plan, catalog)


def test_a_cloud_of_gpus_has_dated_prices_of_its_own(tmp_path):
    line = run(tmp_path, "gpu=H100-80GB").lines[0]
    assert (line.sku, line.meter.region, float(line.unit_price)) == ("lambda-h100-1x", "lambda", 4.29)
    assert line.as_of == "2026-09-20"
    assert "lambda.ai/instances" in line.source


def test_a_machine_of_ones_own_with_a_gpu_of_ones_own(tmp_path):
    without_gpus = PLAN.replace(PLAN[PLAN.index("gpus:") : PLAN.index("llm:")], "")
    result = run(tmp_path, *OF_BOOK, "tensor_parallel=2", text=without_gpus, book=BOOK)
    line = result.lines[0]
    assert (line.sku, float(line.unit_price), line.status) == ("rack", 1.25, "book")
    low = next(f for f in result.findings if f.code == "llm-low-confidence")
    assert "no engine was measured on Card-X" in low.message
    assert result.components[0].replica is not None


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("precision=fp8", "tensor_parallel=1"), "Card-X has no known rate at fp8"),
        (("precision=bf16", "tensor_parallel=2"), "give link_gb_per_s"),
    ],
)
def test_what_nobody_says_of_a_gpu_is_not_made_up(tmp_path, sets, said):
    result = run(tmp_path, *OF_BOOK[:3], *sets, book=BOOK)  # the plan's GPU goes before the book's
    found = {f.code: f.message for f in result.findings if f.severity == "error"}
    assert said in found["llm-cannot-run"]


@pytest.mark.parametrize(
    ("plan", "book", "place"),
    [
        (PLAN.replace("memory_gb_per_s: 1000", "memory_gb_per_s: fast"), "", "gpus.Card-X.memory_gb_per_s"),
        (PLAN, BOOK.replace("bf16: 150", "bf17: 150"), "mine.yaml"),
        (PLAN.replace("bf16: 150", "fp8: 150"), "", "give fp16 or bf16"),
        (PLAN.replace("region: lambda, ", ""), "", "gpu-cloud needs a region"),
    ],
)
def test_what_is_wrong_with_a_gpu_is_told_with_its_place(tmp_path, plan, book, place):
    with pytest.raises(InputError, match=place):
        run(tmp_path, "gpu=H100", text=plan, book=book)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAN, "no manifests are written for gpu-cloud, lambda"),
        (PLAN.replace("gpu-cloud, region: lambda", "azure, region: eastus2, gpu: MI300X"), "needs others"),
    ],
)
def test_manifests_that_would_not_start_are_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        _ = Site(run(tmp_path, text=text)).components


def test_fp8_on_ampere_keeps_its_weights_small_and_computes_at_16_bit():
    catalog = Catalog()
    facts = {**catalog.facts("gpus"), **catalog.facts("models")}

    def served(gpu: str, precision: str, engine: str = "vllm") -> Configuration:
        kind, chip = find_precision(precision), find_gpu(gpu, facts)
        return Configuration(find_model("llama-3.1-8b", facts), kind, chip, 1.0, find_engine(engine, facts))

    narrow, wide = served("A100", "fp8"), served("A100", "bf16")
    assert narrow.obstacles() == []
    assert narrow.work().common_read < 0.6 * wide.work().common_read
    assert narrow.work().common_flop == wide.work().common_flop
    assert narrow.run.kv_bytes == 2
    assert served("A100", "fp8", "tensorrt-llm").obstacles()
    assert served("V100", "fp8").obstacles()
