"""How engines are told to use memory and to batch, and what they take where they are told nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from capplan.errors import InputError, Problem

_MIB, _GIB = 2.0**20, 2.0**30
_KEPT, _CHUNK, _CAPTURED = 512 * _MIB, 1.5 * _MIB, 2.0 * _MIB
"""What SGLang keeps free by itself, for each token of a chunk, and for each sequence of a captured graph."""


class Told(NamedTuple):
    """What a user says of an engine; None where it is left to the engine.

    memory_share: --gpu-memory-utilization of vLLM, by other names elsewhere. kv_cache: auto (the
    checkpoint's, 16 bit if it says nothing) or fp8. hybrid: layers with a window keep only that. stored: the
    checkpoint is at the precision that it is served at, so the engine quantises nothing. Numbers may be
    arrays over scenarios. precisions: that the checkpoint allows, any if none. longest: --max-model-len.
    """

    memory_share: Any = None
    batched_tokens: Any = None
    sequences: Any = None
    kv_cache: str | None = None
    hybrid: bool | None = None
    prefix_cache: bool | None = None
    stored: bool = False
    precisions: tuple[str, ...] = ()
    longest: float | None = None


class EngineSettings(NamedTuple):
    """What an engine runs with on a GPU, told or its own defaults."""

    memory_share: Any
    batched_tokens: Any
    sequences: Any
    kv_bytes: float
    hybrid: bool
    prefix_cache: bool


class Accounting(NamedTuple):
    """How a version of an engine counts memory.

    counts: what ``share`` is of: ``all`` of the GPU with what a run takes in it, ``static`` without, or what
    is ``free`` beside weights and such a run. share: None where the engine derives it from ``cards``: by GB
    of the GPU, tokens of a chunk and sequences of the largest graph. sampler: bytes of the run by sequence
    and entry of the vocabulary. own, linked: bytes outside PyTorch on one GPU, and on several. chunked:
    whether ``hybrid`` covers layers that attend within chunks. quantises: makes FP8 of weights while it loads
    them, not when all are loaded. whole: reads prompts whole unless it is told to read them in chunks.
    batched_tokens, sequences: defaults on any card. states_prefix: caches prefixes of models with states
    too by itself; states_alone: serves one request of such a model at a time. image_tokens: of the images
    that the run encodes. speculates: methods of drafting, each with the first version known to have it, its
    name there, and GiB that it keeps free of each GPU.
    """

    version: str
    counts: str
    own: float
    linked: float
    graphs: float
    share: float | None = None
    cards: Mapping[str, tuple[float, float]] = {}
    sampler: float = 0.0
    batched_tokens: float | None = None
    sequences: float | None = None
    hybrid: bool = False
    chunked: bool = False
    prefix_cache: bool = False
    quantises: bool = False
    whole: bool = False
    states_prefix: bool = True
    states_alone: bool = False
    image_tokens: float = 0.0
    speculates: Mapping[str, Sequence[Any]] = {}

    def card(self, memory_bytes: float) -> tuple[float | None, float]:
        """Return the tokens of a chunk, None if they do not depend on the GPU, and the sequences captured."""
        large = [row for size, row in self.cards.items() if 1e9 * float(size) <= memory_bytes]
        return max(large, default=(self.batched_tokens, 0.0))

    def without(self, method: str) -> str:
        """Say that the engine, or its version, cannot draft by the ``method``; empty if it can."""
        since = self.speculates.get(method, ("", ""))[0]
        if not since:
            return f"does not speculate with {method}"
        old = ordered(self.version) < ordered(since)
        return f"{self.version} does not speculate with {method}: since {since}" if old else ""

    def kept_for(self, method: str) -> float:
        """Return the bytes of each GPU that the engine keeps free for what drafts."""
        return _GIB * float(sum(self.speculates[method][2:]))

    def share_of(self, batched_tokens: Any, memory_bytes: float) -> Any:
        """Return the share of a GPU's memory that the engine takes if it is not told."""
        if self.share is not None:
            return self.share
        _, sequences = self.card(memory_bytes)
        return 1.0 - (_KEPT + _CHUNK * batched_tokens + _CAPTURED * sequences) / memory_bytes


def accounting_of(rows: Mapping[str, Any], version: str | None, where: str) -> Accounting:
    """Return how the engine counts at ``version``, its usual one if None; InputError if that is too old."""
    wanted = str(rows["default"]) if version is None else version.removeprefix("v")
    before = [each for each in rows["versions"] if ordered(each) <= ordered(wanted)]
    if not before:
        what = f"version {wanted} is older than any that capplan knows"
        raise InputError(Problem(where, what, f"The first is {next(iter(rows['versions']))}."))
    found: dict[str, Any] = {}
    for each in before:
        found |= rows["versions"][each]
    own = found.pop("own_gib")
    linked, graphs = found.pop("linked_gib", own), found.pop("graphs_gib", 0.0)
    sizes = {"own": _GIB * own, "linked": _GIB * linked, "graphs": _GIB * graphs}
    return Accounting(wanted, **sizes, **found, speculates=rows.get("speculates", {}))


def ordered(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, so that 0.11 comes after 0.9."""
    numbers = (part for part in version.partition("+")[0].split(".") if part.isdigit())
    return tuple(int(part) for part in numbers)
