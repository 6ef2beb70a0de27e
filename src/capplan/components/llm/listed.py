"""The offline prices of genai-prices: an optional package, imported only here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np

from capplan.components.base import Context, Path
from capplan.components.llm.api import TokenPrices, day_of
from capplan.errors import InputError, Problem, nearest
from capplan.plan.llm import LlmApi

_CHECKED = re.compile(r"(?:verified|checked|as of)\D{0,30}(20\d\d-\d\d-\d\d)", re.IGNORECASE)
_KINDS = (
    ("batch", re.compile(r"\bbatch", re.IGNORECASE)),
    ("tier", re.compile(r"\b(?:flex|priority|fast)\b", re.IGNORECASE)),
)
_BLOCK = 1_000_000


class Listed:
    """The prices of one model, as the plan asks for it.

    source: who says so. as_of: the day that the package gives for the price, or of its newest price.
    """

    def __init__(self, ctx: Context, api: LlmApi, path: Path) -> None:
        try:
            import genai_prices
        except ImportError:
            what = f"the price of {api.model} is unknown"
            remedy = "Give usd_per_1m_input_tokens and usd_per_1m_output_tokens, or install capplan[llm]."
            raise InputError(ctx.places.problem(path, what, remedy)) from None
        self._package: Any = genai_prices
        self._api, self._version = api, genai_prices.__version__
        self._context = api.price_context
        newest = _newest_check()
        day = day_of(ctx, api.as_of or newest, path)
        hours = [day.replace(hour=hour) for hour in range(24)]
        try:
            found = [self._price(1000, 0, 0, 1000, hour) for hour in hours]
        except LookupError:
            raise InputError(_unknown(ctx, api, path, self._version)) from None
        # Some prices change by the hour, and nothing says in which hours a plan's requests are sent.
        self._times = hours if len({price.total_price for price in found}) > 1 else hours[:1]
        self._model, self._prices, provider = found[0].model, found[0].model_price, found[0].provider
        self._check_sold(ctx, path, day)
        own = self._own_day(provider, day)
        self.as_of = own or newest
        undated = "" if own else ", undated: the day of the package's newest price"
        kinds = "".join(f", {kind}" for kind in self._context.values())
        averaged = ", mean of the hours" if len(self._times) > 1 else ""
        self.source = (
            f"genai-prices {self._version}: {provider.id} {self._model.id}{kinds}{averaged}{undated}"
        )

    def tiers(self) -> list[TokenPrices]:
        """Return the prices by length of the input, the shortest first."""
        tiered = (getattr(price, "tiers", ()) for price in vars(self._prices).values())
        starts = sorted({0, *(tier.start for tiers in tiered for tier in tiers)})
        return [self._tier(start) for start in starts]

    def _tier(self, start: int) -> TokenPrices:
        """Return the prices of requests with one token more than ``start``."""
        inputs = start + 1
        alone = self._usd(inputs, 0, 0, 0)
        return TokenPrices(
            above=float(start),
            sent=alone / inputs,
            cached=self._usd(inputs, inputs, 0, 0) / inputs,
            written=self._usd(inputs, 0, inputs, 0) / inputs,
            returned=(self._usd(inputs, 0, 0, _BLOCK) - alone) / _BLOCK,
        )

    def _usd(self, sent: int, cached: int, written: int, returned: int) -> float:
        prices = [self._price(sent, cached, written, returned, time).total_price for time in self._times]
        return float(np.mean([float(price) for price in prices]))

    def _price(self, sent: int, cached: int, written: int, returned: int, time: datetime) -> Any:
        usage = self._package.Usage(
            input_tokens=sent,
            cache_read_tokens=cached,
            cache_write_tokens=written,
            output_tokens=returned,
        )
        return self._package.calc_price(
            usage,
            self._api.model,
            provider_id=self._api.vendor,
            genai_request_timestamp=time,
            price_context=self._context or None,
        )

    def _check_sold(self, ctx: Context, path: Path, day: datetime) -> None:
        """Raise where nobody says what this processing costs: the package would give its usual price."""
        for field, kind in self._context.items():
            known = [v for v in self._model.price_variants or () if v.when == {field: kind}]
            if any(v.constraint is None or v.constraint.active(day) for v in known):
                continue
            since = ", ".join(str(v.constraint.start_date) for v in known)
            what = f"genai-prices {self._version} knows no price of {self._model.id} at {kind}"
            others = sorted({v for one in self._model.price_variants or () for v in one.when.values()})
            remedy = f"Known: {', '.join(others)}." if others else "It knows the usual price only."
            what, remedy = (f"{what} on {day:%Y-%m-%d}", f"Known from {since}.") if since else (what, remedy)
            raise InputError(ctx.places.problem((*path, field), what, remedy))

    def _own_day(self, provider: Any, day: datetime) -> str | None:
        """Return the newest day that the package gives for the price: when it was checked, or began."""
        asked = {"processing": "batch", "service_tier": "tier"}
        kind = next((asked[field] for field in self._context), "usual")
        texts = [self._model.price_comments or "", provider.price_comments or "" if self._context else ""]
        days = [date for text in texts for of, date in _checks(text) if of == kind]
        if self._context:
            variants = self._model.price_variants or ()
            parts = [v for v in variants if v.when.items() <= self._context.items()]
        else:
            parts = [] if not isinstance(self._model.prices, list) else self._model.prices
        starts = [getattr(part.constraint, "start_date", None) for part in parts]
        days += [str(start) for start in starts if start is not None and start <= day.date()]
        return max(days, default=None)


def _checks(text: str) -> Iterator[tuple[str, str]]:
    """Yield which kind of price a comment says to have been checked, and the day."""
    for sentence in re.split(r"(?<=[.;])\s", text):
        kind = next((name for name, word in _KINDS if word.search(sentence)), "usual")
        for date in _CHECKED.findall(sentence):
            yield kind, date


@cache
def _newest_check() -> str:
    """Return the newest day on which a price of the installed package was checked."""
    from genai_prices.data import providers

    texts = (model.price_comments for provider in providers for model in provider.models)
    return max(date for text in texts if text for _, date in _checks(text))


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
