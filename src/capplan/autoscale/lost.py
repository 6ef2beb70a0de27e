"""The loss of a site while autoscalers run: its requests go elsewhere, and come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from capplan.arrays import Array
from capplan.autoscale.settings import LostSite
from capplan.demand.load import Load, rps_without
from capplan.errors import InputError, Problem, nearest
from capplan.plan.model import Plan
from capplan.plan.sites import shares, takers


def with_loss(
    usual: Mapping[str, Array],
    lost: LostSite,
    plan: Plan,
    load: Load,
    step_s: float,
    tick_s: float,
    in_ticks: Callable[[Array], Array],
) -> dict[str, Array]:
    """Return the ``usual`` requests per second by component, (ticks,), with those of a site elsewhere.

    in_ticks: turns requests per second by step into those by tick. Raises :class:`InputError` for a site that
    is none, or that nothing can replace.
    """
    check_site(plan, lost.site)
    away = rps_without(load, plan, step_s, (lost.site,))
    total = np.sum(list(usual.values()), axis=0)
    first = int(np.argmax(total)) if lost.from_s is None else round(lost.from_s / tick_s)
    ticks = np.arange(total.size)
    while_lost = (ticks >= first) & (ticks < lost.until_s / tick_s)
    return {name: np.where(while_lost, in_ticks(away[name][0]), rps) for name, rps in usual.items()}


def check_site(plan: Plan, site: str) -> None:
    """Raise :class:`InputError` unless the others can take over the requests of ``site``."""
    active = list(shares(plan.sites))
    if site not in active:
        what = f"the plan has no active site '{site}'"
        raise InputError(Problem("--outage", what, nearest(site, active) or "Name one, or HH:MM-HH:MM."))
    if not takers(plan.sites, (site,)):
        remedy = "Give the plan another active site, or a warm or hot standby."
        raise InputError(Problem("--outage", f"nothing serves while '{site}' is lost", remedy))
