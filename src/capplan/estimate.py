"""The spine: a plan and a catalog in, an estimate out. Every command starts from its result.

plan ──bind──> demand ──> capacity ──> meters ──> cost lines ──> Estimate
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from capplan.arrays import Floats
from capplan.catalog.catalog import Catalog, Provenance
from capplan.components.base import Component, Context, Finding
from capplan.components.others import build_external_api, build_resource
from capplan.components.services.component import build_service
from capplan.cost.lines import CostLine, Terms, cost_lines, total_cost, unpriced
from capplan.cost.meters import Range
from capplan.demand.load import Load, Pattern, load_on, pattern_of
from capplan.plan.bind import Scenarios, bind
from capplan.plan.model import Plan
from capplan.plan.read import PlanFile
from capplan.plan.services import AUTO

if TYPE_CHECKING:
    from capplan.components.machine_choice import Candidate

HOURS_PER_MONTH = 730.0
"""365 days ÷ 12, as the providers' own calculators count a month."""


@dataclass(frozen=True)
class Estimate:
    """How many of what, and what it costs, over all scenarios."""

    plan: Plan
    file: PlanFile
    scenarios: Scenarios
    hours_per_month: Floats
    load: Load
    components: Sequence[Component]
    lines: Sequence[CostLine]
    findings: Sequence[Finding]
    catalogs: Sequence[Provenance]
    candidates: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)

    @cached_property
    def total(self) -> Range:
        """Monthly cost of everything that has a price, USD."""
        return total_cost(self.lines)

    def lines_of(self, component: str) -> Sequence[CostLine]:
        """Return the cost lines of one component."""
        return self._by_component.get(component, ())

    def cost_of(self, component: str) -> Range:
        """Return the monthly cost of one component, USD."""
        return self._cost_by_component.get(component, Range.fixed(0.0))

    @cached_property
    def _cost_by_component(self) -> dict[str, Range]:
        return {component: total_cost(lines) for component, lines in self._by_component.items()}

    @cached_property
    def _by_component(self) -> dict[str, list[CostLine]]:
        found: dict[str, list[CostLine]] = {}
        for line in self.lines:
            found.setdefault(line.meter.component, []).append(line)
        return found


class Basis(NamedTuple):
    """What all scenarios of a plan share, and is read from files only once.

    catalog: with the plan's price books over it. candidates: looked at for each machine left open.
    """

    file: PlanFile
    catalog: Catalog
    pattern: Pattern
    candidates: Mapping[str, Sequence[Candidate]] = {}


def basis_of(file: PlanFile, catalog: Catalog) -> Basis:
    """Return what estimates of the plan in ``file`` start from."""
    plan = file.plan
    if plan.pricing.books:
        catalog = catalog.with_books(plan.pricing.books, file.directory)
    pattern = pattern_of(plan.demand, file.directory)
    if plan.llm:
        from capplan.components.llm import choice

        hours = float(_hours(plan, catalog))
        load = load_on(pattern, plan, hours, file.places)
        basis = choice.Basis(plan, catalog, load, hours, file.directory, file.places)
        file = file._replace(plan=choice.decided(basis))
    return _with_machines(Basis(file, catalog, pattern))


def _with_machines(basis: Basis) -> Basis:
    """Return the basis with the machines chosen that the plan leaves open."""
    plan = basis.file.plan
    pools = [pool for cluster in plan.clusters.values() for pool in cluster.pools.values()]
    named = [getattr(part, "machine", "") for part in (*plan.services.values(), *pools)]
    if not any(machine.startswith(AUTO) for machine in named):
        return basis
    from capplan.components.machine_choice import decided

    def attempt(plan: Plan, scenarios: Scenarios) -> Estimate:
        return estimate_on(basis._replace(file=basis.file._replace(plan=plan)), scenarios)

    chosen, candidates = decided(basis.file, basis.catalog, attempt)
    return basis._replace(file=basis.file._replace(plan=chosen), candidates=candidates)


def _hours(plan: Plan, catalog: Catalog) -> Floats:
    if plan.hours_per_month is not None:
        return plan.hours_per_month
    return catalog.hours_per_month or HOURS_PER_MONTH


def estimate(file: PlanFile, catalog: Catalog, scenarios: Scenarios | None = None) -> Estimate:
    """Return the estimate of the plan in ``file`` for every one of the ``scenarios``."""
    return estimate_on(basis_of(file, catalog), scenarios or Scenarios())


def estimate_on(basis: Basis, scenarios: Scenarios) -> Estimate:
    """Return the estimate for every one of the ``scenarios``."""
    file, catalog, pattern, candidates = basis
    plan = bind(file.plan, scenarios)
    hours = _hours(plan, catalog)
    load = load_on(pattern, plan, hours, file.places)
    context = Context(plan, catalog, load, hours, file.places, file.directory)
    components = list(_components(context))
    meters = [meter for component in components for meter in component.meters]
    lines = cost_lines(meters, catalog, Terms(hours, plan.pricing.free_tier))
    found = [finding for component in components for finding in component.findings]
    return Estimate(
        plan=plan,
        file=file,
        scenarios=scenarios,
        hours_per_month=hours,
        load=load,
        components=components,
        lines=lines,
        findings=sorted([*found, *_unpriced(lines)], key=lambda f: _ORDER.index(f.severity)),
        catalogs=catalog.used,
        candidates=candidates,
    )


_ORDER = ("error", "warning", "info")


def _components(ctx: Context) -> Iterator[Component]:
    plan = ctx.plan
    services = {name: build_service(ctx, name, service) for name, service in plan.services.items()}
    if any(service.slo.end_to_end is not None for service in plan.services.values()):
        from capplan.components.services.end_to_end import with_end_to_end

        services = with_end_to_end(ctx, services)
    stores = list(_stores(ctx, services))
    yield from services.values()
    if plan.clusters:
        from capplan.components.cluster import build_cluster
    for name, cluster in plan.clusters.items():
        yield from build_cluster(ctx, name, cluster, [*services.values(), *stores])
    yield from stores
    for name, api in plan.external_apis.items():
        yield build_external_api(ctx, name, api)
    if plan.llm:
        from capplan.components.llm.component import build_llm
    for name, llm in plan.llm.items():
        yield build_llm(ctx, name, llm)
    for name, resource in plan.resources.items():
        yield build_resource(ctx, name, resource)
    if plan.rate_limits:
        from capplan.components.ratelimits import build_rate_limits
    for name, limits in plan.rate_limits.items():
        yield build_rate_limits(ctx, name, limits, services)


def _stores(ctx: Context, services: Mapping[str, Component]) -> Iterator[Component]:
    if ctx.plan.databases:
        from capplan.components.stores.component import any_database
    for name, database in ctx.plan.databases.items():
        yield any_database(ctx, name, database, services)
    if ctx.plan.caches:
        from capplan.components.stores.component import any_cache
    for name, cache in ctx.plan.caches.items():
        yield any_cache(ctx, name, cache)


def _unpriced(lines: Sequence[CostLine]) -> Iterator[Finding]:
    for line in unpriced(lines):
        message = f"{line.sku} is unpriced and not in the total: {line.source}"
        remedy = "Put its price into a price book." if line.meter.price_path == "" else "Give its price."
        yield Finding("warning", "unpriced", line.meter.component, message, remedy)
