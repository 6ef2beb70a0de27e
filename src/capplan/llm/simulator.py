"""One replica under load, event by event: what a closed form cannot say is how long a first token waits.

First come, first served; a request is admitted when the KV cache has room for all of its tokens, and keeps it
to the end; prompts are read in chunks (Agrawal et al. 2024). An engine that speculates emits a random number
of tokens in a step. No preemption, no prefix cache.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from capplan.arrays import Array
from capplan.llm.hardware import Efficiency, Engine
from capplan.llm.lengths import RequestLengths
from capplan.llm.roofline import Work, head_time, step_time
from capplan.llm.speculation import Drafting, steps_of

Counts = NDArray[np.int64]
_LEAST_CHUNK = 16


class SimulatedReplica(NamedTuple):
    """What serves: the time of its steps, and the room it has.

    cache_tokens: tokens of context that the KV cache holds. drafting: None without speculation.
    """

    work: Work
    reached: Efficiency
    engine: Engine
    cache_tokens: float
    drafting: Drafting | None = None

    @property
    def each(self) -> int:
        """Tokens of a sequence in a step."""
        return 1 if self.drafting is None else 1 + int(self.drafting.tokens)

    @property
    def draft(self) -> SimulatedReplica | None:
        """What drafts, None where nothing is computed for it."""
        drafting = self.drafting
        if drafting is None or drafting.work is None or drafting.reached is None or self.each == 1:
            return None
        return self._replace(work=drafting.work, reached=drafting.reached, drafting=None)


class SimulatedRequests(NamedTuple):
    """What arrives: tokens in and out of each request, and when, in seconds from the start.

    Without ``arrivals`` as many requests as ``users`` are kept in the system all the time. cached: share of
    each input that a prefix cache already holds.
    """

    inputs: Counts
    outputs: Counts
    arrivals: Array | None = None
    users: int = 1
    cached: float = 0.0


class ServedOutcome(NamedTuple):
    """By request: seconds to the first token and for each one after it; and seconds until all were done."""

    ttft_s: Array
    tpot_s: Array
    duration_s: float


def lengths(
    count: int, longest: float, shortest_share: float, least: int, rng: np.random.Generator
) -> Counts:
    """Return ``count`` whole lengths, uniform from ``shortest_share`` of the longest up to it."""
    drawn = longest * (shortest_share + (1 - shortest_share) * rng.random(count))
    return np.maximum(np.rint(drawn), least).astype(np.int64)


def varied_lengths(count: int, mean: float, longest: float, least: int, rng: np.random.Generator) -> Counts:
    """Return ``count`` whole lengths as in recorded conversations: exponential up to ``longest``.

    They are the quantiles of the distribution in random order, so that their mean is ``mean``.
    """
    drawn = np.minimum(-np.log1p(-(np.arange(count) + 0.5) / count), longest / mean)
    drawn = rng.permutation(drawn) * (mean / float(drawn.mean()))
    counts: Counts = np.maximum(np.rint(drawn), least).astype(np.int64)
    return counts


def burst(
    inputs: float, outputs: float, users: int, count: int, longest: float | None = None
) -> SimulatedRequests:
    """Return ``count`` requests, ``users`` at a time: of one length, or of varied ones up to ``longest``."""
    rng = np.random.default_rng(1)
    if longest is None:
        drawn = [lengths(count, *each, rng) for each in ((inputs, 1, 1), (outputs, 1, 2))]
    else:
        drawn = [varied_lengths(count, mean, longest, 2, rng) for mean in (inputs, outputs)]
    return SimulatedRequests(drawn[0], drawn[1], None, users)


def steady_users(
    inputs: float, outputs: float, users: int, spread: float, rounds: float
) -> SimulatedRequests:
    """Return a benchmark's requests: ``users`` at a time, ``rounds`` of them each, at least 32 in all."""
    count = max(int(rounds * users), 32)
    rng = np.random.default_rng(1)
    return SimulatedRequests(
        lengths(count, inputs, spread, 1, rng), lengths(count, outputs, spread, 2, rng), None, users
    )


def poisson(
    inputs: float,
    outputs: float,
    rate: float,
    count: int,
    cached: float = 0.0,
    spread: RequestLengths | None = None,
) -> SimulatedRequests:
    """Return ``count`` requests that arrive at random, ``rate`` a second, of one length or of many."""
    rng = np.random.default_rng(1)
    arrivals = np.cumsum(rng.exponential(1 / rate, count))
    ins, outs = lengths(count, inputs, 1, 1, rng), lengths(count, outputs, 1, 2, rng)
    if spread is not None:
        drawn = rng.choice(spread.shares.size, count, p=spread.shares)
        tokens = (np.rint(each[drawn]) for each in spread.tokens(inputs, outputs))
        ins, outs = (np.maximum(each, 2).astype(np.int64) for each in tokens)
    return SimulatedRequests(ins, outs, arrivals, cached=cached)


