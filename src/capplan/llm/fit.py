"""Does it fit: weights and KV cache against the GPUs' memory, and what the GPU can compute with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.llm.architecture import Architecture, Precision, weight_bytes
from capplan.llm.hardware import Efficiency, Gpu


class Memory(NamedTuple):
    """Where the memory of one replica goes, bytes over all its GPUs; floats, or arrays over configurations.

    full_kv, window_kv: of a token of context in the layers that see all of it, and in those that see
    ``window`` tokens; copies of the KV cache on several GPUs included. state: of a sequence of any length.
    """

    total: Any
    weights: Any
    full_kv: Any
    window_kv: Any
    window: Any
    state: Any

    def sequence(self, tokens: Floats) -> Floats:
        """Return the KV cache of a sequence of ``tokens``."""
        context = self.full_kv * tokens + self.window_kv * np.minimum(tokens, self.window)
        size: Floats = context + self.state
        return size

    def usable(self, reached: Efficiency) -> Floats:
        """Return what the engine has for weights and KV cache."""
        share: Floats = self.total * (reached.memory_share - reached.reserve)
        return share

    def missing(self, tokens: Floats, reached: Efficiency) -> Floats:
        """Return how much is missing for the weights and one sequence, 0 if they fit."""
        lack: Floats = np.maximum(self.weights + self.sequence(tokens) - self.usable(reached), 0.0)
        return lack


def memory_of(model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float) -> Memory:
    """Return where the memory of ``tensor_parallel`` of the ``gpu`` goes."""
    cache = model.held(precision.kv_bytes, tensor_parallel)
    return Memory(
        total=tensor_parallel * gpu.memory_bytes,
        weights=weight_bytes(model, precision),
        full_kv=cache.full,
        window_kv=cache.bounded,
        window=cache.tokens,
        state=cache.fixed,
    )


def sequences_that_fit(memory: Memory, tokens: Floats, reached: Efficiency) -> Any:
    """Return how many sequences of ``tokens`` fit beside the weights, a whole number; 0: it does not fit."""
    free = np.maximum(memory.usable(reached) - memory.weights, 0.0)
    return np.floor(free / memory.sequence(tokens))


def obstacles(model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float) -> list[str]:
    """Return why the GPU cannot run this at all, memory aside."""
    found = []
    if gpu.compute_capability < precision.minimum or precision.peak not in gpu.peaks:
        what = f"{precision.name} needs compute capability {precision.minimum:g}"
        found.append(f"{what}, but {gpu.name} has {gpu.compute_capability:g}")
    undivided = model.undivided(tensor_parallel)
    if undivided:
        found.append(f"{undivided} cannot be divided over {tensor_parallel:g} GPUs")
    return found
