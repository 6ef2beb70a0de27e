"""One result, one format, one text: every way to show an estimate goes through here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError, Problem
from capplan.estimate import Estimate
from capplan.plan.bind import Path
from capplan.report.text import Style

if TYPE_CHECKING:
    from capplan.report.table import Table
    from capplan.report.uncertain import Forecasted, Sampled, Sensitive
    from capplan.uncertainty.forecast import Crossing

FormatName = Literal["table", "json", "csv", "markdown", "focus"]


class Swept(NamedTuple):
    """An estimate of many scenarios, and what varies between them."""

    estimate: Estimate
    axes: Mapping[Path, Sequence[str]]
    crossings: Sequence[Crossing] | None = None


class Compared(NamedTuple):
    """Several alternatives of one plan, by name."""

    estimates: Mapping[str, Estimate]


Result: TypeAlias = "Estimate | Swept | Compared | Sampled | Sensitive | Forecasted"


def render(result: Result, fmt: FormatName, style: Style, catalog: Catalog, period: str | None) -> str:
    """Return ``result`` as text in the format ``fmt``."""
    if fmt == "json":
        return _json(result)
    if fmt == "csv":
        return _csv(result)
    if fmt == "focus":
        return _focus(result, catalog, period)
    return _prose(result, style, as_markdown=fmt == "markdown")


def _json(result: Result) -> str:
    from capplan.report import json_format

    if isinstance(result, Swept):
        document = json_format.sweep_document(result.estimate, result.axes)
        return json_format.dumps(document | _crossed(result))
    if isinstance(result, Compared):
        return json_format.dumps(json_format.alternatives_document(result.estimates))
    if isinstance(result, Estimate):
        return json_format.dumps(json_format.estimate_document(result))
    from capplan.report import uncertain

    if isinstance(result, uncertain.Sampled):
        return json_format.dumps(uncertain.sampled_document(result))
    if isinstance(result, uncertain.Sensitive):
        return json_format.dumps(uncertain.sensitive_document(result))
    return json_format.dumps(uncertain.forecast_document(result))


def _crossed(result: Swept) -> dict[str, object]:
    if result.crossings is None:
        return {}
    from capplan.report.uncertain import crossings_document

    return {"crossings": crossings_document(result.crossings)}


def _csv(result: Result) -> str:
    from capplan.report import csv_format

    if isinstance(result, Swept):
        return csv_format.sweep_csv(result.estimate, result.axes)
    if isinstance(result, Compared):
        return csv_format.lines_csv(result.estimates.values())
    if isinstance(result, Estimate):
        return csv_format.lines_csv([result])
    from capplan.report.uncertain import csv_of

    return csv_of(result)


def _prose(result: Result, style: Style, as_markdown: bool) -> str:
    from capplan.report import table, text

    def draw(drawn: table.Table) -> str:
        return table.markdown(drawn) if as_markdown else table.text(drawn, style.width)

    if isinstance(result, Swept):
        report = text.sweep_report(result.estimate, result.axes, style, draw)
        return report + _crossings(result, draw)
    if isinstance(result, Compared):
        return text.alternatives_report(result.estimates, style, draw)
    whole = text.estimate_markdown if as_markdown else text.estimate_text
    if isinstance(result, Estimate):
        return whole(result, style)
    from capplan.report import uncertain

    if isinstance(result, uncertain.Sampled):
        return whole(result.estimate, style) + "\n" + uncertain.sampled_text(result, draw)
    if isinstance(result, uncertain.Sensitive):
        return uncertain.sensitive_text(result, draw)
    return uncertain.forecast_text(result, draw)


def _crossings(result: Swept, draw: Callable[[Table], str]) -> str:
    if not result.crossings:
        return ""
    from capplan.report.uncertain import crossings_text

    return "\n" + crossings_text(result.crossings, draw)


def _focus(result: Result, catalog: Catalog, period: str | None) -> str:
    from capplan.report.focus import focus_csv
    from capplan.report.view import view

    if not isinstance(result, Estimate):
        what = "a FOCUS file holds one estimate, not several"
        raise InputError(Problem("--format focus", what, "Leave out --sweep, --months or --alternative all."))
    period = period or max((line.as_of or "" for line in result.lines), default="")[:7] or "2026-01"
    return focus_csv(view(result), period, catalog.facts("regions"))
