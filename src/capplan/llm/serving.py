"""Continuous batching in closed form: time per token, tokens per second and how many users at an SLO.

A replica that keeps B sequences running takes in B/OSL prompts a step, so that share of its steps also reads
a prompt (Yu et al. 2022, Orca; Agrawal et al. 2024, Sarathi). A sequence waits for the prompts of the B − 1
others only: its own was read before. With S stages, S groups of sequences are on their way at once, each in
another stage, so a step has B/S of them (Narayanan et al. 2021); fewer than S leave stages empty. An engine
that speculates emits several tokens in a step, on average. All functions broadcast over configurations.

Where lengths are said, and not only their means, a sequence is met as often as it takes steps, so contexts
are weighted by outputs; prompts take what those of each length do; and the first token waits as in M/G/1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array, Floats
from capplan.llm.hardware import Efficiency
from capplan.llm.lengths import LATE, RequestLengths, averaged, led
from capplan.llm.roofline import Work, step_time
from capplan.llm.speculation import Drafting
from capplan.llm.spread import share_of


class Served(NamedTuple):
    """Configurations that serve requests of given lengths.

    inputs, outputs: tokens of a request on average. mixes: prompts are read in steps that decode too.
    cached: share of the input that a prefix cache already holds, so that it is attended to but not read.
    transfer_s: seconds in which the KV cache of a prompt comes from replicas that only read prompts; None
    where this one does. stages: of layers. chunk: tokens of a prompt that a step reads at the most. drafting:
    None without speculation. lengths: how requests spread around the means, if that is known.
    """

    work: Work
    reached: Efficiency
    inputs: Floats
    outputs: Floats
    mixes: Floats
    cached: Floats = 0.0
    transfer_s: Floats | None = None
    stages: Floats = 1.0
    chunk: Floats = np.inf
    drafting: Drafting | None = None
    lengths: RequestLengths | None = None

    @property
    def emitted(self) -> Floats:
        """Tokens that a step brings a sequence on average."""
        return 1.0 if self.drafting is None else self.drafting.emitted

    @property
    def each(self) -> Floats:
        """Tokens of a sequence in a step: those that are drafted, and one."""
        return 1.0 if self.drafting is None else 1.0 + self.drafting.tokens

    @property
    def prompt(self) -> Floats:
        """Tokens of a request that have to be read."""
        return np.maximum(self.inputs * (1 - self.cached), 1.0)

    @property
    def prompt_context(self) -> Floats:
        """Tokens that each of them attends to on average."""
        return self.inputs * self.cached + self.prompt / 2

    @property
    def overlapped(self) -> Floats:
        """Time of a prompt ÷ that of its chunks one after the other: each stage reads another chunk."""
        if isinstance(self.stages, float | int) and self.stages == 1:
            return 1.0
        chunks = np.maximum(np.ceil(self.prompt / self.chunk), 1.0)
        return (chunks + self.stages - 1) / (chunks * self.stages)

    @property
    def context(self) -> Floats:
        """Tokens of context of a sequence that decodes, half-way on average; each for as long as it does."""
        if self.lengths is None:
            return self.inputs + self.outputs / 2
        return self.lengths.seen(self.inputs, self.outputs)

    @property
    def arriving(self) -> float:
        """Sequences besides those that run, for one that comes at random meets them all.

        Means alone are those of a benchmark, whose users meet only each other.
        """
        return 0.0 if self.lengths is None else 1.0

    def beside(self, concurrency: Floats) -> Floats:
        """Return the tokens of prompts that a rank's step has room for beside its part of the decodes."""
        decodes = share_of(share_of(concurrency, self.stages), _ranks(self))
        room: Floats = np.maximum(self.chunk - self.each * decodes, 1.0)
        return room

    def dimensions(self, *others: Floats) -> int:
        """Return the dimensions of what depends on all of this, and on ``others``."""
        asked = (self.inputs, self.outputs, self.cached, self.emitted)
        sent = 0.0 if self.transfer_s is None else self.transfer_s
        return max(map(np.ndim, (self.work.layers, *asked, sent, *others)))

    def prompts(self, *others: Floats) -> tuple[Floats, Floats]:
        """Return the tokens that prompts have to read, and what those attend to: (strata, …) if they vary."""
        if self.lengths is None:
            return self.prompt, self.prompt_context
        _, length, weighted = (led(each, self.dimensions(*others)) for each in self.lengths.prompts)
        return np.maximum(self.prompt * length, 1.0), self.prompt_context * weighted

    def mean(self, times: Floats) -> Floats:
        """Return the mean over the requests of what prompts take."""
        return times if self.lengths is None else averaged(self.lengths.prompts[0], np.asarray(times))


