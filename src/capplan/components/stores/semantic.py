"""Semantic caches: the load and the money that they take off what is behind them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.arrays import Floats
from capplan.components.base import Context
from capplan.components.measures import Measure, measure
from capplan.demand.load import hit_rate
from capplan.plan.caches import Semantic
from capplan.plan.model import ExternalApi


def semantic_measures(ctx: Context, name: str, semantic: Semantic | None) -> Iterator[Measure]:
    """Yield hit rate, mean latency and what the hits save, less what the embeddings cost."""
    if semantic is None:
        return
    hits = hit_rate(semantic)
    yield measure("hit rate", 100 * np.asarray(hits), "%", "measured at the similarity threshold")
    yield measure("latency of a hit", 1000 * np.asarray(semantic.hit_time), "ms", "hit_time")
    saved: Floats = 0.0
    for caller in ctx.load.callers.get(name, ()):
        for callee, call in ctx.plan.services[caller].calls.items():
            if call.through != name:
                continue
            asked = ctx.load.average(caller) * call.per_request * (1 - call.deduplicated)
            taken = asked * hits
            yield measure(f"taken off {callee}", taken, "requests/s", "questions × hit rate")
            api = ctx.plan.external_apis.get(callee)
            if api is not None:
                saved = saved + ctx.per_month(taken) * price_of_request(api)
    if np.any(saved):
        spent: Floats = 0.0
        if semantic.embedding is not None:
            api = ctx.plan.external_apis[semantic.embedding]
            spent = ctx.per_month(ctx.load.average(name)) * price_of_request(api)
        yield measure("saves", saved - spent, "USD/month", "calls not made × price − embeddings")


def price_of_request(api: ExternalApi) -> Floats:
    """Return what one request to an API costs, USD; 0 where the plan gives no price."""
    if api.price_per_request is not None:
        return api.price_per_request
    sides = (
        (api.input_tokens, api.usd_per_1m_input_tokens),
        (api.output_tokens, api.usd_per_1m_output_tokens),
    )
    return sum((tokens * price / 1e6 for tokens, price in sides if price is not None), 0.0)
