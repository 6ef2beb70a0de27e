"""Fit the constants of gpus.yaml, and say how well they predict sources that were left out.

python benchmarks/fit_llm.py FILE.csv… [--leave-out KIND] [--write OUT.csv] prints the constants, and errors
to stderr. --leave-out source fits without each source in turn (a repository, page or package), predicts it,
and prints how many rows each class of confidence has and how many of them its range holds (docs/llm.md); gpu,
model and engine do the same with those. --write keeps what was predicted that way, with the class of
confidence, for the factors of confidence.py.

The search is Gauss-Newton on the logarithms, reweighted so that it minimises the mean absolute error
(capped), each benchmark weighted by the root of its rows. A simulated benchmark takes too long to search
with: between simulations its error follows that of the closed form.
"""

from __future__ import annotations

import argparse
import copy
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from accuracy_llm import (
    beyond_the_hardware,
    facts_for_benchmarks,
    left_out,
    levels_of,
    measured_in,
    source_of,
    with_lab,
)

from capplan.llm.calibrate import Path as Where
from capplan.llm.calibrate import at, most, put
from capplan.llm.confidence import Level, Question, range_of
from capplan.llm.measured import (
    ROUNDS,
    MeasuredRow,
    engine_name,
    predict,
    running,
    sample_of,
    unpredictable,
)
from capplan.llm.serving import first_token, prompt_time, request_time
from capplan.tabular import read_table

_CAP = 0.7
_FREEDOM = 0.5
_PRIOR_WEIGHT = 0.001
_DIFFERENCE = 0.04
_SIMULATIONS, _STEPS = 3, 5
_THINNED = 6
"""Of aiconfigurator-core's runs, which are most of all, every sixth is in a fit."""

_FEW = 10

_ENGINES = ("vllm", "tensorrt-llm", "sglang")

START: dict[tuple[Where, ...], float] = {
    **{
        (("common", name),): value
        for name, value in {
            "half_tokens": 64,
            "expert_tokens": 16,
            "overlap": 3,
            "passes": 1,
            "second_shot": 2.5,
            "experts": 0.9,
            "half_width": 500,
            "fp8_blocks": 0.85,
        }.items()
    },
    (("families", "any", "weights", "16 bit"),): 0.80,
    (("families", "any", "weights", "8 bit"),): 0.75,
    (("families", "any", "weights", "4 bit"),): 0.50,
    (("families", "any", "weights", "mxfp4"),): 0.60,
    (("families", "any", "kv"),): 0.8,
    **{(("engines", engine, "cache"),): 0.9 for engine in ("vllm", "sglang")},
    (("families", "any", "mfu", "16 bit"),): 0.70,
    (("families", "any", "mfu", "8 bit"),): 0.60,
    (("families", "any", "mfu", "mxfp4"),): 0.30,
    (("families", "any", "mfu", "4 bit"),): 0.60,
    (("families", "any", "mfu_attention"),): 0.55,
    (("families", "Ada", "mfu", "16 bit"),): 0.60,
    (("families", "Ada", "mfu", "8 bit"),): 0.49,
    (("families", "Ampere", "mfu", "mxfp4"),): 0.40,
    (("links", "NVLink", "hop_us"),): 5,
    (("links", "NVLink", "efficiency"),): 0.6,
    (("links", "PCIe", "hop_us"),): 13,
    (("links", "PCIe", "efficiency"),): 0.8,
    (("links", "PCIe", "falls_with"),): 0.5,
    tuple(("engines", engine, "step_us") for engine in _ENGINES): 900,
    **{(("engines", engine, "layer_us"),): 30 for engine in (*_ENGINES, "other")},
    **{(("engines", engine, "moe_layer_us"),): 25 for engine in _ENGINES},
    **{(("engines", engine, "sequence_us"),): 7 for engine in _ENGINES},
    **{(("engines", engine, "prefill_layer_us"),): 200 for engine in _ENGINES},
    **{(("engines", engine, "first_token_ms"),): 35 for engine in _ENGINES},
    **{(("engines", engine, "request_us"),): 2000 for engine in _ENGINES},
    **{(("engines", engine, "compute"),): 0.9 for engine in ("vllm", "sglang")},
    (("lab", "compute"),): 1.0,
}
"""Where searches start and are drawn to, so that a source left out has no part in one: medians of
aiconfigurator-core's operator tables, a twentieth higher as overlap is not free here, and round numbers where
there are none. Paths of one key move together."""


