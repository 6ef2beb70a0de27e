"""The report of whatever `capplan estimate` was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from capplan.errors import InputError, Problem
from capplan.estimate import Estimate, estimate_on
from capplan.plan.bind import Path, Scenarios
from capplan.report.blocks import Block, Report, Sheet

if TYPE_CHECKING:
    from capplan.components.base import Context
    from capplan.report.uncertain import Forecasted, Sampled, Sensitive
    from capplan.uncertainty.forecast import Crossing


_PART = 1000
"""Scenarios that are estimated together."""


class Swept(NamedTuple):
    """The scenarios of a sweep, what varies between them, and what their estimates start from."""

    context: Context
    scenarios: Scenarios
    axes: Mapping[Path, Sequence[str]]
    crossings: Sequence[Crossing] | None = None

    def parts(self) -> Iterator[Estimate]:
        """Yield the estimates of the scenarios, some at a time."""
        for part in self.divided():
            yield estimate_on(self.context, part)

    def divided(self) -> list[Scenarios]:
        """Return the scenarios, in parts that are estimated together."""
        return [self.scenarios.part(s, s + _PART) for s in range(0, self.scenarios.count, _PART)]

    def check(self, most: int, form: str) -> None:
        """Refuse more scenarios than a format can hold."""
        if self.scenarios.count > most:
            what = f"{self.scenarios.count:,} scenarios are too many for {form}; the limit is {most:,}"
            raise InputError(Problem("--sweep", what, "Take --format csv."))


class Compared(NamedTuple):
    """Several alternatives of one plan, by name."""

    estimates: Mapping[str, Estimate]


Result: TypeAlias = "Estimate | Swept | Compared | Sampled | Sensitive | Forecasted"


def report_of(result: Result, verbosity: int = 0, focus: Callable[[Estimate], Sheet] | None = None) -> Report:
    """Return the report of ``result``; ``focus`` makes the FOCUS file of one estimate."""
    blocks = partial(_blocks, result, verbosity)
    sheets: dict[str, Callable[[], Sheet]] = {"csv": partial(_sheet, result)}
    if focus is not None and isinstance(result, Estimate):
        sheets["focus"] = partial(focus, result)
    return Report(blocks, partial(_document, result), sheets)


def _blocks(result: Result, verbosity: int) -> Iterator[Block]:
    from capplan.report import estimate as report

    if isinstance(result, Estimate):
        yield from report.estimate_blocks(result, verbosity)
    elif isinstance(result, Compared):
        yield from report.alternatives_blocks(result.estimates)
    elif isinstance(result, Swept):
        from capplan.report.sweep import sweep_blocks

        yield from sweep_blocks(result, verbosity)
        if result.crossings:
            from capplan.report.uncertain import crossings_block

            yield crossings_block(result.crossings)
    else:
        from capplan.report.uncertain import uncertain_blocks

        yield from uncertain_blocks(result, verbosity)


def _document(result: Result) -> dict[str, Any]:
    from capplan.report import json_format

    if isinstance(result, Estimate):
        return json_format.estimate_document(result)
    if isinstance(result, Compared):
        return json_format.alternatives_document(result.estimates)
    from capplan.report import uncertain

    if isinstance(result, Swept):
        from capplan.report.sweep import sweep_document

        document = sweep_document(result)
        crossings = result.crossings
        return document if crossings is None else document | uncertain.crossed(crossings)
    return uncertain.uncertain_document(result)


def _sheet(result: Result) -> Sheet:
    from capplan.report import sheets

    if isinstance(result, Estimate):
        return sheets.lines([result])
    if isinstance(result, Compared):
        return sheets.lines(result.estimates.values())
    if isinstance(result, Swept):
        from capplan.report.sweep import sweep_sheet

        return sweep_sheet(result)
    from capplan.report.uncertain import uncertain_sheet

    return uncertain_sheet(result)
