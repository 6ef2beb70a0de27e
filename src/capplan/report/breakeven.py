"""Break-evens, for people and for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from capplan.decide.answers import ComparisonAnswer
from capplan.decide.breakeven import Stretch, Switch
from capplan.decide.chance import Chance
from capplan.decide.commitments import Commitment
from capplan.quantities import counted
from capplan.report import numbers
from capplan.report.blocks import Block, Curves, Heading, Lines, Report, Sheet
from capplan.report.json_format import SCHEMA_VERSION, finding_document
from capplan.report.numbers import money
from capplan.report.table import Column, Table


def report_of(answers: Sequence[ComparisonAnswer], quiet: bool) -> Report:
    """Return the report of break-evens, without charts in text if ``quiet``."""
    return Report(
        partial(_blocks, answers, quiet),
        partial(breakeven_document, answers),
        {"csv": partial(_sheet, answers)},
        partial(_charts, answers),
    )


def _charts(answers: Sequence[ComparisonAnswer]) -> Iterator[Block]:
    for answer in answers:
        yield Heading(_title(answer))
        yield _curves(answer)


def _blocks(answers: Sequence[ComparisonAnswer], quiet: bool) -> Iterator[Block]:
    for answer in answers:
        yield Heading(_title(answer), (_basis(answer),), indent="  ")
        yield _stretches(answer)
        yield Lines(list(_verdicts(answer)), bullets=True)
        if not quiet:
            yield from _details(answer)


def _details(answer: ComparisonAnswer) -> Iterator[Block]:
    if answer.commitments:
        yield _commitments(answer)
    yield _curves(answer)


def _curves(answer: ComparisonAnswer) -> Curves:
    found, driver = answer.found, answer.question.driver
    changes = [stretch.high for stretch in found.stretches[:-1]]
    return Curves(
        x=found.x.tolist(),
        curves={a.name: row.tolist() for a, row in zip(found.alternatives, found.costs, strict=True)},
        unit="USD a month",
        across=driver.description or driver.name,
        steps=True,
        marks={"cheapest changes": changes} if changes else {},
    )


def _title(answer: ComparisonAnswer) -> str:
    question = answer.question
    plan = question.alternatives[0].plan.name
    names = " or ".join(a.name for a in question.alternatives)
    title = question.description or names
    return f"{plan}: {title}" + (f" ({question.name})" if question.name else "")


def _basis(answer: ComparisonAnswer) -> str:
    """Return what the costs are counted with."""
    driver, found = answer.question.driver, answer.found
    books = answer.question.alternatives[0].plan.pricing.books
    prices = f"prices of book {', '.join(books)} over list prices" if books else "list prices"
    ends = f"{_value(found.x[0])} to {_value(found.x[-1])} {driver.unit}"
    said = f"Over {driver.description or driver.name}, {ends}"
    basis = f"Expected USD a month, {prices}, {answer.hours_per_month:g} hours a month"
    return f"{said.rstrip()}. {basis}. Costs besides the bill: {_owned(answer)}."


def _owned(answer: ComparisonAnswer) -> str:
    """Return what is counted beside the bill; zero is said too, so that nobody thinks it is included."""
    owned = [a.owned for a in answer.question.alternatives]
    if not any(o.usd_per_month for o in owned):
        return "nothing: no engineering, on-call or migration cost (decisions.ownership)"
    each = [
        f"{a.name} {money(a.owned.engineering_usd)} engineering, {money(a.owned.on_call_usd)} on-call, "
        f"{money(a.owned.migration_usd)} migration over "
        f"{counted(a.owned.migration_months, 'month')}"
        for a in answer.question.alternatives
        if a.owned.usd_per_month
    ]
    return "; ".join(each)


def _stretches(answer: ComparisonAnswer) -> Table:
    names = [a.name for a in answer.question.alternatives]
    columns = [
        Column("from", right=True),
        Column("to", right=True),
        Column("cheapest"),
        *(Column(name, right=True) for name in names),
        *(Column(f"{name}/unit", right=True) for name in names if len(names) == 2),
    ]
    found = answer.found
    return Table(columns, [_row(stretch, names, found.lacking) for stretch in found.stretches])


def _commitments(answer: ComparisonAnswer) -> Table:
    """Return what on-demand machines would cost committed, and from which share of the hours that pays."""
    names = ("USD an hour", "1 year", "pays above", "3 years", "pays above", "spot")
    columns = [Column("Machine", shrinks=True), *(Column(name, right=True) for name in names)]
    return Table(columns, [_commitment(commitment) for commitment in answer.commitments])


def _commitment(terms: Commitment) -> list[str]:
    one, three = ("" if share is None else f"{share:.0%}" for share in terms.pays_above)
    price_1y, price_3y, spot = (
        "" if usd is None else f"{usd:.4f}" for usd in (terms.commit_1y, terms.commit_3y, terms.spot)
    )
    return [terms.sku, f"{terms.on_demand:.4f}", price_1y, one, price_3y, three, spot]


def _bound(lacks: bool) -> str:
    """Return the sign of a cost that lacks a price, and is the least that it can be."""
    return "≥ " if lacks else ""


def _row(stretch: Stretch, names: Sequence[str], lacking: Sequence[bool]) -> list[str]:
    ends = [
        _bound(lacks) + _range(low, high) for lacks, (low, high) in zip(lacking, stretch.costs, strict=True)
    ]
    slopes = [
        "unknown" if lacks else _value(float(f"{slope:.3g}"))
        for lacks, slope in zip(lacking, stretch.slopes, strict=True)
    ]
    slopes = slopes if len(names) == 2 else []
    winner = names[stretch.cheapest] if stretch.known else "unknown"
    return [_value(stretch.low), _value(stretch.high), winner, *ends, *slopes]


def _range(low: float, high: float) -> str:
    if f"{low:,.0f}" == f"{high:,.0f}":
        return f"{low:,.0f}"
    return f"{low:,.0f}–{high:,.0f}"


def _verdicts(answer: ComparisonAnswer) -> Iterator[str]:
    found, driver = answer.found, answer.question.driver
    names = [a.name for a in answer.question.alternatives]
    for switch in found.switches:
        yield _switch(switch, names, driver.name)
    for stretch, shown in zip(found.stretches, answer.shown, strict=False):
        said = ", ".join(f"{title} {_shown(value)}" for title, value in shown.items())
        if said:
            yield f"At {_value(stretch.high)}: {said}."
    yield from _now(answer, names)
    for chance in answer.chances:
        yield _chance(chance, names, driver.name)
    for name, limit in zip(names, found.limits, strict=True):
        if limit is not None:
            where = f"from {_value(limit)} {driver.name} on"
            yield f"{name} may not run all the instances it needs {where}, so its cost there is too low."
    yield from _findings(answer)


def _findings(answer: ComparisonAnswer) -> Iterator[str]:
    """Yield what is wrong with the alternatives, the same thing once for all that it concerns."""
    said: dict[str, list[str]] = {}
    for name, findings in answer.findings.items():
        for finding in findings:
            what = f"{finding.subject}: {finding.said}"
            said.setdefault(what, []).append(name)
    for what, names in said.items():
        yield f"{', '.join(names)}: {what}"


def _switch(switch: Switch, names: Sequence[str], driver: str) -> str:
    """Say where one alternative is cheaper than the first, and why not for good."""
    pair = f"{names[switch.alternative]} against {names[0]}"
    if not switch.known:
        return f"{pair}: unknown, because missing prices could reverse the result."
    edges = [*([None] if switch.from_start else []), *switch.crossings]
    spans = [_span(edges[i : i + 2]) for i in range(0, len(edges), 2)]
    if not spans:
        return f"{pair}: never cheaper in this range; {switch.reason}."
    if len(spans) > _MOST_SPANS:
        spans = [*spans[: _MOST_SPANS - 1], "…", spans[-1]]
    said = f"{pair}: cheaper {', '.join(spans)}"
    return f"{said} ({driver})." if not switch.reason else f"{said} ({driver}); {switch.reason}."


def _chance(chance: Chance, names: Sequence[str], driver: str) -> str:
    """Say how sure a switch is, over draws of the plan's intervals."""
    pair = f"{names[chance.alternative]} against {names[0]}, over draws of the plan's intervals"
    if chance.sustained is None:
        return f"{pair}: not cheaper at the end of the range in any draw."
    p5, p50, p95 = (_value(float(f"{value:.4g}")) for value in chance.sustained)
    said = f"{pair}: cheaper for good from {p50} {driver} on (p50; p5 to p95 {p5} to {p95})"
    return f"{said}; not cheaper at the end of the range with probability {chance.never:.0%}."


