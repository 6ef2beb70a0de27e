"""The same plan in every region of its providers: what it costs there, and what has no price there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.arrays import Array
from capplan.catalog.catalog import Catalog
from capplan.catalog.regions import carbon_of, names_of_regions
from capplan.cost.lines import (
    NOT_SOLD,
    Certainty,
    CostLine,
    certainty,
    cost_lines,
    estimated_share,
    total_cost,
)
from capplan.cost.meters import Meter
from capplan.errors import InputError, Problem, nearest
from capplan.estimate import Estimate, context_of, estimate_on
from capplan.plan.bind import Scenarios, replaced
from capplan.plan.read import PlanFile

ALL = "all"


class InRegion(NamedTuple):
    """The plan with one provider's components in one region.

    expected: USD a month of what has a price; None where nothing has one. missing: SKUs without a price.
    now: whether it is where the plan is. estimated_share: how much of the cost uses estimated prices.
    gco2e_per_kwh: of the local grid, where a source says so.
    not_sold: SKUs without a price that the region is known not to sell.
    problem: why there is no such plan, where there is none.
    """

    provider: str
    region: str
    place: str
    expected: float | None
    certainty: Certainty
    missing: Sequence[str]
    now: bool
    gco2e_per_kwh: float | None
    estimated_share: float
    not_sold: Sequence[str] = ()
    problem: str = ""

    @property
    def rank(self) -> tuple[bool, bool, bool, float, str]:
        """What sorts regions: exact ones first, by cost; then the others; impossible ones last."""
        known = self.expected is not None
        inexact = not (known and self.is_exact)
        return (inexact, bool(self.not_sold), not known, self.expected or 0.0, self.region)

    @property
    def is_exact(self) -> bool:
        """Whether the cost is what it says, and no bound."""
        return not self.certainty.sign


def in_regions(file: PlanFile, catalog: Catalog, wanted: Sequence[str]) -> list[InRegion]:
    """Return the plan in each of the ``wanted`` regions, or in all, cheapest first.

    What does not depend on the region is worked out once, unless the plan lets capplan choose something.
    """
    context = context_of(file, catalog)
    now = estimate_on(context, Scenarios())
    places = list(_places(now, wanted))
    opened = _opened(file.raw)
    rows: list[InRegion] = []
    for provider, regions in _by_provider(places).items():
        moved = None if opened else _moving(now, catalog, provider, regions)
        rows += [_row(now, catalog, provider, region, moved) for region in regions]
    return sorted(rows, key=lambda row: row.rank)


def cheaper_regions(now: Estimate, catalog: Catalog) -> list[InRegion]:
    """Return the regions in which the same components cost less, all of them priced, cheapest first."""
    found: list[InRegion] = []
    used = {meter.provider for meter in _meters(now)}
    for provider in used & set(now.plan.regions):
        regions = list(now.context.catalog.regions(provider))
        moved = _moving(now, catalog, provider, regions)
        if moved is not None and any(moved):
            found += [_row(now, catalog, provider, region, moved) for region in regions]
    total = float(now.total.expected[0, 0])
    less = (
        row for row in found if row.certainty.complete and (row.expected or total) < total and not row.now
    )
    return sorted(less, key=lambda row: row.rank)


def _places(now: Estimate, wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield provider and region of what to compare; providers that the plan uses nothing of are left out."""
    used = {meter.provider for meter in _meters(now)}
    catalog = now.context.catalog
    known = {provider: list(catalog.regions(provider)) for provider in now.plan.regions if provider in used}
    if not known:
        what = "nothing of the plan runs in a region of a provider, so there is nothing to compare"
        raise InputError(now.file.places.problem(("regions",), what))
    every = [(provider, region) for provider, regions in known.items() for region in regions]
    if ALL in wanted and len(wanted) > 1:
        raise InputError(
            Problem("--regions", f"'{ALL}' stands beside other regions", "Give one or the other.")
        )
    names = {(of, name.lower()): at for of in known for name, at in names_of_regions(catalog, of).items()}
    for name in dict.fromkeys(wanted):
        found = [(of, at) for of, at in every if name == ALL or names.get((of, name.lower())) == at]
        if not found:
            what = f"{' and '.join(known)} have no region '{name}'" if len(known) > 1 else ""
            what = what or f"{next(iter(known))} has no region '{name}'"
            raise InputError(Problem("--regions", what, nearest(name, [region for _, region in every])))
        yield from found