def simulate(replica: SimulatedReplica, requests: SimulatedRequests) -> ServedOutcome:
    """Return what every request experienced."""
    run = _Run(replica, requests)
    while run.finished < run.count:
        run.admit()
        if run.prompts:
            run.read_prompts()
        elif run.decoding:
            run.decode()
        else:
            run.clock = run.ready[run.head]
    reached = replica.reached
    overhead = reached.first_token_s - reached.request_s - reached.token_s
    return ServedOutcome(np.array(run.ttft) + overhead, np.array(run.tpot), run.sent)


class _StepTime:
    """The time of a step as plain floats: what depends on the tokens alone is tabulated."""

    def __init__(self, replica: SimulatedReplica) -> None:
        work, reached, self.each = replica.work, replica.reached, replica.each
        self.draft = None if replica.draft is None else _StepTime(replica.draft)
        most = int(replica.engine.chunk_tokens + self.each * replica.engine.max_sequences) + _LEAST_CHUNK
        idle = work._replace(
            layers=0.0, attention_full=0.0, attention_window=0.0, head_read=0.0, head_flop=0.0
        )
        by_tokens = np.asarray(step_time(idle, reached, 0.0, 0.0, np.arange(most + 1.0), 0.0))
        self.by_tokens: list[float] = (by_tokens + work.layers * reached.layer_s).tolist()
        answers = self.each * np.arange(replica.engine.max_sequences + 1.0)
        self.by_answers: list[float] = np.asarray(head_time(work, reached, answers)).tolist()
        self.kv_full = float(work.kv_full / reached.kv)
        self.kv_window = float(work.kv_window / reached.kv)
        self.window = float(work.window)
        self.sequence = float(reached.sequence_s)
        self.attention_full = float(work.attention_full / reached.mfu_attention)
        self.attention_window = float(work.attention_window / reached.mfu_attention)
        self.host = float(reached.step_s)
        self.launches = float(work.layers * reached.prefill_layer_s)
        self.overlap = float(reached.overlap)

    def decode(self, decodes: int, context: float) -> float:
        """Return the time of a step of ``decodes`` with ``context`` tokens in sum."""
        own = self._alone(decodes, context)
        if self.draft is None:
            return own
        return own + (self.each - 1) * self.draft.decode(decodes, context) - (self.each - 2) * self.draft.host

    def _alone(self, decodes: int, context: float) -> float:
        kv = self.kv_full * context + self.kv_window * min(context, decodes * self.window)
        tokens = self.by_tokens[self.each * decodes]
        return tokens + self.by_answers[decodes] + kv + self.sequence * decodes

    def mixed(self, decodes: int, context: float, prefill: int, seen: float) -> float:
        """Return the time of a step that also reads ``prefill`` tokens, attending to ``seen`` on average."""
        attended = self.attention_full * seen + self.attention_window * min(seen, self.window)
        tokens = self.each * decodes
        more = self.by_tokens[tokens + prefill] - self.by_tokens[tokens]
        time = self._alone(decodes, context) + more + prefill * attended
        smaller, larger = sorted((time, self.launches))
        own = float(larger * (1.0 + (smaller / larger) ** self.overlap) ** (1.0 / self.overlap))
        if self.draft is None:
            return own
        first = self.draft.mixed(decodes, context, prefill, seen)
        return own + first + (self.each - 2) * (self.draft.decode(decodes, context) - self.draft.host)