_MOST_SPANS = 4


def _span(ends: Sequence[float | None]) -> str:
    low, high = ends if len(ends) == 2 else (ends[0], None)
    if low is None:
        return "over the whole range" if high is None else f"up to {_value(high)}"
    return f"from {_value(low)} on" if high is None else f"from {_value(low)} to {_value(high)}"


def _now(answer: ComparisonAnswer, names: Sequence[str]) -> Iterator[str]:
    found = answer.found
    now = found.now
    if now is None:
        return
    priced = zip(names, found.lacking, now.costs, strict=True)
    costs = ", ".join(f"{name} {_bound(lacks)}{money(cost)}" for name, lacks, cost in priced)
    yield f"Now, at {_value(now.value)}: {costs}."
    for least in found.least:
        if least.value > found.x[0]:
            cost = _bound(found.lacking[least.alternative]) + money(least.cost)
            yield f"{names[least.alternative]} costs least at {_value(least.value)}: {cost}."
    for name, months in zip(names, now.payback_months, strict=True):
        if months is not None:
            yield f"The migration to {name} pays for itself after {months:.1f} months."


def _value(value: float) -> str:
    """Return a number in at most seven significant digits.

    >>> _value(31470.00000000005), _value(0.0005), _value(0.1213)
    ('31,470', '0.0005', '0.1213')
    """
    rounded = float(f"{float(value):.7g}") + 0.0  # no negative zero
    return (
        f"{rounded:,.0f}" if rounded == round(rounded) else f"{rounded:,.{_decimals(rounded)}f}".rstrip("0")
    )


