"""What tuning found, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from capplan.autoscale.hpa.rules import Rules
from capplan.autoscale.tune import ALLOWED_LATE, Trial, Tuned, Tuning
from capplan.report.blocks import Block, Report
from capplan.report.numbers import finite, money
from capplan.report.simulation import SCHEMA_VERSION, difference, percent
from capplan.report.table import Column, Table


def report_of(plan: str, tuning: Tuning) -> Report:
    """Return for each service the compromises between cost and SLO and the one to take, then the saving."""
    return Report(partial(_blocks, tuning), partial(tuning_document, plan, tuning))


def _blocks(tuning: Tuning) -> Iterator[Block]:
    yield from map(_service, tuning.services)
    rows = [["today", money(tuning.usd_today)], ["with every ← setting", money(tuning.usd_tuned)]]
    said = f"{difference(tuning.usd_today, tuning.usd_tuned).capitalize()}."
    yield Table((Column("whole plan"), Column("USD/month", right=True)), rows, foot=(said,))


def _service(found: Tuned) -> Table:
    columns = (
        Column("target"),
        Column("min", right=True),
        Column("max", right=True),
        Column("up", shrinks=True),
        Column("down", shrinks=True),
        Column("mean", right=True),
        Column("late", right=True),
        Column("unseen", right=True),
        Column("USD/month", right=True),
    )
    today = found.today.choice
    others = [candidate for candidate in found.front if candidate.choice is not today]
    rows = [
        _row("today" if candidate is found.today else f"×{candidate.choice.factor:g}", candidate, found.best)
        for candidate in (found.today, *others)
    ]
    subject = found.subject
    title = f"{subject.name}: {subject.scaler_name}, SLO {subject.slo}; {found.tried:,} settings tried"
    return Table(columns, rows, title, foot=(_verdict(found),))


def _row(name: str, candidate: Trial, best: Trial | None) -> list[str]:
    choice = candidate.choice
    is_best = best is not None and choice is best.choice
    return [
        f"{name} ←" if is_best else name,
        str(choice.low),
        str(choice.high),
        _said(choice.up),
        _said(choice.down),
        f"{candidate.instances:.2f}",
        percent(candidate.late),
        percent(candidate.late_elsewhere),
        money(candidate.usd_per_month),
    ]


def _said(given: Rules | None) -> str:
    """Return window and policy of a direction; nothing where it is as in the plan."""
    if given is None:
        return ""
    return f"{given.window_s:g}s {given.amounts[0]:g}%/{given.periods_s[0]:g}s"


def _verdict(found: Tuned) -> str:
    if found.best is None:
        allowed = percent(ALLOWED_LATE)
        return f"No setting keeps late requests within {allowed} on both the searched and the unseen load."
    saving = difference(found.today.usd_per_month, found.best.usd_per_month)
    was = "also meets" if found.today.holds else "does not meet"
    return f"← the cheapest setting that meets the SLO: {saving}; today's setting {was} it."


def tuning_document(plan: str, tuning: Tuning) -> dict[str, Any]:
    """Return the same as a JSON document."""
    services = {found.subject.name: _document(found) for found in tuning.services}
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": plan,
        "allowed_late": ALLOWED_LATE,
        "services": services,
        "monthly_cost": {"today": tuning.usd_today, "tuned": tuning.usd_tuned},
    }


def _document(found: Tuned) -> dict[str, Any]:
    return {
        "slo": found.subject.slo,
        "tried": found.tried,
        "today": _candidate(found.today),
        "front": [_candidate(candidate) for candidate in found.front],
        "best": None if found.best is None else _candidate(found.best),
        "settings": found.settings,
    }


def _candidate(candidate: Trial) -> dict[str, Any]:
    choice = candidate.choice
    return {
        "target_factor": choice.factor,
        "min": choice.low,
        "max": choice.high,
        "up": _rules(choice.up),
        "down": _rules(choice.down),
        "instances": candidate.instances,
        "requests_over_slo": candidate.late,
        "requests_over_slo_unseen": finite(candidate.late_elsewhere),
        "holds": candidate.holds,
        "usd_per_month": finite(candidate.usd_per_month),
    }


def _rules(given: Rules | None) -> dict[str, float] | None:
    """Return a direction's one policy; None where it is as in the plan."""
    if given is None:
        return None
    percent, period_s = int(given.amounts[0]), float(given.periods_s[0])
    return {"percent": percent, "period_s": period_s, "window_s": given.window_s}
