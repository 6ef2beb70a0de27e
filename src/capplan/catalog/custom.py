"""Custom machine types of Compute Engine, which are priced by the vCPU and the GiB.

Source: cloud.google.com/compute/vm-instance-pricing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from capplan.catalog.rows import Sku, Source

_CUSTOM = re.compile(
    r"(?:(?P<family>[a-z]\d[a-z]?)-)?custom-(?P<vcpu>\d{1,3})-(?P<mib>\d{3,7})(?P<extended>-ext)?"
)


def custom_machine(name: str, units: Mapping[str, Sku], machines: Mapping[str, Sku]) -> Sku | None:
    """Return the custom machine type called ``name``, such as n2-custom-4-10240; None for any other name.

    units: prices of a vCPU-hour and a GiB-hour by family, which all its prices are sums of. machines: other
    types, whose family says which discounts hold. Without a family N1 is meant; memory is in MiB.
    """
    said = _CUSTOM.fullmatch(name)
    if said is None:
        return None
    family = said["family"] or "n1"
    vcpu, gib = float(said["vcpu"]), float(said["mib"]) / 1024
    core = units.get(f"{family}-custom-vcpu")
    memory = units.get(f"{family}-custom{'-extended' if said['extended'] else ''}-ram")
    if core is None or memory is None or not vcpu:
        return None
    prices = {
        rate: {
            region: vcpu * usd + gib * memory.prices[rate][region]
            for region, usd in by_region.items()
            if region in memory.prices.get(rate, {})
        }
        for rate, by_region in core.prices.items()
    }
    source = core.sources["default"]
    text = f"{vcpu:g} × a vCPU + {gib:g} × a GiB of {family}: {source.text}"
    like = next((sku for other, sku in machines.items() if other.startswith(f"{family}-standard-")), core)
    return Sku(
        name=name,
        unit="hour",
        prices=prices,
        sources={"default": Source(text, source.as_of)},
        vcpu=vcpu,
        memory_gib=gib,
        family=like.family._replace(discounts={}),
    )
