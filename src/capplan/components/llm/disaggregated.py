"""A model whose prompts are read by one pool of replicas, and whose tokens are made by another.

The pool that makes tokens is the model's own component. The other one is a component beside it, built by the
same functions from the plan's model with the fields of ``disaggregated.prefill`` in place of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    served_by_replicas,
    served_of,
    slowed_by_drafts,
    units_of,
)
from capplan.components.llm.findings import obstacles
from capplan.components.llm.lengths import lengths_of
from capplan.components.measures import Measure, measure
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
    lengths = lengths_of(llm, ctx.directory)
    wrong = list(obstacles(name, reader, asked.model_copy(update={"output_tokens": 0.0}), facts, lengths))
    why = unlike(reader, chosen)
    if why and not wrong:
        wrong.append(checks.LLM_CANNOT_RUN.finding(name, why, "Choose GPUs alike, or kv_cache_dtype: auto."))
    if wrong:
        yield component._replace(findings=wrong)
        return
    maker, memory, promise = chosen._replace(pool="decode"), chosen.memory(), promise_of(llm)
    transfer_s = transfer_time(memory, llm.input_tokens, 1e9 * llm.disaggregated.link_gb_per_s)
    served, reading = (
        served_of(llm, maker, facts, lengths)._replace(transfer_s=transfer_s),
        served_of(asked, reader, facts, lengths),
    )
    share = llm.target_utilization
    does, running = carries(served, memory, maker.max_sequences, promise._replace(ttft_s=np.inf), share)
    left_s = promise.ttft_s - first_decode(served, does.users)[1]
    rates = prompt_rates(reading, reader.memory(), reader.settings.batched_tokens, transfer_s, left_s)
    limits, full = list(_token_limits(llm, component.path, does, rates)), (does.room, does.users, running)
    made = on_machines(ctx, llm, component, maker, facts, limits, full)
    limits, holds = list(_prompt_limits(asked, path, rates)), np.where(rates.ttft > 0, rates.room, 0.0)
    beside = component._replace(name=name, kind="prefill", path=path, load=None, meters=[])
    read = on_machines(ctx, asked, beside, reader, facts, limits, (rates.room, holds, holds))
    if not ctx.silent:
        sent = sent_prompt(reading, transfer_s, arriving(ctx, asked, read))
        speed = _speed(served, arriving(ctx, llm, made), np.maximum(does.room, 1.0), sent)
        doubts = slowed_by_drafts(ctx, made, llm, maker, facts, transfer_s)
        measures = list(measures_of(llm, served, speed, does, confidence_of(maker)))
        made = made._replace(measures=measures, findings=[*made.findings, *doubts])
        read = read._replace(measures=list(_shown(sent[1], transfer_s)))
        made = _compared(ctx, made, read, served_by_replicas(ctx, llm, component, chosen, facts))
    yield made._replace(units=units_of(ctx, component.name, llm), parts=(name,))
    yield read


def _token_limits(llm: Llm, path: Path, does: Carried, rates: PromptRates) -> Iterator[Limit]:
    """Yield the constraints of a decode replica."""
    formula = "sequences ÷ (transfer time + output tokens × TPOT)"
    yield limit_of(llm, path, "kv-cache", does.room_rate, formula, at_once(does.room, path))
    if llm.slo.tpot is not None:
        yield limit_of(llm, path, "tpot", does.tpot_rate, formula, at_once(does.tpot_users, path))
    yield _link(llm, path, rates)


def _prompt_limits(llm: Llm, path: Path, rates: PromptRates) -> Iterator[Limit]:
    """Yield the constraints of a prefill replica."""
    yield limit_of(llm, path, "prompts", rates.prompts, "prompts of a full step ÷ its time", {})
    formula = "prompts ÷ (prompt time + transfer time)"
    yield limit_of(llm, path, "kv-cache", rates.held, formula, at_once(rates.room, path))
    yield _link(llm, path, rates)
    if llm.slo.ttft is not None:
        # Where not even one request alone keeps it, a finding says so.
        kept = np.where(rates.ttft > 0, rates.ttft, rates.prompts)
        yield limit_of(llm, path, "ttft", kept, "requests/s that wait for less than the promise leaves", {})


def _link(llm: Llm, path: Path, rates: PromptRates) -> Limit:
    where = ".".join((*path[:2], "disaggregated", "link_gb_per_s"))
    more = {"transfer time": Input(1e3 / rates.sent, "ms", where)}
    return limit_of(llm, path, "link", rates.sent, "1 ÷ transfer time", more)


def _speed(served: Served, rate: Floats, room: Floats, sent: tuple[Floats, Floats]) -> Speed:
    """Return what users see at ``rate`` requests/s whose caches are ``sent`` after so many seconds."""
    running, tpot = open_loop(served, rate, room)
    first = first_decode(served, np.minimum(running, room))
    mean, late = (
        np.where(np.isinf(running), np.inf, one + more) for one, more in zip(sent, first, strict=True)
    )
    return Speed(running, tpot, mean, late, rate * served.outputs)


def _shown(late_s: Floats, transfer_s: Floats) -> Iterator[Measure]:
    yield measure("prompt p95", 1e3 * late_s, "ms", "until its KV cache is sent, in the busiest hour")
    yield measure("transfer", 1e3 * transfer_s, "ms", "KV cache of a prompt ÷ link, once it is read")


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
