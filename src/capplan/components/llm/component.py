"""LLM components: replicas sized by KV cache and promised speed, paid as machines; an API for the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from math import inf
from typing import Any

import numpy as np

from capplan.arrays import Array, Floats, ceil_count, per_scenario
from capplan.capacity.limits import Input, Limit
from capplan.capacity.sizing import Bounds, kept_ready, size
from capplan.catalog.rows import Sku
from capplan.components.base import Component, Context, Path
from capplan.components.idle import idle_findings
from capplan.components.llm.facts import facts_of
from capplan.components.llm.findings import findings, obstacles, over_ceiling, unasked
from capplan.components.llm.fleet import delays_of, fleet_of
from capplan.components.llm.lengths import length_findings, lengths_of, longest_of, said_in
from capplan.components.llm.offers import add_on_for, boot_disk_of, network_of, node_of
from capplan.components.llm.replica import Replica, cache_gib, disk_note, node_gib, vllm_of, weight_volumes
from capplan.components.llm.speculation import AtLoad, slowed, speculation_of
from capplan.components.llm.told import spread_of, told_of, version_of
from capplan.components.machines import Machines, machine_meters
from capplan.components.measures import Measure, Sureness, measure
from capplan.cost.meters import EXTERNAL, Meter, Range
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.llm.anatomy import decode_parts
from capplan.llm.capacity import Carried, Speed, TokenPromise, carried, speed_at
from capplan.llm.confidence import Confidence, confidence_of, range_of
from capplan.llm.configuration import Configuration
from capplan.llm.facts import LlmFacts, find_engine, find_gpu, find_model, find_precision
from capplan.llm.fit import Memory
from capplan.llm.lengths import RequestLengths, described
from capplan.llm.serving import Served
from capplan.plan.llm import Llm
from capplan.plan.services import GpuAddOn, desired_of
from capplan.quantities import counted


def build_llms(ctx: Context, _: Sequence[Component] = ()) -> Iterator[Component]:
    """Yield the components of ``plan.llm``; everything in them is named, `auto` was decided before."""
    for name, llm in ctx.plan.llm.items():
        yield from _llm(ctx, name, llm)


def _llm(ctx: Context, name: str, llm: Llm) -> Iterator[Component]:
    path: Path = ("llm", name)
    component = Component(
        name=name,
        kind="llm",
        platform=llm.engine,
        provider=llm.provider,
        region=ctx.region(llm.provider, llm.region, path),
        path=path,
        load=ctx.load,
        meters=list(_api_meters(ctx, name, llm)),
    )
    if not _runs(llm):
        platform = llm.engine if llm.api is None else llm.api.model
        yield component._replace(platform=platform, units=units_of(ctx, name, llm))
        return
    facts = facts_of_llm(ctx, llm)
    chosen = configuration_of(ctx, llm, facts, path)
    problems = list(obstacles(name, chosen, llm, facts, lengths_of(llm, ctx.directory)))
    if problems:
        yield component._replace(findings=problems)
    elif llm.disaggregated is None:
        yield served_by_replicas(ctx, llm, component, chosen, facts)
    else:
        from capplan.components.llm.disaggregated import pools

        yield from pools(ctx, llm, component, chosen, facts)


def served_by_replicas(
    ctx: Context, llm: Llm, component: Component, chosen: Configuration, facts: LlmFacts
) -> Component:
    """Return the component with its replicas sized, and the machines that they run on."""
    lengths = lengths_of(llm, ctx.directory)
    served, memory = served_of(llm, chosen, facts, lengths), chosen.memory()
    promised, target = promise_of(llm), llm.target_utilization
    does, running = carries(served, memory, chosen.max_sequences, promised, target)
    limits = _limits(llm, does, component.path) if chosen.is_timed else []
    found = on_machines(ctx, llm, component, chosen, facts, limits, (does.room, does.users, running))
    measures: list[Measure] = []
    if chosen.is_timed and not ctx.silent:
        peak = speed_at(served, arriving(ctx, llm, found), does.room)
        measures = list(measures_of(llm, served, peak, does, confidence_of(chosen)))
        found = found._replace(findings=[*found.findings, *slowed_by_drafts(ctx, found, llm, chosen, facts)])
    return found._replace(units=units_of(ctx, component.name, llm), measures=measures)


def on_machines(
    ctx: Context,
    llm: Llm,
    component: Component,
    chosen: Configuration,
    facts: LlmFacts,
    limits: Sequence[Limit],
    full: tuple[Floats, Floats, Floats],
) -> Component:
    """Return the component with the replicas that carry its load, the machines under them, and what is wrong.

    ``full``: room and users of a replica, and those of them that run (:class:`Replica`).
    """
    name, path = component.name, component.path
    model, place = path[1], (*path, "machine")
    sizing = size(ctx.load.to_carry(model), limits, bounds_of(llm))
    sizing = kept_ready(sizing, ctx.load.rps(model), ctx.load.to_carry(model))
    machine = ctx.machine(llm.provider, llm.machine, place)
    gpu = add_on_for(ctx, llm.provider, machine, chosen.gpu, chosen.gpus, place)
    room, users, running = full
    per_machine = _replicas_per_machine(ctx, machine, gpu, chosen, path)
    replica = Replica(
        configuration=chosen,
        machine=machine.name,
        add_on=gpu,
        per_machine=per_machine,
        node=node_of(ctx.catalog, llm.provider, machine),
        cache_gib=cache_gib(chosen, vllm_of(llm)),
        disk=boot_disk_of(ctx.catalog, llm.provider, max(per_machine, 1.0) * node_gib(chosen)),
        repository=facts["models"][chosen.model.name].get("repository"),
        room=room,
        users=users,
        running=running,
        longest=longest_of(llm, lengths_of(llm, ctx.directory)),
    )
    delays = delays_of(llm.cold_start, chosen.memory().weights)
    machines = Machines(
        component=name,
        provider=llm.provider,
        region=component.region,
        sku=machine,
        fleet=fleet_of(sizing.running, sizing.floor, sizing.ceiling, replica.per_machine, delays),
        purchase=llm.purchase,
        path=path,
    )
    return component._replace(
        sizing=sizing,
        meters=[
            *machine_meters(ctx, machines, gpu, replica.disk, disk_note(chosen)),
            *weight_volumes(ctx, component, replica, sizing),
            *component.meters,
        ],
        findings=[
            *findings(name, llm, replica),
            *length_findings(component, llm, replica, lengths_of(llm, ctx.directory)),
            *unasked(name, llm, sizing),
            *over_ceiling(name, sizing),
            *idle_findings(name, sizing, "replicas"),
        ],
        replica=replica,
    )


def slowed_by_drafts(
    ctx: Context,
    component: Component,
    llm: Llm,
    chosen: Configuration,
    facts: LlmFacts,
    transfer_s: Floats | None = None,
) -> Iterator[Finding]:
    """Yield that speculation does not pay in the busiest hour, when as many replicas run without it.

    transfer_s: as in :class:`Served`; other replicas then keep the time to the first token.
    """
    said, model, promise = chosen.speculation, component.path[1], promise_of(llm)
    if said is None:
        return
    promise = promise if transfer_s is None else promise._replace(ttft_s=np.inf)
    lengths = lengths_of(llm, ctx.directory)

    def drafting(tokens: Floats) -> AtLoad:
        one = chosen._replace(speculation=said._replace(tokens=tokens) if np.any(tokens) else None)
        served = served_of(llm, one, facts, lengths)._replace(transfer_s=transfer_s)
        does, _ = carries(served, one.memory(), one.max_sequences, promise, llm.target_utilization)
        speed = speed_at(served, arriving(ctx, llm, component), does.room)
        need = ctx.load.peak(model) * local_part(llm) / (llm.target_utilization * does.rate)
        return AtLoad(tokens, speed.tpot_s, ceil_count(need))

    fewer = range(1, min(int(np.min(said.tokens)), _MOST_TRIED))
    yield from slowed(model, drafting(said.tokens), drafting(0.0), (drafting(float(n)) for n in fewer))


_MOST_TRIED = 8
"""Numbers of drafts that are tried where the plan's slow it down."""


