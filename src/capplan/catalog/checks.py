"""What can be wrong with a catalog of prices: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

UNIT = Check(
    code="unit",
    severity="error",
    title="An unknown unit",
    why="An unknown unit is usually a typo, and the price is applied to the wrong quantity.",
    breaks="""\
skus: {a: {unit: hours, usd: {us-central1: 1.0}}}
""",
    near="""\
skus: {a: {unit: hour, usd: {us-central1: 1.0}}}
""",
    remedy="Use a unit that other catalogs have.",
    source="the units that meters count in",
)
COMMITMENT_ABOVE_ON_DEMAND = Check(
    code="commitment-above-on-demand",
    severity="error",
    title="A commitment costs more than on demand",
    why="No provider sells that, so one of the two prices belongs to another product.",
    breaks="""\
skus: {a: {usd: {us-central1: 1.0}, commit_1y: {us-central1: 1.1}}}
""",
    near="""\
skus: {a: {usd: {us-central1: 1.0}, commit_1y: {us-central1: 0.7}}}
""",
    remedy="Look both prices up again.",
    source="found in published price lists",
)
SPOT_NOT_BELOW_ON_DEMAND = Check(
    code="spot-not-below-on-demand",
    severity="error",
    title="Spot costs as much as on demand, or more",
    why="A higher price is an error in the list. An equal price is how some lists say that spot is not "
    "available.",
    breaks="""\
skus: {a: {usd: {us-central1: 1.0}, spot: {us-central1: 1.1}}}
""",
    near="""\
skus: {a: {usd: {us-central1: 1.0}, spot: {us-central1: 0.4}}}
""",
    remedy="Look the price up again, or leave spot out.",
    source="found in published price lists",
)
PRICE_PER_VCPU = Check(
    code="price-per-vcpu",
    severity="warning",
    title="A size costs more or less per vCPU than its family",
    why="Sizes of one family cost the same per vCPU, so a difference is usually a mistake.",
    breaks="""\
skus:
  n1-standard-2: {vcpu: 2, memory_gib: 8, usd: {us-central1: 0.5}}
  n1-standard-4: {vcpu: 4, memory_gib: 16, usd: {us-central1: 1.0}}
  n1-standard-8: {vcpu: 8, memory_gib: 32, usd: {us-central1: 2.2}}
""",
    near="""\
skus:
  n1-standard-2: {vcpu: 2, memory_gib: 8, usd: {us-central1: 0.5}}
  n1-standard-4: {vcpu: 4, memory_gib: 16, usd: {us-central1: 1.0}}
  n1-standard-8: {vcpu: 8, memory_gib: 32, usd: {us-central1: 2.0}}
""",
    remedy="Look the price up again.",
    source="price ÷ vCPU, within 0.6 % of the median of the family",
)
REGION_FACTOR = Check(
    code="region-factor",
    severity="warning",
    title="A size costs more in a region by another factor than its family",
    why="Providers price a region by a factor on a family, so a size apart is usually another product.",
    breaks="""\
skus:
  n1-standard-2: {vcpu: 2, memory_gib: 8, usd: {us-central1: 0.5, europe-west1: 0.55}}
  n1-standard-4: {vcpu: 4, memory_gib: 16, usd: {us-central1: 1.0, europe-west1: 4.4}}
""",
    near="""\
skus:
  n1-standard-2: {vcpu: 2, memory_gib: 8, usd: {us-central1: 0.5, europe-west1: 0.55}}
  n1-standard-4: {vcpu: 4, memory_gib: 16, usd: {us-central1: 1.0, europe-west1: 1.1}}
""",
    remedy="Look the price up again. Name families of uneven sizes in hardware/laws.yaml, with the reason.",
    source="price ÷ price at home, within 15 % of the median of the family and below a factor of 3",
)
AGE = Check(
    code="age",
    severity="warning",
    title="A price is old, or its age is unknown",
    why="List prices of machines stay valid for about a year, GPU prices for a quarter, spot prices for a "
    "month.",
    breaks="""\
sources: {list: {as_of: "2025-07-01", text: a price list}}
""",
    near="""\
sources: {list: {as_of: "2026-07-01", text: a price list}}
""",
    remedy="Look the prices up again.",
    source="how fast published prices have changed",
)
UNKNOWN_GPU = Check(
    code="unknown-gpu",
    severity="error",
    title="A GPU that the hardware table does not have",
    why="Its memory and speed are unknown, so no model can be placed on it.",
    breaks="""\
skus: {a: {gpu: T5, gpu_count: 1, usd: {us-central1: 1.0}}}
""",
    near="""\
skus: {a: {gpu: T4, gpu_count: 1, usd: {us-central1: 1.0}}}
""",
    remedy="Add it to hardware/gpus.yaml, or correct its name.",
    source="catalogs/hardware/gpus.yaml",
)
UNKNOWN_REGION = Check(
    code="unknown-region",
    severity="warning",
    title="A price is for a region that the provider does not have",
    why="Nobody asks for a misspelled region, or for the name of its place, so the price has no effect.",
    breaks="""\
skus: {a: {usd: {Iowa: 1.0}}}
""",
    near="""\
skus: {a: {usd: {us-central1: 1.0}}}
""",
    remedy="Use the provider's own name of the region, as `capplan catalog regions` lists it.",
    source="catalogs/hardware/regions.yaml",
)
TIERS = Check(
    code="tiers",
    severity="error",
    title="The blocks of a tariff do not fit together",
    why="Quantities fall between blocks or into two of them. A block without a price is a warning.",
    breaks="""\
skus: {a: {tier_of: egress, from: 5, usd: {us-central1: 1.0}}}
""",
    near="""\
skus: {a: {tier_of: egress, from: 0, usd: {us-central1: 1.0}}}
""",
    remedy="Start the first block at 0, and each other block where the previous one ends.",
    source="how tariffs with blocks are billed",
)
HALF_A_CACHE = Check(
    code="half-a-cache",
    severity="error",
    title="A cache of two nodes does not cost two nodes",
    why="Azure meters a replicated cache both as a whole and by node, so one of the two prices is wrong.",
    breaks="""\
kind: cache
skus:
  standard-C3: {usd: {eastus: 0.45}}
  standard-C3-node: {unit: node-hour, usd: {eastus: 0.2}}
""",
    near="""\
kind: cache
skus:
  standard-C3: {usd: {eastus: 0.45}}
  standard-C3-node: {unit: node-hour, usd: {eastus: 0.225}}
""",
    remedy="Look both prices up again.",
    source="https://azure.microsoft.com/pricing/details/cache/",
)
RETIRED_WITHOUT_SUCCESSOR = Check(
    code="retired-without-successor",
    severity="error",
    title="A retired SKU names no successor",
    why="capplan cannot tell a plan that uses the SKU what to use instead.",
    breaks="""\
skus: {a: {usd: {us-central1: 1.0}, retired: "2025-03"}}
""",
    near="""\
skus: {a: {usd: {us-central1: 1.0}, retired: "2025-03", successor: b}}
""",
    remedy="Name what replaces it.",
    source="the provider's announcement of the retirement",
)
