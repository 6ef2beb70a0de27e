"""An estimate as plain numbers: what every format shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from capplan.arrays import Array, Floats, hourly_mean, in_scenario
from capplan.capacity.sizing import Sizing, utilization_of
from capplan.catalog.rows import Exchange
from capplan.components.base import Component
from capplan.components.measures import Measure
from capplan.cost.lines import Certainty, CostLine, certainty, estimated_share, is_priced
from capplan.cost.meters import Range
from capplan.estimate import Estimate
from capplan.findings import Finding
from capplan.quantities import plain
from capplan.report.numbers import finite

if TYPE_CHECKING:
    from capplan.capacity.response import ResponseTimes
    from capplan.plan.coverage import Coverage
    from capplan.plan.model import Plan


_EXACT = Certainty()


class Cost(NamedTuple):
    """Monthly cost, USD; ``max`` is None where nothing bounds it.

    certainty: whether it is exact, or bounds what nobody knows.
    """

    min: float
    expected: float
    max: float | None
    certainty: Certainty = _EXACT

    def times(self, factor: float) -> Cost:
        """Return the cost in other money, or with a tax."""
        top = None if self.max is None else factor * self.max
        return self._replace(min=factor * self.min, expected=factor * self.expected, max=top)

    @property
    def is_nothing(self) -> bool:
        """Whether it is zero, for sure and whatever runs."""
        return (
            not any((self.min, self.expected, self.max)) and self.max is not None and self.certainty.complete
        )


class InstanceCounts(NamedTuple):
    """Instances at the floor, on average, needed at the peak, and at the ceiling."""

    min: float
    average: float
    peak: float
    max: float | None


class ComponentView(NamedTuple):
    """One component."""

    name: str
    kind: str
    platform: str
    provider: str
    region: str
    peak_rps: float | None
    instances: InstanceCounts | None
    binding: str | None
    constraints: Mapping[str, float]
    utilization: float | None
    headroom: float | None
    week: Sequence[float]
    cost: Cost | None
    billed_with: str | None
    picked: str | None
    measures: Sequence[MeasureView]
    latency: LatencyView | None
    week_utilization: Sequence[float]


class LatencyView(NamedTuple):
    """Response times in ms, None where the instances are overloaded: in the busiest hour, and by hour."""

    peak: Mapping[str, float | None]
    by_hour: Mapping[str, Sequence[float | None]]


class MeasureView(NamedTuple):
    """A figure besides instances; None where nothing can give what it needs, or nothing bounds it.

    low, high: the range that what it needs is good to, where that is known.
    """

    name: str
    needs: float | None
    has: float | None
    unit: str
    formula: str
    detail: bool
    low: float | None = None
    high: float | None = None
    confidence: str | None = None


class LineView(NamedTuple):
    """One cost line; unit price and cost are None where it is unpriced."""

    component: str
    sku: str
    provider: str
    service: str
    region: str
    rate: str
    note: str
    unit: str
    quantity: float
    unit_price: float | None
    list_price: float | None
    cost: Cost | None
    status: str
    source: str
    as_of: str | None
    formula: str


class MoneyView(NamedTuple):
    """A total in one currency, before and after tax. per_usd, as_of, source: of the exchange rate."""

    currency: str
    net: Cost
    gross: Cost
    tax: float
    per_usd: float
    as_of: str | None
    source: str


class Owner(NamedTuple):
    """Who a bill is told by: team, billing account, and the tags of each component."""

    team: str = ""
    account: str = ""
    tags: Mapping[str, Sequence[str]] = {}


class EstimateView(NamedTuple):
    """One scenario of an estimate."""

    plan: str
    alternative: str | None
    hours_per_month: float
    average_rps: float
    peak_rps: float
    profile: str
    components: Sequence[ComponentView]
    lines: Sequence[LineView]
    total: Cost | None
    estimated_share: float
    money: Sequence[MoneyView]
    findings: Sequence[Finding]
    adopted: Coverage | None = None
    owner: Owner = Owner()


def view(estimate: Estimate, scenario: int = 0, whole: bool = False) -> EstimateView:
    """Return one ``scenario`` of ``estimate`` as plain numbers.

    Headroom and response times by hour, which take long to find, only if ``whole``.
    """
    return EstimateView(
        plan=estimate.plan.name,
        alternative=estimate.file.places.alternative,
        hours_per_month=in_scenario(estimate.hours_per_month, scenario),
        average_rps=in_scenario(estimate.load.average_rps, scenario),
        peak_rps=in_scenario(estimate.load.peak_rps, scenario),
        profile=estimate.load.profile,
        components=[_component(estimate, component, scenario, whole) for component in estimate.components],
        lines=[line_view(line, scenario) for line in estimate.lines],
        total=total_view(estimate, scenario),
        estimated_share=estimated_share(estimate.lines, scenario),
        money=money_views(estimate, scenario),
        findings=estimate.findings,
        adopted=estimate.plan.adopted,
        owner=_owner(estimate.file.plan),
    )


def _owner(plan: Plan) -> Owner:
    tags: dict[str, list[str]] = {}
    for tag, names in plan.tagged.items():
        for name in names:
            tags.setdefault(name, []).append(tag)
    return Owner(plan.team or "", plan.account or "", tags)


def sum_of(lines: Iterable[LineView]) -> Cost | None:
    """Return what the ``lines`` cost together; None where none of them has a price."""
    lines = list(lines)
    known = [line.cost for line in lines if line.cost is not None]
    if lines and not known:
        return None
    statuses = [line.status for line in lines]
    tops = [cost.max for cost in known if cost.max is not None]
    return Cost(
        min=sum(cost.min for cost in known),
        expected=sum(cost.expected for cost in known),
        max=sum(tops) if len(tops) == len(known) else None,
        certainty=Certainty(statuses.count("unpriced"), statuses.count("bound")),
    )


def total_view(estimate: Estimate, scenario: int) -> Cost | None:
    """Return one scenario of the whole cost; None where nothing has a price."""
    sure = certainty(estimate.lines, scenario)
    return _known(cost_view(estimate.total, scenario, sure), estimate.lines)


def money_views(estimate: Estimate, scenario: int) -> list[MoneyView]:
    """Return the total in dollars, and in the plan's own currency; nothing if it is unknown."""
    total = total_view(estimate, scenario)
    if total is None:
        return []
    tax = in_scenario(estimate.plan.pricing.tax, scenario)
    rates = [Exchange("USD", 1.0, None, "")] + ([estimate.exchange] if estimate.exchange else [])
    return [_money(rate, total, tax, in_scenario(rate.per_usd, scenario)) for rate in rates]


