"""What speculation brings and costs, beside the same without it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from capplan.components.llm.options import ServingOption
from capplan.llm.look import Look
from capplan.report.numbers import finite

_MOST = 4
"""Options that are named."""


def gains(one: Look) -> Iterator[str]:
    """Yield how much faster speculation makes a configuration: for one user, and when it is full."""
    if one.plain is not None and not math.isnan(one.alone_tokens_per_s):
        alone = one.alone_tokens_per_s / one.plain.alone_tokens_per_s
        full = one.tokens_per_s / one.plain.tokens_per_s
        what = f"speculation makes one user ×{alone:.2g} as fast, and a full replica ×{full:.2g}"
        yield f"{one.configuration.brief()}: {what}. The more users, the less it brings."


def plain_document(one: Look) -> dict[str, Any]:
    """Return what scripts read of a configuration without its speculation, nothing where it has none."""
    plain = one.plain
    if plain is None:
        return {}
    found = {
        "users": plain.users,
        "single_stream_tokens_per_s": plain.alone_tokens_per_s,
        "tpot_ms": 1e3 * plain.tpot_s,
        "tokens_per_s": plain.tokens_per_s,
    }
    known = {name: finite(value) for name, value in found.items()}
    return {"without_speculation": known}


def slower(options: Sequence[ServingOption]) -> Iterator[str]:
    """Yield on which options speculation makes tokens slower at the plan's load."""
    found = {
        option.configuration.brief(): f"{1e3 * option.tpot_s:.3g} ms, {1e3 * option.plain_tpot_s:.3g} without"
        for option in options
        if option.plain_tpot_s is not None and option.tpot_s > option.plain_tpot_s
    }
    named = [f"{brief} ({times})" for brief, times in [*found.items()][:_MOST]]
    if named:
        more = f"; {len(found) - _MOST} more" if len(found) > _MOST else ""
        yield f"Speculation makes tokens slower on {'; '.join(named)}{more}."


def plain_tpot(option: ServingOption) -> dict[str, float | None]:
    """Return what scripts read of an option without its speculation, nothing where it has none."""
    plain = option.plain_tpot_s
    if plain is None:
        return {}
    return {"tpot_without_speculation_ms": finite(1e3 * plain)}
