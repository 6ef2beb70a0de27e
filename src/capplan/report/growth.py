"""Tiers of growth and migration rules, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from capplan.decide.expressions import AtLeast
from capplan.decide.growth import Entry, Growth
from capplan.decide.rules import Rule, TriggeredRule
from capplan.decide.tiers import Reign, TierCost, TierPath
from capplan.plan.decisions import GrowthTier
from capplan.quantities import counted, plain
from capplan.report import numbers
from capplan.report.blocks import Block, Lines
from capplan.report.table import Column, Table

_FIRES = {True: "fires", False: "does not fire", None: "unknown"}


class Decided(NamedTuple):
    """Where a plan stands on its tiers, what these cost as alternatives, and what its rules say."""

    growth: Growth | None = None
    path: TierPath | None = None
    rules: Sequence[Rule] = ()


def decisions_blocks(found: Decided) -> Iterator[Block]:
    """Yield the decisions as blocks."""
    growth, path, rules = found
    if growth is not None:
        yield Lines(list(_growth(growth)), bullets=True)
        yield _tiers(growth)
    if path is not None and growth is not None:
        yield Table(_PATH, [_tier_cost(cost, growth) for cost in path.tiers], "What each tier costs as built")
        yield Lines([_reign(reign, growth.unit) for reign in path.cheapest], bullets=True)
    for rule in rules:
        yield Lines(list(_rule(rule)), bullets=True, indent="    ")


def _growth(growth: Growth) -> Iterator[str]:
    if growth.tier is None or growth.value is None:
        yield "Growth: the tier is unknown, because it depends on the cost and prices are missing."
        return
    value = f"{numbers.quantity(growth.value)} {growth.unit}".rstrip()
    line, end = f"Growth: tier {growth.tier}, at {value}", growth.tiers[growth.tier].below
    if end is not None and growth.value >= end:
        ends = f"which ends at {numbers.quantity(float(end))}"
        line = f"Growth: beyond tier {growth.tier}, the last, {ends}; the plan is at {value}"
    if growth.next_tier is not None and growth.room is not None:
        line += f"; {growth.next_tier} begins at {plain(growth.room + 1, 3)} times that"
    yield line + "."
    if growth.in_budget is not None and growth.usd_per_month is not None:
        within = "within" if growth.in_budget else "outside"
        budget = _budget(growth.tiers[growth.tier])
        yield f"It costs {growth.usd_per_month:,.0f} USD a month, {within} the tier's {budget}."
    elif growth.usd_per_month is None:
        yield "What it costs is unknown, because nothing has a price."
    elif not growth.complete:
        yield f"It costs at least {growth.usd_per_month:,.0f} USD a month, because prices are missing."
    for name in filter(None, (growth.tier, growth.next_tier)):
        tier = growth.tiers[name]
        needs = [tier.infrastructure, tier.models and f"LLMs: {tier.models}"]
        yield f"Tier {name} needs {'; '.join(filter(None, needs)) or 'nothing that the plan states'}."
    for entry in growth.entries:
        yield _entry(entry, growth.months)


def _entry(entry: Entry, months: int) -> str:
    if entry.month_p5 == entry.month_p95 and entry.probability == 1:
        return f"Tier {entry.tier} begins in month {entry.month_p50:.0f}."
    spread = f"month {entry.month_p50:.0f} (p5 {entry.month_p5:.0f}, p95 {entry.month_p95:.0f})"
    return (
        f"Tier {entry.tier} begins within {counted(months, 'month')} "
        f"with probability {entry.probability:.0%}: {spread}."
    )


def _tiers(growth: Growth) -> Table:
    columns = (
        Column(""),
        Column("Tier"),
        Column("below", right=True),
        Column("USD/month", right=True),
        Column("Set up in"),
    )
    return Table(columns, [_tier(name, tier, growth) for name, tier in growth.tiers.items()])


def _tier(name: str, tier: GrowthTier, growth: Growth) -> list[str]:
    mark = "→" if name == growth.tier else ""
    below = "" if tier.below is None else numbers.quantity(float(tier.below))
    return [mark, name, below, _budget(tier), tier.setup_time]


_PATH = (
    Column("Tier"),
    Column("Alternative"),
    Column("from", right=True),
    Column("to", right=True),
    Column("USD there", right=True),
    Column("Stated", right=True),
    Column("Holds for", right=True),
    Column("Fails from", right=True),
)


def _tier_cost(cost: TierCost, growth: Growth) -> list[str]:
    usd = "–".join(f"{usd:,.0f}" for usd in dict.fromkeys(cost.usd))
    stated = _budget(growth.tiers[cost.tier])
    holds = "nowhere" if stated else ""
    return [
        cost.tier,
        cost.alternative,
        _about(cost.begins),
        _about(cost.ends),
        usd if cost.complete else f"≥ {usd}",
        stated,
        holds if cost.budget is None else "–".join(map(_about, cost.budget)),
        "" if cost.fails_from is None else _about(cost.fails_from),
    ]


def _about(value: float) -> str:
    return numbers.quantity(float(f"{value:.3g}"))


def _reign(reign: Reign, unit: str) -> str:
    where = f"From {_about(reign.begins)} to {_about(reign.ends)} {unit}".rstrip()
    if reign.tier is None:
        return f"{where}, no tier carries the load."
    if not reign.known:
        return f"{where}, the cheapest tier is unknown, because prices are missing."
    return f"{where}, {reign.tier} is the cheapest."


def _budget(tier: GrowthTier) -> str:
    return "–".join(f"{usd:,.0f}" for usd in tier.usd_per_month)


def _rule(rule: Rule) -> Iterator[str]:
    title = rule.description or rule.name
    yield f"Rule {rule.name}: {title}: {_FIRES[rule.fires]} ({rule.when} of these, to {rule.to})"
    for trigger in rule.triggers:
        yield f"  {_FIRES[trigger.fires]}: {trigger.text}{evidence_of(trigger)}"
        if trigger.contradiction:
            yield f"    contradicts the break-even: {trigger.contradiction}"


def evidence_of(trigger: TriggeredRule) -> str:
    """Return the figures behind a trigger, in brackets, or why there are none."""
    if trigger.why_unknown:
        return f" ({trigger.why_unknown})"
    return f" ({', '.join(f'{e.text} is {_figure(e.value)}' for e in trigger.evidence)})"


def _figure(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return numbers.quantity(float(f"{value:.10g}")) if isinstance(value, int | float) else str(value)


def decisions_document(found: Decided) -> dict[str, Any]:
    """Return the same as scripts read it."""
    growth, path, rules = found
    return {
        "tiers": None if path is None else _path_document(path),
        "growth_tier": None if growth is None else _growth_document(growth),
        "migration_rules": [_rule_document(rule) for rule in rules],
    }


def _growth_document(growth: Growth) -> dict[str, Any]:
    return {
        "tier": growth.tier,
        "value": growth.value,
        "unit": growth.unit or None,
        "next_tier": growth.next_tier,
        "room": growth.room,
        "monthly_cost": growth.usd_per_month,
        "within_the_tier": growth.in_budget,
        "horizon_months": growth.months,
        "entries": [entry._asdict() for entry in growth.entries],
    }


def _path_document(path: TierPath) -> dict[str, Any]:
    return {
        "costs": [{**cost._asdict(), "bound": None if cost.complete else "lower"} for cost in path.tiers],
        "cheapest": [reign._asdict() for reign in path.cheapest],
    }


def _rule_document(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "to": rule.to,
        "when": rule.when,
        "fires": rule.fires,
        "triggers": [
            {**trigger_document(trigger), "contradiction": trigger.contradiction or None}
            for trigger in rule.triggers
        ],
    }


def trigger_document(trigger: TriggeredRule, fires: str = "fires") -> dict[str, Any]:
    """Return a trigger, or a criterion, as scripts read it; ``fires`` names its verdict."""
    return {
        "text": trigger.text,
        "expression": trigger.expression,
        fires: trigger.fires,
        "evidence": {e.text: _plain(e.value) for e in trigger.evidence},
        "unknown": trigger.why_unknown or None,
    }


def _plain(value: object) -> object:
    return str(value) if isinstance(value, AtLeast) else value
