"""What changed between two estimates: by design, and by price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.gate.addresses import are_adopted, at_new_addresses, by_address, uncovered

Document = Mapping[str, Any]
_LinesBySku = Mapping[tuple[str, ...], Document]


class Difference(NamedTuple):
    """A figure before and after; None where it is not known, or there is no such thing."""

    before: float | None
    after: float | None

    @property
    def difference(self) -> float | None:
        """After less before; None where one of them is unknown."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def changed(self) -> bool:
        """Whether they differ by more than rounding."""
        if self.before is None or self.after is None:
            return self.before is not self.after
        return abs(self.after - self.before) > 1e-9 * max(abs(self.before), abs(self.after), 1.0)


class ComponentDiff(NamedTuple):
    """One component. status: added, removed, changed or same. unpriced: lines without a price, by side.

    by_price, by_design: None where a line lost or gained its price, or is used more or less without one.
    """

    name: str
    status: str
    cost: Mapping[str, Difference]
    instances: Mapping[str, Difference]
    binding: tuple[str | None, str | None]
    latency_p95_ms: Difference
    headroom: Difference
    by_price: float | None
    by_design: float | None
    unpriced: tuple[int, int]


class Diff(NamedTuple):
    """Two estimates side by side.

    by_address: whether components are named by the address of the resource that they were adopted from.
    uncovered: resources that are not covered and were added, removed or changed.
    """

    base: Document
    head: Document
    total: Mapping[str, Difference]
    unit_cost: Difference
    by_price: float | None
    by_design: float | None
    components: Sequence[ComponentDiff]
    findings: tuple[Sequence[Document], Sequence[Document]]
    """Those that are new, and those that are gone."""
    by_address: bool = False
    uncovered: Mapping[str, Sequence[Document]] = {}

    @property
    def complete(self) -> bool:
        """Whether everything on both sides has a price; files of earlier versions do not say."""
        return all(side["monthly_cost"].get("complete", True) for side in (self.base, self.head))

    @property
    def exact(self) -> bool:
        """Whether differences are known: both sides lack the same prices, and no cost is only a highest."""
        bounds = {side["monthly_cost"].get("bound") for side in (self.base, self.head)}
        return self.by_design is not None and bounds <= {None, "lower"}

    @property
    def assumed(self) -> Difference:
        """Share of the expected cost that rests on assumptions; None where the plan marks none."""
        before, after = ((side.get("assumptions") or {}).get("share") for side in (self.base, self.head))
        return Difference(before, after)

    @property
    def changed(self) -> list[ComponentDiff]:
        """The components that are not the same, the largest change first."""
        found = [component for component in self.components if component.status != "same"]
        return sorted(found, key=lambda c: (-abs(c.cost["expected"].difference or 0.0), c.name))


def diff(base: Document, head: Document) -> Diff:
    """Return what changed from ``base`` to ``head``, both as the JSON of an estimate."""
    adopted = are_adopted(base, head)
    if adopted:
        base, head = by_address(at_new_addresses(base, head)), by_address(head)
    names = list(dict.fromkeys([*head["components"], *base["components"]]))
    lines = _lines(base), _lines(head)
    components = [
        _component(name, base, head, (lines[0].get(name, {}), lines[1].get(name, {}))) for name in names
    ]
    return Diff(
        base=base,
        head=head,
        total=_costs(base["monthly_cost"], head["monthly_cost"]),
        unit_cost=Difference(_per_1k_requests(base), _per_1k_requests(head)),
        by_price=_sum([component.by_price for component in components]),
        by_design=_sum([component.by_design for component in components]),
        components=components,
        findings=(_new(base, head), _new(head, base)),
        by_address=adopted,
        uncovered=uncovered(base, head) if adopted else {},
    )


