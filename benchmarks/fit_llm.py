"""Fit the constants of gpus.yaml, and say how well they predict pairs of model and GPU that were left out.

python benchmarks/fit_llm.py FILE.csv [--leave-out] prints YAML of the constants, and errors to stderr.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import numpy as np
from accuracy_llm import corrected, left_out

from capplan.catalog.catalog import Catalog
from capplan.llm.calibrate import Path as Where
from capplan.llm.calibrate import calibrate, put
from capplan.llm.measured import MeasuredRow, MeasuredSample, predict, rows_in, sample_of, unpredictable
from capplan.tabular import read_table

_FREEDOM = 0.6

START: dict[Where, float] = {
    ("common", "half_tokens"): 64,
    ("common", "overlap"): 4,
    ("common", "second_shot"): 2.5,
    ("common", "experts"): 0.7,
    ("common", "fp8_blocks"): 0.85,
    ("families", "any", "weights", "16 bit"): 0.80,
    ("families", "any", "weights", "8 bit"): 0.75,
    ("families", "any", "weights", "mxfp4"): 0.60,
    ("families", "any", "kv", "16 bit"): 0.65,
    ("families", "any", "kv", "8 bit"): 0.65,
    ("families", "any", "mfu", "16 bit"): 0.80,
    ("families", "any", "mfu", "8 bit"): 0.60,
    ("families", "any", "mfu", "mxfp4"): 0.40,
    ("families", "any", "mfu_attention"): 0.45,
    ("families", "Ada", "mfu", "16 bit"): 0.60,
    ("families", "Ada", "mfu", "8 bit"): 0.49,
    ("families", "Blackwell", "mfu", "8 bit"): 0.45,
    ("families", "Blackwell", "weights", "8 bit"): 0.75,
    ("links", "NVLink", "hop_us"): 5,
    ("links", "NVLink", "efficiency"): 0.64,
    ("links", "PCIe", "hop_us"): 13,
    ("links", "PCIe", "efficiency"): 0.55,
    ("links", "PCIe", "falls_with"): 1,
    ("engines", "vllm", "layer_us"): 30,
    ("engines", "vllm", "moe_layer_us"): 20,
    ("engines", "vllm", "step_us"): 1000,
    ("engines", "vllm", "sequence_us"): 5,
    ("engines", "vllm", "prefill_layer_us"): 300,
    ("engines", "tensorrt-llm", "layer_us"): 30,
    ("engines", "tensorrt-llm", "moe_layer_us"): 20,
    ("engines", "tensorrt-llm", "step_us"): 1000,
    ("engines", "tensorrt-llm", "sequence_us"): 5,
    ("engines", "tensorrt-llm", "prefill_layer_us"): 300,
    ("engines", "sglang", "layer_us"): 30,
    ("engines", "sglang", "moe_layer_us"): 20,
    ("engines", "sglang", "step_us"): 1000,
    ("engines", "sglang", "sequence_us"): 20,
    ("engines", "sglang", "prefill_layer_us"): 300,
    ("engines", "other", "layer_us"): 40,
}
"""Where the search starts, so that a pair left out has no part in it: medians of aiconfigurator-core's
operator tables, a twentieth higher as overlap is not free here, and round numbers where there are none."""


def fitted(rows: list[MeasuredRow], facts: dict[str, object], free: list[Where]) -> dict[str, object]:
    """Return the facts with constants fitted to ``rows``."""
    facts = copy.deepcopy(facts)
    for path, value in START.items():
        put(facts["speed"], path, value)  # type: ignore[arg-type]
    found = calibrate(sample_of(rows, facts), facts, free, _FREEDOM)
    after = copy.deepcopy(facts)
    for path, value in found.after.items():
        put(after["speed"], path, float(f"{value:.3g}"))  # type: ignore[arg-type]
    return after


def medians(sample: MeasuredSample, predicted: np.ndarray) -> str:
    """Return the median errors of each question as text."""
    size = np.abs(predicted / np.array([row.value for row in sample.rows]) - 1)
    said = []
    for question in ("tpot", "throughput", "ttft"):
        for oss in (False, True):
            chosen = [r.question == question and r.model.startswith("gpt-oss") == oss for r in sample.rows]
            known = size[np.array(chosen) & ~np.isnan(size)]
            if known.size:
                said.append(f"{question}{' gpt-oss' if oss else ''} {np.median(known):.3f} ({known.size})")
    return ", ".join(said)


def main(file: Path, leave_out: bool) -> None:
    """Fit, and print."""
    catalog = Catalog()
    facts = copy.deepcopy({**catalog.facts("gpus"), **catalog.facts("models")})
    rows = [corrected(row) for row in rows_in(read_table(file))]
    rows = [row for row in rows if not left_out(row) and not unpredictable(row, facts)]
    free = list(START)
    after = fitted(rows, facts, free)
    sample = sample_of(rows, facts)
    sys.stderr.write(f"before: {medians(sample, predict(sample, facts))}\n")
    sys.stderr.write(f"fitted: {medians(sample, predict(sample, after))}\n")
    for path in free:
        print(".".join(path), _at(facts["speed"], path), "→", _at(after["speed"], path))
    if leave_out:
        predicted = np.full(len(rows), np.nan)
        for pair in sorted({(row.model, row.gpu) for row in rows}):
            out = np.array([(row.model, row.gpu) == pair for row in rows])
            kept = [row for row, is_out in zip(rows, out, strict=True) if not is_out]
            others = fitted(kept, facts, free)
            chosen = sample_of([row for row, is_out in zip(rows, out, strict=True) if is_out], facts)
            predicted[out] = predict(chosen, others)
            sys.stderr.write(f"{pair[0]} on {pair[1]}: {medians(chosen, predicted[out])}\n")
        sys.stderr.write(f"pairs left out: {medians(sample, predicted)}\n")


def _at(tree: object, path: Where) -> object:
    for key in path:
        tree = tree[key]  # type: ignore[index]
    return tree


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--leave-out" in sys.argv)
