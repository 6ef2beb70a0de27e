"""The report of whatever `capplan estimate` was asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from capplan.estimate import Estimate
from capplan.plan.bind import Path
from capplan.report.blocks import Block, Report, Sheet

if TYPE_CHECKING:
    from capplan.report.uncertain import Forecasted, Sampled, Sensitive
    from capplan.uncertainty.forecast import Crossing


class Swept(NamedTuple):
    """An estimate of many scenarios, and what varies between them."""

    estimate: Estimate
    axes: Mapping[Path, Sequence[str]]
    crossings: Sequence[Crossing] | None = None


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
        yield from report.sweep_blocks(result.estimate, result.axes, verbosity)
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
        document = json_format.sweep_document(result.estimate, result.axes)
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
        return sheets.sweep(result.estimate, result.axes)
    from capplan.report.uncertain import uncertain_sheet

    return uncertain_sheet(result)
