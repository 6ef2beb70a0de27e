"""What leaves for the internet."""

from __future__ import annotations

import numpy as np

from capplan.arrays import Floats
from capplan.components.base import Context
from capplan.cost.meters import Meter

INTERNET = {"gcp": "premium-worldwide", "aws": "internet", "azure": "internet"}
"""The tariff of each provider's internet egress; Azure's GB are 1024³ bytes, as its GiB."""


def egress_meters(ctx: Context, name: str, provider: str, region: str, response_gib: Floats) -> list[Meter]:
    """Return the egress of the answers to requests that enter at ``name`` from outside."""
    if name not in ctx.load.entering or not np.any(response_gib) or _leaves_at_the_edge(ctx, provider):
        return []
    sent = ctx.load.average_rps * ctx.load.entering[name] * response_gib
    priced = ("egress-internet", INTERNET[provider])
    return [
        ctx.used(
            name, (provider, region), priced, ctx.per_month(sent), "requests from outside × response_size"
        )
    ]


def _leaves_at_the_edge(ctx: Context, provider: str) -> bool:
    """Say whether Front Door sends the answers: what comes to it from Azure's regions is free."""
    routing = ctx.plan.site_routing
    at = None if routing is None else (routing.by, routing.provider or provider)
    return provider == "azure" and at == ("load-balancer", "azure")
