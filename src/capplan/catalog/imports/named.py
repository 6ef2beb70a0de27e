"""What a provider's bill calls a meter, by the rules of its price lists: the catalog's name of the SKU."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

from capplan.catalog.imports import aws, azure, gcp


def meter_names(service: str, sku: str) -> Iterator[re.Pattern[str]]:
    """Yield patterns of the names, ``provider/service/sku``, that a meter of a bill may have in the catalogs.

    sku: usage type or description, or several texts of the meter with bars, one of which may be the code of
    the service.
    """
    texts = sku.split(" | ")
    for offer, text in product((service, *texts), texts):
        for name in aws.names_of(offer, text):
            # A database's general purpose storage is gp2 or gp3.
            either = name.pattern.replace(r"storage\-gp3", r"storage\-(?:gp3|general\-purpose)")
            yield re.compile(f"aws/{either}")
    for provider, ruled, said in (("gcp", gcp.ruled, _google(texts)), ("azure", azure.ruled, _azure(texts))):
        for text in said:
            found = ruled(service, text)
            if found is not None:
                bought = " spot" if found.rate == "spot" else ""
                yield re.compile(re.escape(f"{provider}/{found.service}/{found.sku}{bought}"))


def _google(texts: Sequence[str]) -> Iterator[str]:
    """Yield group and description; bills leave out the group, and cores and memory are no SKU of a plan."""
    return (f"{group} | {text}" for text in texts for group in ("Storage", "GPU"))


def _azure(texts: Sequence[str]) -> Iterator[str]:
    """Yield product, SKU and meter; bills leave out the second, which is how the meter begins."""
    sold, meter = texts[0], texts[-1]
    words = meter.split()
    yield f"{sold} | Standard | {meter}"
    yield from (f"{sold} | {' '.join(words[:end])} | {meter}" for end in range(1, len(words) + 1))
