"""What a request to an LLM API costs: the plan's own prices, or those of the genai-prices package."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from capplan.arrays import Array, Floats
from capplan.components.base import Context, Path
from capplan.components.llm.lengths import lengths_of
from capplan.errors import InputError
from capplan.llm.lengths import RequestLengths
from capplan.plan.llm import Llm, LlmApi


class TokenPrices(NamedTuple):
    """USD for each token of requests whose input has more than ``above`` tokens.

    sent: input that no cache is used for. cached, written: input read from and written to one.
    """

    above: float
    sent: Floats
    cached: Floats
    written: Floats
    returned: Floats


class ApiPrice(NamedTuple):
    """USD for one request, who says so (nobody but the plan if that is empty), and of which day that is."""

    usd: Floats
    source: str
    as_of: str | None


def price_of_request(ctx: Context, llm: Llm, path: Path) -> ApiPrice:
    """Return what one request costs; tiers are by request, so a month of tokens has no price."""
    api = llm.api
    if api is None:
        raise ValueError("the component has no API")
    own, lengths = _own(api), lengths_of(llm, ctx.directory)
    if own is not None:
        if api.as_of is not None:
            day_of(ctx, api.as_of, path)
        return ApiPrice(_usd(llm, api, [own], lengths), "", api.as_of)
    from capplan.components.llm.listed import Listed

    listed = Listed(ctx, api, path)
    return ApiPrice(_usd(llm, api, listed.tiers(), lengths), listed.source, listed.as_of)


def day_of(ctx: Context, day: str, path: Path) -> datetime:
    """Return the day that ``as_of`` names; InputError with its place where it is none."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        what = f"expected YYYY-MM-DD, got '{day}'"
        raise InputError(ctx.places.problem((*path, "as_of"), what)) from None


def _own(api: LlmApi) -> TokenPrices | None:
    """Return the plan's own prices; None where it gives none."""
    usual, returned = api.usd_per_1m_input_tokens, api.usd_per_1m_output_tokens
    if usual is None or returned is None:
        return None
    others = (api.usd_per_1m_cached_tokens, api.usd_per_1m_cache_write_tokens)
    cached, written = (usual if price is None else price for price in others)
    return TokenPrices(0.0, usual / 1e6, cached / 1e6, written / 1e6, returned / 1e6)


def _usd(llm: Llm, api: LlmApi, tiers: Sequence[TokenPrices], lengths: RequestLengths | None) -> Floats:
    """Return the mean price of the plan's requests, each in the tier of its own length.

    ``tiers`` have no more scenarios than the plan: their prices broadcast with it.
    """
    cached, written = llm.prefix_cache_hit_rate, api.cache_write_share
    inputs, outputs = (
        np.atleast_2d(np.asarray(each, float)) for each in (llm.input_tokens, llm.output_tokens)
    )
    if lengths is not None:
        inputs, outputs = lengths.tokens(inputs, outputs)
    usd: Array = np.zeros(1)
    for tier in tiers:
        sent = (1 - cached - written) * tier.sent + cached * tier.cached + written * tier.written
        usd = np.where(inputs > tier.above, inputs * sent + outputs * tier.returned, usd)
    mean = usd if lengths is None else lengths.mean(usd)
    return float(mean.item()) if mean.size == 1 else mean
