"""Prefill and decode on separate replicas, in closed form.

A prompt waits for a prefill replica, is read there, and its KV cache is sent over a link to a decode replica,
which makes the tokens in steps that read no prompts: so prompts never delay tokens (Zhong et al. 2024,
DistServe; Patel et al. 2024, Splitwise; Qin et al. 2024, Mooncake). Two things are assumed: a cache is sent
when its prompt has been read whole, as NIXL does (engines that send layer by layer hide a part of that), and
the first token that users see is that of the decode replica. Everything broadcasts over scenarios.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.llm.capacity import sequences
from capplan.llm.configuration import Configuration
from capplan.llm.fit import Memory
from capplan.llm.serving import Served, decode_step, first_token, highest_rate, prompt_time

ENGINES = ("vllm", "sglang")
"""Engines whose pools are known."""

_TAIL = 4.0
"""95th percentile of a wait for the link ÷ its mean, as of one for a server (:mod:`capplan.llm.serving`)."""


def unlike(one: Configuration, other: Configuration) -> str:
    """Return why two pools cannot exchange a KV cache; empty if they can.

    NIXL compares the types of cache and activations, and sends states only between as many GPUs
    (docs.vllm.ai, features/nixl_connector_compatibility).
    """
    bits, others = (8 * each.settings.kv_bytes for each in (one, other))
    if bits != others:
        return f"keeps its KV cache at {bits:g} bit, and decode at {others:g}"
    if (one.gpu.compute_capability >= 8) != (other.gpu.compute_capability >= 8):
        return f"{one.gpu.name} or {other.gpu.name} has no bfloat16"
    apart = one.tensor_parallel != other.tensor_parallel and one.memory().state > 0
    return f"the states of {one.model.name} need as many GPUs in both pools" if apart else ""


class PromptRates(NamedTuple):
    """Requests/s that a prefill replica carries without pause, each (scenarios | 1, 1) or a float.

    room: prompts that its KV cache holds; 0 where the model does not fit. prompts: it reads them in full
    steps. held: the cache holds those that are read or sent. sent: the link sends their caches. ttft: the
    promise is kept for 95 % of the requests; 0 where it is not even for one alone.
    """

    room: Array
    prompts: Floats
    held: Floats
    sent: Floats
    ttft: Array


def transfer_time(memory: Memory, inputs: Floats, link_bytes_per_s: Floats) -> Floats:
    """Return the seconds to send the KV cache of a prompt of ``inputs`` tokens to a replica with ``memory``.

    All of it is sent, whatever a prefix cache held; copies that several GPUs keep are sent to each.
    """
    return memory.sequence(inputs) / link_bytes_per_s


def sent_prompt(served: Served, transfer_s: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the 95th percentile of the seconds until a prompt's cache is at a decode replica.

    ``rate`` requests/s come to each prefill replica. Reading and sending are queues in tandem, each with the
    same time for every request: a request waits as long as at the slower one alone (Friedman 1965), M/D/1;
    with prompts of many lengths, which take about as long at both in proportion, M/G/1.
    Against a simulation, up to 70 % load: mean and percentile within 21 %, too low where steps read many.
    An engine fills a step with the beginning of the next prompt, for which the one before it waits: so the
    rest of a step counts beside M/D/1, which alone is a tenth (mean) and a quarter (percentile) too short.
    """
    mean, late = first_token(served, rate, 0.0)
    alone, alone_late = first_token(served, 0.0, 0.0)
    busy = np.minimum(rate * transfer_s, 1.0 - 1e-9)
    variety, longer = (
        (1.0, 1.0) if served.lengths is None else (served.lengths.variety, served.lengths.late_input)
    )
    queue = busy * transfer_s * variety / (2 * (1 - busy))
    more = np.maximum(queue - (mean - alone), 0.0)
    more_late = np.maximum(_TAIL * queue - (late - alone_late), 0.0)
    return mean + transfer_s + more, late + transfer_s * longer + more_late


def first_decode(served: Served, concurrency: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the 95th percentile of the seconds from a cache that is there to the first token.

    The server's overhead, the rest of the step in progress, if one is, and a step of its own.
    """
    step = decode_step(served, np.maximum(concurrency, 1.0))
    alone = served.reached.first_token_s + step
    rest = -np.expm1(-concurrency) * step
    return alone + rest / 2, alone + rest


def prompt_rates(
    served: Served, memory: Memory, batched_tokens: Floats, transfer_s: Floats, left_s: Floats
) -> PromptRates:
    """Return what a prefill replica carries that has ``left_s`` seconds until a cache must be sent."""
    room = sequences(served._replace(outputs=0.0), memory, np.inf)
    at_once = np.maximum(np.minimum(batched_tokens // served.prompt, room), 1.0)
    prompts = at_once / np.maximum(prompt_time(served, at_once), at_once * served.reached.request_s)
    held = np.maximum(room, 1.0) / (prompt_time(served) + transfer_s)
    sent = 1.0 / np.maximum(transfer_s, 1e-12)
    most = np.minimum(np.minimum(prompts, held), sent)

    def keeps(rate: Floats) -> NDArray[np.bool_]:
        return np.asarray(sent_prompt(served, transfer_s, rate)[1] <= left_s)

    return PromptRates(room, prompts, held, sent, highest_rate(keeps, most, left_s))
