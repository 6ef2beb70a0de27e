"""A replica over many GPUs: layers in stages, experts whole, and attention once for each share of requests.

Stages: Narayanan et al. 2021 (Megatron-LM), divided as by vllm/distributed/utils.py. Experts: Lepikhin et al.
2020 (GShard), DeepSeek-AI 2024 (V3), exchanged as by DeepEP. Ranks of data parallelism share the experts, and
have requests and KV cache of their own (vLLM, data_parallel_deployment.md).
"""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from capplan.arrays import Floats

if TYPE_CHECKING:
    from capplan.llm.architecture import Architecture, Precision
    from capplan.llm.hardware import Gpu
    from capplan.llm.layers import Layers


class Parallelism(NamedTuple):
    """How a replica is spread besides tensor parallelism, by vLLM's names.

    pipeline: stages of layers. data: ranks that each run attention for their own requests. experts: whole on
    a GPU, instead of a slice of each on every one. said: Gbit/s of a machine's network by a user.
    per_machine: GPUs of a machine. network: bytes/s that one sends to others, None where nobody says.
    """

    pipeline: float = 1
    data: float = 1
    experts: bool = False
    said: float | None = None
    per_machine: float = inf
    network: float | None = None

    @property
    def sizes(self) -> tuple[float, float, bool]:
        """What it is, on whatever machines."""
        return self.pipeline, self.data, self.experts

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but tensor parallelism."""
        return self.sizes == (1, 1, False)

    def on(self, tensor_parallel: float, gpus: float, gbit_per_s: float | None) -> Parallelism:
        """Return it on such machines; where one holds all of a replica, they say nothing of it."""
        if self.is_plain or tensor_parallel * self.pipeline * self.data <= gpus:
            return self._replace(per_machine=inf, network=None)
        known = gbit_per_s if self.said is None else self.said
        return self._replace(per_machine=gpus, network=None if known is None else 1e9 / 8 * known)


def share_of(amount: Floats, parts: Floats) -> Floats:
    """Return what the fullest of ``parts`` has of so many things: none is cut while some have nothing."""
    if isinstance(parts, float | int) and parts == 1:
        return amount
    share: Floats = np.maximum(amount / parts, np.minimum(amount, 1.0))
    return share


class Apart(NamedTuple):
    """What a step costs besides that of GPUs that slice everything; floats, or arrays over configurations.

    ranks: that run attention each for their own requests. holders: GPUs that experts are spread over whole, 1
    where they are sliced. hops: messages one after the other besides all-reduces; near: of a token of a rank,
    seconds of each GPU at the peak of its link. far_hops, far: those from machine to machine.
    """

    ranks: Any = 1.0
    holders: Any = 1.0
    hops: Any = 0.0
    near: Any = 0.0
    far_hops: Any = 0.0
    far: Any = 0.0


def apart_of(
    model: Architecture, precision: Precision, gpu: Gpu, tensor_parallel: float, spread: Parallelism
) -> Apart:
    """Return what stages send on, and what experts take in and give back.

    A stage sends the hidden state and the residual at 16 bit, a slice from each GPU, which those of the next
    one gather (scatter/gather, Narayanan et al. 2021). Of a token, a group of G experts' GPUs (or machines)
    gets a copy with the chance 1 − (1 − 1/G)^K, of all where experts are sliced; copies go once to a machine
    and on from there, at 8 bit where weights are, and come back at 16 (DeepSeek-AI 2024).
    """
    link = gpu.link_bytes_per_s or inf
    network = (spread.network or inf) / (spread.per_machine if spread.network else 1.0)
    part = 1 / tensor_parallel
    engine = tensor_parallel * spread.pipeline
    sends, far_sends = spread.pipeline - 1, max(ceil(engine / spread.per_machine), 1) - 1
    gathered = 1 - part
    state = 4 * model.hidden
    holders = tensor_parallel * spread.data
    found = Apart(
        ranks=spread.data,
        holders=holders if spread.experts else 1.0,
        hops=sends - far_sends + (sends if gathered else 0.0),
        near=state * ((sends - far_sends) * part + sends * gathered) / link,
        far_hops=far_sends,
        far=far_sends * state * part / network,
    )
    if spread.data == 1:
        return found
    local = min(holders, tensor_parallel * max(1.0, spread.per_machine / engine))
    machines = holders / local
    routed = model.experts_per_token if spread.experts else inf
    sent = 1 if spread.experts and precision.peak == "fp8" else 2
    moved = model.expert_layers * model.hidden * (sent + 2) * part
    near = (holders - machines) * (1 - (1 - 1 / holders) ** routed)
    far = (machines - 1) * (1 - (1 - 1 / machines) ** routed) if machines > 1 else 0.0
    trips = 2 * model.expert_layers
    return found._replace(
        hops=found.hops + trips * (local > 1),
        near=found.near + moved * near / link,
        far_hops=found.far_hops + trips * (machines > 1),
        far=found.far + moved * far / network,
    )


def fullest(expected: Any, most: Any, variance: Any, holders: Any) -> Any:
    """Return the expected load of the fullest of ``holders``, ``most`` at the most.

    Loads of random routing are nearly normal; the largest of P lies √(2 ln P) deviations above their mean
    (Raab and Steger 1998). Real routing is more uneven.
    """
    return np.minimum(expected + np.sqrt(2 * np.log(holders) * variance), most)


def stages_of(model: Architecture, pipeline: float) -> list[Architecture]:
    """Return the model's stages: the first has the embeddings and encoders, the last the output layer.

    Layers that do not divide go to the last stages but one. A few layers without experts come first in models
    that have some; others are taken to alternate.
    """
    if pipeline == 1:
        return [model]
    leading = _leading(model)
    ahead = sum(group.layers for group in leading)
    found, before = [], 0.0
    for layers in _divided(int(model.layers), int(min(pipeline, model.layers))):
        first = min(max(ahead - before, 0.0), layers)
        shares = first / (ahead or 1.0), (layers - first) / (model.layers - ahead)
        groups = tuple(
            group._replace(layers=group.layers * shares[group not in leading]) for group in model.groups
        )
        bare = {"groups": groups, "vocabulary": 0.0, "tied": True, "tower": 0.0, "lookup": 0.0}
        found.append(model._replace(**bare))  # type: ignore[arg-type]
        before += layers
    embedded = model.lookup + model.head_parameters
    found[0] = found[0]._replace(tower=model.tower, lookup=embedded)
    found[-1] = found[-1]._replace(vocabulary=model.vocabulary)
    return found


_FEW = 8
"""Layers of a model ÷ those without experts that come first, at the least."""


def _leading(model: Architecture) -> tuple[Layers, ...]:
    plain = tuple(group for group in model.groups if group.experts == 1)
    return plain if model.experts > 1 and sum(g.layers for g in plain) * _FEW <= model.layers else ()


def _divided(layers: int, pipeline: int) -> list[int]:
    """Return the layers of each stage, as vLLM divides them.

    >>> _divided(61, 4)
    [15, 15, 16, 15]
    """
    counts, left = [layers // pipeline] * pipeline, layers % pipeline
    for index in range(2, left + 2):
        counts[-index] += 1
    return counts


_WITHOUT = ("tgi", "ollama")
_WITHOUT_RANKS = ("tensorrt-llm", "triton")


def obstacles_of(
    model: Architecture, gpu: Gpu, tensor_parallel: float, engine: str, spread: Parallelism
) -> list[str]:
    """Return why a replica cannot be spread so."""
    if spread.is_plain and spread.per_machine == inf:
        return []
    holders = tensor_parallel * spread.data
    crowded = spread.experts and holders > model.experts > 1
    width = max((group.ffn for group in model.routed), default=0.0)
    found = {
        f"{engine} has no pipeline_parallel, data_parallel or expert_parallel": not spread.is_plain
        and engine in _WITHOUT,
        f"data_parallel of {engine} is not modelled": spread.data > 1 and engine in _WITHOUT_RANKS,
        f"{model.layers:g} layers make no {spread.pipeline:g} stages": spread.pipeline > model.layers,
        "data_parallel needs experts: use replicas instead": spread.data > 1 and model.experts == 1,
        "expert_parallel needs experts": spread.experts and model.experts == 1,
        "expert_parallel needs tensor_parallel or data_parallel": spread.experts and holders == 1,
        f"{model.experts:g} experts cannot be spread over {holders:g} GPUs": crowded,
        f"experts {width:g} wide cannot be sliced for {holders:g} GPUs": spread.data > 1
        and not spread.experts
        and width % holders > 0,
        f"nobody says how fast {gpu.name}s exchange data: give link_gb_per_s": tensor_parallel == 1
        and not gpu.link_bytes_per_s,
    }
    return [why for why, holds in found.items() if holds] + _apart(tensor_parallel, spread)


def _apart(tensor_parallel: float, spread: Parallelism) -> list[str]:
    """Return why machines cannot share the replica."""
    each, engine = spread.per_machine, tensor_parallel * spread.pipeline
    if each == inf:
        return []
    if tensor_parallel > each:
        return [f"tensor_parallel is {tensor_parallel:g}, but a machine has {each:g} GPUs"]
    whole = engine * spread.data
    if each % tensor_parallel or whole % each or max(engine, each) % min(engine, each):
        return [f"{whole:g} GPUs in groups of {tensor_parallel:g} do not fill machines with {each:g}"]
    if not spread.network:
        return ["unknown network: give network_gbit_per_s"]
    return []
