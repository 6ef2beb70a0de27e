"""What can be wrong with a catalog of prices: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

UNIT = Check("unit", "error")
COMMITMENT_ABOVE_ON_DEMAND = Check("commitment-above-on-demand", "error")
SPOT_NOT_BELOW_ON_DEMAND = Check("spot-not-below-on-demand", "error")
PRICE_PER_VCPU = Check("price-per-vcpu", "warning")
AGE = Check("age", "warning")
UNKNOWN_GPU = Check("unknown-gpu", "error")
TIERS = Check("tiers", "error")
HALF_A_CACHE = Check("half-a-cache", "error")
RETIRED_WITHOUT_SUCCESSOR = Check("retired-without-successor", "error")