def time_per_token(served: Served, concurrency: Floats) -> Floats:
    """Return TPOT in seconds with ``concurrency`` sequences running all the time.

    An engine reads prompts in chunks, so that no step beside decodes is longer than a full one. An API
    server, of which each rank has one, sends no faster than it can.
    """
    time = _pace(served, concurrency)
    if served.lengths is not None and np.any(served.mixes):
        running, ranks = share_of(concurrency, served.stages), _ranks(served)
        read = ranks * served.beside(concurrency)
        seen = served.prompt_context * served.lengths.variety
        full = _timed(served, running, served.context, read, seen, ranks) / served.emitted
        time = np.where(served.mixes, np.minimum(time, full), time)
    sent: Floats = np.maximum(time, concurrency / _ranks(served) * served.reached.token_s)
    return sent


def _pace(served: Served, concurrency: Floats) -> Floats:
    """Return the seconds by token, with prompts that wait for others."""
    steps = np.maximum(served.outputs, 1.0) / served.emitted
    others = np.maximum(concurrency - 1.0, 0.0) / steps / served.stages
    share = np.minimum(others, 1.0) if served.lengths is None else -np.expm1(-others)
    decode = decode_step(served, concurrency)
    if served.transfer_s is not None:
        return decode / served.emitted
    ranks = _ranks(served)
    if not np.any(served.mixes):
        return (decode + share_of(others, ranks) * prompt_time(served)) / served.emitted
    mixed = served.mean(_mixed_step(served, concurrency, others / np.maximum(share, 1e-12)))
    together = (1 - share) * decode + share * mixed
    if not np.all(served.mixes):
        apart = decode + share_of(others, ranks) * prompt_time(served)
        together = np.where(served.mixes, together, apart)
    return together / served.emitted


def _ranks(served: Served) -> Floats:
    """Return the ranks that each read prompts of their own."""
    return 1.0 if served.work.apart is None else served.work.apart.ranks


def decode_step(served: Served, concurrency: Floats) -> Floats:
    """Return the seconds of a step that only decodes, its sequences half-way on average."""
    running = share_of(concurrency, served.stages)
    return _timed(served, running, served.context, 0.0, served.prompt_context, 0.0)


def prompt_time(served: Served, prompts: Floats = 1.0) -> Floats:
    """Return the seconds to read ``prompts`` at once on an idle replica, without the server's overhead."""
    return served.mean(_mixed_step(served, 0.0, prompts)) * served.overlapped


def _prompt_there(served: Served) -> Floats:
    """Return the seconds until the KV cache of a prompt is there, read or sent."""
    return prompt_time(served) if served.transfer_s is None else served.transfer_s


def _mixed_step(served: Served, concurrency: Floats, prompts: Floats) -> Floats:
    """Return the seconds of a step that reads so many ``prompts``, (strata, …) where their lengths vary."""
    read, seen = served.prompts(concurrency, prompts)
    running = share_of(concurrency, served.stages)
    return _timed(served, running, served.context, prompts * read, seen, prompts)


def _timed(
    served: Served, decodes: Floats, context: Floats, read: Floats, seen: Floats, prompts: Floats
) -> Floats:
    """Return the seconds of a step that reads tokens of prompts too; it verifies what is drafted for it."""
    draft, own = served.drafting, (served.work, served.reached)
    if draft is None:
        return step_time(*own, decodes, context, read, seen, prompts)
    verified = step_time(*own, decodes, context, read, seen, prompts, served.each)
    return verified + draft.time(decodes, context, read, seen, prompts)


def static_throughput(served: Served, batch: Floats) -> Floats:
    """Return tokens per second of batches that start and end together."""
    steps = served.outputs / served.emitted
    return batch * served.outputs / (prompt_time(served, batch) + steps * decode_step(served, batch))


