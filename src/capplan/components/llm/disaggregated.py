"""A model whose prompts are read by one pool of replicas, and whose tokens are made by another.

The pool that makes tokens is the model's own component. The other one is a component beside it, built by the
same functions from the plan's model with the fields of ``disaggregated.prefill`` in place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats, in_scenario
from capplan.capacity.limits import Input, Limit
from capplan.components.base import Component, Context, Path
from capplan.components.llm import checks
from capplan.components.llm.component import (
    arriving,
    at_once,
    carries,
    configuration_of,
    limit_of,
    measures_of,
    on_machines,
    promise_of,
    replica_of,
    served_by_replicas,
    served_of,
    sized,
    units_of,
)
from capplan.components.llm.findings import obstacles
from capplan.components.measures import measure
from capplan.cost.lines import certainty, cost_lines, total_cost
from capplan.errors import InputError
from capplan.llm.capacity import Carried, Speed
from capplan.llm.confidence import confidence_of
from capplan.llm.configuration import Configuration
from capplan.llm.disaggregated import (
    ENGINES,
    PromptRates,
    first_decode,
    prompt_rates,
    sent_prompt,
    transfer_time,
    unlike,
)
from capplan.llm.facts import LlmFacts
from capplan.llm.serving import Served, open_loop
from capplan.plan.llm import Llm
from capplan.plan.model import prefill_of

TOGETHER = "not disaggregated"
"""The figure that says what the same replicas cost if they read the prompts too."""


class _Pool(NamedTuple):
    """Replicas of one kind: what the plan says of them and where, and what serves."""

    llm: Llm
    path: Path
    one: Configuration
    served: Served


def pools(
    ctx: Context, llm: Llm, component: Component, chosen: Configuration, facts: LlmFacts
) -> Iterator[Component]:
    """Yield the pool that makes tokens, which is the ``component`` itself, and the one that reads prompts."""
    assert llm.disaggregated is not None
    if chosen.engine.name not in ENGINES:
        what = f"capplan does not know how {llm.engine} reads prompts and makes tokens on separate replicas"
        remedy = f"Choose {' or '.join(ENGINES)}, or remove disaggregated."
        raise InputError(ctx.places.problem((*component.path, "engine"), what, remedy))
    name, path, asked = prefill_of(component.name), (*component.path, "disaggregated", "prefill"), llm.prefill
    reader = configuration_of(ctx, asked, facts, path)._replace(pool="prefill")
    wrong = list(obstacles(name, reader, asked.model_copy(update={"output_tokens": 0.0}), facts))
    why = unlike(reader, chosen)
    if why and not wrong:
        wrong.append(checks.LLM_CANNOT_RUN.finding(name, why, "Choose GPUs alike, or kv_cache_dtype: auto."))
    if wrong:
        yield component._replace(findings=wrong)
        return
    maker, memory, promise = chosen._replace(pool="decode"), chosen.memory(), promise_of(llm)
    transfer_s = transfer_time(memory, llm.input_tokens, 1e9 * llm.disaggregated.link_gb_per_s)
    served = served_of(llm, maker, facts)._replace(transfer_s=transfer_s)
    decode, prefill = (
        _Pool(llm, component.path, maker, served),
        _Pool(asked, path, reader, served_of(asked, reader, facts)),
    )
    most, tokens = maker.settings.sequences, reader.settings.batched_tokens
    does, running = carries(served, memory, most, promise._replace(ttft_s=np.inf), llm.target_utilization)
    left_s = promise.ttft_s - first_decode(served, does.users)[1]
    rates = prompt_rates(prefill.served, reader.memory(), tokens, transfer_s, left_s)
    full = (does.room, does.users, running)
    made = _sized(ctx, component, decode, _token_limits(decode, does, rates), full, facts)
    holds = np.where(rates.ttft > 0, rates.room, 0.0)
    beside = component._replace(name=name, kind="prefill", path=path, load=None, meters=[])
    read = _sized(ctx, beside, prefill, _prompt_limits(prefill, rates), (rates.room, holds, holds), facts)
    if not ctx.silent:
        made, read = _measured(ctx, decode, prefill, does, made, read)
        made = _compared(ctx, made, read, served_by_replicas(ctx, llm, component, chosen, facts))
    yield made._replace(units=units_of(ctx, component.name, llm), parts=(name,))
    yield read


def _token_limits(decode: _Pool, does: Carried, rates: PromptRates) -> Iterator[Limit]:
    """Yield the constraints of a decode replica."""
    llm, path = decode.llm, decode.path
    formula = "sequences ÷ (transfer time + output tokens × TPOT)"
    yield limit_of(llm, path, "kv-cache", does.room_rate, formula, at_once(does.room, path))
    if llm.slo.tpot is not None:
        yield limit_of(llm, path, "tpot", does.tpot_rate, formula, at_once(does.tpot_users, path))
    yield _link(decode, rates)


def _prompt_limits(prefill: _Pool, rates: PromptRates) -> Iterator[Limit]:
    """Yield the constraints of a prefill replica."""
    llm, path = prefill.llm, prefill.path
    yield limit_of(llm, path, "prompts", rates.prompts, "prompts of a full step ÷ its time", {})
    formula = "prompts ÷ (prompt time + transfer time)"
    yield limit_of(llm, path, "kv-cache", rates.held, formula, at_once(rates.room, path))
    yield _link(prefill, rates)
    if llm.slo.ttft is not None:
        # Where not even one request alone keeps it, a finding says so.
        kept = np.where(rates.ttft > 0, rates.ttft, rates.prompts)
        yield limit_of(llm, path, "ttft", kept, "requests/s that wait for less than the promise leaves", {})


def _link(pool: _Pool, rates: PromptRates) -> Limit:
    where = ".".join((*pool.path[:2], "disaggregated", "link_gb_per_s"))
    more = {"transfer time": Input(1e3 / rates.sent, "ms", where)}
    return limit_of(pool.llm, pool.path, "link", rates.sent, "1 ÷ transfer time", more)


def _sized(
    ctx: Context,
    component: Component,
    pool: _Pool,
    limits: Iterator[Limit],
    full: tuple[Floats, Floats, Floats],
    facts: LlmFacts,
) -> Component:
    """Return the component with the replicas of a pool; ``full`` as of :func:`replica_of`."""
    sizing = sized(ctx, pool.path[1], pool.llm, list(limits))
    replica = replica_of(ctx, pool.llm, pool.one, facts, pool.path, full)
    return on_machines(ctx, pool.llm, component, sizing, replica)


def _measured(
    ctx: Context, decode: _Pool, prefill: _Pool, does: Carried, made: Component, read: Component
) -> tuple[Component, Component]:
    """Return the pools with what users see of them in the busiest hour."""
    llm, served, room = decode.llm, decode.served, np.maximum(does.room, 1.0)
    assert served.transfer_s is not None
    rate, reading = (arriving(ctx, made.name, llm, pool.sizing) for pool in (made, read) if pool.sizing)
    sent, sent_late = sent_prompt(prefill.served, served.transfer_s, reading)
    running, tpot = open_loop(served, rate, room)
    first, first_late = first_decode(served, np.minimum(running, room))
    mean, late = (np.where(np.isinf(running), np.inf, s) for s in (sent + first, sent_late + first_late))
    speed = Speed(running, tpot, mean, late, rate * llm.output_tokens)
    shown = [
        measure("prompt p95", 1e3 * sent_late, "ms", "until its KV cache is sent, in the busiest hour"),
        measure("transfer", 1e3 * served.transfer_s, "ms", "KV cache of a prompt ÷ link, once it is read"),
    ]
    figures = measures_of(llm, served, speed, does, confidence_of(decode.one))
    return made._replace(measures=list(figures)), read._replace(measures=shown)


def _compared(ctx: Context, made: Component, read: Component, together: Component) -> Component:
    """Return the pool that makes tokens, beside what the same replicas cost if they read the prompts too."""
    apart_usd, usd = _usd(ctx, made, read), _usd(ctx, together)
    if usd is None or any(finding.severity == "error" for finding in together.findings):
        return made
    assert together.sizing is not None
    replicas = in_scenario(together.sizing.peak)
    formula = f"a month, with {replicas:g} replicas at the peak that read prompts and make tokens"
    found = list(made.findings)
    if apart_usd is not None and np.all(usd < apart_usd):
        message = (
            f"prefill and decode on separate replicas cost {in_scenario(apart_usd):,.2f} USD a month, and "
            f"{in_scenario(usd):,.2f} on replicas that do both within the SLO"
        )
        found.append(checks.LLM_DISAGGREGATED.finding(made.name, message, checks.LLM_DISAGGREGATED.remedy))
    return made._replace(measures=[*made.measures, measure(TOGETHER, usd, "USD", formula)], findings=found)


def _usd(ctx: Context, *components: Component) -> Array | None:
    """Return what the components cost a month, (scenarios | 1, 1); None if something has no price."""
    meters = [meter for component in components for meter in component.meters]
    lines = cost_lines(meters, ctx.catalog, ctx.terms)
    return None if certainty(lines).unpriced else total_cost(lines).expected
