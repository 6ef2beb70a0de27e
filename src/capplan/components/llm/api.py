"""What a request to an LLM API costs: the plan's own prices, or those of the genai-prices package."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from capplan.arrays import Array, Floats
from capplan.components.base import Context, Path
from capplan.errors import InputError, nearest
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
            what = f"nothing says what {api.model} costs"
            remedy = "Give usd_per_1m_input_tokens and usd_per_1m_output_tokens, or install capplan[llm]."
            raise InputError(ctx.places.problem(path, what, remedy)) from None
        self._package: Any = genai_prices
        self._api = api
        self._when = _day(ctx, api, path)
        try:
            found = self._price(1000.0, 0.0, 1000.0)
        except LookupError:
            what = f"genai-prices {genai_prices.__version__} knows no model '{api.model}'"
            remedy = nearest(api.model, _names())
            raise InputError(ctx.places.problem((*path, "model"), what, remedy)) from None
        version = genai_prices.__version__
        self.source = f"genai-prices {version}: {found.provider.id} {found.model.id}, {self._when:%Y-%m-%d}"

    def usd(self, sent: float, cached_share: float, returned: float) -> float:
        """Return what one request costs."""
        return float(self._price(sent, cached_share, returned).total_price)

    def _price(self, sent: float, cached_share: float, returned: float) -> Any:
        usage = self._package.Usage(
            input_tokens=round(sent),
            cache_read_tokens=round(sent * cached_share),
            output_tokens=round(returned),
        )
        return self._package.calc_price(
            usage, self._api.model, provider_id=self._api.vendor, genai_request_timestamp=self._when
        )


def _day(ctx: Context, api: LlmApi, path: Path) -> datetime:
    try:
        return datetime.strptime(api.as_of or _AS_OF, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        what = f"expected YYYY-MM-DD, got '{api.as_of}'"
        raise InputError(ctx.places.problem((*path, "as_of"), what)) from None


def _names() -> list[str]:
    from genai_prices.data import providers

    return sorted({model.id for provider in providers for model in provider.models})
