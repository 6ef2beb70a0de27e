"""Traffic between regions: data that leaves one for another, which its provider bills."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from capplan.arrays import Floats
from capplan.components import site_checks as checks
from capplan.components.base import Context
from capplan.components.egress import INTERNET
from capplan.cost.meters import Meter
from capplan.findings import Finding


class Place(NamedTuple):
    """Where a component runs."""

    provider: str
    region: str


class Flow(NamedTuple):
    """Data that a component sends to another region: GiB per second, None where the plan does not say it.

    what: how people call it. field: what would say it.
    """

    component: str
    source: Place
    target: Place
    gib_per_s: Floats | None
    what: str
    field: str


def flow_meters(ctx: Context, flow: Flow) -> Iterator[Meter]:
    """Yield what the data costs that is known to flow."""
    if flow.source == flow.target or flow.gib_per_s is None or not np.any(flow.gib_per_s):
        return
    priced = _tariff(ctx, flow.source, flow.target)
    meter = ctx.used(flow.component, flow.source, priced, ctx.per_month(flow.gib_per_s), flow.what)
    yield meter._replace(note=f"to {flow.target.region}")


def flow_findings(flow: Flow) -> Iterator[Finding]:
    """Yield that the bill lacks traffic of which the plan does not say how much it is."""
    if flow.gib_per_s is None and flow.source != flow.target:
        message = f"the bill lacks {flow.what} to {flow.target.region}: the plan does not say how much it is"
        yield checks.TRAFFIC_UNKNOWN.finding(flow.component, message, f"Set {flow.field}.")


def _tariff(ctx: Context, source: Place, target: Place) -> tuple[str, str]:
    """Return the catalog's service and SKU of data that leaves ``source`` for ``target``.

    A pair that the provider prices by itself comes first, then the continents of both. Their names are those
    of ``hardware/areas.yaml``. `inter-region` has no price where nobody knows it.
    """
    if source.provider != target.provider:
        return "egress-internet", INTERNET[source.provider]
    here, there = (_area(ctx, place) for place in (source, target))
    names = [f"to-{target.region}"]
    if here is not None and there is not None:
        names += [f"within-{here}"] if here == there else []
        names += [f"with-{here}", f"with-{there}", f"from-{here}", "between-areas"]
    known = ctx.catalog.service(source.provider, "data-transfer").skus
    return "data-transfer", next((name for name in names if name in known), "inter-region")


def _area(ctx: Context, place: Place) -> str | None:
    areas = ctx.catalog.facts("areas", place.provider)
    return next((area for area, names in areas.items() if re.fullmatch(str(names), place.region)), None)