def stream_throughput(served: Served) -> Floats:
    """Return tokens per second of a single request after another."""
    steps = served.outputs / served.emitted
    return served.outputs / (prompt_time(served) + steps * decode_step(served, 1.0))


def request_time(served: Served, concurrency: Floats) -> Floats:
    """Return the seconds that a request occupies its place: for prompt and tokens, or in the API server."""
    busy = _prompt_there(served) + served.outputs * _pace(served, concurrency)
    server = served.reached.request_s + served.outputs * served.reached.token_s
    longer: Floats = np.maximum(busy, concurrency / _ranks(served) * server)
    return longer


def residence(served: Served, concurrency: Floats) -> Array:
    """Return the seconds that requests of each length hold their KV cache, (points, …)."""
    assert served.lengths is not None
    inputs, outputs = served.lengths.tokens(served.inputs, served.outputs, served.dimensions(concurrency))
    if served.transfer_s is None:
        each = served._replace(inputs=inputs)
        there = _timed(served, 0.0, 0.0, each.prompt, each.prompt_context, 1.0) * served.overlapped
    else:
        there = served.transfer_s * inputs / served.inputs
    return np.asarray(there + outputs * _pace(served, concurrency))


def most_users(keeps: Callable[[Array], NDArray[np.bool_]], limit: Floats, shape: tuple[int, ...]) -> Array:
    """Return the most sequences, whole and up to ``limit``, for which ``keeps`` holds; 0 if not even one.

    What is asked (TPOT, TTFT) only gets harder with concurrency, so bisection finds the edge.
    """
    low = np.zeros(shape)
    high = np.floor(np.broadcast_to(limit, shape).astype(float)) + 1.0
    for _ in range(int(np.ceil(np.log2(max(float(high.max()), 2.0)))) + 1):
        middle = np.floor((low + high) / 2)
        good = keeps(np.maximum(middle, 1.0)) & (middle < high)
        low = np.where(good, np.maximum(middle, low), low)
        high = np.where(good, high, np.maximum(middle, low + 1.0))
    return low


_HALVINGS = 40


def highest_rate(keeps: Callable[[Floats], NDArray[np.bool_]], limit: Floats, like: Floats) -> Array:
    """Return the highest rate up to ``limit`` at which ``keeps`` holds, shaped as ``like``; 0 if none is."""
    limit = np.broadcast_to(np.asarray(limit, dtype=float), np.broadcast(limit, like).shape)
    low, high = np.where(keeps(limit), limit, 0.0), limit
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        good = keeps(middle)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    kept: Array = np.where(keeps(0.0 * limit), low, 0.0)
    return kept


def open_loop(served: Served, rate: Floats, limit: Floats) -> tuple[Floats, Floats]:
    """Return the concurrency and TPOT at which ``rate`` requests/s arrive; infinite where it saturates.

    The fixed point B = rate · (prefill + OSL · TPOT(B)) of Little's law, by bisection: requests leave at a
    rate that rises with B, so the smallest B that keeps up is the answer. Queueing is left to the simulator.
    """
    low = np.zeros(np.broadcast(rate, limit, served.work.layers).shape)
    high = np.broadcast_to(np.asarray(limit, dtype=float), low.shape).copy()
    reading = _prompt_there(served)

    def keeping_up(running: Floats) -> Floats:
        """Return the sequences that run if ``running`` of them slow each other down."""
        return rate * (reading + served.outputs * _pace(served, running + served.arriving))

    saturated = high < keeping_up(high)
    for _ in range(40):
        middle = (low + high) / 2
        keeps = middle >= keeping_up(np.maximum(middle, 1e-6))
        low, high = np.where(keeps, low, middle), np.where(keeps, middle, high)
    concurrency = np.where(saturated, np.inf, high)
    return concurrency, np.where(saturated, np.inf, time_per_token(served, high + served.arriving))


