"""What all kinds of component share: the context they are built in, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from capplan.arrays import Array, Floats, hourly_mean
from capplan.capacity.sizing import Sizing
from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import Sku
from capplan.cost.meters import Meter, Range
from capplan.demand.load import Load
from capplan.errors import InputError, nearest
from capplan.plan.model import Plan
from capplan.plan.places import Places
from capplan.plan.services import Provider

Path = tuple[str, ...]
Severity = Literal["error", "warning", "info"]

MACHINES: dict[str, str] = {"gcp": "compute-engine", "aws": "ec2", "azure": "virtual-machines"}
"""The catalog's service that holds each provider's machines."""


class Finding(NamedTuple):
    """Something the reader must know: an error breaks the plan, a warning may."""

    severity: Severity
    code: str
    component: str
    message: str
    remedy: str = ""


class Component(NamedTuple):
    """One component of the plan, sized and metered.

    billed_with names the component that pays for this one, as a node pool does for its pods.
    """

    name: str
    kind: str
    platform: str
    provider: str
    region: str
    path: Path
    rps: Array | None = None
    sizing: Sizing | None = None
    utilization: Array | None = None
    meters: Sequence[Meter] = ()
    findings: Sequence[Finding] = ()
    billed_with: str | None = None


class Context(NamedTuple):
    """Everything that a component may ask about the rest of the plan."""

    plan: Plan
    catalog: Catalog
    load: Load
    hours_per_month: Floats
    places: Places

    def region(self, provider: Provider, own: str | None, path: Path) -> str:
        """Return the region of a component; there is no default that the plan does not name."""
        region = own or self.plan.regions.get(provider)
        if region is None:
            what = f"has no region: nothing says where on {provider} it runs"
            raise InputError(self.places.problem(path, what, f"Set regions.{provider}, or its own region."))
        known = self.catalog.facts("regions")[provider]
        if region not in known:
            place = (*path, "region") if own else ("regions", provider)
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

    def machine(self, provider: str, name: str, path: Path) -> Sku:
        """Return a machine type with its cores and memory."""
        sku = self.sku(provider, MACHINES[provider], name, path)
        if sku.vcpu is None or sku.memory_gib is None:
            raise InputError(self.places.problem(path, f"the catalog does not say how large '{name}' is"))
        return sku

    def per_month(self, per_second: Floats) -> Floats:
        """Return how much a steady rate adds up to in a month."""
        return per_second * 3600.0 * self.hours_per_month


def number_range(sizing: Sizing) -> Range:
    """Return instances at the floor, on average, and at the ceiling."""
    average = hourly_mean(sizing.running)
    return Range(sizing.floor, average, sizing.ceiling)
