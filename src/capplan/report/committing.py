"""What to commit to, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from capplan.cost.portfolio import Buy, cash
from capplan.decide.committing import FALL, BuyNow, Committing
from capplan.report import numbers
from capplan.report.blocks import Block, Findings, Heading, Lines, Report
from capplan.report.json_format import SCHEMA_VERSION, finding_document
from capplan.report.table import Column, Table

_BUY = (
    Column("Buy now", shrinks=True),
    Column("Amount", right=True),
    Column("Covers", shrinks=True),
    Column("Terms", shrinks=True),
    Column("USD/month", right=True),
    Column("Upfront", right=True),
    Column("Used", right=True),
)
_HELD = (Column("Held", shrinks=True), Column("Until"), Column("Used", right=True))


def report_of(found: Committing) -> Report:
    """Return what to buy now, what that does, and when to look again."""
    return Report(partial(committing_blocks, found), partial(committing_document, found))


def committing_blocks(found: Committing, whose: str = "") -> Iterator[Block]:
    """Yield what to buy now; ``whose`` begins the heading."""
    yield Heading(f"{whose}{', '.join(found.names)}: what to commit to from {found.terms.today}")
    yield Lines((advice(found),))
    if found.buy:
        yield Table(_BUY, [_row(bought, found) for bought in found.buy])
    if found.held:
        yield Table(_HELD, [[one.name, str(one.said.until), f"{one.used:.0%}"] for one in found.held])
    yield Lines(list(_effects(found)), bullets=True)
    if found.findings:
        yield Findings(found.findings)


def advice(found: Committing) -> str:
    """Return the recommendation in a sentence or two."""
    when, why = found.look_again
    what = " and ".join(
        f"{_amount(one)} {'of' if one.units is None else 'as'} {one.deal.title} for {one.deal.covers}"
        for one in found.buy
    )
    saved = 1 - found.portfolio.usd / (found.portfolio.without or 1.0)
    buy = f"Buy {what} now: {saved:.0%} less over {found.months} months" if what else "Buy no commitment now"
    return f"{buy}. Look again in {when:%B %Y}: {why}."


def _amount(bought: BuyNow) -> str:
    if bought.units is None:
        return f"{bought.usd_per_hour:,.3f} USD/h"
    return f"{numbers.quantity(round(bought.units, 6))} × {bought.deal.unit}"


def _row(bought: BuyNow, found: Committing) -> list[str]:
    deal, monthly, upfront = bought.deal, *_paid(bought, found)
    costs = ("" if deal.sure else "≈ ") + numbers.money(monthly)
    terms = f"{deal.term}, {deal.payment}"
    used = f"{bought.used:.0%}"
    return [deal.title, _amount(bought), deal.covers, terms, costs, numbers.money(upfront), used]


def _paid(bought: BuyNow, found: Committing) -> tuple[float, float]:
    """Return USD a month, and USD upfront."""
    offer, hours = bought.deal.offer, found.terms.objective.hours_per_month
    monthly = bought.usd_per_hour * hours * (1 - offer.upfront)
    return monthly, float(cash(Buy(offer, 0, bought.usd_per_hour), offer.months, hours)[0]) - monthly


def _effects(found: Committing) -> Iterator[str]:
    risk, cost = found.terms.objective.cvar, found.portfolio
    what = "Expected cost" if risk is None else f"Cost in the worst {risk:.0%} of the scenarios"
    yield (
        f"{what} over {found.months} months: {numbers.money(cost.usd)} USD instead of "
        f"{numbers.money(cost.without)}, within {max(cost.gap, 1e-4):.2%} of the least possible."
    )
    now, then = found.covered
    yield f"Commitments cover {then:.0%} of the use of the first year, and {now:.0%} if nothing is bought."
    if found.buy:
        even = "not within their terms" if found.break_even is None else f"from month {found.break_even} on"
        yield f"The purchases have paid for themselves {even}."
        saves = "still save" if found.fallen >= 0 else "lose"
        yield (
            f"If all use fell by {FALL:.0%}, they would {saves} {numbers.money(abs(found.fallen))} USD, "
            f"{numbers.money(found.regret)} less than the best purchases for that load."
        )
    if found.spot > 0:
        yield f"Spot for what can be interrupted saves {numbers.money(found.spot)} USD a month."
    if found.mixed:
        yield "The plans have different price books, so all prices here are list prices without them."
    if any(not bought.deal.sure for bought in found.buy):
        yield "≈ marks a price that one source says, or that another offer or region stands in for."


def committing_document(found: Committing) -> dict[str, Any]:
    """Return what to commit to as scripts read it."""
    when, why = found.look_again
    now, then = found.covered
    return {
        "schema_version": SCHEMA_VERSION,
        "plans": list(found.names),
        "currency": "USD",
        "today": str(found.terms.today),
        "months": found.months,
        "objective": "expected cost" if found.terms.objective.cvar is None else "cvar",
        "advice": advice(found),
        "buy": [_bought(bought, found) for bought in found.buy],
        "held": [{"what": h.name, "until": str(h.said.until), "utilization": h.used} for h in found.held],
        "usd": found.portfolio.usd,
        "usd_without": found.portfolio.without,
        "gap": found.portfolio.gap,
        "coverage": {"before": now, "after": then},
        "break_even_month": found.break_even,
        "if_use_falls": {"by": FALL, "saves_usd": found.fallen, "regret_usd": found.regret},
        "look_again": {"date": str(when), "why": why},
        "spot_saves_usd_per_month": found.spot,
        "list_prices": found.mixed,
        "warnings": [finding_document(finding) for finding in found.findings],
    }


def _bought(bought: BuyNow, found: Committing) -> dict[str, Any]:
    deal, monthly, upfront = bought.deal, *_paid(bought, found)
    return {
        "provider": deal.provider,
        "offer": deal.title,
        "term_months": deal.offer.months,
        "payment": deal.payment,
        "covers": deal.covers,
        "usd_per_hour": bought.usd_per_hour,
        "machine": None if bought.units is None else deal.unit,
        "machines": bought.units,
        "usd_per_month": monthly,
        "usd_upfront": upfront,
        "utilization": bought.used,
        "price_status": "list" if deal.sure else "estimated",
        "source": deal.source,
    }
