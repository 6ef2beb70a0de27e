"""`machine: auto`: the machine type of a service or a node pool, chosen once for all scenarios of the plan.

Each candidate is tried over draws of the plan's intervals: a row of the matrix of candidates × scenarios. A
service is estimated alone where nothing else depends on its machine, and otherwise with the whole plan. The
cheapest that meets every constraint in the wanted share of the draws is taken, or, where a shortage has a
price, the one with the least expected regret. All candidates are ranked on a few draws; what is taken has
proved itself on many.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.components.base import MACHINES, Before, Component, Context, Path
from capplan.components.kinds import KINDS
from capplan.cost.meters import Range
from capplan.errors import InputError
from capplan.findings import Finding
from capplan.plan.bind import Scenarios, replaced
from capplan.plan.draws import draw, intervals_of
from capplan.plan.model import Plan
from capplan.plan.read import PlanFile
from capplan.plan.services import AUTO, CLUSTER_PROVIDERS, VmGroup

_FEW_DRAWS = 100
_DRAWS = 2000
_SEED = 1
BURSTABLE = re.compile(r"t\d[a-z]*\.|e2-(micro|small|medium)$|[fg]1-|Standard_B")
ARM = re.compile(r"a1\.|[a-z]+\d+[a-z]*g[a-z]*\.|t2a-|c4a-|n4a-|Standard_[A-Z]+\d+[a-z]*p[a-z]*_")


class Candidate(NamedTuple):
    """One machine type that was looked at.

    met: share of the draws in which it meets every constraint; cost: mean USD a month of the whole plan. Both
    are None where it was rejected unseen. reason: what binds; empty for the one that was chosen.
    """

    name: str
    vcpu: float
    memory_gib: float
    usd_per_hour: float | None
    met: float | None = None
    cost: float | None = None
    reason: str = ""


class Tried(Protocol):
    """The estimate of a plan, as far as a choice looks at it."""

    @property
    def context(self) -> Context:
        """What it was made from."""

    @property
    def components(self) -> Sequence[Component]:
        """Every component of the plan."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What the reader must know."""

    @property
    def total(self) -> Range:
        """Monthly cost, USD."""


Try = Callable[[Context, Scenarios], Tried]


class Open(NamedTuple):
    """A machine that the plan leaves open: of which provider, region and families."""

    path: Path
    component: str
    provider: str
    region: str | None
    families: tuple[str, ...]

    @property
    def market(self) -> tuple[object, ...]:
        """What decides which machines there are."""
        return self.provider, self.region, self.families


class Bench:
    """Rates machines on scenarios, beside those that the plan has by then."""

    def __init__(self, context: Context, attempt: Try, scenarios: Scenarios) -> None:
        """Estimate the plan of ``context``, in which a machine stands wherever one is open."""
        self._attempt, self._scenarios = attempt, scenarios
        self._last = context
        self._parts: dict[Path, tuple[Context, float]] = {}
        try:
            tried = self._whole(context.file.plan)
        except InputError:
            self._total, self._shares = np.nan, True
        else:
            self._total = self._cost(tried)
            meters = (meter for component in tried.components for meter in component.meters)
            self._shares = any(m.rate in ("commit_1y", "commit_3y") and m.quantity.any() for m in meters)

    def row(self, plan: Plan, opened: Open, candidate: Candidate) -> Candidate:
        """Return the candidate with what the scenarios make of it."""
        try:
            tried, others = self._tried(plan, opened, candidate.name)
        except InputError as error:
            return candidate._replace(met=0.0, reason=error.problems[0].what)
        component = next(c for c in tried.components if c.path == opened.path)
        cost = others + self._cost(tried)
        unfit = next((f.message for f in tried.findings if f.code == "pod-fits-no-node"), "")
        if unfit and component.kind == "node-pool":
            return candidate._replace(met=0.0, cost=cost, reason=f"does not fit: {unfit}")
        missed, reason = _missed(component)
        return candidate._replace(met=1.0 - float(missed.mean()), cost=cost, reason=reason)

    def settle(self, plan: Plan, opened: Open, best: Candidate) -> None:
        """Let the plan have the ``best`` from now on."""
        self._total = self.row(plan, opened, best).cost or np.nan

    def _tried(self, plan: Plan, opened: Open, machine: str) -> tuple[Tried, float]:
        """Return an estimate with ``machine`` in the plan or a part of it, and the cost of the rest."""
        if self._shares or not _stands_alone(plan, opened.path):
            return self._whole(_with_machine(plan, opened.path, machine)), 0.0
        if opened.path not in self._parts:
            alone = self._alone(plan, opened.path)
            self._parts[opened.path] = alone, self._total - self._cost(self._attempt(alone, alone.scenarios))
        alone, others = self._parts[opened.path]
        part = alone.of(_with_machine(alone.file.plan, opened.path, machine))
        return self._attempt(part, alone.scenarios), others

    def _whole(self, plan: Plan) -> Tried:
        tried = self._attempt(self._last.of(plan), self._scenarios)
        self._last = tried.context.after(tried.components)
        return tried

    def _alone(self, plan: Plan, path: Path) -> Context:
        """Return the context of one service, under the load that it has in the whole ``plan``."""
        section, name = path
        only: dict[str, object] = {kind: {} for kind in KINDS}
        only[section] = {name: getattr(plan, section)[name]}
        part = plan.model_copy(update=only)
        values = {
            where: values
            for where, values in self._scenarios.values.items()
            if where[0] not in KINDS or where[:2] == path
        }
        scenarios = Scenarios(self._scenarios.count, values)
        before = Before(part, scenarios, self._last.load, {})
        return replace(self._last.of(part), scenarios=scenarios, before=before, silent=True)

    def _cost(self, tried: Tried) -> float:
        return float(np.broadcast_to(tried.total.expected[:, 0], self._scenarios.count).mean())


