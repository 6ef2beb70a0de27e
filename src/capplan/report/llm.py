"""LLM serving, for people and for scripts: a quick look, and the ranking of a plan's options."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from capplan.components.base import Component
from capplan.components.llm_options import Option
from capplan.estimate import Estimate
from capplan.llm.architecture import Architecture
from capplan.llm.confidence import Level, range_of
from capplan.llm.look import Asked, Look
from capplan.report import numbers
from capplan.report.json_format import SCHEMA_VERSION
from capplan.report.table import Column, Table, markdown, text

Priced = tuple[Look, tuple[str, float] | None]
"""A look, and the cheapest machine for a replica with its USD per hour."""

_LOOK = (
    Column("Precision"),
    Column("GPUs", shrinks=True),
    Column("GB", right=True),
    Column("Seqs", right=True),
    Column("Users", right=True),
    Column("tok/s alone", right=True),
    Column("TTFT", right=True),
    Column("TPOT", right=True),
    Column("tok/s", right=True),
    Column("USD/1M", right=True),
    Column("Sure"),
)


def look_text(title: str, looks: Sequence[Priced], width: int) -> str:
    """Return what fits with its speed, then what does not with the reason."""
    able = [priced for priced in looks if not priced[0].hindrance]
    parts = [title + "\n"]
    if able:
        parts.append(text(Table(_LOOK, [_look_cells(*priced) for priced in able]), width))
        parts.append(_legend(able, width))
    parts += [
        textwrap.fill(f"not {_name(one)}: {one.hindrance}", width, subsequent_indent="  ") + "\n"
        for one, _ in looks
        if one.hindrance
    ]
    return "\n".join(parts)


def look_markdown(title: str, looks: Sequence[Priced]) -> str:
    """Return the same as Markdown."""
    able = [priced for priced in looks if not priced[0].hindrance]
    parts = [markdown(Table(_LOOK, [_look_cells(*priced) for priced in able], title))]
    parts += [f"- not {_name(one)}: {one.hindrance}\n" for one, _ in looks if one.hindrance]
    return "\n".join(parts)


def _name(one: Look) -> str:
    c = one.configuration
    return f"{c.precision.name} on {c.tensor_parallel:g} × {c.gpu.name}"


def _look_cells(one: Look, machine: tuple[str, float] | None) -> list[str]:
    c = one.configuration
    return [
        c.precision.name,
        f"{c.tensor_parallel:g} × {c.gpu.name}",
        f"{one.weights_gb:.1f}",
        numbers.count(one.sequences),
        numbers.count(one.users),
        f"{one.alone_tokens_per_s:,.0f}",
        _ms(one.ttft_s),
        _ms(one.tpot_s),
        f"{one.tokens_per_s:,.0f}",
        "–" if machine is None else f"{_per_million(one, machine[1]):.2f}",
        one.confidence.level,
    ]


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:,.0f} ms" if seconds >= 0.01 else f"{1e3 * seconds:.1f} ms"


def _per_million(one: Look, usd_per_hour: float) -> float:
    """Return USD for a million output tokens of a replica that is always full."""
    return usd_per_hour / (one.tokens_per_s * 3600) * 1e6


def _legend(able: Sequence[Priced], width: int) -> str:
    said = [
        "GB: weights. Seqs: requests that the KV cache holds. Users: of those, at the promised speed.",
        "TTFT, TPOT and tok/s: with so many. USD/1M: output tokens of a replica that is always full.",
    ]
    levels: tuple[Level, ...] = ("high", "medium", "low")
    for level in levels:
        reasons = dict.fromkeys(
            r for one, _ in able if one.confidence.level == level for r in one.confidence.reasons
        )
        if any(one.confidence.level == level for one, _ in able):
            low, high = range_of(level, "tpot")
            because = f": {'; '.join(reasons)}" if reasons else ""
            said.append(f"{level}: speeds good to ×{low:.2g}…×{high:.2g} (TTFT squared){because}.")
    machines = dict.fromkeys(f"{machine[0]} {machine[1]:.4g} USD/h" for _, machine in able if machine)
    if machines:
        said.append(f"Machines: {', '.join(machines)}.")
    return "\n".join(textwrap.fill(line, width) for line in said) + "\n"


def look_document(asked: Asked, looks: Sequence[Priced]) -> dict[str, Any]:
    """Return the looks as scripts read them."""
    return {
        "schema_version": SCHEMA_VERSION,
        "input_tokens": asked.inputs,
        "output_tokens": asked.outputs,
        "configurations": [_look_document(*priced) for priced in looks],
    }


def _look_document(one: Look, machine: tuple[str, float] | None) -> dict[str, Any]:
    c = one.configuration
    able = not one.hindrance
    level = one.confidence.level
    return {
        "model": c.model.name,
        "precision": c.precision.name,
        "gpu": c.gpu.name,
        "tensor_parallel": c.tensor_parallel,
        "engine": c.engine.name,
        "fits": one.sequences >= 1,
        "reason": one.hindrance or None,
        "weights_gb": one.weights_gb,
        "usable_gb": one.usable_gb,
        "kv_kb_per_token": one.kv_kb_per_token,
        "sequences": one.sequences,
        "users": one.users,
        "single_stream": {
            "tokens_per_s": _known(one.alone_tokens_per_s),
            "ttft_ms": _milliseconds(one.alone_ttft_s),
        },
        "ttft_ms": _milliseconds(one.ttft_s) if able else None,
        "tpot_ms": _milliseconds(one.tpot_s) if able else None,
        "requests_per_s": one.requests_per_s if able else None,
        "tokens_per_s": one.tokens_per_s if able else None,
        "confidence": level,
        "confidence_reasons": list(one.confidence.reasons),
        "range": {"tpot": list(range_of(level, "tpot")), "ttft": list(range_of(level, "ttft"))},
        "machine": None if machine is None else machine[0],
        "usd_per_hour": None if machine is None else machine[1],
        "usd_per_1m_output_tokens": _per_million(one, machine[1]) if machine and able else None,
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _milliseconds(seconds: float) -> float | None:
    return _known(1e3 * seconds)


_OPTION = (
    Column("#", right=True),
    Column("Precision"),
    Column("GPUs", shrinks=True),
    Column("Machine", shrinks=True),
    Column("Rate"),
    Column("Peak", right=True),
    Column("TPOT", right=True),
    Column("TTFT p95", right=True),
    Column("USD/month", right=True),
    Column("Sure"),
    Column("Why not", shrinks=True),
)


def options_table(title: str, options: Sequence[Option]) -> Table:
    """Return options by monthly cost; those that cannot serve stand last, with the reason."""
    rows = [
        [
            str(index) if option.feasible else "",
            option.configuration.precision.name,
            f"{option.configuration.tensor_parallel:g} × {option.configuration.gpu.name}",
            "" if option.offer is None else option.offer.machine.name,
            option.rate,
            numbers.count(option.replicas) if option.offer else "",
            _ms(option.tpot_s) if option.offer else "",
            _ms(option.ttft_p95_s) if option.offer else "",
            numbers.money(option.usd_per_month),
            option.confidence.level,
            option.lost,
        ]
        for index, option in enumerate(options, 1)
    ]
    return Table(_OPTION, rows, title)


def option_document(option: Option) -> dict[str, Any]:
    """Return an option as scripts read it."""
    c = option.configuration
    return {
        "precision": c.precision.name,
        "gpu": c.gpu.name,
        "tensor_parallel": c.tensor_parallel,
        "provider": None if option.offer is None else option.offer.provider,
        "machine": None if option.offer is None else option.offer.name,
        "rate": option.rate or None,
        "replicas_peak": option.replicas if option.offer else None,
        "tpot_ms": _milliseconds(option.tpot_s),
        "ttft_p95_ms": _milliseconds(option.ttft_p95_s),
        "monthly_cost": option.usd_per_month,
        "confidence": option.confidence.level,
        "reason": option.lost or None,
    }


_MODEL = (
    Column("Model"),
    Column("Billion", right=True),
    Column("active", right=True),
    Column("layers", right=True),
    Column("KV kB/token", right=True),
    Column("Known", shrinks=True),
)


def models_table(models: Sequence[Architecture]) -> Table:
    """Return the models that are known; the KV cache at 16 bit, of a token that all layers see."""
    rows = [
        [
            model.name,
            f"{model.total_parameters / 1e9:.1f}",
            f"{model.active_parameters / 1e9:.1f}",
            f"{model.layers:g}",
            f"{model.layers * model.kv_elements_per_layer * 2 / 1e3:.0f}",
            model.confidence,
        ]
        for model in models
    ]
    return Table(_MODEL, rows)


class ServedView(NamedTuple):
    """What an LLM component of a plan does and costs; None where something is unknown.

    tokens: output tokens a month. local: what the component costs, API included.
    """

    name: str
    model: str
    replicas_peak: float | None
    replicas_average: float | None
    replicas_by_hour: list[float]
    utilization: float | None
    tokens_per_month: float
    usd_per_month: float
    usd_per_1m_output_tokens: float | None
    usd_per_conversation: float | None


def served(estimate: Estimate) -> dict[str, ServedView]:
    """Return every LLM component of an estimate with one scenario."""
    return {
        component.name: _served(estimate, component)
        for component in estimate.components
        if component.kind == "llm"
    }


def _served(estimate: Estimate, component: Component) -> ServedView:
    llm = estimate.plan.llm[component.name]
    hours = float(estimate.hours_per_month)
    requests = float(estimate.load.average(component.name)[0, 0]) * 3600 * hours
    tokens = requests * float(llm.output_tokens)
    usd = float(estimate.cost_of(component.name).expected[0, 0])
    sizing, busy = component.sizing, component.utilization
    return ServedView(
        component.name,
        llm.model,
        None if sizing is None else float(sizing.peak[0, 0]),
        None if sizing is None else float(sizing.running[0].mean()),
        [] if sizing is None else sizing.running[0].tolist(),
        None if busy is None else float(busy[0, 0]),
        tokens,
        usd,
        usd / tokens * 1e6 if tokens else None,
        usd / requests * float(llm.requests_per_conversation) if requests else None,
    )


def served_line(one: ServedView) -> str:
    """Return what a component of the plan costs now, in a line."""
    replicas = "cannot serve" if one.replicas_peak is None else f"{numbers.count(one.replicas_peak)} replicas"
    each = [
        f"${one.usd_per_1m_output_tokens:,.2f} per million output tokens"
        if one.usd_per_1m_output_tokens
        else "",
        f"${one.usd_per_conversation:,.4f} per conversation" if one.usd_per_conversation else "",
    ]
    said = [f"{one.name}, {one.model}: {replicas} at the peak", f"${one.usd_per_month:,.2f} a month", *each]
    return ", ".join(part for part in said if part)


def ranking_document(
    served: Mapping[str, ServedView], options: Mapping[str, Sequence[Option]]
) -> dict[str, Any]:
    """Return the ranking of every component as scripts read it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "components": {
            name: {**served[name]._asdict(), "options": [option_document(option) for option in found]}
            for name, found in options.items()
        },
    }