class Search:
    """The errors of rows under constants that move: each row simulated, and then by the closed form."""

    def __init__(self, rows: Sequence[MeasuredRow], facts: Mapping[str, Any], start: Sequence[float]) -> None:
        self.rows, self.facts, self.start = rows, facts, start
        self.sample = sample_of(rows, facts)
        self.measured = np.log([row.value for row in rows])
        cells = [(source_of(row), row.model, row.gpu, row.engine, row.metric) for row in rows]
        counts = Counter(cells)
        self.weights = np.array([counts[cell] ** -0.5 for cell in cells])
        self.off = np.zeros(len(rows))

    def at(self, moved: np.ndarray) -> dict[str, Any]:
        """Return the facts with the constants moved from the start by so much of their logarithm."""
        speed = copy.deepcopy(self.facts["speed"])
        for paths, value, change in zip(START, self.start, moved, strict=True):
            for path in paths:
                put(speed, path, min(value * float(np.exp(change)), most(path)))
        return {**self.facts, "speed": with_lab(speed)}

    def simulate(self, moved: np.ndarray) -> None:
        """Take up how far the simulator is from the closed form."""
        exact = np.log(predict(self.sample, self.at(moved)))
        self.off = np.nan_to_num(exact - self._closed(self.at(moved)))

    def errors(self, moved: np.ndarray) -> np.ndarray:
        """Return ln(predicted / measured) by row."""
        found: np.ndarray = self._closed(self.at(moved)) + self.off - self.measured
        return found

    def _closed(self, facts: Mapping[str, Any]) -> np.ndarray:
        """Return the logarithm of the closed form, and of its like for what only the simulator knows."""
        sample, rows = self.sample, self.rows
        found, runs = predict(sample, facts, simulated=False), running(sample, facts)
        served, at_once = runs.served, runs.sequences
        whole, read = request_time(served, at_once), prompt_time(served)
        burst = np.array([row.requests is not None and row.requests == row.concurrency for row in rows])
        let_in = sample.asked * served.reached.request_s
        waiting = np.where(burst, 0.5, 1.0) * np.maximum(sample.asked - at_once, 0) / at_once * whole
        rush = (let_in + (at_once - 1) * read / 2) / np.where(burst, 1.0, ROUNDS)
        first = first_token(served, 0.8 * at_once / whole, at_once)[0] + waiting + rush
        requests = np.array([row.requests or 1.0 for row in rows])
        together = requests * sample.outputs / (requests / at_once * whole + let_in)
        for index, row in enumerate(rows):
            if row.question == "ttft" and np.isnan(found[index]):
                found[index] = 1e3 * first[index]
            elif row.question == "throughput" and row.requests is not None:
                found[index] = together[index]
        return np.log(found)

    def loss(self, moved: np.ndarray, errors: np.ndarray) -> float:
        """Return the mean error, and what moving costs."""
        size = self.weights * np.minimum(np.abs(errors), _CAP)
        known = ~np.isnan(errors)
        return float(size[known].sum() / self.weights[known].sum()) + _PRIOR_WEIGHT * float(
            np.sum((moved / _FREEDOM) ** 2)
        )

    def slopes(self, moved: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Return how the errors change with each constant."""
        columns = []
        for index in range(len(moved)):
            there = moved.copy()
            there[index] += _DIFFERENCE
            columns.append(np.nan_to_num((self.errors(there) - errors) / _DIFFERENCE))
        return np.clip(np.stack(columns, axis=1), -3, 3)

    def step(self, moved: np.ndarray, errors: np.ndarray, slopes: np.ndarray, damping: float) -> np.ndarray:
        """Return the best step on the linearised problem, by reweighted least squares."""
        known, errors = ~np.isnan(errors), np.nan_to_num(errors)
        prior = 2 * _PRIOR_WEIGHT / _FREEDOM**2
        change = np.zeros(len(moved))
        for _ in range(20):
            now = errors + slopes @ change
            pull = np.where(known & (np.abs(now) < _CAP), self.weights / np.maximum(np.abs(now), 0.02), 0.0)
            pull /= self.weights[known].sum()
            left = (slopes * pull[:, None]).T
            matrix = left @ slopes + np.eye(len(moved)) * (prior + damping)
            change = np.clip(-np.linalg.solve(matrix, left @ errors + prior * moved), -0.3, 0.3)
        return change


def fitted(rows: Sequence[MeasuredRow], facts: Mapping[str, Any], start: Sequence[float]) -> dict[str, Any]:
    """Return the facts with constants fitted to ``rows``, searched from ``start``."""
    search = Search(thinned(rows), facts, start)
    moved = np.zeros(len(START))
    for _ in range(_SIMULATIONS):
        search.simulate(moved)
        errors = search.errors(moved)
        damping = 3e-3
        for _ in range(_STEPS):
            slopes, lowest = search.slopes(moved, errors), search.loss(moved, errors)
            while damping < 1:
                there = moved + search.step(moved, errors, slopes, damping)
                found = search.errors(there)
                if search.loss(there, found) < lowest - 1e-5:
                    moved, errors, damping = there, found, damping / 4
                    break
                damping *= 4
    return search.at(moved)


def thinned(rows: Iterable[MeasuredRow]) -> list[MeasuredRow]:
    """Return the rows of every sixth run of the largest source, and all others."""
    runs: dict[MeasuredRow, int] = {}
    kept = []
    for row in rows:
        number = runs.setdefault(row._replace(metric="", value=0.0, source=""), len(runs))
        if source_of(row) != "aiconfigurator-core" or number % _THINNED == 0:
            kept.append(row)
    return kept


def distinct(rows: Iterable[MeasuredRow]) -> list[MeasuredRow]:
    """Return one row for each run and metric, the geometric mean where it was made more than once."""
    values: dict[MeasuredRow, list[float]] = {}
    for row in rows:
        same = row._replace(value=0.0, source=source_of(row), engine=engine_name(row.engine))
        values.setdefault(same, []).append(row.value)
    return [row._replace(value=float(np.exp(np.mean(np.log(found))))) for row, found in values.items()]


def medians(rows: Sequence[MeasuredRow], predicted: np.ndarray) -> str:
    """Return the median errors of each question as text."""
    off = predicted / np.array([row.value for row in rows]) - 1
    said = []
    for question in ("tpot", "throughput", "ttft"):
        known = off[np.array([row.question == question for row in rows]) & ~np.isnan(off)]
        if known.size:
            bias = float(np.median(known))
            said.append(f"{question} {np.median(np.abs(known)):.3f} (bias {bias:+.3f}, {known.size} rows)")
    return ", ".join(said)


def rows_of(files: Iterable[Path], facts: Mapping[str, Any]) -> list[MeasuredRow]:
    """Return the rows of all files that can be predicted, and are as they are described."""
    kept: list[MeasuredRow] = []
    for file in files:
        rows = measured_in(read_table(file), facts)
        rows = [row for row in rows if not left_out(row) and not unpredictable(row, facts)]
        beyond = beyond_the_hardware(rows, facts)
        kept += [row for index, row in enumerate(rows) if index not in beyond]
    return distinct(kept)


KINDS: dict[str, Callable[[MeasuredRow], str]] = {
    "source": source_of,
    "gpu": lambda row: row.gpu,
    "model": lambda row: row.model,
    "engine": lambda row: engine_name(row.engine),
}
"""What can be left out."""


def without_each(rows: Sequence[MeasuredRow], facts: Mapping[str, Any], kind: str) -> np.ndarray:
    """Return the prediction of each row by constants that its source (or other ``kind``) had no part in.

    Those of a few rows are left out together.
    """
    names = [KINDS[kind](row) for row in rows]
    counts = Counter(names)
    groups = np.array([name if counts[name] >= _FEW else "few rows" for name in names])
    predicted = np.full(len(rows), np.nan)
    for group in sorted(set(groups)):
        out = np.flatnonzero(groups == group)
        others = [row for row, own in zip(rows, groups, strict=True) if own != group]
        after = fitted(others, facts, list(START.values()))
        chosen = [rows[index] for index in out]
        predicted[out] = predict(sample_of(chosen, after), after)
        sys.stderr.write(f"without {group}: {medians(chosen, predicted[out])}\n")
        sys.stderr.flush()
    return predicted


def write(path: Path, rows: Sequence[MeasuredRow], predicted: np.ndarray, facts: Mapping[str, Any]) -> None:
    """Write each row with its prediction and its class of confidence."""
    sample = sample_of(rows, facts)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow([*MeasuredRow._fields, "predicted", "level"])
        for row, value, level in zip(rows, predicted, levels_of(sample), strict=True):
            table.writerow([*row, value, level])


def coverage(rows: Sequence[MeasuredRow], predicted: np.ndarray, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table in Markdown: of each class, how many rows it has and how many are within its range.

    In all, and in the source with ten rows or more in which it holds least: docs/llm.md has both.
    """
    sample = sample_of(rows, facts)
    levels = np.array(levels_of(sample))
    questions = np.array([row.question for row in rows])
    sources = np.array([source_of(row) for row in rows])
    ratio = np.array([row.value for row in rows]) / predicted
    yield "| class | share of rows | time per token | throughput | time to first token |"
    yield "|---|---|---|---|---|"
    for level in get_args(Level):
        cells = []
        for question in get_args(Question):
            low, high = range_of(level, question)
            chosen = (levels == level) & (questions == question) & ~np.isnan(ratio)
            inside = (low <= ratio) & (ratio <= high)
            each = [inside[chosen & (sources == source)] for source in set(sources)]
            least = min((float(held.mean()) for held in each if held.size >= _FEW), default=np.nan)
            cells.append(f"{np.mean(inside[chosen]):.0%}, {least:.0%} ({chosen.sum()})")
        yield f"| {level} | {np.mean(levels == level):.0%} | {' | '.join(cells)} |"


def main() -> None:
    """Fit, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("files", type=Path, nargs="+")
    options.add_argument("--leave-out", choices=KINDS)
    options.add_argument("--write", type=Path)
    given = options.parse_args()
    facts = facts_for_benchmarks()
    rows = rows_of(given.files, facts)
    if given.leave_out:
        predicted = without_each(rows, facts, given.leave_out)
        sys.stderr.write(f"each {given.leave_out} left out: {medians(rows, predicted)}\n")
        print("\n".join(coverage(rows, predicted, facts)))
        if given.write:
            write(given.write, rows, predicted, facts)
        return
    after = fitted(rows, facts, list(START.values()))
    sys.stderr.write(f"before: {medians(rows, predict(sample_of(rows, facts), facts))}\n")
    sys.stderr.write(f"fitted: {medians(rows, predict(sample_of(rows, after), after))}\n")
    for paths in START:
        print(" and ".join(map(".".join, paths)), f"{at(after['speed'], paths[0]):.3g}")


if __name__ == "__main__":
    main()
