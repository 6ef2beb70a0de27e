"""EBS volumes: what is billed besides their size, whoever describes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_GP3_IOPS, _GP3_MBPS = 3_000, 125
"""Included in every gp3 volume: docs.aws.amazon.com/ebs, general purpose volumes."""

_IO2_TIERS = (
    (0, "io2-iops-tier1"),
    (32_000, "io2-iops-tier2-above-32000"),
    (64_000, "io2-iops-tier3-above-64000"),
)


class Volume(NamedTuple):
    """An EBS volume: its type, GiB, and provisioned performance; 0 where none is."""

    kind: str
    gib: float
    iops: float = 0
    mbps: float = 0

    def extras(self) -> Iterator[tuple[str, float]]:
        """Yield the SKUs of what is billed besides the size, and how much of each."""
        if self.kind == "gp3":
            yield "gp3-iops-above-3000", max(0.0, self.iops - _GP3_IOPS)
            yield "gp3-throughput-above-125", max(0.0, self.mbps - _GP3_MBPS)
        elif self.kind == "io1":
            yield "io1-iops", self.iops
        elif self.kind == "io2":
            ends = [start for start, _ in _IO2_TIERS[1:]] + [float("inf")]
            for (start, sku), end in zip(_IO2_TIERS, ends, strict=True):
                yield sku, max(0.0, min(self.iops, end) - start)
