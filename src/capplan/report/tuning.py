"""What tuning found, as text and as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from capplan.autoscale.tune import ALLOWED_LATE, Candidate, Tuned, settings_of
from capplan.report.numbers import money
from capplan.report.simulation import SCHEMA_VERSION, percent
from capplan.report.table import Column, Table, text


def tuning_text(tuned: Sequence[Tuned], width: int) -> str:
    """Return for each service the compromises between cost and SLO, and the one to take."""
    return "\n".join(_service(found, width) for found in tuned)


def _service(found: Tuned, width: int) -> str:
    columns = (
        Column("setting", shrinks=True),
        Column("min", right=True),
        Column("max", right=True),
        Column("instances", right=True),
        Column("late", right=True),
        Column("late, unseen", right=True),
        Column("USD/month", right=True),
    )
    rows = [_row("today", found.today)]
    rows += [_row(_said(candidate, found.best), candidate) for candidate in found.front]
    subject = found.subject
    title = f"{subject.name}: {subject.scaler_name}, SLO {subject.slo}; {found.tried:,} settings tried"
    return text(Table(columns, rows, title=title), width) + _verdict(found)


def _row(name: str, candidate: Candidate) -> list[str]:
    choice = candidate.choice
    return [
        name,
        str(choice.low),
        str(choice.high),
        f"{candidate.instances:.2f}",
        percent(candidate.late),
        percent(candidate.late_elsewhere),
        money(candidate.usd_per_month),
    ]


def _said(candidate: Candidate, best: Candidate | None) -> str:
    choice = candidate.choice
    parts = [f"target ×{choice.factor:g}"]
    if choice.up is not None:
        parts.append("up ×2")
    if choice.down is not None:
        parts.append(f"down {choice.down.window_s:g}s")
    return ", ".join(parts) + (" ←" if candidate is best else "")


def _verdict(found: Tuned) -> str:
    if found.best is None:
        allowed = percent(ALLOWED_LATE)
        return f"No setting keeps late requests to {allowed} of all, also on load that was not searched.\n"
    saved = found.today.usd_per_month - found.best.usd_per_month
    said = "saves" if saved >= 0 else "costs"
    was = "also holds" if found.today.holds else "does not hold"
    return f"← the cheapest that holds the SLO: {said} {money(abs(saved))} a month; today's {was} it.\n"


def tuning_document(plan: str, tuned: Sequence[Tuned]) -> dict[str, Any]:
    """Return the same as a JSON document."""
    services = {found.subject.name: _document(found) for found in tuned}
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": plan,
        "allowed_late": ALLOWED_LATE,
        "services": services,
    }


def _document(found: Tuned) -> dict[str, Any]:
    return {
        "slo": found.subject.slo,
        "tried": found.tried,
        "today": _candidate(found.today),
        "front": [_candidate(candidate) for candidate in found.front],
        "best": None if found.best is None else _candidate(found.best),
        "settings": None if found.best is None else dict(settings_of(found)),
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    choice = candidate.choice
    return {
        "target_factor": choice.factor,
        "min": choice.low,
        "max": choice.high,
        "faster_up": choice.up is not None,
        "down_window_s": None if choice.down is None else choice.down.window_s,
        "instances": candidate.instances,
        "requests_over_slo": candidate.late,
        "requests_over_slo_unseen": _finite(candidate.late_elsewhere),
        "holds": candidate.holds,
        "usd_per_month": _finite(candidate.usd_per_month),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
