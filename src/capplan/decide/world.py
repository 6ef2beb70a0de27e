"""What expressions can ask: the estimate of a plan in any of its cases, the catalog, the hardware."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from capplan.catalog.catalog import Catalog
from capplan.catalog.rows import GLOBAL
from capplan.catalog.tiers import TierTable
from capplan.decide.serving import serving
from capplan.errors import InputError, Problem, nearest
from capplan.estimate import Estimate, estimate
from capplan.plan.read import PlanFile, parse_plan, text_of

Document = Mapping[str, Any]


class Case(NamedTuple):
    """What is asked about: an alternative of the plan, price books, values of the plan."""

    alternative: str | None = None
    books: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()


class Asked(NamedTuple):
    """Whom a question is about: the plan's text, one of its cases, and that case as it was read."""

    text: tuple[str, str, Path]
    case: Case
    file: PlanFile
    catalog: Catalog


class PlanWorld:
    """The plan at ``source`` in all its cases; each is estimated when it is first asked for.

    document turns an estimate into the fields that expressions name. answers are functions that expressions
    may call besides those of this module; the first argument of each is whom it is asked about. asked holds
    the prices that were asked for since it was last emptied: provider, service and region.
    """

    def __init__(
        self,
        source: Path,
        catalog: Catalog,
        document: Callable[[Estimate], Document],
        answers: Mapping[str, Callable[..., Document]] = {},
    ) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._catalog = catalog
        self._text = text = text_of(source)
        self._answers = {name: cache(partial(self._answer, found)) for name, found in answers.items()}
        self._read = cache(lambda case: parse_plan(*text, case.sets, case.alternative, case.books))
        self._estimates = cache(lambda case: estimate(self._read(case), catalog))
        self._documents = cache(lambda case: names_of(self._estimates(case), document))

    def names(self, case: Case) -> Mapping[str, Any]:
        """Return what an expression can name in a case: the estimate's fields, the plan, and functions."""
        return {**self._documents(case), **self._functions(case)}

    def file(self, case: Case) -> PlanFile:
        """Return the plan in a case."""
        found: PlanFile = self._read(case)
        return found

    def estimate(self, case: Case) -> Estimate:
        """Return the estimate of a case."""
        found: Estimate = self._estimates(case)
        return found

    def _functions(self, case: Case) -> Mapping[str, Callable[..., Any]]:
        plan = self.file(case).plan
        catalog = self._catalog
        if plan.pricing.books:
            catalog = catalog.with_books(plan.pricing.books, self.file(case).directory)

        def price(provider: str, service: str, sku: str, rate: str = "on_demand") -> float | None:
            region = plan.regions.get(provider, GLOBAL)  # type: ignore[call-overload]
            self.asked.append((provider, service, region))
            found = catalog.price(provider, service, catalog.require(provider, service, sku), region, rate)
            return None if found is None else found.usd

        def machine(provider: str, service: str, name: str) -> Document:
            sku = catalog.require(provider, service, name)
            return {
                "vcpu": sku.vcpu,
                "memory_gib": sku.memory_gib,
                "gpu": sku.gpu,
                "gpu_count": sku.gpu_count,
            }

        def estimated(alternative: str | None = None, *sets: str) -> Document:
            other = case._replace(alternative=alternative, sets=(*case.sets, *sets))
            found: Document = self._documents(other)
            return found

        def tier(table: str, which: str | float) -> Document:
            return _tier(catalog.tier_table(table, self.file(case).directory), which)

        return {
            **{name: partial(found, case) for name, found in self._answers.items()},
            "price": price,
            "machine": machine,
            "estimated": estimated,
            "tier": tier,
            "serving": partial(serving, catalog),
        }

    def _answer(self, found: Callable[..., Document], case: Case, *how: Any, **named: Any) -> Document:
        return found(Asked(self._text, case, self.file(case), self._catalog), *how, **named)

    def prices_like(self, provider: str, service: str, region: str) -> Mapping[str, float]:
        """Return the list price of every SKU of a service in a region, USD for one unit, by SKU and unit."""
        skus = self._catalog.service(provider, service).skus.values()
        priced = {f"{sku.name}, a {sku.unit}": sku.usd(region) for sku in skus}
        return {name: usd for name, usd in priced.items() if usd}


def names_of(estimate: Estimate, document: Callable[[Estimate], Document]) -> Document:
    """Return what expressions name of an estimate: its fields, those of its plan in base units, its facts."""
    plan = estimate.file.plan
    fields = plan.model_dump(exclude={"alternatives", "service_templates", "decisions"})
    return {**document(estimate), "plan": fields, "facts": plan.decisions.facts if plan.decisions else {}}


def _tier(table: TierTable, which: str | float) -> Document:
    """Return the tier of that name, or the one that a value of the table's driver falls into."""
    if isinstance(which, str):
        rows = {tier.name: tier for tier in table.tiers}
        if which not in rows:
            raise InputError(Problem(table.name, f"has no tier '{which}'", nearest(which, rows)))
        row = rows[which]
    else:
        row = table.tiers[int(table.falls_into(which))]
    return {"name": row.name, "below": row.below, "limits": row.limits, **row.values}
