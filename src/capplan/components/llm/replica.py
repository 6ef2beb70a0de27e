"""What one replica of a model runs with: for the artefacts that start it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.capacity.nodes import Allocatable
from capplan.llm.configuration import Configuration
from capplan.plan.services import GpuAddOn


class Replica(NamedTuple):
    """A model's configuration and the machine under it.

    add_on: GPUs that are added to the machine. per_machine: replicas that share one. node: what it leaves to
    pods. repository: checkpoint on Hugging Face, None where nobody says. memory_share: of the GPUs' memory
    that the engine takes. room: sequences of the plan's length that the KV cache holds. users: those of them
    at which the promised speed is kept; running: of those, as many as run at the load that it is sized for.
    """

    configuration: Configuration
    machine: str
    add_on: GpuAddOn | None
    per_machine: float
    node: Allocatable
    repository: str | None
    memory_share: Floats
    room: Floats
    users: Floats
    running: Floats

    @property
    def running_share(self) -> float:
        """Share of ``users`` that run at the load that the replica is sized for: what autoscalers aim at."""
        users = max(math.floor(float(np.min(self.users))), 1)
        return max(math.floor(float(np.min(self.running))), 1) / users
