"""Recommended requests, for people and for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from capplan.autoscale.rightsize.usage import SizeAdvice
from capplan.report.blocks import Report
from capplan.report.simulation import SCHEMA_VERSION
from capplan.report.table import Column, Table

_MIB = 2**20


class Requested(NamedTuple):
    """What the plan requests for a container, millicores and bytes; whether an autoscaler goes by its CPU."""

    cpu_milli: float
    memory_bytes: float
    scales_by_cpu: bool


def report_of(advices: Sequence[SizeAdvice], requested: Mapping[str, Requested]) -> Report:
    """Return what VPA and KRR would request, beside what the plan does."""
    return Report(lambda: [_table(advices, requested)], partial(rightsize_document, advices, requested))


def _table(advices: Sequence[SizeAdvice], requested: Mapping[str, Requested]) -> Table:
    """Return a row for each container and resource."""
    columns = (
        Column("container", shrinks=True),
        Column("resource"),
        Column("plan", right=True),
        Column("VPA lower", right=True),
        Column("target", right=True),
        Column("upper", right=True),
        Column("KRR", right=True),
        Column("KRR p66/p96", right=True),
    )
    rows = [row for advice in advices for row in _rows(advice, requested.get(advice.name))]
    notes = [
        f"WARNING {advice.name}: an autoscaler measures its CPU in percent of the request, so a smaller "
        "request means more pods."
        for advice in advices
        if advice.name in requested and requested[advice.name].scales_by_cpu
    ]
    return Table(columns, rows, foot=notes)


def _rows(advice: SizeAdvice, requested: Requested | None) -> list[list[str]]:
    vpa = advice.vpa
    limited = advice.krr_limited_cpu
    rows = [
        [
            advice.name,
            "cpu",
            "–" if requested is None else f"{requested.cpu_milli:,.0f}m",
            *(f"{bound.cpu_milli:,}m" for bound in vpa),
            _milli(advice.krr_cpu.request),
            f"{_milli(limited.request)}/{_milli(limited.limit)}",
        ]
    ]
    if advice.has_memory:
        rows.append(
            [
                "",
                "memory",
                "–" if requested is None else _mib(requested.memory_bytes),
                *(_mib(bound.memory_bytes) for bound in vpa),
                _mib(advice.krr_memory.request),
                "",
            ]
        )
    return rows


def _milli(cores: float | None) -> str:
    return "?" if cores is None else f"{1000 * cores:,.0f}m"


def _mib(amount: float | None) -> str:
    return "?" if amount is None else f"{amount / _MIB:,.0f}Mi"


def rightsize_document(advices: Sequence[SizeAdvice], requested: Mapping[str, Requested]) -> dict[str, Any]:
    """Return the same as a JSON document: millicores and bytes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "containers": {advice.name: _document(advice, requested.get(advice.name)) for advice in advices},
    }


def _document(advice: SizeAdvice, requested: Requested | None) -> dict[str, Any]:
    bounds = {name: dict(amounts._asdict()) for name, amounts in advice.vpa._asdict().items()}
    if not advice.has_memory:
        for amounts in bounds.values():
            amounts["memory_bytes"] = None
    return {
        "plan": None if requested is None else dict(requested._asdict()),
        "vpa": bounds,
        "krr": {
            "cpu_cores": advice.krr_cpu.request,
            "cpu_cores_p66": advice.krr_limited_cpu.request,
            "cpu_cores_p96": advice.krr_limited_cpu.limit,
            "memory_bytes": advice.krr_memory.request if advice.has_memory else None,
        },
    }
