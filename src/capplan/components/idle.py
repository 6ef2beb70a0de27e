"""What runs today and nobody needs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from capplan.arrays import in_scenario
from capplan.capacity.sizing import Sizing
from capplan.components import checks
from capplan.findings import Finding

_NOT_LOAD = ("min", "desired")


def idle_findings(name: str, sizing: Sizing, field: str) -> Iterator[Finding]:
    """Yield what runs today beyond what the load needs: the expected cost keeps it, so it must be said.

    Where nothing says what the load needs, nothing can be idle. ``field`` is the plan's word for the range.
    """
    desired = sizing.constraints.get("desired")
    needs = [count for limit, count in sizing.constraints.items() if limit not in _NOT_LOAD]
    if desired is None or not needs:
        return
    load = np.max(np.broadcast_arrays(*needs), axis=0)
    needed = np.maximum(load, sizing.constraints["min"])
    idle = np.where(load > 0, desired - needed, 0.0)
    if np.any(idle > 0):
        worst = int(idle.argmax())
        runs, enough = in_scenario(desired, worst), in_scenario(needed, worst)
        message = f"{runs:,.0f} run today, though the busiest hour needs {enough:,.0f}; the expected cost "
        message += f"counts {runs:,.0f}"
        yield checks.MORE_THAN_NEEDED.finding(name, message, f"Lower {field}.desired to {enough:,.0f}.")