def _decimals(value: float) -> int:
    return max(1, 6 - math.floor(math.log10(abs(value))))


def _shown(value: object) -> str:
    return numbers.quantity(value) if isinstance(value, float) else str(value)


def breakeven_document(answers: Sequence[ComparisonAnswer]) -> dict[str, Any]:
    """Return every answer as JSON."""
    return {"schema_version": SCHEMA_VERSION, "comparisons": [_document(answer) for answer in answers]}


def _document(answer: ComparisonAnswer) -> dict[str, Any]:
    question, found, driver = answer.question, answer.found, answer.question.driver
    names = [a.name for a in question.alternatives]
    return {
        "name": question.name or None,
        "description": question.description or None,
        "plan": question.alternatives[0].plan.name,
        "currency": "USD",
        "hours_per_month": answer.hours_per_month,
        "books": list(question.alternatives[0].plan.pricing.books),
        "driver": {
            "name": driver.name,
            "unit": driver.unit or None,
            "sets": {".".join(path): expression.text for path, expression in driver.sets.items()},
            "from": float(found.x[0]),
            "to": float(found.x[-1]),
        },
        "alternatives": [
            {
                "name": a.name,
                "ownership": {**a.owned._asdict(), "usd_per_month": a.owned.usd_per_month},
                "complete": not lacks,
            }
            for a, lacks in zip(question.alternatives, found.lacking, strict=True)
        ],
        "stretches": [_stretch(stretch, names) for stretch in found.stretches],
        "crossings": [
            {"at": s.high, "from": _winner(s, names), "to": _winner(after, names), "shown": shown}
            for s, after, shown in zip(found.stretches, found.stretches[1:], answer.shown, strict=False)
        ],
        "switches": [_switch_document(switch, names) for switch in found.switches],
        "probability": [_chance_document(chance, names) for chance in answer.chances],
        "now": None
        if found.now is None
        else {
            "value": found.now.value,
            "monthly_cost": dict(zip(names, found.now.costs, strict=True)),
            "payback_months": dict(zip(names, found.now.payback_months, strict=True)),
        },
        "commitments": [
            {**c._asdict(), "pays_above_1y": c.pays_above[0], "pays_above_3y": c.pays_above[1]}
            for c in answer.commitments
        ],
        "limits": dict(zip(names, found.limits, strict=True)),
        "curves": {
            "x": found.x.tolist(),
            "monthly_cost": {n: row.tolist() for n, row in zip(names, found.costs, strict=True)},
        },
        "warnings": {name: list(map(finding_document, f)) for name, f in answer.findings.items()},
    }


def _winner(stretch: Stretch, names: Sequence[str]) -> str | None:
    return names[stretch.cheapest] if stretch.known else None


def _stretch(stretch: Stretch, names: Sequence[str]) -> dict[str, Any]:
    return {
        "from": stretch.low,
        "to": stretch.high,
        "cheapest": _winner(stretch, names),
        "monthly_cost": {n: list(ends) for n, ends in zip(names, stretch.costs, strict=True)},
        "usd_per_unit": dict(zip(names, stretch.slopes, strict=True)),
    }


def _chance_document(chance: Chance, names: Sequence[str]) -> dict[str, Any]:
    return {
        "alternative": names[chance.alternative],
        "against": names[0],
        "x": chance.x.tolist(),
        "cheaper": chance.cheaper.tolist(),
        "never": chance.never,
        "sustained": None if chance.sustained is None else chance.sustained._asdict(),
    }


def _switch_document(switch: Switch, names: Sequence[str]) -> dict[str, Any]:
    return {
        "alternative": names[switch.alternative],
        "against": names[0],
        "known": switch.known,
        "cheaper_from_start": switch.from_start,
        "first": switch.first,
        "sustained": switch.sustained,
        "crossings": list(switch.crossings),
        "reason": switch.reason or None,
    }


def _sheet(answers: Sequence[ComparisonAnswer]) -> Sheet:
    """Return the curves: one row a value of the driver and alternative."""
    return Sheet(("comparison", "driver", "value", "alternative", "usd_per_month"), _points(answers))


def _points(answers: Sequence[ComparisonAnswer]) -> Iterator[list[object]]:
    for answer in answers:
        question = answer.question
        for alternative, costs in zip(question.alternatives, answer.found.costs, strict=True):
            for x, cost in zip(answer.found.x.tolist(), costs.tolist(), strict=True):
                yield [question.name, question.driver.name, x, alternative.name, cost]