def carries(*facts: Any) -> tuple[Carried, Floats]:
    """Return what a replica carries, remembered where no number of it varies."""
    try:
        return _remembered(*facts)
    except TypeError:  # arrays, which nothing is remembered by
        return _remembered.__wrapped__(*facts)


@lru_cache(maxsize=64)
def _remembered(
    served: Served, memory: Memory, most: Floats, promise: TokenPromise, target: Floats
) -> tuple[Carried, Floats]:
    """Return what a replica carries, and the sequences that run in it at the share ``target`` of that."""
    does = carried(served, memory, most, promise)
    return does, speed_at(served, target * does.rate, does.room).concurrency


def _runs(llm: Llm) -> bool:
    """Whether any replica is needed, or kept without need; the API may answer everything."""
    floor = 0.0 if llm.replicas.min is None else llm.replicas.min
    kept = np.maximum(floor, desired_of(llm.replicas))
    return bool(np.any(np.asarray(local_part(llm)) > 0) or np.any(np.asarray(kept) > 0))


def facts_of_llm(ctx: Context, llm: Llm) -> LlmFacts:
    """Return what is known of models, GPUs and engines, with the component's own files."""
    own = llm.architectures and ctx.directory / llm.architectures
    measured = llm.calibration and ctx.directory / llm.calibration
    return facts_of(ctx.catalog, own or None, measured or None, ctx.plan.gpus)


