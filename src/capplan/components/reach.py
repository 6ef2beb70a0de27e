"""Whether every request that enters the system arrives somewhere, and whether every component gets some."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.components import checks
from capplan.components.base import Context
from capplan.findings import Finding

_HELD = ("databases", "caches")
"""Sections whose components have a use without requests: what they store."""


def reach_findings(ctx: Context) -> Iterator[Finding]:
    """Yield demand that enters nowhere, and components that nobody calls."""
    if not np.any(ctx.load.average_rps):
        return
    if not ctx.load.entering:
        message = (
            f"{float(np.max(ctx.load.average_rps)):,.4g} requests/s enter nowhere: nothing takes requests"
        )
        yield checks.DEMAND_ENTERS_NOWHERE.finding("demand", message, "Describe what serves them, or say 0.")
    for section in ("services", "llm", "external_apis", "resources", *_HELD):
        for name, component in getattr(ctx.plan, section).items():
            by_request = section != "resources" or np.any(component.per_request)
            if by_request and not np.any(ctx.load.per_entry[name]):
                yield _uncalled(section, name)


def _uncalled(section: str, name: str) -> Finding:
    message = "nobody calls it, so it is counted without any request"
    remedy = f"Add {name} to the calls of a service, or to demand.entry."
    held = section in _HELD
    return checks.UNCALLED.finding(name, message, remedy, severity="info" if held else "warning")