def _stands_alone(plan: Plan, path: Path) -> bool:
    """Say whether neither the cost nor the times of anything else depend on the machine at ``path``."""
    if path[0] != "services" or plan.sites:
        return False
    name = path[1]
    if any(service.own_time is not None or service.slo.end_to_end for service in plan.services.values()):
        return False
    if any(call.pool for call in plan.services[name].calls.values()):
        return False
    return not any(resource.each == name for resource in plan.resources.values()) and not any(
        limits.service == name for limits in plan.rate_limits.values()
    )


def decided(context: Context, attempt: Try) -> Context:
    """Return the context with every machine chosen, and what was looked at for each component.

    Raises:
        InputError: no candidate meets the constraints; the message says what binds each.
    """
    file = context.file
    opened = list(open_machines(file.plan))
    plan = file.plan
    different = {o.market: o for o in opened}
    markets = {market: list(_candidates(context.catalog, o)) for market, o in different.items()}
    candidates = {o.component: markets[o.market] for o in opened}
    for each in opened:
        plan = _with_machine(plan, each.path, _largest(file, each, candidates[each.component]).name)
    uncertain = bool(intervals_of(file))
    few = Bench(context.of(plan), attempt, draw(file, _FEW_DRAWS, _SEED) if uncertain else Scenarios())
    many = Bench(context.of(plan), attempt, draw(file, _DRAWS, _SEED)) if uncertain else few
    for each in opened:
        looked = [c if c.reason else few.row(plan, each, c) for c in candidates[each.component]]
        best, looked = _proved(file, plan, each, looked, many)
        candidates[each.component] = _judged(looked, best, _wanted_share(file.plan))
        for bench in {few, many}:
            bench.settle(plan, each, best)
        plan = _with_machine(plan, each.path, best.name)
    return context.of(plan, candidates)


def _proved(
    file: PlanFile, plan: Plan, opened: Open, looked: list[Candidate], bench: Bench
) -> tuple[Candidate, list[Candidate]]:
    """Return the best that stays so on all scenarios of ``bench``, and the candidates as rated on them."""
    proved: set[str] = set()
    while (best := _best(file, opened, looked)).name not in proved:
        again = bench.row(plan, opened, best)
        proved.add(best.name)
        looked = [again if candidate.name == best.name else candidate for candidate in looked]
    return best, looked


def open_machines(plan: Plan) -> Iterator[Open]:
    """Yield the machines that the plan leaves open; services before the nodes that carry others."""
    for name, service in plan.services.items():
        if isinstance(service, VmGroup) and service.machine.startswith(AUTO):
            region = service.region or plan.region_of(name, service.provider)
            yield Open(("services", name), name, service.provider, region, _families(service.machine))
    for cluster_name, cluster in plan.clusters.items():
        provider = CLUSTER_PROVIDERS[cluster.platform]
        region = cluster.region or plan.region_of(cluster_name, provider)
        for pool_name, pool in cluster.pools.items():
            if pool.machine.startswith(AUTO):
                path = ("clusters", cluster_name, "pools", pool_name)
                name = f"{cluster_name}/{pool_name}"
                yield Open(path, name, provider, region, _families(pool.machine))


def _families(machine: str) -> tuple[str, ...]:
    return tuple(machine.removeprefix(AUTO).removeprefix(":").split(",")) if ":" in machine else ()


def _candidates(catalog: Catalog, opened: Open) -> Iterator[Candidate]:
    """Yield all machine types of the provider, with a reason where one is rejected unseen."""
    service = MACHINES[opened.provider]
    seen: list[Candidate] = []
    skus = [s for s in catalog.service(opened.provider, service).skus.values() if s.vcpu and s.memory_gib]
    prices = {
        s.name: catalog.price(opened.provider, service, s, opened.region or "", "on_demand") for s in skus
    }
    order = sorted(skus, key=lambda s: (p.usd if (p := prices[s.name]) else np.inf, -(s.vcpu or 0), s.name))
    for sku in order:
        price = prices[sku.name]
        usd = None if price is None else price.usd
        candidate = Candidate(sku.name, sku.vcpu or 0.0, sku.memory_gib or 0.0, usd)
        reason = _unsuitable(sku, opened, usd) or _dominated(candidate, seen)
        if not reason:
            seen.append(candidate)
        yield candidate._replace(reason=reason)


