"""The plan: the one file that a user writes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from capplan.plan.caches import Cache
from capplan.plan.commitments import HeldCommitment
from capplan.plan.databases import Database
from capplan.plan.deferred import Deferred, variants
from capplan.plan.demand import Demand
from capplan.plan.fields import (
    DEFAULTS,
    Currency,
    Day,
    Duration,
    Memory,
    Money,
    Name,
    Number,
    Positive,
    Section,
    Share,
    Words,
)
from capplan.plan.services import Provider, Service
from capplan.plan.sites import site_of

if TYPE_CHECKING:
    from capplan.arrays import Floats
    from capplan.plan.clusters import Cluster
    from capplan.plan.coverage import Coverage
    from capplan.plan.decisions import Decisions
    from capplan.plan.gates import Gates
    from capplan.plan.gpus import OwnGpu
    from capplan.plan.jobs import Job
    from capplan.plan.llm import Llm
    from capplan.plan.manifests import Manifests
    from capplan.plan.ratelimits import RateLimits
    from capplan.plan.regional import RegionalSite, SiteRecovery, SiteRouting
    from capplan.plan.streams import Stream
    from capplan.plan.uncertainty import Uncertainty
else:
    Coverage = Annotated[Any, Deferred("capplan.plan.coverage", "Coverage")]
    Cluster = Annotated[Any, variants("capplan.plan.clusters", gke="Gke", eks="Eks", aks="Aks")]
    Decisions = Annotated[Any, Deferred("capplan.plan.decisions", "Decisions")]
    Gates = Annotated[Any, Deferred("capplan.plan.gates", "Gates")]
    Job = Annotated[Any, Deferred("capplan.plan.jobs", "Job")]
    Llm = Annotated[Any, Deferred("capplan.plan.llm", "Llm")]
    OwnGpu = Annotated[Any, Deferred("capplan.plan.gpus", "OwnGpu")]
    Manifests = Annotated[Any, Deferred("capplan.plan.manifests", "Manifests")]
    RateLimits = Annotated[Any, Deferred("capplan.plan.ratelimits", "RateLimits")]
    RegionalSite = Annotated[Any, Deferred("capplan.plan.regional", "RegionalSite")]
    SiteRecovery = Annotated[Any, Deferred("capplan.plan.regional", "SiteRecovery")]
    SiteRouting = Annotated[Any, Deferred("capplan.plan.regional", "SiteRouting")]
    Stream = Annotated[Any, Deferred("capplan.plan.streams", "Stream")]
    Uncertainty = Annotated[Any, Deferred("capplan.plan.uncertainty", "Uncertainty")]


TierKind = Literal["resources", "database", "load", "capacity"]


class ExternalApi(Section):
    """Somebody else's API, paid by the request or by the token."""

    description: Words = ""
    price_per_request: Money | None = Field(None, description="USD for each request.")
    input_tokens: Number = Field(0.0, description="Input tokens of a request.")
    output_tokens: Number = Field(0.0, description="Output tokens of a request.")
    usd_per_1m_input_tokens: Money | None = Field(None, description="Price of a million input tokens.")
    usd_per_1m_output_tokens: Money | None = Field(None, description="Price of a million output tokens.")


class Resource(Section):
    """Anything else that a catalog prices: a load balancer, a NAT gateway, storage, egress."""

    description: Words = ""
    provider: Provider = Field(description="Cloud provider whose catalog prices it.")
    service: str = Field(description="The catalog's service, such as load-balancer.")
    sku: str = Field(description="The catalog's SKU.")
    region: str | None = Field(None, description="Region; the plan's for this provider by default.")
    quantity: Number = Field(
        0.0,
        description="Quantity: held all month for units of hours and months, used in a month for other "
        "units.",
    )
    each: str | None = Field(
        None,
        description="Component whose every instance holds the quantity, such as a service, or `CLUSTER/POOL` "
        "for the nodes of a pool.",
    )
    per_request: Number = Field(0.0, description="Units that each request to this resource uses.")
    size_per_request: Memory = Field(
        0.0, description="Data that each request stores or sends, for units of GiB or GB."
    )
    retain: Duration | None = Field(
        None, description="How long the data is stored; without it, the data is counted once, as for traffic."
    )
    copied_to: str | None = Field(
        None, description="Region that keeps a copy of what is stored: sent there, and stored a second time."
    )


class ExchangeRate(Section):
    """What a dollar costs in the plan's currency, and who says so."""

    per_usd: Positive = Field(description="Units of the currency for one US dollar.")
    as_of: Day = Field(description="Day of the rate.")
    source: str = Field(description="Who published the rate.")


class Pricing(Section):
    """Which prices apply."""

    books: list[str] = Field(
        [], description="Price books over the list prices, by name or file; the last wins."
    )
    free_tier: bool = Field(True, description="Count the providers' monthly free tiers.")
    sustained_use: bool = Field(True, description="Count Google's automatic sustained-use discounts.")
    currency: Currency = Field(
        "USD", description="ISO 4217 code of a currency to show totals in, besides USD."
    )
    rate: ExchangeRate | None = Field(None, description="Exchange rate; that of a price book otherwise.")
    tax: Share = Field(0.0, description="Tax on the bill, such as 19%; shown besides the total.")
    commitments: list[HeldCommitment] = Field(
        [], description="What you hold today; `recommend --commitments` buys what is worth adding."
    )


COMPONENTS = (
    "services",
    "clusters",
    "databases",
    "caches",
    "streams",
    "jobs",
    "external_apis",
    "llm",
    "resources",
    "rate_limits",
)
"""The fields of a plan that hold components by name."""


