"""What was learned from load tests, for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from capplan.calibrate.experiment import Calibration
from capplan.calibrate.learn import FIGURES, MEMORY, next_test
from capplan.calibrate.models import FULL
from capplan.calibrate.outcome import Estimated
from capplan.findings import Finding
from capplan.quantities import counted, plain
from capplan.report.blocks import Block, Curves, Findings, Heading, Lines, Report
from capplan.report.table import Column, Table

SCHEMA_VERSION = 1
_SHOWN = {
    "service_time_s": ("service time", 1000.0, " ms"),
    "cs2": ("its variance ÷ mean² (cs2)", 1.0, ""),
    "cpu_time_s": ("CPU time", 1000.0, " ms"),
    "concurrency": ("concurrency", 1.0, ""),
    "throughput_rps": ("throughput", 1.0, "/s"),
    "knee_rps": ("knee", 1.0, "/s"),
    "memory_base_gib": ("memory, idle", 1024.0, " MiB"),
    "memory_per_request_gib": ("memory of a request", 1024.0, " MiB"),
}
_MOST_ROWS = 40


def report_of(found: Calibration, subject: str) -> Report:
    """Return the figures, the runs with what the model says to them, and what was not believed."""
    return Report(
        partial(_blocks, found, subject),
        partial(calibration_document, found),
        charts=partial(_charts, found, subject),
    )


def _blocks(found: Calibration, subject: str) -> Iterator[Block]:
    runs = counted(len(found.runs), "run")
    fits = f"{runs}, model {found.model}" if found.model else "no run can be used"
    yield Heading(f"{subject}: {fits}")
    columns = (Column("of one instance"), Column("value", right=True), Column("90 % interval", right=True))
    figures = {**found.figures} | {f"usl {name}": one for name, one in (found.usl or {}).items()}
    rows = [_row(name, figure) for name, figure in figures.items() if name not in MEMORY or figure]
    yield Table(columns, rows)
    if found.runs:
        yield _runs(found)
        yield _curves(found)
    order = [*found.refused, *found.warnings]
    yield Findings(sorted(order, key=lambda finding: finding.rank))
    yield Lines(next_test(found))


def _row(name: str, figure: Estimated | None) -> list[str]:
    title, factor, unit = _SHOWN.get(name, (name, 1.0, ""))
    if figure is None:
        return [title, "unknown", ""]
    value, low, high = (f"{plain(part * factor)}{unit}" for part in figure)
    return [title, value, f"{low} to {high}"]


def _runs(found: Calibration) -> Table:
    columns = [Column("run", shrinks=True), Column("tool")]
    columns += [Column(name, right=True) for name in ("in progress", "requests/s", "ms", "model ms")]
    model = _model_at(found)
    points = found.points
    rows = [
        [
            run.file,
            run.tool,
            f"{plain(n)}",
            f"{plain(rate)}",
            f"{plain(1000 * time)}",
            f"{plain(1000 * said)}" if said else "–",
        ]
        for run, n, rate, time, said in zip(
            found.runs, points.present, points.rate, points.response_s, model, strict=True
        )
    ]
    foot = [f"{len(rows) - _MOST_ROWS} more runs are not shown."] if len(rows) > _MOST_ROWS else []
    return Table(columns, rows[:_MOST_ROWS], foot=foot)


def _model_at(found: Calibration) -> list[float]:
    """Return what the curve says at each run; 0 where a run lies off it."""
    points, curve = found.points, found.curve
    at = points.rate if curve.open else points.present
    on = (points.kind != FULL) & (points.think_s < 0.05 * points.response_s) & (at <= curve.x[-1])
    return [float(said) for said in np.where(on, np.interp(at, curve.x, curve.model_s), 0.0)]


def _curves(found: Calibration) -> Curves:
    curve, points = found.curve, found.points
    at = points.rate if curve.open else points.present
    order = np.argsort(at)
    x = np.unique(np.clip(at, curve.x[0], curve.x[-1]))
    measured = np.interp(x, at[order], points.response_s[order])
    model = np.interp(x, curve.x, curve.model_s)
    return Curves(
        x.tolist(),
        {"model": (1000 * model).tolist(), "measured": (1000 * measured).tolist()},
        f"ms over {'requests/s' if curve.open else 'requests in progress'}",
        title="response time",
        dots=["measured"],
    )


def _charts(found: Calibration, subject: str) -> Iterator[Block]:
    if found.runs:
        yield Heading(f"{subject}: {found.model}")
        yield _curves(found)


def calibration_document(found: Calibration) -> dict[str, Any]:
    """Return the same as a JSON document."""
    usl = found.usl or {}
    parts = {part: {name: getattr(one, part) for name, one in usl.items()} for part in Estimated._fields}
    return {
        "schema_version": SCHEMA_VERSION,
        **{name: _figure_document(found.figures.get(name)) for name in FIGURES},
        "usl": parts if usl else None,
        **{name: _figure_document(found.figures.get(name)) for name in MEMORY},
        "model": found.model or None,
        "used": [
            _said(run.file, run.tool, _summary(run.clients, run.rate, run.mean_s)) for run in found.runs
        ],
        "warnings": [_finding(one) for one in found.warnings],
        "refused": [_finding(one) for one in found.refused],
        "next_test": next_test(found),
    }


def _summary(clients: float | None, rate: float, mean_s: float | None) -> str:
    loop = f"{plain(clients)} clients, " if clients else ""
    return f"{loop}{plain(rate)} requests/s" + (f", {plain(1000 * mean_s)} ms" if mean_s else "")


def _figure_document(figure: Estimated | None) -> dict[str, float] | None:
    return None if figure is None else figure._asdict()


def _finding(finding: Finding) -> dict[str, str]:
    return _said(finding.file, finding.code, finding.said)


def _said(file: str, code: str, message: str) -> dict[str, str]:
    return {"file": file, "code": code, "message": message}