def _unsuitable(sku: Sku, opened: Open, usd: float | None) -> str:
    if usd is None:
        return f"region: no price in {opened.region}"
    if sku.retired is not None:
        return f"retired: {sku.retired}"
    if opened.families:
        named = any(_in_family(sku.name, family) for family in opened.families)
        return "" if named else f"family: none of {', '.join(opened.families)}"
    if sku.gpu is not None:
        return "GPU: nothing in the plan needs one here; name its family to allow it"
    if BURSTABLE.match(sku.name):
        return "burstable: its full CPU is not always available; name its family to allow it"
    if ARM.match(sku.name):
        return "arm: needs an ARM build; name its family to allow it"
    return ""


def _in_family(name: str, family: str) -> bool:
    begins = re.match(re.escape(family) + r"(?![A-Za-z0-9])", name)
    return begins is not None or fnmatch.fnmatchcase(name, family)


def _dominated(candidate: Candidate, cheaper: Sequence[Candidate]) -> str:
    for other in cheaper:
        if other.vcpu >= candidate.vcpu and other.memory_gib >= candidate.memory_gib:
            return f"price: {other.name} has at least as much of everything and costs no more"
    return ""


def _largest(file: PlanFile, opened: Open, candidates: Sequence[Candidate]) -> Candidate:
    """Return the machine that stands in while others are chosen."""
    left = [candidate for candidate in candidates if not candidate.reason]
    if not left:
        reasons = sorted({candidate.reason.partition(":")[0] for candidate in candidates})
        what = f"no machine of {opened.provider} in {opened.region} meets the needs"
        remedy = f"Reasons: {', '.join(reasons)}."
        raise InputError(file.places.problem((*opened.path, "machine"), what, remedy))
    return max(left, key=lambda candidate: (candidate.vcpu, candidate.memory_gib))


def _missed(component: Component) -> tuple[Array, str]:
    """Return in which scenarios a constraint is missed, and the one that binds."""
    sizing, times = component.sizing, component.response
    if sizing is None:
        return np.zeros((1, 1)), ""
    over = sizing.peak > sizing.peak_running
    late = np.zeros((1, 1), dtype=bool) if times is None else times.missed()
    missed = (over | late).astype(float)
    if over.any():
        worst = int(sizing.peak.argmax())
        most = float(sizing.peak.max())
        return (
            missed,
            f"max: up to {most:,.0f} are needed, more than allowed ({sizing.binding(worst)} binds)",
        )
    return missed, "latency: the SLO is missed" if late.any() else ""


def _best(file: PlanFile, opened: Open, candidates: Sequence[Candidate]) -> Candidate:
    """Return the cheapest that meets the wanted share, or the one that is regretted least."""
    tried = [c for c in candidates if c.met is not None and c.cost is not None]
    shortage = None if file.plan.uncertainty is None else file.plan.uncertainty.shortage_cost
    if shortage is not None:
        # The best choice of a scenario is the same for all candidates, so least regret is least cost.
        price = float(shortage)
        return min(tried, key=lambda c: ((c.cost or 0.0) + price * (1 - (c.met or 0.0)), c.name))
    wanted = _wanted_share(file.plan)
    enough = [c for c in tried if (c.met or 0.0) >= wanted]
    if not enough:
        nearest = max(candidates, key=lambda c: (c.met is not None, c.met or 0.0, c.cost is not None))
        what = f"no machine meets every constraint in {wanted:.0%} of the scenarios"
        remedy = f"The nearest is {nearest.name}, in {nearest.met or 0:.1%}: {nearest.reason}."
        raise InputError(file.places.problem((*opened.path, "machine"), what, remedy))
    return min(enough, key=lambda c: (c.cost or 0.0, c.usd_per_hour or 0.0, c.name))


def _judged(candidates: Sequence[Candidate], best: Candidate, wanted: float) -> list[Candidate]:
    """Return the candidates with the reason for which each was not chosen, the chosen one first."""
    judged = [best._replace(reason="")]
    for candidate in candidates:
        if candidate.name == best.name:
            continue
        reason = candidate.reason
        if candidate.met is not None and candidate.cost is not None and candidate.met >= wanted:
            reason = f"price: {candidate.cost:,.2f} USD a month against {best.cost or 0:,.2f}"
        judged.append(candidate._replace(reason=reason))
    return judged


def _wanted_share(plan: Plan) -> float:
    return 0.95 if plan.uncertainty is None else float(plan.uncertainty.meet)


def _with_machine(plan: Plan, path: Path, machine: str) -> Plan:
    changed: Plan = replaced(plan, (*path, "machine"), machine)
    return changed
