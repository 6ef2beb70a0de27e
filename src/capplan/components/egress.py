"""What leaves for the internet."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Floats
from capplan.components.base import Context
from capplan.cost.meters import Meter, Range

_SKUS = {"gcp": ("premium-worldwide", "GiB"), "aws": ("internet", "GiB"), "azure": ("internet", "GB")}
"""SKU and unit of each provider's internet egress; Azure's GB are 1024³ bytes, as its GiB."""


def egress_meters(ctx: Context, name: str, provider: str, region: str, response_gib: Floats) -> list[Meter]:
    """Return the egress of the answers to requests that enter at ``name`` from outside."""
    if name not in ctx.load.entering or not np.any(response_gib):
        return []
    sku, unit = _SKUS[provider]
    sent = ctx.load.average_rps * ctx.load.entering[name] * response_gib
    return [
        Meter(
            component=name,
            provider=provider,
            service="egress-internet",
            sku=sku,
            region=region,
            unit=unit,
            quantity=Range.fixed(ctx.per_month(sent)),
            formula="requests from outside × response_size",
        )
    ]
