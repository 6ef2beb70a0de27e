"""What an engine said when it started, beside the estimate."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from capplan.llm.configuration import Configuration
from capplan.llm.startup import StartupLog
from capplan.report.blocks import Block, Heading, Lines, Report
from capplan.report.table import Column, Table

_GIB = 2.0**30
_NEAR = 0.15
"""Difference of the room for the KV cache up to which the estimate agrees."""

_COLUMNS = (
    Column("Of each GPU"),
    Column("Log", right=True),
    Column("Estimate", right=True),
    Column("Difference", right=True),
)


def agrees(log: StartupLog, one: Configuration) -> bool:
    """Say whether the estimate starts where the engine did, with as much room within 15 %."""
    said, found = log.figures["room"], float(one.memory().room) / one.gpus / _GIB
    starts = float(one.memory().missing(log.figures["length"] or 1.0)) == 0
    if log.failure or said is None or said <= 0:
        return not starts
    return starts and abs(found / said - 1) <= _NEAR


def startup_report(log: StartupLog, one: Configuration) -> Report:
    """Return the figures of the log beside those of the estimate."""
    return Report(partial(_blocks, log, one))


def _blocks(log: StartupLog, one: Configuration) -> Iterator[Block]:
    engine = one.engine
    yield Heading(f"{one.model.name}, {one.brief()}, {engine.name} {engine.accounting.version}", indent="")
    rows = [_row(name, said, found) for name, (said, found) in _figures(log, one).items()]
    yield Table(_COLUMNS, rows)
    ended = f"The engine did not start: {log.failure}." if log.failure else "The engine started."
    verdict = "The estimate agrees." if agrees(log, one) else "The estimate does not agree."
    yield Lines((f"{ended} {verdict}",), indent="")


def _figures(log: StartupLog, one: Configuration) -> dict[str, tuple[float | None, float]]:
    memory, gpus = one.memory(), one.gpus
    length = log.figures["length"] or 1.0
    held = max(float(memory.room), 0.0)
    found = {
        "weights, GiB": (log.figures["weights"], float(memory.weights) / gpus / _GIB),
        "room for the KV cache, GiB": (log.figures["room"], float(memory.room) / gpus / _GIB),
    }
    if one.engine.accounting.graphs:
        found["CUDA graphs, GiB"] = (log.figures["graphs"], one.engine.accounting.graphs / _GIB)
    if log.figures["length"]:
        name = f"requests of {length:,.0f} tokens"
        found[name] = (log.figures["requests"], held / float(memory.sequence(length)))
    return found


def _row(name: str, said: float | None, found: float) -> list[str]:
    if said is None:
        return [name, "–", f"{found:,.2f}", "–"]
    difference = f"{100 * (found / said - 1):+.1f} %" if said > 0 and found else "–"
    return [name, f"{said:,.2f}", f"{found:,.2f}", difference]
