"""What all kinds of component share: the context they are built in, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path as Directory
from typing import TYPE_CHECKING, NamedTuple

from capplan.arrays import Array, Floats, hourly_mean
from capplan.capacity.nodes import Allocatable, PodGroup
from capplan.capacity.sizing import Sizing, utilization
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.components.measures import Measure, Pick
from capplan.cost.lines import Terms
from capplan.cost.meters import Meter, Range
from capplan.demand.load import Load, Pattern, load_on
from capplan.errors import InputError, nearest
from capplan.findings import Finding
from capplan.plan.bind import Scenarios, bind
from capplan.plan.model import Plan, TierKind
from capplan.plan.places import Places
from capplan.plan.read import PlanFile
from capplan.quantities import DAY_S

if TYPE_CHECKING:
    from capplan.capacity.control import Control
    from capplan.capacity.response import ResponseTimes
    from capplan.catalog.tiers import TierTable
    from capplan.components.llm.replica import Replica
    from capplan.components.machine_choice import Candidate
    from capplan.plan.clusters import Cluster
    from capplan.plan.services import Service

Path = tuple[str, ...]

MACHINES: dict[str, str] = {
    "gcp": "compute-engine",
    "aws": "ec2",
    "azure": "virtual-machines",
    "gpu-cloud": "machines",
}
"""The catalog's service that holds each provider's machines."""


HOURS_PER_MONTH = 730.0
"""365 days ÷ 12, as the providers' own calculators count a month."""


class Pods(NamedTuple):
    """What each pod of a component asks of the node that it runs on."""

    cluster: str
    pool: str | None
    cpu: Floats
    memory_gib: Floats
    gpu: Floats = 0.0
    cpu_limit: Floats | None = None
    memory_limit_gib: Floats | None = None
    overhead_cpu: Floats = 0.0
    overhead_gib: Floats = 0.0
    one_per_node: bool = False

    @property
    def taken(self) -> tuple[Floats, Floats]:
        """Cores and GiB that a pod takes of its node: its requests, and what it never serves with."""
        return self.cpu + self.overhead_cpu, self.memory_gib + self.overhead_gib

    def group(self, count: Array) -> PodGroup:
        """Return so many of them, to be packed on nodes."""
        return PodGroup(*self.taken, self.gpu, count, self.one_per_node)


class Component(NamedTuple):
    """One component of the plan, sized and metered.

    load is that of the whole plan; None where no requests arrive, as at a node pool.
    billed_with names the component that pays for this one, as a node pool does for its pods.
    measures: figures besides instances. pick: the machine that was chosen. pods: what it asks of nodes.
    node: what a node of a pool leaves to pods. response: response times, of a service with a latency SLO.
    control: what the autoscaler of a service is told; None where the plan does not decide it.
    replica: what a replica of a model runs with. units: what its cost is told by, and how many a month,
    (scenarios | 1, 1). parts: further components whose cost is told by these units too.
    """

    name: str
    kind: str
    platform: str
    provider: str
    region: str
    path: Path
    load: Load | None = None
    sizing: Sizing | None = None
    meters: Sequence[Meter] = ()
    findings: Sequence[Finding] = ()
    billed_with: str | None = None
    measures: Sequence[Measure] = ()
    pick: Pick | None = None
    pods: Pods | None = None
    response: ResponseTimes | None = None
    node: Allocatable | None = None
    replica: Replica | None = None
    control: Control | None = None
    units: Mapping[str, Array] = {}
    parts: Sequence[str] = ()

    @property
    def rps(self) -> Array | None:
        """Requests per second, (scenarios | 1, hours); None where no requests arrive."""
        return None if self.load is None else self.load.rps(self.name)

    @property
    def headroom(self) -> Array | None:
        """How much more than its peak its ceiling carries, as a share; None where nothing bounds it."""
        bounded = self.sizing is not None and self.kind != "job"
        return self.sizing.headroom(self.peak_rps) if self.sizing is not None and bounded else None

    @property
    def peak_rps(self) -> Array | None:
        """Requests per second in the busiest hour, (scenarios | 1, 1)."""
        return None if self.load is None else self.load.peak(self.name)

    @property
    def utilization(self) -> Array | None:
        """Share of the scarcest resource in use in the busiest hour, (scenarios | 1, 1)."""
        if self.sizing is None or self.sizing.peak_rps is None:
            return None
        return utilization(self.sizing.peak_rps, self.sizing)


_PARTS = ("services", "clusters", "databases", "caches")
"""The sections of which each component can be taken over on its own."""


class Before(NamedTuple):
    """An estimate of a plan that says much the same: the plan, before binding, and the components by path."""

    plan: Plan
    scenarios: Scenarios
    load: Load
    components: Mapping[Path, Component]