def prefill_of(model: str) -> str:
    """Return the name of the replicas that read the prompts of a ``model`` whose tokens others make."""
    return f"{model}/prefill"


class Plan(Section):
    """Everything that capplan reads about a system."""

    name: Name = Field(description="Name of the plan, as Kubernetes names: lower-case letters, digits and -.")
    description: Words = ""
    team: Name | None = Field(None, description="Team that answers for the plan, in a fleet.")
    account: Name | None = Field(
        None,
        description="Billing account that pays for it; in a fleet, plans of one account share free tiers, "
        "volume blocks and commitments.",
    )
    hours_per_month: Positive | None = Field(
        None, description="Hours of a month; 730 by default, unless a price book sets them."
    )
    regions: dict[Provider, str] = Field({}, description="The region of each provider in use.")
    sites: dict[Name, RegionalSite] = Field(
        {}, description="Regions in which the plan runs; the first has the components under their own names."
    )
    survive_sites: int = Field(
        0, ge=0, description="Active sites that may be lost at the peak without the others being overloaded."
    )
    site_recovery: SiteRecovery | None = Field(
        None, description="What the loss of a site may cost the whole system."
    )
    site_routing: SiteRouting | None = Field(None, description="What sends requests to one site or another.")
    pricing: Pricing = DEFAULTS
    demand: Demand
    tiers: dict[TierKind, str] = Field(
        {}, description="Tier tables for `auto`, by kind: resources, database, load, capacity."
    )
    service_templates: dict[Name, dict[str, Any]] = Field(
        {}, description="Templates for services; a service `extends` one."
    )
    rate_limits: dict[Name, RateLimits] = Field(
        {}, description="Rate limits by name: what clients of a service may do."
    )
    services: dict[Name, Service] = Field(
        {}, description="Services by name: what you run, on which platform, and what an instance carries."
    )
    clusters: dict[Name, Cluster] = Field({}, description="Kubernetes clusters by name.")
    databases: dict[Name, Database] = Field({}, description="Databases by name.")
    caches: dict[Name, Cache] = Field({}, description="Caches by name.")
    streams: dict[Name, Stream] = Field({}, description="Kafka topics, by cluster.")
    jobs: dict[Name, Job] = Field({}, description="Pods that run on a schedule.")
    external_apis: dict[Name, ExternalApi] = Field({}, description="APIs of others by name.")
    llm: dict[Name, Llm] = Field({}, description="Models that you serve on your own GPUs.")
    gpus: dict[str, OwnGpu] = Field({}, description="GPUs of your own, by the name that `gpu` takes.")
    resources: dict[Name, Resource] = Field({}, description="Anything else that a catalog prices, by name.")
    adopted: Coverage | None = Field(None, description="What an adopted plan covers of its source.")
    uncertainty: Uncertainty | None = Field(None, description="How uncertain numbers are correlated.")
    manifests: Manifests | None = Field(None, description="Settings of rendered manifests.")
    decisions: Decisions | None = Field(None, description="Comparisons, and rules for deciding.")
    tags: dict[str, list[Name]] = Field({}, description="Components by tag, for budgets.")
    gates: Gates | None = Field(None, description="Gates of `capplan check`.")
    alternatives: dict[Name, dict[str, Any]] = Field(
        {}, description="Named overlays: their values replace the plan's, and null removes one."
    )

    @property
    def called(self) -> frozenset[str]:
        """Every component that another one calls, or asks first."""
        calls = [(name, call) for service in self.services.values() for name, call in service.calls.items()]
        asked = {call.through for _, call in calls if call.through is not None}
        caches = (self.caches[name].semantic for name in asked if name in self.caches)
        embeddings = {cache.embedding for cache in caches if cache is not None and cache.embedding}
        return frozenset({name for name, _ in calls} | asked | embeddings)

    def region_path(self, component: str, provider: str) -> tuple[str, ...]:
        """Return where the plan says the region of a component: at its site, or for all."""
        site = site_of(component, self.sites)
        own = site is not None and provider in self.sites[site].regions
        return ("sites", str(site), "regions", provider) if own else ("regions", provider)

    def region_of(self, component: str, provider: str) -> str | None:
        """Return the region of a component's site, or of the plan."""
        where = self.region_path(component, provider)
        regions: Mapping[Any, str] = self.regions if len(where) == 2 else self.sites[where[1]].regions
        return regions.get(provider)

    @property
    def entries(self) -> "Mapping[str, Floats]":
        """Where requests enter, with weights: as the plan says, or at what nobody calls.

        That are services, and only in a plan without them models, then stores, then APIs of others.
        """
        if self.demand.entry:
            return self.demand.entry
        kinds = (self.services, self.llm, self.databases, self.caches, self.external_apis)
        first: Mapping[str, Section] = next((kind for kind in kinds if kind), {})
        return dict.fromkeys((name for name in first if name not in self.called), 1.0)

    @property
    def tagged(self) -> dict[str, list[str]]:
        """Components by tag; a model is tagged with the replicas that read its prompts, if there are any."""
        return {
            tag: [n for name in names for n in (name, prefill_of(name))] for tag, names in self.tags.items()
        }

    @property
    def callable_components(self) -> dict[str, Section]:
        """Every component that a service may call, by name."""
        return {
            **self.services,
            **self.databases,
            **self.caches,
            **self.streams,
            **self.external_apis,
            **self.llm,
            **self.resources,
        }