def _by_provider(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for provider, region in dict.fromkeys(places):
        found.setdefault(provider, []).append(region)
    return found


def _opened(value: Any) -> bool:
    """Say whether the raw plan leaves something to capplan, which chooses by price."""
    if isinstance(value, Mapping):
        sizeless = value.get("platform") == "memorystore" and "size" not in value
        return sizeless or isinstance(value.get("machine"), list) or any(map(_opened, value.values()))
    return any(map(_opened, value)) if isinstance(value, list) else value == "auto"


def _moving(now: Estimate, catalog: Catalog, provider: str, regions: Sequence[str]) -> list[bool] | None:
    """Return which meters move with the provider's region; None where more than their region changes.

    A second region tells: a component that names its own stays, and so do the meters of other providers.
    """
    here = now.plan.regions[provider]  # type: ignore[index]
    other = next((region for region in regions if region != here), None)
    if other is None:
        return [False for _ in _meters(now)]
    try:
        there = _meters(_estimated(now, catalog, provider, other))
    except InputError:
        return None
    before = _meters(now)
    if [_fixed(meter) for meter in before] != [_fixed(meter) for meter in there]:
        return None
    return [one.region != two.region for one, two in zip(before, there, strict=True)]


def _fixed(meter: Meter) -> tuple[Any, ...]:
    figures = (meter.quantity.floor, meter.quantity.expected, meter.quantity.ceiling)
    return (meter.component, meter.service, meter.sku, meter.rate, *map(_plain, figures))


def _plain(values: Array | None) -> list[Any] | None:
    return None if values is None else values.tolist()


def _meters(estimate: Estimate) -> list[Meter]:
    return [meter for component in estimate.components for meter in component.meters]


def _estimated(now: Estimate, catalog: Catalog, provider: str, region: str) -> Estimate:
    plan = replaced(now.context.file.plan, ("regions", provider), region)
    return estimate_on(context_of(now.context.file._replace(plan=plan), catalog), Scenarios())


def _row(now: Estimate, catalog: Catalog, provider: str, region: str, moved: list[bool] | None) -> InRegion:
    """Return the plan in one region: its meters at other prices, or all of it again."""
    if moved is not None:
        meters = [
            meter._replace(region=region) if moves else meter
            for meter, moves in zip(_meters(now), moved, strict=True)
        ]
        return _priced(now, provider, region, cost_lines(meters, now.context.catalog, now.terms))
    try:
        return _priced(now, provider, region, _estimated(now, catalog, provider, region).lines)
    except InputError as error:
        row = _priced(now, provider, region, ())
        return row._replace(expected=None, problem=error.problems[0].what)


def _priced(now: Estimate, provider: str, region: str, lines: Sequence[CostLine]) -> InRegion:
    catalog = now.context.catalog
    known = any(line.cost is not None for line in lines)
    unsold = NOT_SOLD.format(provider=provider, region=region)
    return InRegion(
        provider=provider,
        region=region,
        place=str(catalog.regions(provider)[region]),
        expected=float(total_cost(lines).expected[0, 0]) if known else None,
        certainty=certainty(lines),
        missing=list(dict.fromkeys(line.sku for line in lines if line.cost is None)),
        now=region == now.plan.regions.get(provider),  # type: ignore[call-overload]
        gco2e_per_kwh=carbon_of(catalog, provider).get(region),
        estimated_share=estimated_share(lines, 0),
        not_sold=list(dict.fromkeys(line.sku for line in lines if line.source == unsold)),
    )
