"""What a plan leaves to `auto`: decided once, on the plan's own values, before scenarios are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from capplan.components.base import MACHINES, Context
from capplan.components.llm.bills import WAYS, Bought
from capplan.components.llm.component import bounds_of, facts_of_llm, local_part, promise_of
from capplan.components.llm.lengths import lengths_of
from capplan.components.llm.offers import Offer, everywhere, offers
from capplan.components.llm.options import ServingDemand, ServingOption, nearest_misses, rank
from capplan.components.llm.replica import vllm_of
from capplan.components.llm.speculation import speculation_of
from capplan.components.llm.told import spread_of, told_of, version_of
from capplan.errors import InputError, Problem, nearest
from capplan.llm.facts import LlmFacts, find_engine, find_gpu, find_model, find_precision, others_meant
from capplan.llm.hardware import Gpu
from capplan.llm.look import COUNTS, STAGES, RequestShape, configurations
from capplan.llm.spread import Parallelism
from capplan.plan.llm import Llm
from capplan.plan.model import Plan


def decided(ctx: Context) -> Plan:
    """Return the plan with every `auto` of its LLM components replaced by the cheapest that keeps the SLO."""
    plan = ctx.file.plan
    if not any(is_open(llm) for llm in plan.llm.values()):
        return plan
    open_ones = {name: llm for name, llm in ctx.plan.llm.items() if is_open(llm)}
    chosen = {
        name: plan.llm[name].model_copy(update=_chosen(ctx, name, llm)) for name, llm in open_ones.items()
    }
    return plan.model_copy(update={"llm": {**plan.llm, **chosen}})


def ranked(ctx: Context) -> dict[str, list[ServingOption]]:
    """Return for every LLM component every way to serve it, whatever the plan has chosen, cheapest first."""
    opened = dict.fromkeys(("precision", "gpu", "machine", "tensor_parallel"), "auto")
    found = {}
    for name, llm in ctx.plan.llm.items():
        every, ways = llm.model_copy(update=opened), {**WAYS, **own_way(llm)}
        alone = spread_of(llm)._replace(pipeline=1.0, data=1.0, experts=False)
        found[name] = options_of(ctx, name, every, ways, (alone, spread_of(llm)))
        if not any(option.feasible for option in found[name]):
            found[name] = options_of(ctx, name, every, ways, (alone, *_staged(llm)))
    return found


def _staged(llm: Llm) -> list[Parallelism]:
    """Return the component's layers in stages, for where one machine holds too little."""
    return [spread_of(llm)._replace(pipeline=stages) for stages in STAGES]


def own_way(llm: Llm) -> dict[str, Bought]:
    """Return how the plan buys the component's machines, by the name of that way."""
    plan = llm.purchase
    bought = Bought(float(plan.spot), float(plan.commit_1y), float(plan.commit_3y))
    return {next((name for name, way in WAYS.items() if way == bought), "as_planned"): bought}


def taken_by_auto(llm: Llm, options: Sequence[ServingOption]) -> ServingOption | None:
    """Return the cheapest of the ``options`` that is bought, and spread over GPUs, as the plan says."""
    own, spread = own_way(llm), spread_of(llm)
    able = (option for option in options if option.feasible and option.bought in own)
    return next((option for option in able if option.configuration.spread.sizes == spread.sizes), None)


def is_open(llm: Llm) -> bool:
    """Whether something of the component is left to capplan."""
    return "auto" in (llm.precision, llm.gpu, llm.machine, llm.tensor_parallel)


def options_of(
    ctx: Context, name: str, llm: Llm, ways: Mapping[str, Bought], spreads: Sequence[Parallelism] = ()
) -> list[ServingOption]:
    """Return every way to serve the component within what the plan fixes, the cheapest first.

    spreads: over GPUs besides tensor parallelism, the plan's by default.
    """
    facts = facts_of_llm(ctx, llm)

    def where(*field: str) -> str:
        return _where(ctx, "llm", name, *field)

    found = _offers(ctx, name, llm)
    gpus = _gpus(llm, found, facts, where("gpu"))
    precisions = None if llm.precision == "auto" else [find_precision(llm.precision, where("precision"))]
    counts = COUNTS if llm.tensor_parallel == "auto" else (float(llm.tensor_parallel),)
    engine = find_engine(llm.engine, facts, where("engine"), version_of(llm, where("engine_version")))
    model = find_model(llm.model, facts, where("model"))
    drafts = speculation_of(llm.speculative, model, engine, facts, partial(where, "speculative"))
    tried = [
        one
        for spread in dict.fromkeys(spreads or [spread_of(llm)])
        for one in configurations(model, gpus, precisions, counts, engine, told_of(llm), spread, drafts)
    ]
    return rank(tried, found, _asked(ctx, llm), _demand(ctx, name, llm), facts, ways)


