"""What a request to an LLM API costs: the plan's own prices, or those of the genai-prices package."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from capplan.arrays import Array, Floats
from capplan.components.base import Context, Path
from capplan.errors import InputError, Problem, nearest
from capplan.plan.llm import Llm, LlmApi

_AS_OF = "2026-01-01"
"""The day whose prices count unless the plan names one: some change by day or hour, and a plan must not."""


def price_of_request(ctx: Context, llm: Llm, path: Path) -> tuple[Floats, str]:
    """Return USD for one request, and who says so; nobody but the plan if that is empty.

    Tiers are by request, so one request is priced and not a month of tokens.
    """
    api = llm.api
    if api is None:
        raise ValueError("the component has no API")
    if api.usd_per_1m_input_tokens is not None and api.usd_per_1m_output_tokens is not None:
        cached_price = api.usd_per_1m_cached_tokens
        if cached_price is None:
            cached_price = api.usd_per_1m_input_tokens
        cached = llm.input_tokens * llm.prefix_cache_hit_rate
        sent = (llm.input_tokens - cached) * api.usd_per_1m_input_tokens + cached * cached_price
        return (sent + llm.output_tokens * api.usd_per_1m_output_tokens) / 1e6, ""
    prices = _Listed(ctx, api, path)
    usd = np.vectorize(prices.usd, otypes=[float])
    price: Array = usd(llm.input_tokens, llm.prefix_cache_hit_rate, llm.output_tokens)
    return (float(price) if price.ndim == 0 else price), prices.source


class _Listed:
    """The offline prices of genai-prices: an optional package, imported only here."""

    def __init__(self, ctx: Context, api: LlmApi, path: Path) -> None:
        try:
            import genai_prices
        except ImportError:
            what = f"the price of {api.model} is unknown"
            remedy = "Give usd_per_1m_input_tokens and usd_per_1m_output_tokens, or install capplan[llm]."
            raise InputError(ctx.places.problem(path, what, remedy)) from None
        self._package: Any = genai_prices
        self._api = api
        self._known: dict[tuple[int, int, int], float] = {}
        day = _day(ctx, api, path)
        hours = [day.replace(hour=hour) for hour in range(24)]
        try:
            found = [self._price((1000, 0, 1000), hour) for hour in hours]
        except LookupError:
            raise InputError(_unknown(ctx, api, path, genai_prices.__version__)) from None
        prices = {price.total_price for price in found}
        # Some prices change by the hour, and nothing says in which hours a plan's requests are sent.
        self._times = hours if len(prices) > 1 else hours[:1]
        version, price = genai_prices.__version__, found[0]
        averaged = ", mean of the hours" if len(prices) > 1 else ""
        self.source = (
            f"genai-prices {version}: {price.provider.id} {price.model.id}, {day:%Y-%m-%d}{averaged}"
        )

    def usd(self, sent: float, cached_share: float, returned: float) -> float:
        """Return what one request costs."""
        tokens = (round(sent), round(sent * cached_share), round(returned))
        if tokens not in self._known:
            prices = [float(self._price(tokens, time).total_price) for time in self._times]
            self._known[tokens] = sum(prices) / len(prices)
        return self._known[tokens]

    def _price(self, tokens: tuple[int, int, int], time: datetime) -> Any:
        sent, cached, returned = tokens
        usage = self._package.Usage(input_tokens=sent, cache_read_tokens=cached, output_tokens=returned)
        return self._package.calc_price(
            usage, self._api.model, provider_id=self._api.vendor, genai_request_timestamp=time
        )


def _day(ctx: Context, api: LlmApi, path: Path) -> datetime:
    try:
        return datetime.strptime(api.as_of or _AS_OF, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        what = f"expected YYYY-MM-DD, got '{api.as_of}'"
        raise InputError(ctx.places.problem((*path, "as_of"), what)) from None


def _unknown(ctx: Context, api: LlmApi, path: Path, version: str) -> Problem:
    """Return what is unknown, the vendor or the model, with the nearest name."""
    from genai_prices.data import providers

    models = {provider.id: [model.id for model in provider.models] for provider in providers}
    if api.vendor is not None and api.vendor not in models:
        what = f"genai-prices {version} does not know the vendor '{api.vendor}'"
        return ctx.places.problem((*path, "vendor"), what, nearest(api.vendor, models))
    selling = sorted(seller for seller, names in models.items() if api.model in names)
    if api.vendor is None and selling:
        what = f"genai-prices {version} knows '{api.model}' only for a given vendor"
        return ctx.places.problem((*path, "model"), what, f"Set vendor to one of {', '.join(selling)}.")
    sellers = models if api.vendor is None else [api.vendor]
    offered = {name for seller in sellers for name in models[seller]} - {api.model}
    of_vendor = "" if api.vendor is None else f" of {api.vendor}"
    what = f"genai-prices {version} does not know the model '{api.model}'{of_vendor}"
    return ctx.places.problem((*path, "model"), what, nearest(api.model, offered))
