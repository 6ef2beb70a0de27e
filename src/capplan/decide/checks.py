"""What can be wrong with commitments, as `recommend --commitments` sees it."""

from __future__ import annotations

from capplan.findings import Check

_MACHINES = """\
regions: {{aws: us-east-1}}
demand: {{requests_per_second: 1000, profile: flat, entry: {{api: 1}}}}
services:
  api: {{platform: vm-group, provider: aws, machine: {machine}, cpu_time: 5ms{more}}}
"""
_HELD = (
    _MACHINES
    + """\
pricing:
  commitments:
    - {{provider: aws, service: ec2, machine: m6a.large, region: us-east-1, count: {count}, until: {until}}}
"""
)
COMMITMENT_UNPRICED = Check(
    code="commitment-unpriced",
    severity="info",
    title="The catalog has no price of a commitment that could cover some use",
    why="The commitment is left out of the comparison, so a cheaper one may exist.",
    breaks=_MACHINES.format(machine="c1.medium", more=""),
    near=_MACHINES.format(machine="e2-standard-4", more="")
    .replace("aws", "gcp")
    .replace("us-east-1", "us-central1"),
    remedy="Import the price list that has it (`capplan catalog import`).",
    source="the rates of the price lists, and catalogs/hardware/commitments.yaml",
)
COMMITMENT_UNDATED = Check(
    code="commitment-undated",
    severity="warning",
    title="The plan buys a share by commitment and does not say what is held until when",
    why="It counts as not bought yet, so the recommendation may repeat what you have.",
    breaks=_MACHINES.format(machine="m6a.large", more=", purchase: {commit_1y: 50%}"),
    near=_MACHINES.format(machine="m6a.large", more=""),
    remedy="List what you hold under pricing.commitments.",
    source="docs/how-to/commitments.md",
)
COMMITMENT_IDLE = Check(
    code="commitment-idle",
    severity="warning",
    title="Use falls short of what is held",
    why="A commitment is paid in every hour, used or not.",
    breaks=_HELD.format(machine="m6a.large", more="", count=500, until="2027-06-30"),
    near=_HELD.format(machine="m6a.large", more="", count=1, until="2027-06-30"),
    remedy="Move use under it, exchange it, or let it end.",
    source="AWS Savings Plans User Guide, Monitoring your Savings Plans: utilization",
)
COMMITMENT_EXPIRED = Check(
    code="commitment-expired",
    severity="warning",
    title="A commitment in the plan has ended, or ends within the month",
    why="It covers nothing from then on, and the use is billed on demand.",
    breaks=_HELD.format(machine="m6a.large", more="", count=1, until="2026-11-15"),
    near=_HELD.format(machine="m6a.large", more="", count=1, until="2027-06-30"),
    remedy="Remove it from pricing.commitments, or give the new date.",
    source="docs/how-to/commitments.md",
)
COMMITMENT_UNCOUNTED = Check(
    code="commitment-uncounted",
    severity="info",
    title="Commitments that are sold cover use that is not counted",
    why="Only machines that run by the hour are counted, so it may pay to commit to more.",
    breaks="""\
regions: {aws: us-east-1, gcp: us-central1}
demand: {requests_per_second: 1000, profile: flat, entry: {api: 1, web: 1}}
services:
  api: {platform: vm-group, provider: aws, machine: m6a.large, cpu_time: 5ms}
  web: {platform: cloud-run, service_time: 5ms}
""",
    near=_MACHINES.format(machine="m6a.large", more=""),
    remedy="Compare what it costs with the offers of its provider.",
    source="Compute flexible committed use discounts (Google Cloud); compute savings plans (AWS, Azure)",
)