def _offers(ctx: Context, name: str, llm: Llm) -> list[Offer]:
    region = llm.region or ctx.plan.region_of(name, llm.provider)
    if region is None:
        remedy = f"Set regions.{llm.provider}."
        raise InputError(Problem(_where(ctx, "llm", name), "has no region", remedy))
    named = None if llm.machine == "auto" else llm.machine
    found = list(offers(ctx.catalog, [(llm.provider, region)], named))
    if not found:
        raise InputError(_nothing_sold(ctx, name, llm.provider, region, named))
    return found


def _nothing_sold(ctx: Context, name: str, provider: str, region: str, named: str | None) -> Problem:
    """Return that no GPUs can be had in the region, or with the machine that is ``named``."""
    what = f"no machine {named or ''} with whole GPUs is sold in {region}".replace("  ", " ")
    places = [place for place in everywhere(ctx.catalog) if place[0] == provider]
    if named is None:
        return ctx.places.problem(("llm", name, "region"), what, nearest(region, {r for _, r in places}))
    sold = {offer.machine.name for offer in offers(ctx.catalog, [(provider, region)])}
    return ctx.places.problem(("llm", name, "machine"), what, nearest(named, sold))


def _gpus(llm: Llm, found: Sequence[Offer], facts: LlmFacts, where: str) -> list[Gpu]:
    """Return the GPUs to choose from: all that are sold, or those that the plan's name may mean."""
    if llm.gpu != "auto":
        taken, sold = find_gpu(llm.gpu, facts, where), {offer.gpu for offer in found}
        others = [gpu for gpu in others_meant(llm.gpu, facts["gpus"]) if gpu in sold]
        return [taken, *(find_gpu(gpu, facts) for gpu in others)]
    return [find_gpu(gpu, facts) for gpu in dict.fromkeys(o.gpu for o in found) if gpu in facts["gpus"]]


def _asked(ctx: Context, llm: Llm) -> RequestShape:
    means, lengths = (float(llm.input_tokens), float(llm.output_tokens)), lengths_of(llm, ctx.directory)
    return RequestShape(*means, float(llm.prefix_cache_hit_rate), promise_of(llm), lengths)


def _demand(ctx: Context, name: str, llm: Llm) -> ServingDemand:
    local = local_part(llm)
    # A machine that the plan names is taken; what of the pod does not fit is then told by name.
    free = llm.machine == "auto"
    return ServingDemand(
        rps=ctx.load.to_carry(name)[0] * float(local),
        hours_per_month=float(ctx.hours_per_month),
        target=float(llm.target_utilization),
        bounds=bounds_of(llm),
        cold_start=llm.cold_start,
        sustained_use=bool(ctx.plan.pricing.sustained_use),
        pod_cpu=float(llm.pod_cpu or 0.0) if free else 0.0,
        pod_gib=float(llm.pod_memory) if free else 0.0,
        vllm=vllm_of(llm),
    )


def _chosen(ctx: Context, name: str, llm: Llm) -> dict[str, object]:
    """Return what `auto` stands for, by field."""
    options = options_of(ctx, name, llm, own_way(llm))
    first = taken_by_auto(llm, options)
    if first is None and not np.any(local_part(llm)):
        return {}  # the API answers everything
    if first is None or first.offer is None:
        reasons = nearest_misses(options)[:4]
        what = (
            f"no machine of {llm.provider} ({MACHINES[llm.provider]}) can serve {llm.model} as the plan asks"
        )
        staged = options_of(ctx, name, llm, own_way(llm), _staged(llm)) if spread_of(llm).is_plain else ()
        for one in [option.configuration for option in staged if option.feasible][:1]:
            reasons.append(f"with pipeline_parallel: {one.spread.pipeline:g}, {one.brief()} would")
        raise InputError(Problem(_where(ctx, "llm", name), what, "; ".join(reasons) + "."))
    configuration = first.configuration
    return {
        "precision": configuration.precision.name,
        "gpu": configuration.gpu.name,
        "machine": first.offer.machine.name,
        "tensor_parallel": configuration.tensor_parallel,
    }


def _where(ctx: Context, *path: str) -> str:
    """Return where the plan says something."""
    return ctx.places.problem(path, "").where
