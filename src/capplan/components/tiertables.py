"""What a reader must know of the tier tables that a plan uses."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.arrays import Array
from capplan.catalog.tiers import TierTable
from capplan.findings import Check, Finding
from capplan.quantities import plain

BEYOND_TIER_TABLE = Check(
    code="beyond-tier-table",
    severity="warning",
    title="A component is beyond the last tier of its table",
    why="The table does not say what is needed there, so the figures of its last tier are a guess.",
    breaks="""\
# file: table.yaml
schema: 1
name: ours
kind: resources
by: requests_per_second
source: {as_of: "2026-01-01", text: our load test}
tiers: [{name: only, below: 5, cpu: 1, memory: 1Gi}]
# file: plan.yaml
services: {api: {platform: kubernetes, resources: table.yaml, cpu_time: 10ms}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    near="""\
# file: table.yaml
schema: 1
name: ours
kind: resources
by: requests_per_second
source: {as_of: "2026-01-01", text: our load test}
tiers: [{name: only, below: 5000, cpu: 1, memory: 1Gi}]
# file: plan.yaml
services: {api: {platform: kubernetes, resources: table.yaml, cpu_time: 10ms}}
clusters: {main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1}}}}}
""",
    remedy="Extend the table, or state what the component needs.",
    source="the end of the table's last tier, compared with the driver in the busiest scenario",
)


def beyond_table(name: str, table: TierTable, driver: Array) -> Iterator[Finding]:
    """Yield the finding that a component is beyond the last tier of its table."""
    most = table.beyond(driver)
    if most is not None:
        ends = f"{table.name} ends at {table.by} {plain(table.tiers[-1].below, 6)}"
        message = f"{ends}, and {name} has {plain(most, 6)}, so it is counted as {table.tiers[-1].name}"
        yield BEYOND_TIER_TABLE.finding(name, message)
