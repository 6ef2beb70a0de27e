"""Changes that might save money with a model of ``llm:``: how it is bought, on what it runs, or an API."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.components.base import Component
from capplan.components.llm.choice import options_of, own_way
from capplan.components.llm.component import local_part
from capplan.components.llm.options import ServingOption
from capplan.components.llm.replica import Replica
from capplan.decide.changes import OTHER_MACHINES, SPOT_SHARE, Change, commitments, spot
from capplan.estimate import Estimate
from capplan.llm.confidence import confidence_of
from capplan.plan.llm import Llm

_OPEN = dict.fromkeys(("precision", "gpu", "machine", "tensor_parallel"), "auto")


def changes_for_model(estimate: Estimate, component: Component) -> Iterator[Change]:
    """Yield the changes worth trying for a model that replicas serve."""
    llm, path, replica = estimate.plan.llm[component.name], component.path, component.replica
    if replica is None:
        return
    yield from _on_spot(component, llm, replica)
    committed = llm.purchase.commit_1y + llm.purchase.commit_3y
    yield from commitments(component, (*path, "purchase"), committed)
    yield from _elsewhere(estimate, component, llm, replica)
    if replica.configuration.speculation is not None:
        value, risk = {"speculative": {"tokens": 0}}, "few users at a time may wait longer for a token"
        yield Change(component.name, "speculation", path, value, "draft nothing", risk)
    if llm.api is not None and np.any(local_part(llm) > 0):
        text = f"let {llm.api.model} answer everything"
        risk = "another model: compare its answers; requests leave your network"
        yield Change(component.name, "api", path, {"local_share": 0, "replicas": {"min": 0}}, text, risk)


def _on_spot(component: Component, llm: Llm, replica: Replica) -> Iterator[Change]:
    """Yield spot machines, with the spare that they need where there is none."""
    if np.any(llm.purchase.spot):
        return
    if np.any(llm.redundancy.spare) or np.any(llm.redundancy.survive_zones):
        yield spot(component.name, (*component.path, "purchase", "spot"))
        return
    spare = max(int(replica.per_machine), 1)
    value = {"purchase": {"spot": SPOT_SHARE}, "redundancy": {"spare": spare}}
    risk = (
        "the provider takes machines back at two minutes' notice or less; the spare serves until others load"
    )
    text = f"run {SPOT_SHARE:.0%} on spot, with {spare} spare"
    yield Change(component.name, "spot", component.path, value, text, risk)


def _elsewhere(estimate: Estimate, component: Component, llm: Llm, replica: Replica) -> Iterator[Change]:
    """Yield the cheapest other ways to serve it: on other GPUs, and at other precisions too.

    Speeds of the class low are not proposed in place of better known ones.
    """
    now = replica.configuration
    sure = confidence_of(now).level != "low"
    every = options_of(estimate.context, component.name, llm.model_copy(update=_OPEN), own_way(llm))
    able = [option for option in every if option.feasible and not (sure and option.confidence.level == "low")]
    alike = [option for option in able if option.configuration.precision.name == now.precision.name]
    others = [option for option in able if option.configuration.precision.name != now.precision.name]
    risk = "other speeds: measure before you move"
    for option in alike[:OTHER_MACHINES]:
        yield _served_by(llm, component, option, "GPU", risk)
    for option in others[:OTHER_MACHINES]:
        risk = "another checkpoint: compare its answers, and measure its speed"
        yield _served_by(llm, component, option, "precision", risk)


def _served_by(llm: Llm, component: Component, option: ServingOption, kind: str, risk: str) -> Change:
    chosen, offer = option.configuration, option.offer
    assert offer is not None
    value = {
        "precision": chosen.precision.name,
        "gpu": chosen.gpu.name,
        "machine": offer.machine.name,
        "tensor_parallel": int(chosen.tensor_parallel),
    }
    text = f"serve it at {chosen.brief()}, {offer.name}"
    if llm.disaggregated is not None:
        value, text = value | {"disaggregated": None}, f"{text}, not disaggregated"
    return Change(component.name, kind, component.path, value, text, risk)
