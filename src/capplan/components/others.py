"""Components that are paid for but not sized: other people's APIs, and anything a catalog prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

import numpy as np

from capplan.arrays import Floats
from capplan.components.base import Component, Context, Path, number_range
from capplan.components.transfer import Flow, Place, flow_findings, flow_meters
from capplan.cost.meters import EXTERNAL, Meter, Range
from capplan.errors import InputError, nearest
from capplan.plan.model import ExternalApi, Resource
from capplan.plan.sites import copy_of


def build_external_apis(ctx: Context, _: Sequence[Component] = ()) -> Iterator[Component]:
    """Yield the components of ``plan.external_apis``."""
    for name, api in ctx.plan.external_apis.items():
        yield _external_api(ctx, name, api)


def _external_api(ctx: Context, name: str, api: ExternalApi) -> Component:
    """Return an API that is paid by the request or by the token."""
    path: Path = ("external_apis", name)
    requests = ctx.per_month(ctx.load.average(name))
    return Component(
        name=name,
        kind="external-api",
        platform="external-api",
        provider=EXTERNAL,
        region="global",
        path=path,
        load=ctx.load,
        meters=list(_api_meters(name, api, requests, ".".join(path))),
    )


def _api_meters(name: str, api: ExternalApi, requests: Floats, path: str) -> Iterator[Meter]:
    def meter(sku: str, unit: str, quantity: Floats, formula: str, price: Floats | None, field: str) -> Meter:
        return Meter(
            component=name,
            provider=EXTERNAL,
            service=name,
            sku=sku,
            region="global",
            unit=unit,
            quantity=Range.fixed(quantity),
            formula=formula,
            price=price,
            price_path=f"{path}.{field}",
        )

    sides = (
        ("input-tokens", api.input_tokens, api.usd_per_1m_input_tokens, "usd_per_1m_input_tokens"),
        ("output-tokens", api.output_tokens, api.usd_per_1m_output_tokens, "usd_per_1m_output_tokens"),
    )
    if not np.any(api.input_tokens) and not np.any(api.output_tokens):
        price = api.price_per_request
        yield meter("request", "request", requests, "requests in a month", price, "price_per_request")
    for sku, tokens, price, field in sides:
        yield meter(sku, "1M tokens", requests * tokens / 1e6, "requests × tokens", price, field)


def build_resources(ctx: Context, components: Sequence[Component] = ()) -> Iterator[Component]:
    """Yield the components of ``plan.resources``; ``components`` may hold some of them in each instance."""
    running = {c.name: number_range(c.sizing) for c in components if c.sizing is not None}
    for name, resource in ctx.plan.resources.items():
        yield _resource(ctx, name, resource, running)


def _resource(ctx: Context, name: str, resource: Resource, running: Mapping[str, Range]) -> Component:
    """Return a resource that is held all month, or used by the request."""
    path: Path = ("resources", name)
    region = ctx.region(resource.provider, resource.region, path)
    held = _unit(ctx, resource, path)
    quantity = resource.quantity * (ctx.hours_per_month if held.endswith("hour") else 1.0)
    called = ctx.per_month(ctx.load.average(name)) * resource.per_request
    stored = _stored(ctx, name, resource, held, path)
    meter = Meter(
        component=name,
        provider=resource.provider,
        service=resource.service,
        sku=_tariff(ctx, resource),
        region=region,
        unit=held,
        quantity=_holders(ctx, resource, path, running) * quantity + Range.fixed(called + stored),
        formula=("" if resource.each is None else "instances × ")
        + "quantity"
        + (" × hours" if held.endswith("hour") else "")
        + " + requests × per_request"
        + (" + requests/s × size × retain" if resource.retain is not None else ""),
    )
    copies = [] if resource.copied_to is None else [_copying(ctx, name, resource, region, resource.copied_to)]
    return Component(
        name=name,
        kind="resource",
        platform=resource.service,
        provider=resource.provider,
        region=region,
        path=path,
        load=ctx.load,
        meters=[
            meter,
            *(meter._replace(region=flow.target.region, note="copy") for flow in copies),
            *(sent for flow in copies for sent in flow_meters(ctx, flow)),
        ],
        findings=[finding for flow in copies for finding in flow_findings(flow)],
    )


def _copying(ctx: Context, name: str, resource: Resource, region: str, to: str) -> Flow:
    """Return what is sent to the region that keeps a copy; InputError unless there is such another one."""
    path = ("resources", name, "copied_to")
    if to == region:
        raise InputError(ctx.places.problem(path, f"it is in {region} already", "Name another region."))
    ctx.region(resource.provider, to, ("resources", name), "copied_to")
    known = bool(np.any(resource.size_per_request)) and resource.retain is not None
    return Flow(
        component=name,
        source=Place(resource.provider, region),
        target=Place(resource.provider, to),
        gib_per_s=ctx.load.average(name) * resource.size_per_request if known else None,
        what="copies of what is stored",
        field=f"resources.{name}.size_per_request and retain",
    )


def _holders(ctx: Context, resource: Resource, path: Path, running: Mapping[str, Range]) -> Range:
    """Return how many hold the quantity of a resource: one, or the instances of a component at all sites."""
    if resource.each is None:
        return Range.fixed(1.0)
    sites = ctx.plan.sites
    names = [copy_of(resource.each, site, sites) for site in sites] or [resource.each]
    found = [running[name] for name in names if name in running]
    if not found:
        what = f"'{resource.each}' is no component with instances"
        raise InputError(ctx.places.problem((*path, "each"), what, nearest(resource.each, running)))
    return reduce(Range.__add__, found)


def _stored(ctx: Context, name: str, resource: Resource, unit: str, path: Path) -> Floats:
    """Return what requests keep stored, by Little's law, or send in a month, in the SKU's own unit."""
    if not np.any(resource.size_per_request):
        return 0.0
    gigabyte = {"GiB": 1.0, "GB": 2**30 / 1e9}.get(unit.removesuffix("-month"))
    if gigabyte is None:
        what = f"a size needs a price by GiB or GB, but {resource.sku} is priced by the {unit}"
        raise InputError(ctx.places.problem((*path, "size_per_request"), what, "Use per_request."))
    each = resource.size_per_request * gigabyte
    rate = ctx.load.average(name)
    return ctx.per_month(rate) * each if resource.retain is None else rate * each * resource.retain


def _tariff(ctx: Context, resource: Resource) -> str:
    """Return what the resource is priced by: of one block of a tariff all of them, as they fill in order."""
    sku = ctx.catalog.service(resource.provider, resource.service).skus.get(resource.sku)
    return resource.sku if sku is None or sku.tier_of is None else sku.tier_of


def _unit(ctx: Context, resource: Resource, path: Path) -> str:
    """Return the unit of the SKU, or of the blocks that make it up."""
    known = ctx.catalog.names(resource.provider)
    if resource.service not in known:
        what = f"{resource.provider} has no service '{resource.service}'"
        raise InputError(ctx.places.problem((*path, "service"), what, nearest(resource.service, known)))
    file = ctx.catalog.service(resource.provider, resource.service)
    if resource.sku in file.tiers:
        return file.blocks_of(resource.sku)[0].unit
    return ctx.sku(resource.provider, resource.service, resource.sku, (*path, "sku")).unit