@dataclass(frozen=True, eq=False, repr=False)
class Context:
    """What an estimate is made from, and whatever a component may ask about the rest of the plan.

    file: the plan as read, without what it left open. catalog: with the plan's price books over it.
    pattern: of its demand over time, read once. candidates: looked at for each machine that was left open.
    before: whose components are taken over where all that they are made from is the same.
    """

    file: PlanFile
    catalog: Catalog
    pattern: Pattern
    scenarios: Scenarios = field(default_factory=Scenarios)
    candidates: Mapping[str, Sequence[Candidate]] = field(default_factory=dict)
    before: Before | None = None
    silent: bool = False
    """Whether only figures count; costly findings are then left out."""

    def after(self, components: Sequence[Component]) -> Context:
        """Return the same, of which plans that say much the same take over the ``components``."""
        by_path = {component.path: component for component in components}
        return replace(self, before=Before(self.file.plan, self.scenarios, self.load, by_path))

    def on(self, scenarios: Scenarios) -> Context:
        """Return the same for other ``scenarios``."""
        return replace(self, scenarios=scenarios)

    def of(self, plan: Plan, candidates: Mapping[str, Sequence[Candidate]] | None = None) -> Context:
        """Return the same for a ``plan`` that names what this one leaves open, out of ``candidates``."""
        found = self.candidates if candidates is None else candidates
        return replace(self, file=self.file._replace(plan=plan), candidates=found)

    @cached_property
    def plan(self) -> Plan:
        """The plan, with an array in place of every number that varies, and how long places are occupied."""
        bound = bind(self.file.plan, self.scenarios)
        if any(llm.says_lengths for llm in bound.llm.values()):
            from capplan.components.llm.lengths import with_mean_lengths

            bound = with_mean_lengths(bound, self.directory)
        if any(service.classes for service in bound.services.values()):
            from capplan.components.services.classes import with_mean_requests

            bound = with_mean_requests(bound, self.places)
        if all(service.own_time is None for service in bound.services.values()):
            return bound
        from capplan.components.services.calls import with_occupancy

        return with_occupancy(bound, self.places)

    @cached_property
    def hours_per_month(self) -> Floats:
        """The month of the plan, or else that of a price book."""
        if self.plan.hours_per_month is not None:
            return self.plan.hours_per_month
        return self.catalog.hours_per_month or HOURS_PER_MONTH

    @property
    def terms(self) -> Terms:
        """What holds for the whole bill."""
        return Terms(self.hours_per_month, self.plan.pricing.free_tier)

    @cached_property
    def load(self) -> Load:
        """Requests per second of every component."""
        before = self._comparable
        if before is not None:
            return before.load
        return load_on(self.pattern, self.plan, self.hours_per_month, self.places)

    def taken_over(self, path: Path, needed: Sequence[Component] = ()) -> Component | None:
        """Return the component at ``path`` if it, and what it ``needed``, is the same as before."""
        before = self._comparable
        if before is None or not self.says_the_same(path) or not self.are_taken_over(needed):
            return None
        return before.components.get(path)

    def taken_over_below(self, path: Path) -> Iterator[Component]:
        """Yield the components at ``path`` and below it, as they were before."""
        if self._comparable is not None:
            for where, component in self._comparable.components.items():
                if where[: len(path)] == path:
                    yield component

    def are_taken_over(self, components: Sequence[Component]) -> bool:
        """Say whether the ``components`` are those of before."""
        before = self._comparable
        return before is not None and all(before.components.get(c.path) is c for c in components)

    def says_the_same(self, path: Path) -> bool:
        """Say whether the plan has the same at ``path``, a section and a name, as before."""
        before = self._comparable
        if before is None:
            return False
        section, name = path
        return getattr(self.file.plan, section)[name] is getattr(before.plan, section).get(name)

    @cached_property
    def _comparable(self) -> Before | None:
        """Before, if the plans differ only inside components, and in none that shapes the load of others."""
        before, values = self.before, self.scenarios.values
        if before is None or (before.scenarios is not self.scenarios and (before.scenarios.values or values)):
            return None
        return before if _differ_inside_components(before.plan, self.file.plan) else None

    @property
    def places(self) -> Places:
        """Where the plan says what, for messages."""
        return self.file.places

    @property
    def directory(self) -> Directory:
        """What relative files in the plan are relative to."""
        return self.file.directory

    def region(self, provider: str, own: str | None, path: Path, field: str = "region") -> str:
        """Return the region that the ``field`` of a component says, or else that of the plan."""
        region = own or self.plan.region_of(path[1], provider)
        if region is None:
            what = f"has no region: the plan does not say where on {provider} it runs"
            raise InputError(self.places.problem(path, what, f"Set regions.{provider}, or its own region."))
        if not self.catalog.knows_region(provider, region):
            known = self.catalog.facts("regions", provider)
            place = (*path, field) if own else self.plan.region_path(path[1], provider)
            what = f"{provider} has no region '{region}'"
            raise InputError(self.places.problem(place, what, nearest(region, known)))
        return region

    def sku(self, provider: str, service: str, name: str, path: Path) -> Sku:
        """Return the SKU that the plan names at ``path``."""
        sku = self.catalog.find(provider, service, name)
        if sku is None:
            known = self.catalog.service(provider, service).skus
            remedy = f"{nearest(name, known)} All: capplan catalog list --service {service}"
            raise InputError(
                self.places.problem(path, f"unknown SKU '{name}' of {provider} {service}", remedy)
            )
        return sku

    def used(
        self, component: str, where: tuple[str, str], priced: tuple[str, str], amount: Floats, formula: str
    ) -> Meter:
        """Return the meter of an amount that no autoscaler changes, in the unit of what it is priced by.

        where: provider and region. priced: the catalog's service, and its SKU or tariff.
        """
        (provider, region), (service, sku) = where, priced
        file = self.catalog.service(provider, service)
        unit = (file.blocks_of(sku)[0] if sku in file.tiers else file.skus[sku]).unit
        return Meter(
            component=component,
            provider=provider,
            service=service,
            sku=sku,
            region=region,
            unit=unit,
            quantity=Range.fixed(amount),
            formula=formula,
        )

    def machine(self, provider: str, name: str, path: Path) -> Sku:
        """Return a machine type with its cores and memory."""
        sku = self.sku(provider, MACHINES[provider], name, path)
        if sku.vcpu is None or sku.memory_gib is None:
            raise InputError(self.places.problem(path, f"the catalog does not say how large '{name}' is"))
        return sku

    def tier_table(self, name: str, kind: TierKind, path: Path) -> TierTable:
        """Return the tier table that the plan names at ``path``."""
        if name == "auto":
            name = self.plan.tiers.get(kind, "")
            if not name:
                remedy = f"Set tiers.{kind}, or name the table."
                raise InputError(self.places.problem(path, f"the plan has no table of {kind} tiers", remedy))
            path = ("tiers", kind)
        table = self.catalog.find_tier_table(name, self.directory)
        if table is None:
            remedy = self.catalog.nearest_tier_table(name)
            raise InputError(self.places.problem(path, f"no tier table '{name}'", remedy))
        if table.kind != kind:
            what = f"'{name}' is a table of {table.kind}, not of {kind}"
            raise InputError(self.places.problem(path, what))
        return table

    def driver(self, by: str, component: str) -> Array:
        """Return the figure that a tier table is read by, (scenarios | 1, 1)."""
        if by == "requests_per_second":
            return self.load.peak(component)
        if by == "requests_per_day":
            return self.load.average(component) * DAY_S
        return self.load.average_rps * DAY_S

    def per_month(self, per_second: Floats) -> Floats:
        """Return how much a steady rate adds up to in a month."""
        return per_second * 3600.0 * self.hours_per_month