def configuration_of(ctx: Context, llm: Llm, facts: LlmFacts, path: Path) -> Configuration:
    """Return what the plan names, or raise the place of what it names wrongly."""

    def where(*field: str) -> str:
        return ctx.places.problem((*path, *field), "").where

    for field in ("tensor_parallel", "pipeline_parallel", "data_parallel", "network_gbit_per_s"):
        if isinstance(getattr(llm, field), np.ndarray):
            what = "must be the same number in all scenarios"
            remedy = "Compare numbers with --set, or with alternatives in the plan."
            raise InputError(ctx.places.problem((*path, field), what, remedy))
    model = find_model(llm.model, facts, where("model"))
    engine = find_engine(llm.engine, facts, where("engine"), version_of(llm, where("engine_version")))
    one = Configuration(
        model=model,
        precision=find_precision(llm.precision, where("precision")),
        gpu=find_gpu(llm.gpu, facts, where("gpu")),
        tensor_parallel=float(llm.tensor_parallel),
        engine=engine,
        told=told_of(llm),
        spread=spread_of(llm),
        speculation=speculation_of(llm.speculative, model, engine, facts, partial(where, "speculative")),
    )
    machine = ctx.machine(llm.provider, llm.machine, (*path, "machine"))
    return one.on(machine.gpu_count or inf, network_of(ctx.catalog, machine))


def served_of(llm: Llm, chosen: Configuration, facts: LlmFacts, lengths: RequestLengths | None) -> Served:
    """Return what serves the component's requests; its numbers may be arrays over scenarios."""
    asked = (llm.input_tokens, llm.output_tokens, llm.prefix_cache_hit_rate)
    return chosen.served(facts, *asked, lengths)


def promise_of(llm: Llm) -> TokenPromise:
    """Return what users were promised; nothing where nothing is said."""
    tpot, ttft = llm.slo.tpot, llm.slo.ttft
    return TokenPromise(np.inf if tpot is None else tpot, np.inf if ttft is None else ttft)


def local_part(llm: Llm) -> Floats:
    """Return the share of the component's requests that reach the GPUs."""
    return (1 - llm.semantic_cache_hit_rate) * llm.local_share


def _limits(llm: Llm, does: Carried, path: Path) -> list[Limit]:
    """Return the requests/s for each replica by constraint, counted before caches and the API take theirs."""
    found = [("kv-cache", does.room_rate, does.room)]
    if llm.slo.tpot is not None:
        found.append(("tpot", does.tpot_rate, does.tpot_users))
    if llm.slo.ttft is not None:
        found.append(("ttft", does.ttft_rate, does.ttft_users))
    formula = "sequences ÷ (prompt time + output tokens × TPOT)"
    return [limit_of(llm, path, name, rate, formula, at_once(users, path)) for name, rate, users in found]


def at_once(users: Floats, path: Path) -> dict[str, Input]:
    """Return the sequences of a replica as an input of its constraints."""
    return {"sequences at once": Input(users, "", ".".join((*path, "gpu")))}


def limit_of(llm: Llm, path: Path, name: str, rate: Floats, formula: str, more: Mapping[str, Input]) -> Limit:
    """Return a constraint under which a replica carries ``rate`` without pause, for ``more`` reasons."""
    dotted = ".".join(path[:2])
    part = np.maximum(local_part(llm), 1e-12)
    inputs = {
        "target_utilization": Input(llm.target_utilization, "", f"{dotted}.target_utilization"),
        "share that reaches the GPUs": Input(part, "", f"{dotted}.local_share"),
        "input_tokens": Input(llm.input_tokens, "tokens", f"{dotted}.{said_in(llm, 'input')}"),
        "output_tokens": Input(llm.output_tokens, "tokens", f"{dotted}.{said_in(llm, 'output')}"),
        **more,
    }
    return Limit(
        name,
        rate * llm.target_utilization / part,
        llm.target_utilization,
        f"target × {formula} ÷ share that reaches the GPUs",
        inputs,
    )


def bounds_of(llm: Llm) -> Bounds:
    """Return the replicas at least and at most, and what may fail."""
    serves = np.where(np.asarray(local_part(llm)) > 0, 1.0, 0.0)
    floor = serves if llm.replicas.min is None else llm.replicas.min
    spare = llm.redundancy
    desired = desired_of(llm.replicas)
    return Bounds(floor, llm.replicas.max, spare.spare, spare.zones, spare.survive_zones, desired=desired)


