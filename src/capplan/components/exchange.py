"""The currency of a plan: what its dollars are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capplan.catalog.rows import Exchange
from capplan.errors import InputError

if TYPE_CHECKING:
    from capplan.catalog.catalog import Catalog
    from capplan.plan.model import Plan
    from capplan.plan.places import Places


def exchange_of(plan: Plan, catalog: Catalog, places: Places) -> Exchange | None:
    """Return the exchange rate of the plan, or that of the last book to have one; None for dollars.

    Raises :class:`InputError` where nobody says it.
    """
    pricing = plan.pricing
    if pricing.currency == "USD":
        if pricing.rate is not None:
            what = "a rate needs a currency other than USD"
            raise InputError(places.problem(("pricing", "rate"), what, "Set pricing.currency."))
        return None
    if pricing.rate is not None:
        rate = pricing.rate
        return Exchange(pricing.currency, rate.per_usd, rate.as_of.isoformat(), rate.source)
    rates = [book.exchange[pricing.currency] for book in catalog.books if pricing.currency in book.exchange]
    if not rates:
        what = f"nothing says what a dollar costs in {pricing.currency}"
        remedy = "Give pricing.rate, or a price book with `exchange`."
        raise InputError(places.problem(("pricing", "currency"), what, remedy))
    return rates[-1]