def _money(rate: Exchange, total: Cost, tax: float, per_usd: float) -> MoneyView:
    return MoneyView(
        currency=rate.currency,
        net=total.times(per_usd),
        gross=total.times(per_usd * (1 + tax)),
        tax=tax,
        per_usd=per_usd,
        as_of=rate.as_of,
        source=rate.source,
    )


def cost_view(cost: Range, scenario: int, sure: Certainty = _EXACT) -> Cost:
    """Return one scenario of a cost."""
    top = None if cost.ceiling is None else finite(in_scenario(cost.ceiling, scenario))
    return Cost(in_scenario(cost.floor, scenario), in_scenario(cost.expected, scenario), top, sure)


def _known(cost: Cost, lines: Sequence[CostLine]) -> Cost | None:
    """Return the sum of ``lines``; None where none of them has a price."""
    return cost if is_priced(lines) else None


def _component(estimate: Estimate, component: Component, scenario: int, whole: bool) -> ComponentView:
    sizing = component.sizing
    lines = estimate.lines_of(component.name)
    cost = cost_view(estimate.cost_of(component.name), scenario, certainty(lines, scenario))
    return ComponentView(
        name=component.name,
        kind=component.kind,
        platform=component.platform,
        provider=component.provider,
        region=component.region,
        peak_rps=_maybe(component.peak_rps, scenario),
        instances=None if sizing is None else instance_counts(sizing, scenario),
        binding=None if sizing is None else sizing.binding(scenario),
        constraints={} if sizing is None else _constraints(sizing, scenario),
        utilization=_maybe(component.utilization, scenario),
        headroom=_maybe(estimate.headrooms[component.name], scenario) if whole else None,
        week=() if sizing is None else _row(sizing.running, scenario),
        cost=_known(cost, lines),
        billed_with=component.billed_with,
        picked=None if component.pick is None else component.pick.name(scenario),
        measures=[
            *(_measure(measure, scenario) for measure in component.measures),
            *_unit_costs(estimate, component, scenario),
        ],
        latency=None if component.response is None else _latency(component.response, scenario, whole),
        week_utilization=_week_utilization(component, scenario),
    )