def arriving(ctx: Context, llm: Llm, component: Component) -> Floats:
    """Return the requests/s of a replica in the busiest hour, with the load spread evenly over them."""
    assert component.sizing is not None
    return ctx.load.peak(component.path[1]) * local_part(llm) / np.maximum(component.sizing.peak_running, 1.0)


def _replicas_per_machine(
    ctx: Context, machine: Sku, gpu: GpuAddOn | None, chosen: Configuration, path: Path
) -> float:
    count = machine.gpu_count if gpu is None else float(np.max(gpu.count))
    kind = chosen.gpu.name if gpu is not None else machine.gpu
    if kind != chosen.gpu.name:
        what = f"{machine.name} has {machine.gpu or 'no GPU'}, not {chosen.gpu.name}"
        raise InputError(ctx.places.problem((*path, "machine"), what))
    if count < chosen.tensor_parallel:
        has = counted(count, "GPU") if count >= 1 else "only a part of a GPU"
        what = f"{machine.name} has {has}, but a replica takes {chosen.tensor_parallel:g}"
        remedy = "Divide the layers over several machines with pipeline_parallel."
        remedy = "Choose a machine with more GPUs." if count < 1 or chosen.pool else remedy
        raise InputError(ctx.places.problem((*path, "machine"), what, remedy))
    return chosen.per_machine(float(count))


def units_of(ctx: Context, name: str, llm: Llm) -> dict[str, Array]:
    """Return what the component's cost is told by: millions of output tokens, conversations."""
    requests = per_scenario(ctx.per_month(ctx.load.average(name)))
    return {
        "1M output tokens": per_scenario(requests * llm.output_tokens / 1e6),
        "1,000 conversations": per_scenario(requests / llm.requests_per_conversation / 1e3),
    }


def measures_of(
    llm: Llm, served: Served, peak: Speed, does: Carried, confidence: Confidence
) -> Iterator[Measure]:
    """Yield what users see in the busiest hour, with the ranges of their class."""
    level, tpot, ttft = confidence.level, llm.slo.tpot, llm.slo.ttft
    sure = Sureness(*range_of(level, "tpot"), level)
    late = Sureness(*range_of(level, "ttft"), level)
    yield _seconds("tpot", peak.tpot_s, tpot, sure, f"in the busiest hour; {_anatomy(served, peak)}")
    yield _seconds("ttft p95", peak.ttft_p95_s, ttft, late, "in the busiest hour")
    if served.drafting is not None:
        formula = "tokens that a step emits on average, those of the model itself included"
        yield measure("tokens/step", served.emitted, "", formula, served.drafting.tokens + 1.0)
    yield measure("tokens/s", peak.tokens_per_s, "/s", "output tokens of a replica in the busiest hour")
    yield measure("sequences", peak.concurrency, "", "requests at once in a replica", does.users)
    if served.lengths is not None:
        means = (llm.input_tokens, llm.output_tokens)
        formula = f"input and output of all but 1 % of the requests{described(served.lengths, *means)}"
        yield measure("request p99", served.lengths.longest(*means), "tokens", formula)


def _anatomy(served: Served, peak: Speed) -> str:
    """Say where the time of a step goes that only decodes, in the first scenario."""
    parts = decode_parts(served, np.minimum(peak.concurrency, 1e6))
    each = [f"{name} {1e3 * float(np.ravel(part)[0]):.3g} ms" for name, part in parts.items()]
    return f"a step without prompts: {', '.join(each)}"


def _seconds(name: str, value: Floats, promised: Floats | None, spread: Sureness, formula: str) -> Measure:
    has = None if promised is None else 1e3 * promised
    return measure(name, 1e3 * value, "ms", formula, has)._replace(spread=spread)


def _api_meters(ctx: Context, name: str, llm: Llm) -> Iterator[Meter]:
    """Yield what the API is paid: for its own share, and for what falls back to it."""
    if llm.api is None:
        return
    from capplan.components.llm.api import price_of_request

    asked = ctx.per_month(ctx.load.average(name)) * (1 - llm.semantic_cache_hit_rate)
    share = (1 - llm.local_share) + llm.local_share * llm.fallback
    price = price_of_request(ctx, llm, ("llm", name, "api"))
    yield Meter(
        component=name,
        provider=EXTERNAL,
        service=llm.api.vendor or "llm-api",
        sku=llm.api.model,
        region="global",
        unit="request",
        quantity=Range.fixed(per_scenario(asked * share * (1 + llm.api.retries))),
        formula="requests × (1 − local share + local share × fallback) × (1 + retries)",
        price=price.usd,
        price_path=".".join(("llm", name, "api")),
        price_source=price.source,
        price_as_of=price.as_of,
    )