def _component(
    name: str, base: Document, head: Document, lines: tuple[_LinesBySku, _LinesBySku]
) -> ComponentDiff:
    before, after = base["components"].get(name), head["components"].get(name)
    by_price, by_design = _effects(*lines)
    found = ComponentDiff(
        name=name,
        status="added" if before is None else "removed" if after is None else "same",
        cost=_costs(_cost(before), _cost(after)),
        instances={
            key: Difference(_count(before, key), _count(after, key)) for key in ("min", "peak", "max")
        },
        binding=((before or {}).get("binding_constraint"), (after or {}).get("binding_constraint")),
        latency_p95_ms=Difference(_p95(before), _p95(after)),
        headroom=Difference(_headroom(before), _headroom(after)),
        by_price=by_price,
        by_design=by_design,
        unpriced=(_unpriced(lines[0]), _unpriced(lines[1])),
    )
    differs = (
        any(change.changed for change in (*found.cost.values(), *found.instances.values()))
        or found.binding[0] != found.binding[1]
        or found.unpriced[0] != found.unpriced[1]
        or by_price is None
        or abs(by_price) > 1e-9
    )
    return found._replace(status="changed") if found.status == "same" and differs else found


def _cost(component: Document | None) -> Document:
    """Return a component's cost: nothing where there is none, unknown where it has no price."""
    if component is None:
        return {"min": 0.0, "expected": 0.0, "max": 0.0}
    cost: Document = component["monthly_cost"] or {}
    return cost


def _costs(before: Document, after: Document) -> dict[str, Difference]:
    return {key: Difference(before.get(key), after.get(key)) for key in ("min", "expected", "max")}


def _count(component: Document | None, key: str) -> float | None:
    instances = (component or {}).get("instances")
    return None if instances is None else instances[key]


def _p95(component: Document | None) -> float | None:
    found: float | None = ((component or {}).get("latency_ms") or {}).get("p95")
    return found


def _headroom(component: Document | None) -> float | None:
    found: float | None = (component or {}).get("headroom")
    return found


def _lines(document: Document) -> dict[str, dict[tuple[str, ...], Document]]:
    """Return the cost lines by component and SKU."""
    found: dict[str, dict[tuple[str, ...], Document]] = {}
    for line in document["cost_lines"]:
        of = found.setdefault(line["component"], {})
        key = (line["provider"], line["sku"], line["region"], line["rate"], line["note"] or "")
        of[key] = line if key not in of else _added(of[key], line)
    return found


def _added(one: Document, other: Document) -> Document:
    """Return two lines of one SKU as one: a resource may have several volumes of a type."""
    sums = {key: _sum([one[key], other[key]]) for key in ("quantity", "monthly_cost")}
    return {**one, **sums}


def _unpriced(lines: _LinesBySku) -> int:
    return sum(line["price_status"] == "unpriced" for line in lines.values())


def _effects(before: _LinesBySku, after: _LinesBySku) -> tuple[float | None, float | None]:
    """Split the change of the expected cost: what prices moved at the new quantity, and the rest.

    Both are unknown where a line lost or gained its price, or where more or less is used without one.
    """
    by_price = by_design = 0.0
    for key in dict.fromkeys([*before, *after]):
        old, new = before.get(key), after.get(key)
        if any(line is not None and line["monthly_cost"] is None for line in (old, new)):
            if not _same_unpriced(old, new):
                return None, None
            continue
        was, now = (0.0 if line is None else float(line["monthly_cost"]) for line in (old, new))
        moved = 0.0
        if old is not None and new is not None:
            figures = (old["unit_price"], new["unit_price"], new["quantity"])
            moved = 0.0 if None in figures else (figures[1] - figures[0]) * figures[2]
        by_price += moved
        by_design += now - was - moved
    return by_price, by_design


def _same_unpriced(old: Document | None, new: Document | None) -> bool:
    """Say whether both sides lack the price of the same quantity."""
    if old is None or new is None or old["monthly_cost"] is not None or new["monthly_cost"] is not None:
        return False
    return not Difference(old["quantity"], new["quantity"]).changed


def _sum(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _per_1k_requests(document: Document) -> float | None:
    requests = document["demand"]["average_rps"] * 3600 * document["hours_per_month"]
    cost = document["monthly_cost"]["expected"]
    return None if not requests or cost is None else 1000 * cost / requests


def _new(before: Document, after: Document) -> list[Document]:
    """Return the findings of ``after`` that ``before`` has not, by code and component."""
    known = {(finding["code"], finding["component"]) for finding in before["warnings"]}
    return [
        f for f in after["warnings"] if (f["code"], f["component"]) not in known and f["severity"] != "info"
    ]


def lost_prices(found: Diff) -> Iterator[str]:
    """Yield the components that have more unpriced lines than before: their saving is none."""
    for component in found.components:
        if component.unpriced[1] > component.unpriced[0]:
            yield component.name