def first_token(served: Served, rate: Floats, concurrency: Floats) -> tuple[Floats, Floats]:
    """Return the mean TTFT and its 95th percentile when ``rate`` requests/s keep ``concurrency`` running.

    The server's overhead, the rest of the step in progress if there is one (no sequence runs with the chance
    e⁻ᴮ), the prompt's own step beside the decodes, and the wait behind other prompts, M/D/1 over what a
    further prompt adds to a step (Pollaczek 1930), of one stage and rank where there are several. Against the
    simulator, below 80 % load: mean within 9 %, percentile within 14 % in nine cases of ten.
    """
    if served.lengths is not None:
        concurrency = concurrency + np.zeros(np.shape(rate))
    decode = decode_step(served, concurrency)
    beside = np.where(served.mixes, concurrency, 0.0)
    step = _mixed_step(served, beside, 1.0)
    added = (_mixed_step(served, beside, 2.0) - step) / served.stages
    if served.lengths is not None:
        return _first_of_many(served, rate / _ranks(served), concurrency, (decode, step, added))
    reading = np.minimum(rate * step / served.stages, 1.0)
    busy = np.minimum(rate * added / _ranks(served), 1.0 - 1e-9)
    decoding = (1 - reading) * -np.expm1(-concurrency)
    rest = (reading * step + decoding * decode) / served.stages
    wait = rest / 2 + busy * added / (2 * (1 - busy))
    sending = np.maximum(concurrency / _ranks(served) - 1.0, 0.0) * served.reached.token_s
    alone = served.reached.first_token_s + step * served.overlapped + sending
    return alone + wait, alone + _TAIL * wait


_TAIL = 4.0
"""95th percentile of the wait ÷ its mean, as the simulator has it; an exponential wait would give 3."""


def _first_of_many(
    served: Served, rate: Floats, concurrency: Floats, steps: tuple[Floats, Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the mean TTFT and its 95th percentile of prompts of many lengths.

    steps: seconds of a step that decodes, that reads a prompt, (strata, …), and what a further one adds.
    A prompt longer than a chunk takes several. The waits are those of M/G/1, for the rest of a step and for
    the prompts before, with the second and third moments of what prompts take (Pollaczek 1930, Takács 1962).
    """
    decode, step, added = steps
    beside = np.where(served.mixes, concurrency, 0.0)
    read, _ = served.prompts(beside)
    chunks = np.ceil(read / served.beside(beside))
    step = step + (chunks - 1) * np.where(served.mixes, decode, 0.0)
    part, decode = step / served.stages, decode / served.stages
    mean = served.mean(part)
    reading = np.minimum(rate * mean, 1.0)
    busy = np.minimum(rate * served.mean(added), 1.0 - 1e-9)
    decoding = (1 - reading) * -np.expm1(-concurrency)
    behind = rate * served.mean(added**2) / (2 * (1 - busy))
    waits = (
        (reading * served.mean(part**2) / mean / 2, reading * served.mean(part**3) / mean / 3),
        (decoding * decode / 2, decoding * decode**2 / 3),
        (behind, 2 * behind**2 + rate * served.mean(added**3) / (3 * (1 - busy))),
    )
    wait = sum(first for first, _ in waits)
    square = wait**2 + sum(second - first**2 for first, second in waits)
    own = step * served.overlapped
    late = _late(served, own, reading + decoding, wait, square)
    alone = served.reached.first_token_s
    return alone + served.mean(own) + wait, alone + late


def _late(served: Served, own: Floats, chance: Floats, wait: Floats, square: Floats) -> Floats:
    """Return the 95th percentile of what prompts take and a wait with a ``chance``, mean and mean square.

    Waits are of two exponentials with balanced means that have both moments (Whitt 1982), or of a single one
    where they vary less than that.
    """
    chance = np.maximum(chance, 1e-9)
    usual = np.maximum(wait / chance, 1e-12)
    varies = np.maximum(square / chance / usual**2 - 1, 1.0)
    share = (1 + np.sqrt((varies - 1) / (varies + 1))) / 2
    grid = led(np.linspace(0.0, 1.0, _CELLS + 1), np.ndim(usual))
    low, width = wait * 0.0, np.max(own, axis=0) + 20 * usual / (1 - share)
    for _ in range(_ZOOMS):
        late = (low + width * grid)[np.newaxis]
        left = np.maximum(late - np.asarray(own)[:, np.newaxis], 0.0) / usual
        waits = chance * (share * np.exp(-2 * share * left) + (1 - share) * np.exp(-2 * (1 - share) * left))
        above = served.mean(np.where(left > 0, waits, 1.0)) > 1 - LATE
        width = width / _CELLS
        low = low + width * np.maximum(np.sum(above, axis=0) - 1, 0)
    found: Floats = low + width
    return found


_CELLS, _ZOOMS = 32, 3