def _latency(times: ResponseTimes, scenario: int, whole: bool) -> LatencyView:
    from capplan.capacity.response import SHARES

    names = {share: f"p{100 * share:.0f}" for share in SHARES}
    return LatencyView(
        {name: _milliseconds(in_scenario(times.at_peak(share), scenario)) for share, name in names.items()},
        {
            name: [_milliseconds(s) for s in _row(times.by_hour(share), scenario)]
            for share, name in names.items()
            if whole
        },
    )


def _milliseconds(seconds: float) -> float | None:
    return finite(1000 * seconds)


def _week_utilization(component: Component, scenario: int) -> Sequence[float]:
    """Return the utilization hour by hour, of a component whose response times are known."""
    if component.response is None or component.sizing is None:
        return ()
    used = utilization_of(component.response.rps, component.sizing.running, component.sizing)
    return () if used is None else _row(used, scenario)


def _measure(measure: Measure, scenario: int) -> MeasureView:
    has = None if measure.has is None else finite(in_scenario(measure.has, scenario))
    needs = finite(in_scenario(measure.needs, scenario))
    found = MeasureView(measure.name, needs, has, measure.unit, measure.formula, measure.detail)
    spread = measure.spread
    if spread is None or needs is None:
        return found
    return found._replace(low=needs * spread.low, high=needs * spread.high, confidence=spread.confidence)


def _unit_costs(estimate: Estimate, component: Component, scenario: int) -> Iterator[MeasureView]:
    """Yield what one of each unit costs by which the component's cost is told; nothing if a price lacks."""
    names = (component.name, *component.parts)
    if any(line.cost is None for name in names for line in estimate.lines_of(name)):
        return
    for unit, count in component.units.items():
        number = in_scenario(count, scenario)
        if number > 0:
            usd = in_scenario(estimate.cost_with_parts(component).expected, scenario) / number
            formula = f"cost a month ÷ {plain(number, 6)}"
            yield MeasureView(f"cost of {unit}", usd, None, "USD", formula, False)


def instance_counts(sizing: Sizing, scenario: int) -> InstanceCounts:
    """Return one scenario's instances."""
    return InstanceCounts(
        min=in_scenario(sizing.floor, scenario),
        average=float(hourly_mean(sizing.running[[min(scenario, len(sizing.running) - 1)]])[0, 0]),
        peak=in_scenario(sizing.peak, scenario),
        max=_maybe(sizing.ceiling, scenario),
    )


def _constraints(sizing: Sizing, scenario: int) -> dict[str, float]:
    counts = {name: in_scenario(count, scenario) for name, count in sizing.constraints.items()}
    if sizing.ceiling is not None:
        counts["max"] = in_scenario(sizing.ceiling, scenario)
    return counts


def _row(values: Array, scenario: int) -> list[float]:
    row: list[float] = values[min(scenario, values.shape[0] - 1)].tolist()
    return row


def line_view(line: CostLine, scenario: int = 0) -> LineView:
    """Return one scenario of a cost line."""
    meter = line.meter
    return LineView(
        component=meter.component,
        sku=line.sku,
        provider=meter.provider,
        service=meter.service,
        region=meter.region,
        rate=meter.rate,
        note=meter.note,
        unit=meter.unit,
        quantity=in_scenario(line.quantity.expected, scenario),
        unit_price=_maybe(line.unit_price, scenario),
        list_price=line.list_price,
        cost=None if line.cost is None else cost_view(line.cost, scenario),
        status=line.status,
        source=line.source,
        as_of=line.as_of,
        formula=meter.formula,
    )


def _maybe(values: Floats | None, scenario: int) -> float | None:
    return None if values is None else in_scenario(values, scenario)
