"""The spine: a plan and a catalog in, an estimate out. Every command starts from its result.

plan ──bind──> demand ──> capacity ──> meters ──> cost lines ──> Estimate
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from capplan.arrays import Array, Floats
from capplan.catalog.catalog import Catalog, Provenance
from capplan.catalog.rows import Exchange
from capplan.components import checks
from capplan.components.base import Component, Context
from capplan.components.exchange import exchange_of
from capplan.components.finite import check_finite
from capplan.components.kinds import components_of
from capplan.components.prices import added_findings, price_findings
from capplan.components.reach import reach_findings
from capplan.cost.lines import Certainty, CostLine, Terms, certainty, cost_lines, total_cost, used_files
from capplan.cost.meters import Range
from capplan.demand.load import Load, Pattern, pattern_of
from capplan.findings import Finding
from capplan.plan.bind import Scenarios
from capplan.plan.model import Plan
from capplan.plan.read import PlanFile
from capplan.plan.services import AUTO


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """How many of what, and what it costs, over all scenarios."""

    context: Context
    components: Sequence[Component]
    lines: Sequence[CostLine]
    findings: Sequence[Finding]

    @property
    def plan(self) -> Plan:
        """The plan, with an array in place of every number that varies."""
        return self.context.plan

    @property
    def file(self) -> PlanFile:
        """The plan as read, without what it left open."""
        return self.context.file

    @property
    def scenarios(self) -> Scenarios:
        """What varies."""
        return self.context.scenarios

    @property
    def hours_per_month(self) -> Floats:
        """The month that everything is told by."""
        return self.context.hours_per_month

    @property
    def terms(self) -> Terms:
        """What holds for the whole bill."""
        return self.context.terms

    @property
    def load(self) -> Load:
        """Requests per second of every component."""
        return self.context.load

    @property
    def catalogs(self) -> Sequence[Provenance]:
        """The files that prices came from, books last."""
        return self.context.catalog.provenance(used_files(self.lines))

    @cached_property
    def headrooms(self) -> dict[str, Array | None]:
        """How much more than its peak each component's ceiling carries, as a share, by name."""
        return {component.name: component.headroom for component in self.components}

    @cached_property
    def total(self) -> Range:
        """Monthly cost of everything that has a price, USD."""
        return total_cost(self.lines)

    @cached_property
    def certainty(self) -> Certainty:
        """How sure the total is."""
        return certainty(self.lines)

    @property
    def exchange(self) -> Exchange | None:
        """The rate to the plan's currency; None where that is the dollar."""
        return exchange_of(self.plan, self.context.catalog, self.file.places)

    def lines_of(self, component: str) -> Sequence[CostLine]:
        """Return the cost lines of one component."""
        return self._by_component.get(component, ())

    def cost_of(self, component: str) -> Range:
        """Return the monthly cost of one component, USD."""
        return self._cost_by_component.get(component, Range.fixed(0.0))

    def cost_with_parts(self, component: Component) -> Range:
        """Return the monthly cost that a component's units are told by, USD."""
        return sum(map(self.cost_of, component.parts), self.cost_of(component.name))

    @cached_property
    def _cost_by_component(self) -> dict[str, Range]:
        return {component: total_cost(lines) for component, lines in self._by_component.items()}

    @cached_property
    def _by_component(self) -> dict[str, list[CostLine]]:
        found: dict[str, list[CostLine]] = {}
        for line in self.lines:
            found.setdefault(line.meter.component, []).append(line)
        return found


def estimate(file: PlanFile, catalog: Catalog, scenarios: Scenarios | None = None) -> Estimate:
    """Return the estimate of the plan in ``file`` for every one of the ``scenarios``."""
    return estimate_on(context_of(file, catalog), scenarios or Scenarios())


def estimate_on(context: Context, scenarios: Scenarios) -> Estimate:
    """Return the estimate for every one of the ``scenarios``."""
    context = context.on(scenarios)
    components = components_of(context)
    meters = [meter for component in components for meter in component.meters]
    lines = cost_lines(meters, context.catalog, context.terms)
    check_finite(components, lines, context.places)
    found = [finding for component in components for finding in component.findings]
    found += [*_recorded(context.pattern), *reach_findings(context), *price_findings(lines)]
    found += added_findings(context.catalog, lines)
    findings = sorted(found, key=lambda f: f.rank)
    return Estimate(context, components, lines, findings)


def estimate_again(before: Estimate, file: PlanFile, catalog: Catalog) -> Estimate:
    """Return the estimate of the plan in ``file``, much of which the one of ``before`` says too.

    What is made from the very same parts of the plan is taken over; the result is that of :func:`estimate`.
    """
    was, now = before.context, file.plan
    if now.pricing != was.file.plan.pricing or now.demand != was.file.plan.demand:
        return estimate(file, catalog)
    context = replace(was.after(before.components), file=file, candidates={})
    return estimate_on(_nothing_left_open(context), before.scenarios)


def context_of(file: PlanFile, catalog: Catalog) -> Context:
    """Return what estimates of the plan in ``file`` start from: read only once, and nothing left open."""
    plan = file.plan
    if plan.pricing.books:
        catalog = catalog.with_books(plan.pricing.books, file.directory)
    exchange_of(plan, catalog, file.places)
    return _nothing_left_open(Context(file, catalog, pattern_of(plan.demand, file.directory)))


def _nothing_left_open(context: Context) -> Context:
    """Return the context of a plan that names what this one leaves open."""
    if context.file.plan.llm:
        from capplan.components.llm.choice import decided

        context = context.of(decided(context))
    return _with_machines(context)


def _with_machines(context: Context) -> Context:
    """Return the context with the machines chosen that the plan leaves open."""
    plan = context.file.plan
    pools = [pool for cluster in plan.clusters.values() for pool in cluster.pools.values()]
    named = [getattr(part, "machine", "") for part in (*plan.services.values(), *pools)]
    if not any(machine.startswith(AUTO) for machine in named):
        return context
    from capplan.components.machine_choice import decided

    return decided(context, estimate_on)


def _recorded(pattern: Pattern) -> Iterator[Finding]:
    """Yield what a reader must know of a trace."""
    remedy = "Record what is missing, or leave it out."
    for gap in pattern.gaps:
        yield checks.TRACE_GAPS.finding("demand", f"{pattern.name}: {gap}", remedy)
    for said in pattern.said:
        yield checks.TRACE_TIMES.finding("demand", f"{pattern.name}: {said}")
