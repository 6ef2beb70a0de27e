"""What serves a model: so many GPUs of a kind, at a precision, with an engine."""

from __future__ import annotations

from typing import NamedTuple

from capplan.llm.architecture import Architecture, Precision
from capplan.llm.facts import LlmFacts
from capplan.llm.fit import Memory, memory_of, obstacles
from capplan.llm.hardware import Efficiency, Engine, Gpu, efficiency_of
from capplan.llm.roofline import Work, work_of


class Configuration(NamedTuple):
    """One replica of a model."""

    model: Architecture
    precision: Precision
    gpu: Gpu
    tensor_parallel: float
    engine: Engine

    def brief(self) -> str:
        """Return it as people say it, such as ``fp8 on 2 × H100-80GB``."""
        return f"{self.precision.name} on {self.tensor_parallel:g} × {self.gpu.name}"

    def work(self) -> Work:
        """Return what a step costs at the hardware's peaks."""
        return work_of(self.model, self.precision, self.gpu, self.tensor_parallel)

    def reached(self, facts: LlmFacts) -> Efficiency:
        """Return how much of the peaks the engine reaches."""
        return efficiency_of(self.model, self.precision, self.gpu, self.tensor_parallel, self.engine, facts)

    def memory(self) -> Memory:
        """Return what the weights and the KV cache take."""
        return memory_of(self.model, self.precision, self.gpu, self.tensor_parallel)

    def obstacles(self) -> list[str]:
        """Return why this cannot run at all, memory aside."""
        return obstacles(self.model, self.precision, self.gpu, self.tensor_parallel)