class _Run:
    """The state of a replica: a clock, a queue, the prompts being read and the sequences being decoded."""

    def __init__(self, replica: SimulatedReplica, requests: SimulatedRequests) -> None:
        self.time = _StepTime(replica)
        self.chunk, self.each = int(replica.engine.chunk_tokens), replica.each
        self.mixes = replica.engine.mixes
        self.most = int(replica.engine.max_sequences)
        self.room = replica.cache_tokens
        self.inputs, self.outputs = requests.inputs.tolist(), requests.outputs.tolist()
        # At least the last token of a prompt has to be read.
        self.held = [min(int(requests.cached * tokens), tokens - 1) for tokens in self.inputs]
        self.count = len(self.inputs)
        self.closed = requests.arrivals is None
        self.arrival = [0.0] * self.count if requests.arrivals is None else requests.arrivals.tolist()
        self.released = min(requests.users, self.count) if self.closed else self.count
        self.request_s = float(replica.reached.request_s)
        self.ready, self.door = self._let_in(self.request_s)
        self.ttft, self.tpot = [0.0] * self.count, [0.0] * self.count
        self.decodes = _steps(replica.drafting, self.outputs)
        self.growth = [(n - 1) / max(steps, 1) for n, steps in zip(self.outputs, self.decodes, strict=True)]
        self.clock = self.sent = self.reserved = self.context = self.growing = 0.0
        self.steps = self.head = self.finished = 0
        self.token_s = float(replica.reached.token_s)
        self.prompts: list[list[int]] = []  # [request, tokens read], in order of admission
        self.decoding: list[tuple[int, int]] = []  # heap of (step of the last token, request)

    def _let_in(self, each: float) -> tuple[list[float], float]:
        """Return when the API server lets each request in, and when it has let in all that were sent.

        It accepts whatever has been sent before it turns to answers: a burst waits for its last request.
        """
        if self.closed:
            door = self.released * each
            return [door] * self.count, door
        sent, place = np.array(self.arrival), np.arange(1, self.count + 1)
        ready = np.maximum.accumulate(sent - each * (place - 1)) + each * place
        return ready.tolist(), float(ready[-1])

    def admit(self) -> None:
        """Let requests in, strictly in order; one that is alone gets in whatever its size."""
        while self.head < self.released and self.ready[self.head] <= self.clock:
            running = len(self.decoding) + len(self.prompts)
            need = self.inputs[self.head] + self.outputs[self.head]
            if running and (running >= self.most or self.reserved + need > self.room):
                return
            self.reserved += need
            self.prompts.append([self.head, self.held[self.head]])
            self.head += 1

    def read_prompts(self) -> None:
        """Run a step that reads a chunk of the prompts, and decodes beside it where the engine mixes."""
        decodes = len(self.decoding) if self.mixes else 0
        read, attended = self._take_chunk(max(self.chunk - self.each * decodes, _LEAST_CHUNK))
        context = self.context if decodes else 0.0
        self.clock += self.time.mixed(decodes, context, read, attended / read)
        if decodes:
            self.steps += 1
            self.context += self.growing
        done = [request for request, tokens in self.prompts if tokens >= self.inputs[request]]
        self._send(1, (self.growing if decodes else 0.0) + len(done))
        if decodes:
            self._finish()
        for request in done:
            self.ttft[request] = self.sent - self.arrival[request]
            self.context += self.inputs[request]
            self.growing += self.growth[request]
            heappush(self.decoding, (self.steps + self.decodes[request], request))
        self.prompts = [prompt for prompt in self.prompts if prompt[1] < self.inputs[prompt[0]]]

    def _take_chunk(self, budget: int) -> tuple[int, float]:
        """Return how many prompt tokens the step reads, and the sum of the tokens that each attends to."""
        read, attended = 0, 0.0
        for prompt in self.prompts:
            taken = min(budget - read, self.inputs[prompt[0]] - prompt[1])
            if taken <= 0:
                break
            attended += taken * (prompt[1] + taken / 2)
            prompt[1] += taken
            read += taken
        return read, attended

    def decode(self) -> None:
        """Run steps until a sequence ends or a request may come in between."""
        decodes = len(self.decoding)
        steps = self.decoding[0][0] - self.steps
        if self.head < self.released and self.ready[self.head] > self.clock:
            one = self.time.decode(decodes, self.context)
            steps = max(1, min(steps, int((self.ready[self.head] - self.clock) / one) + 1))
        self.clock += steps * self.time.decode(decodes, self.context + self.growing * steps / 2)
        self.steps += steps
        self.context += self.growing * steps
        self._send(steps, self.growing)
        self._finish()

    def _send(self, steps: int, tokens: float) -> None:
        """Let the API server send the tokens of steps; the engine does not wait for it."""
        each = tokens * self.token_s
        self.sent = max(self.sent + steps * each, self.clock + each)

    def _finish(self) -> None:
        """End the sequences that have their last token, and let users without one ask again."""
        while self.decoding and self.decoding[0][0] <= self.steps:
            _, request = heappop(self.decoding)
            inputs, outputs = self.inputs[request], self.outputs[request]
            self.reserved -= inputs + outputs
            self.context -= inputs + outputs - 1
            self.growing -= self.growth[request]
            waited = self.sent - self.arrival[request] - self.ttft[request]
            self.tpot[request] = waited / (outputs - 1)
            self.finished += 1
            if self.closed and self.released < self.count:
                self.arrival[self.released] = self.sent
                self.door = max(self.door, self.sent) + self.request_s
                self.ready[self.released] = self.door
                self.released += 1


def _steps(drafting: Drafting | None, outputs: list[int]) -> list[int]:
    """Return how many steps each request is decoded in after its first token."""
    if drafting is None:
        return [tokens - 1 for tokens in outputs]
    rng, tokens, acceptance = np.random.default_rng(2), int(drafting.tokens), float(drafting.acceptance)
    return [steps_of(count, tokens, acceptance, rng) for count in outputs]
