"""What serves a model: so many GPUs of a kind, at a precision, with an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil, inf
from typing import Literal, NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.llm.architecture import EMBEDDING_BYTES, PRECISIONS, Architecture, Precision
from capplan.llm.facts import LlmFacts
from capplan.llm.fit import (
    Memory,
    held_bytes,
    memory_of,
    obstacles,
    overloaded,
    settings_of,
    sliced_bytes,
    with_drafts,
)
from capplan.llm.flags import unsaid
from capplan.llm.hardware import Efficiency, Engine, Gpu, efficiency_of
from capplan.llm.lengths import RequestLengths
from capplan.llm.roofline import Work, work_of
from capplan.llm.serving import Served
from capplan.llm.settings import EngineSettings, Told
from capplan.llm.speculation import Drafting, Speculation
from capplan.llm.spread import Parallelism, obstacles_of


class Configuration(NamedTuple):
    """One replica of a model, its engine told what a user wants of it.

    pool: what it does where other replicas do the rest.
    """

    model: Architecture
    precision: Precision
    gpu: Gpu
    tensor_parallel: float
    engine: Engine
    told: Told = Told()
    pool: Literal["", "prefill", "decode"] = ""
    spread: Parallelism = Parallelism()
    speculation: Speculation | None = None

    @property
    def gpus(self) -> float:
        """GPUs of the replica."""
        return self.tensor_parallel * self.spread.pipeline * self.spread.data

    @property
    def machines(self) -> float:
        """Machines that the replica takes, 1 if it shares one with others."""
        return max(ceil(self.gpus / self.spread.per_machine), 1)

    @property
    def on_one(self) -> float:
        """GPUs of the replica on one machine."""
        return min(self.gpus, self.spread.per_machine)

    def on(self, gpus: float, gbit_per_s: float | None) -> Configuration:
        """Return it on machines of so many GPUs with such a network, unless the user says another."""
        return self._replace(spread=self.spread.on(self.tensor_parallel, gpus, gbit_per_s))

    def per_machine(self, gpus: float) -> float:
        """Return the replicas on a machine of so many GPUs: a part of one where it takes several machines."""
        return gpus // self.gpus if gpus >= self.gpus else gpus / self.gpus

    def sizes(self) -> dict[str, float]:
        """Return how the replica is spread over GPUs and machines, by vLLM's names."""
        return {
            "tensor_parallel": self.tensor_parallel,
            "pipeline_parallel": self.spread.pipeline,
            "data_parallel": self.spread.data,
            "expert_parallel": self.spread.experts,
            "machines": self.machines,
        }

    def hardware(self) -> str:
        """Return its GPUs as people say it, such as ``16 × H100-80GB (TP 8, PP 2)``."""
        spread = self.spread
        sizes = {"TP": self.tensor_parallel, "PP": spread.pipeline, "DP": spread.data}
        named = [f"{name} {size:g}" for name, size in sizes.items() if size > 1]
        how = "" if spread.is_plain else f" ({', '.join([*named, *(['EP'] if spread.experts else [])])})"
        return f"{self.gpus:g} × {self.gpu.name}{how}"

    def brief(self) -> str:
        """Return it as people say it, such as ``fp8 on 2 × H100-80GB``."""
        return f"{self.precision.name} on {self.hardware()}"

    @property
    def settings(self) -> EngineSettings:
        """What the engine runs with."""
        found, said = (
            settings_of(self.told, self.model, self.precision, self.gpu, self.engine),
            self.speculation,
        )
        if said is None or self.told.memory_share is not None:
            return found
        kept = np.minimum(said.tokens, 1.0) * self.engine.accounting.kept_for(said.method)
        return found._replace(memory_share=found.memory_share - kept / self.gpu.memory_bytes)

    @property
    def stored_so(self) -> bool:
        """Whether the published checkpoint is at the precision; FP8 may be made of 16 bit otherwise."""
        published = self.model.stored.precision if self.model.stored else None
        return self.precision.name == published or (published is None and self.precision.alike == "16 bit")

    @property
    def is_calibrated(self) -> bool:
        """Whether a benchmark of the user's own ran on it."""
        measured = (self.gpu.name, self.precision.alike, self.tensor_parallel) in self.model.measured
        return measured and self.spread.is_plain

    @property
    def is_timed(self) -> bool:
        """Whether anything is known of its speed: the engine was measured, or this by the user."""
        return self.is_calibrated or not self.engine.unmeasured

    @property
    def run(self) -> Precision:
        """The precision as the GPU's kernels run it, with the KV cache that the engine keeps.

        vLLM serves FP8 on Ampere too, with kernels that widen the weights as they go (Marlin, W8A16).
        """
        widened = self.precision.name == "fp8" and "fp8" not in self.gpu.peaks and self.engine.name == "vllm"
        ran = self.precision._replace(kv_bytes=self.settings.kv_bytes)
        ampere = 8.0 <= self.gpu.compute_capability < inf
        return ran._replace(peak="fp16", minimum=8.0) if widened and ampere else ran

    def work(self) -> Work:
        """Return what a step costs at the hardware's peaks."""
        return work_of(self.model, self.run, self.gpu, self.tensor_parallel, self.spread)

    def reached(self, facts: LlmFacts) -> Efficiency:
        """Return how much of the peaks the engine reaches."""
        slices = 1.0 if self.spread.experts else self.tensor_parallel * self.spread.data
        return efficiency_of(self.model, self.run, self.gpu, self.tensor_parallel, self.engine, facts, slices)

    def served(
        self,
        facts: LlmFacts,
        inputs: Floats,
        outputs: Floats,
        cached: Floats = 0.0,
        lengths: RequestLengths | None = None,
    ) -> Served:
        """Return it with requests of so many tokens on average."""
        return Served(
            self.work(),
            self.reached(facts),
            inputs,
            outputs,
            self.engine.mixes,
            cached,
            stages=self.spread.pipeline,
            chunk=self.settings.batched_tokens,
            drafting=self.drafting(facts),
            lengths=lengths,
        )

    @property
    def max_sequences(self) -> Floats:
        """Most requests that the replica runs at once: each rank has an engine of its own."""
        most: Floats = self.settings.sequences * self.spread.data
        return most

    @property
    def drafter(self) -> Configuration | None:
        """What drafts on the same GPUs, with the same cache; None where the engine needs nothing for it."""
        said = self.speculation
        if said is None or said.draft is None:
            return None
        wide = "bf16" if "bf16" in self.gpu.peaks else "fp16"
        own = PRECISIONS[said.draft.stored.precision if said.draft.stored else wide]
        cache = "fp8" if self.settings.kv_bytes < 2 else "auto"
        return self._replace(
            model=said.draft,
            precision=self.precision if said.method == "mtp" else own,
            told=self.told._replace(kv_cache=cache),
            speculation=None,
        )

    def drafting(self, facts: LlmFacts) -> Drafting | None:
        """Return what drafts cost and bring; the host works for the draft once a step, not by sequence."""
        said, draft = self.speculation, self.drafter
        if said is None or draft is None:
            return said and Drafting(said.tokens, said.acceptance)
        reached = draft.reached(facts)._replace(sequence_s=0.0)
        return Drafting(said.tokens, said.acceptance, draft.work(), reached)

    @property
    def drafted_bytes(self) -> Floats:
        """Weights that are held for drafts only."""
        return self._drafted(held_bytes)

    def _drafted_each(self) -> Floats:
        """Return the bytes of what drafts on the fullest GPU."""
        sliced = partial(sliced_bytes, tensor_parallel=self.tensor_parallel, spread=self.spread)
        return self._drafted(sliced, self.tensor_parallel)

    def _drafted(self, bytes_of: Callable[[Architecture, Precision], float], gpus: float = 1.0) -> Floats:
        """Return the bytes of what drafts, less those that are the model's own; on each of so many GPUs."""
        said, draft = self.speculation, self.drafter
        if said is None or draft is None:
            return 0.0
        shared = EMBEDDING_BYTES * draft.model.head_parameters / gpus if said.shares else 0.0
        each = bytes_of(draft.model, draft.precision) - shared
        held: Floats = np.minimum(said.tokens, 1.0) * said.layers * each
        return held

    def memory(self) -> Memory:
        """Return what the weights take, and what is left for the KV cache."""
        accounting, settings, said = self.engine.accounting, self.settings, self.speculation
        if said is not None:
            sampler = accounting.sampler + _REFUSED_BYTES * np.minimum(said.tokens, 1.0)
            accounting = accounting._replace(sampler=sampler)
        where = (self.gpu, self.tensor_parallel)
        own = memory_of(self.model, self.precision, *where, accounting, settings, self.spread)
        if said is None:
            return own
        draft = self.drafter
        held = None if draft is None else draft.model.held(draft.settings.kv_bytes, self.tensor_parallel)
        # SGLang loads what drafts beside the share that it takes.
        share = {"free": settings.memory_share, "static": 0.0}.get(accounting.counts, 1.0)
        return with_drafts(own, said, held, self.drafted_bytes, share * self.gpus * self._drafted_each())

    def too_long(self, tokens: float) -> str:
        """Say that a request of so many tokens is longer than model or engine take; empty if it is not."""
        most = self.told.longest
        if most is not None and tokens > most:
            return f"requests of {tokens:,.0f} tokens, but max_model_len is {most:,.0f}"
        return self.model.beyond_context(tokens)

    def longest(self) -> Floats:
        """Return the tokens of the longest request that model, engine and KV cache take."""
        memory = self.memory()
        most = min(self.told.longest or inf, self.model.context or inf)
        return np.floor(np.minimum(memory.longest(memory.ranks), most))

    def obstacles(self) -> list[str]:
        """Return why this cannot run at all, memory aside."""
        where = (self.gpu, self.tensor_parallel)
        found = [*obstacles(self.model, self.run, *where), *self._mistold()]
        found += [*obstacles_of(self.model, *where, self.engine.name, self.spread), *self._undrafted()]
        too_large = overloaded(self.model, self.precision, self.gpu, self.gpus, self.engine)
        return found if self.told.stored or not too_large else [*found, too_large]

    def _undrafted(self) -> Iterator[str]:
        """Yield why nothing can be drafted on these GPUs."""
        draft, settings, accounting = self.drafter, self.settings, self.engine.accounting
        if self.speculation is not None and self.spread.pipeline > 1:
            yield "engines do not speculate over stages of layers"
        if draft is None:
            return
        undivided, memory = draft.model.undivided(self.tensor_parallel), self.gpu.memory_bytes
        if undivided:
            yield f"{undivided} of {draft.model.name}, which drafts, cannot be divided over so many GPUs"
        usual = accounting.share_of(settings.batched_tokens, memory)
        more = np.max(self._drafted_each() - (usual - settings.memory_share) * memory)
        if accounting.counts == "static" and more > 1e6:
            yield f"gpu_memory_utilization leaves {more / 1e9:.1f} GB too little for what drafts"

    def _mistold(self) -> Iterator[str]:
        """Yield what a user says of the engine that it cannot be told, or does not start with."""
        told = self.told
        for setting in unsaid(self):
            yield f"{self.engine.name} {self.engine.accounting.version} cannot be told {setting}"
        if told.precisions and self.precision.name not in told.precisions:
            yield f"the checkpoint is at {' or '.join(told.precisions)}, not {self.precision.name}"
        step, longest = self.settings.batched_tokens, told.longest or 0.0
        if told.sequences is not None and np.any(told.sequences > step):
            yield f"max_num_seqs is above the {float(np.min(step)):g} tokens of a step"
        if 0 < self.model.context < longest:
            yield f"max_model_len {longest:,.0f}, but the model's context is {self.model.context:,.0f}"
        elif longest and np.any(self.memory().missing(longest) > 0):
            yield f"the KV cache has no room for one request of max_model_len, {longest:,.0f} tokens"


_REFUSED_BYTES = 8.0
"""Held by a profiling run for each sequence and entry of the vocabulary to refuse drafts: scores of two at 16
bit, and of one at 32 (vllm/v1/worker/gpu_model_runner.py, v1/sample/rejection_sampler.py)."""
