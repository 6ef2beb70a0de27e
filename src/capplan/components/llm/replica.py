"""What one replica of a model runs with: for the artefacts that start it."""

from __future__ import annotations

from typing import NamedTuple

from capplan.arrays import Floats
from capplan.capacity.nodes import Allocatable
from capplan.llm.configuration import Configuration
from capplan.plan.services import GpuAddOn


class Replica(NamedTuple):
    """A model's configuration and the machine under it.

    add_on: GPUs that are added to the machine. per_machine: replicas that share one. node: what it leaves to
    pods. repository: checkpoint on Hugging Face, None where nobody says. memory_share: of the GPUs' memory
    that the engine takes. room: sequences of the plan's length that the KV cache holds. users: those of them
    at which the promised speed is kept.
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
