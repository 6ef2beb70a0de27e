"""Gates on the drift of a bill from its estimate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capplan.findings import Finding
from capplan.gate import checks
from capplan.gate.judged import SEVERITIES, judged
from capplan.plan.gates import BillDrift, Gates
from capplan.report.blocks import Result

if TYPE_CHECKING:
    from capplan.gate.actual import Actual

_PARTS = {"total": "difference", "quantity": "by_quantity", "price": "by_price", "not_matched": "not_matched"}
_SAID = {
    "total": "in all",
    "quantity": "by quantity",
    "price": "by price",
    "not_matched": "by what is not matched",
}


def drift_findings(gates: Gates, actual: Actual) -> Iterator[Result]:
    """Yield every drift that is, or may be, larger than allowed, in either direction."""
    for index, gate in enumerate(gates.drifts):
        severity = SEVERITIES.get(gate.severity)
        finding = _of(gate, actual) if severity else None
        if finding is not None and severity is not None:
            judging = finding._replace(severity=severity)
            yield judged(judging, f"drift/{gate.of}", "cost", ("drifts", index))


def _of(gate: BillDrift, actual: Actual) -> Finding | None:
    part = _PARTS[gate.of]
    usd = actual.total(part)
    unknown = [drift.name for drift in actual.drifts if getattr(drift, part) is None]
    if usd is None or unknown:
        what = f"the drift {_SAID[gate.of]} is unknown: {', '.join(unknown[:3]) or 'nothing has a price'}"
        return checks.DRIFT_UNKNOWN.finding("", what)
    planned = sum(d.estimated.cost or 0.0 for d in actual.drifts if d.estimated)
    share = abs(usd) / planned if planned > 0.0 else (float("inf") if usd else 0.0)
    over = gate.usd is not None and abs(usd) > gate.usd + _CENT
    if not over and not (gate.percent is not None and share > gate.percent + 1e-9 and abs(usd) > _CENT):
        return None
    months = ", ".join(actual.months)
    what = f"the bill of {months} drifts {_SAID[gate.of]} by {usd:+,.2f} USD, {share:.1%} of the estimate"
    return checks.DRIFT_EXCEEDED.finding("", what)


_CENT = 0.005
