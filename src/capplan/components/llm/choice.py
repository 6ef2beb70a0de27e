"""What a plan leaves to `auto`: decided once, on the plan's own values, before scenarios are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path as Directory
from typing import NamedTuple

import numpy as np

from capplan.catalog.catalog import Catalog
from capplan.components.base import MACHINES
from capplan.components.llm.bills import WAYS, Bought
from capplan.components.llm.component import bounds_of, local_part, promise_of
from capplan.components.llm.facts import facts_of
from capplan.components.llm.offers import Offer, everywhere, offers
from capplan.components.llm.options import Demand, Option, nearest_misses, rank
from capplan.demand.load import Load
from capplan.errors import InputError, Problem, nearest
from capplan.llm.facts import Facts, find_engine, find_gpu, find_model, find_precision
from capplan.llm.hardware import Gpu
from capplan.llm.look import COUNTS, Asked, configurations
from capplan.plan.llm import Llm
from capplan.plan.model import Plan
from capplan.plan.places import Places


class Basis(NamedTuple):
    """What a choice is made from."""

    plan: Plan
    catalog: Catalog
    load: Load
    hours_per_month: float
    directory: Directory
    places: Places

    def where(self, *path: str) -> str:
        """Return where the plan says something."""
        return self.places.problem(path, "").where


def decided(basis: Basis) -> Plan:
    """Return the plan with every `auto` of its LLM components replaced by the cheapest that keeps the SLO."""
    plan = basis.plan
    if not any(is_open(llm) for llm in plan.llm.values()):
        return plan
    chosen = {name: _chosen(basis, name, llm) if is_open(llm) else llm for name, llm in plan.llm.items()}
    return plan.model_copy(update={"llm": chosen})


def ranked(basis: Basis) -> dict[str, list[Option]]:
    """Return for every LLM component every way to serve it, whatever the plan has chosen, cheapest first."""
    opened = dict.fromkeys(("precision", "gpu", "machine", "tensor_parallel"), "auto")
    return {
        name: options_of(basis, name, llm.model_copy(update=opened), {**WAYS, **own_way(llm)})
        for name, llm in basis.plan.llm.items()
    }


def own_way(llm: Llm) -> dict[str, Bought]:
    """Return how the plan buys the component's machines, by the name of that way."""
    plan = llm.purchase
    bought = Bought(float(plan.spot), float(plan.commit_1y), float(plan.commit_3y))
    return {next((name for name, way in WAYS.items() if way == bought), "as_planned"): bought}


def taken_by_auto(llm: Llm, options: Sequence[Option]) -> Option | None:
    """Return the cheapest of the ``options`` that is bought as the plan says."""
    own = own_way(llm)
    return next((option for option in options if option.feasible and option.bought in own), None)


def is_open(llm: Llm) -> bool:
    """Whether something of the component is left to capplan."""
    return "auto" in (llm.precision, llm.gpu, llm.machine, llm.tensor_parallel)


def options_of(basis: Basis, name: str, llm: Llm, ways: Mapping[str, Bought]) -> list[Option]:
    """Return every way to serve the component within what the plan fixes, the cheapest first."""
    facts = facts_of(
        basis.catalog,
        basis.directory / llm.architectures if llm.architectures else None,
        basis.directory / llm.calibration if llm.calibration else None,
    )

    def where(field: str) -> str:
        return basis.where("llm", name, field)

    found = _offers(basis, name, llm)
    gpus = _gpus(llm, found, facts, where("gpu"))
    precisions = None if llm.precision == "auto" else [find_precision(llm.precision, where("precision"))]
    counts = COUNTS if llm.tensor_parallel == "auto" else (float(llm.tensor_parallel),)
    engine = find_engine(llm.engine, facts, where("engine"))
    if llm.max_sequences is not None:
        engine = engine._replace(max_sequences=float(llm.max_sequences))
    tried = configurations(find_model(llm.model, facts, where("model")), gpus, precisions, counts, engine)
    return rank(tried, found, _asked(llm), _demand(basis, name, llm), facts, ways)


def _offers(basis: Basis, name: str, llm: Llm) -> list[Offer]:
    region = llm.region or basis.plan.regions.get(llm.provider)
    if region is None:
        remedy = f"Set regions.{llm.provider}."
        raise InputError(Problem(basis.where("llm", name), "has no region", remedy))
    named = None if llm.machine == "auto" else llm.machine
    found = list(offers(basis.catalog, [(llm.provider, region)], named))
    if not found:
        raise InputError(_nothing_sold(basis, name, llm.provider, region, named))
    return found


def _nothing_sold(basis: Basis, name: str, provider: str, region: str, named: str | None) -> Problem:
    """Return that no GPUs can be had in the region, or with the machine that is ``named``."""
    what = f"no machine {named or ''} with GPUs is sold in {region}".replace("  ", " ")
    places = [place for place in everywhere(basis.catalog) if place[0] == provider]
    if named is None:
        return basis.places.problem(("llm", name, "region"), what, nearest(region, {r for _, r in places}))
    sold = {offer.machine.name for offer in offers(basis.catalog, [(provider, region)])}
    return basis.places.problem(("llm", name, "machine"), what, nearest(named, sold))


def _gpus(llm: Llm, found: Sequence[Offer], facts: Facts, where: str) -> list[Gpu]:
    if llm.gpu != "auto":
        return [find_gpu(llm.gpu, facts, where)]
    return [find_gpu(gpu, facts) for gpu in dict.fromkeys(o.gpu for o in found) if gpu in facts["gpus"]]


def _asked(llm: Llm) -> Asked:
    lengths = float(llm.input_tokens), float(llm.output_tokens)
    return Asked(*lengths, float(llm.prefix_cache_hit_rate), promise_of(llm))


def _demand(basis: Basis, name: str, llm: Llm) -> Demand:
    local = local_part(llm)
    # A machine that the plan names is taken; what of the pod does not fit is then told by name.
    free = llm.machine == "auto"
    return Demand(
        basis.load.rps(name)[0] * float(local),
        float(basis.hours_per_month),
        float(llm.target_utilization),
        bounds_of(llm),
        llm.cold_start,
        bool(basis.plan.pricing.sustained_use),
        float(llm.pod_cpu or 0.0) if free else 0.0,
        float(llm.pod_memory) if free else 0.0,
    )


def _chosen(basis: Basis, name: str, llm: Llm) -> Llm:
    options = options_of(basis, name, llm, own_way(llm))
    first = taken_by_auto(llm, options)
    if first is None and not np.any(local_part(llm)):
        return llm  # the API answers everything
    if first is None or first.offer is None:
        reasons = nearest_misses(options)[:4]
        what = f"nothing on {llm.provider} ({MACHINES[llm.provider]}) serves {llm.model} as asked"
        raise InputError(Problem(basis.where("llm", name), what, "; ".join(reasons) + "."))
    configuration = first.configuration
    return llm.model_copy(
        update={
            "precision": configuration.precision.name,
            "gpu": configuration.gpu.name,
            "machine": first.offer.machine.name,
            "tensor_parallel": configuration.tensor_parallel,
        }
    )
