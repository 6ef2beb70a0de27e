"""What one replica of a model runs with: for the artefacts that start it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.capacity.nodes import Allocatable
from capplan.capacity.sizing import Sizing
from capplan.components.base import Component, Context, number_range
from capplan.components.disks import VOLUMES, ephemeral_volumes
from capplan.components.machines import DEFAULT_DISKS, DISKS
from capplan.cost.meters import Meter
from capplan.llm.architecture import PRECISIONS, weight_bytes
from capplan.llm.configuration import Configuration
from capplan.plan.services import Disk, GpuAddOn

if TYPE_CHECKING:
    from capplan.plan.llm import Llm
    from capplan.plan.workload import Vllm


class Replica(NamedTuple):
    """A model's configuration and the machine under it.

    add_on: GPUs that are added to the machine. per_machine: replicas that share one, a part of a replica that
    takes several. node: what it leaves to
    pods. disk: its boot disk. repository: checkpoint on Hugging Face, None where nobody says. room: sequences
    of the plan's length that the KV cache holds. users: those of them at which the promised speed is kept;
    running: of those, as many as run at the load that it is sized for. cache_gib: volume for its weights, 0
    where the engine brings none. longest: tokens of the longest request, where lengths are said.
    """

    configuration: Configuration
    machine: str
    add_on: GpuAddOn | None
    per_machine: float
    node: Allocatable
    disk: Disk | None
    repository: str | None
    room: Floats
    users: Floats
    running: Floats
    cache_gib: Floats
    longest: float | None = None

    @property
    def running_share(self) -> float:
        """Share of ``users`` that run at the load that the replica is sized for: what autoscalers aim at."""
        users = max(math.floor(float(np.min(self.users))), 1)
        return max(math.floor(float(np.min(self.running))), 1) / users


_DISK_FACTOR = 1.2
"""Volume for the weights ÷ their size."""


def downloaded_bytes(chosen: Configuration, stored_so: bool) -> float:
    """Return the bytes of the checkpoint: at 16 bit where the server itself makes 8 of them."""
    if stored_so:
        return float(np.max(chosen.memory().weights))
    return float(weight_bytes(chosen.model, PRECISIONS["bf16"]) + np.max(chosen.drafted_bytes))


def cache_gib(chosen: Configuration, said: Vllm | None) -> Floats:
    """Return the volume that vLLM loads the weights to: the plan's, or somewhat more than the checkpoint.

    Other engines bring none, and replicas of a pool download them to their node's disk.
    """
    if chosen.engine.name != "vllm" or chosen.pool:
        return 0.0
    if said is not None and "cache" in said.model_fields_set:
        return said.cache
    return checkpoint_gib(chosen)


def node_gib(chosen: Configuration) -> float:
    """Return what a pod downloads to its node's disk: the checkpoint, 0 where it has a volume for it."""
    return 0.0 if chosen.engine.name == "vllm" and not chosen.pool else checkpoint_gib(chosen)


def disk_note(chosen: Configuration) -> str:
    """Return what bills call the boot disks of its machines."""
    return DISKS if node_gib(chosen) else DEFAULT_DISKS


def checkpoint_gib(chosen: Configuration) -> float:
    """Return the disk that a server downloads the checkpoint to, somewhat more than it takes."""
    return float(math.ceil(_DISK_FACTOR * downloaded_bytes(chosen, is_stored_so(chosen)) / 2**30))


def is_stored_so(chosen: Configuration) -> bool:
    """Say whether the checkpoint is in the precision that it is served in, and not made so by vLLM."""
    return chosen.told.stored or chosen.stored_so or chosen.precision.name != "fp8"


def vllm_of(llm: Llm) -> Vllm | None:
    """Return what the plan says of the server itself."""
    return None if llm.workload is None else llm.workload.vllm


def weight_volumes(ctx: Context, component: Component, replica: Replica, sizing: Sizing) -> Iterator[Meter]:
    """Yield the volumes that replicas load their weights to."""
    if np.any(replica.cache_gib) and component.provider in VOLUMES:
        where = (component.provider, component.region)
        pods = number_range(sizing) * replica.configuration.machines
        yield from ephemeral_volumes(ctx.catalog, component.name, where, replica.cache_gib, pods)
