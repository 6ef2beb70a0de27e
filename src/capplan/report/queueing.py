"""The steady state of a queue, for people and for scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from capplan.capacity.queueing import ggc_response_percentile
from capplan.capacity.queueing.models import QueueingModel
from capplan.quantities import plain
from capplan.report.blocks import Block, Heading, Report
from capplan.report.numbers import quantity, significant
from capplan.report.table import Column, Table

SCHEMA_VERSION = 1
_PERCENTILES = (50, 95, 99)
_NAMES = {
    "utilization": "utilization ρ",
    "number": "present L",
    "queue": "waiting Lq",
    "response_s": "response W, s",
    "wait_s": "wait Wq, s",
    "waits": "share that waits",
    "lost": "share lost",
    "throughput": "throughput X, 1/s",
    "empty": "share of the time empty p₀",
}


def report_of(name: str, model: QueueingModel, given: Mapping[str, float], solved: str | None) -> Report:
    """Return the report of a model at these arguments, of which ``solved`` was asked for."""
    found = _figures(model, given)
    document = {
        "schema_version": SCHEMA_VERSION,
        "model": name,
        "inputs": {key: significant(value) for key, value in given.items()},
        "solved": solved,
        "stable": math.isfinite(found["number"]),
        **{key: significant(value) if math.isfinite(value) else None for key, value in found.items()},
    }
    return Report(partial(_blocks, name, model, document), lambda: document)


def _figures(model: QueueingModel, given: Mapping[str, float]) -> dict[str, float]:
    steady = model.steady(**given)
    found = {key: float(getattr(steady, key)) for key in _NAMES if key != "utilization"}
    servers = given.get("servers", 1.0)
    found = {"utilization": found["throughput"] * given["service_time_s"] / servers} | found
    if model.is_endless:
        law = (model.cs2 if model.cs2 is not None else given["cs2"], given.get("ca2", 1.0))
        shares = np.array(_PERCENTILES) / 100
        where = (given["arrival_rate"], given["service_time_s"], servers)
        times = ggc_response_percentile(shares, *where, *law)
        found |= {f"response_p{p}_s": float(time) for p, time in zip(_PERCENTILES, times, strict=True)}
    return found


def _blocks(name: str, model: QueueingModel, document: Mapping[str, Any]) -> Iterator[Block]:
    given = ", ".join(f"{key} {quantity(value)}" for key, value in document["inputs"].items())
    solved = document["solved"]
    asked = [] if solved is None else [f"The {_ASKED[solved]} is {quantity(document['inputs'][solved])}."]
    growing = [] if document["stable"] else ["More arrives than can be served: the queue grows without end."]
    yield Heading(f"{name}: {model.title}", [given, *asked, *growing])
    names = _NAMES | {f"response_p{p}_s": f"response p{p}, s" for p in _PERCENTILES}
    rows = [[title, _figure(document[key])] for key, title in names.items() if key in document]
    yield Table((Column("figure"), Column("value", right=True)), rows)


_ASKED = {
    "servers": "smallest number of servers that keeps the target",
    "arrival_rate": "highest arrival rate that keeps the target",
}


def _figure(value: float | None) -> str:
    return "∞" if value is None else f"{plain(value, 6)}"