def number_range(sizing: Sizing) -> Range:
    """Return instances at the floor, on average, and at the ceiling."""
    average = hourly_mean(sizing.running)
    return Range(sizing.floor, average, sizing.ceiling)


def _differ_inside_components(one: Plan, other: Plan) -> bool:
    """Say whether plans differ only in what single components say of themselves.

    A service whose calls change, whose time follows from others' or that has an end-to-end objective says
    something of others.
    """
    fields = type(one).model_fields
    if any(getattr(one, name) != getattr(other, name) for name in fields if name not in _PARTS):
        return False
    if any(getattr(one, part).keys() != getattr(other, part).keys() for part in _PARTS):
        return False
    if any(not _alike(cluster, other.clusters[name], "pools") for name, cluster in one.clusters.items()):
        return False
    if any(cache.semantic != other.caches[name].semantic for name, cache in one.caches.items()):
        return False
    return all(_says_nothing_of_others(s, other.services[name]) for name, s in one.services.items())


def _alike(one: Cluster, other: Cluster, but_for: str) -> bool:
    return one is other or one.model_dump(exclude={but_for}) == other.model_dump(exclude={but_for})


def _says_nothing_of_others(one: Service, other: Service) -> bool:
    follows = other.own_time is not None and other.service_time is None
    if follows or other.slo.end_to_end is not None:
        return False
    return one is other or (one.platform == other.platform and one.calls == other.calls)
