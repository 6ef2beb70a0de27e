"""Does it fit: weights and KV cache against the GPUs' memory, and what the GPU can compute with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.llm.architecture import PRECISIONS, Architecture, Precision, weight_bytes
from capplan.llm.hardware import Efficiency, Gpu

GB = 1e9


class Fit(NamedTuple):
    """Where the memory of one replica goes, bytes over all its GPUs.

    sequence_bytes: KV cache of one sequence at its longest, replicas across GPUs included.
    sequences: how many of them fit at once; below 1 the model does not fit.
    """

    total: Floats
    usable: Floats
    weights: Floats
    sequence_bytes: Floats
    sequences: Floats

    @property
    def missing(self) -> Floats:
        """Bytes that are missing for the weights and one sequence, 0 if they fit."""
        lack: Floats = np.maximum(self.weights + self.sequence_bytes - self.usable, 0.0)
        return lack


def fit(
    model: Architecture,
    precision: Precision,
    gpu: Gpu,
    tensor_parallel: float,
    tokens: float,
    reached: Efficiency,
) -> Fit:
    """Return where the memory goes when each sequence holds ``tokens`` of context at its longest."""
    total = tensor_parallel * gpu.memory_bytes
    usable = total * (reached.memory_share - reached.reserve)
    weights = weight_bytes(model, precision)
    replicated = tensor_parallel / model.kv_shards(tensor_parallel)
    sequence = model.kv_elements(tokens) * precision.kv_bytes * replicated
    return Fit(total, usable, weights, sequence, np.floor(max(usable - weights, 0.0) / sequence))


def obstacles(model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float) -> list[str]:
    """Return why the GPU cannot run this at all, memory aside."""
    found = []
    if gpu.compute_capability < precision.minimum or precision.peak not in gpu.peaks:
        what = f"{precision.name} needs compute capability {precision.minimum:g}"
        found.append(f"{what}, {gpu.name} has {gpu.compute_capability:g}")
    if not model.divides(tensor_parallel):
        found.append(f"{model.query_heads:g} query heads do not divide over {tensor_parallel:g} GPUs")
    return found


def what_would_fit(model: Architecture, gpu: Gpu, tokens: float, reached: Efficiency) -> list[str]:
    """Return the smallest number of this GPU that each precision it can run would fit on, as text."""
    found = []
    for precision in PRECISIONS.values():
        for count in (1, 2, 4, 8):
            if obstacles(model, precision, gpu, count):
                continue
            if fit(model, precision, gpu, count, tokens, reached).sequences >= 1:
                found.append(f"{precision.name} on {count} × {gpu.name}")
                break
    return found
