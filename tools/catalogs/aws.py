"""The price table of EC2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from statistics import median

from matrix import Matrix
from raw import Raw, Row

Fill = Callable[[Raw, Matrix], None]
REGIONS = r"(?!us-gov-|cn-)[a-z]+-[a-z]+-\d"
COMMERCIAL = re.compile(REGIONS)
"""Regions of the public partition; GovCloud and China are others, with accounts of their own."""

HOME = "us-east-1"
SURCHARGES = (1.06, 1.065, 1.1)
"""What Dedicated tenancy costs beside the shared price."""

_GPUS = {
    "A100": {"p4d": "A100-40GB", "p4de": "A100-80GB"},
    "V100": {"p3": "V100-16GB", "p3dn": "V100-32GB"},
    "H100": {"": "H100-80GB"},
    "RTX Pro 6000": {"": "RTX-PRO-6000"},
}
_GIB_PER_VCPU = {"c": 2.0, "m": 4.0, "r": 8.0}
_SIZES = {"medium": 1.0, "large": 2.0, "xlarge": 4.0}


def ec2(raw: Raw, matrix: Matrix) -> None:
    """Add machines: on demand, spot savings, and the discounts of commitments."""
    for row in raw.rows("aws_ec2.csv", "sku", "region", "usd", "gpu", "gpu_count", "confidence", "source"):
        if not COMMERCIAL.fullmatch(row["region"]):
            continue
        matrix.add(row["sku"], "usd", row["region"], row["usd"], _ec2_source(row))
        if row["gpu"]:
            matrix.describe(row["sku"], gpu=_gpu(row), gpu_count=float(row["gpu_count"]))
    _sizes(raw, matrix)
    _shared_tenancy(matrix)
    _spot(raw, matrix)
    for row in raw.rows("aws_ec2_ri1y_us-east-1.csv", "sku", "discount"):
        _off(matrix, row["sku"], "commit_1y%", row["discount"])
    for row in raw.rows("commitments.csv", "provider", "service", "sku", "commit_3y_discount"):
        if (row["provider"], row["service"]) == ("aws", "ec2"):
            _off(matrix, row["sku"], "commit_3y%", row["commit_3y_discount"])


def _ec2_source(row: Row) -> str:
    text = row["source"]
    if text.startswith("derived: us-east-1 price"):
        return "family-ratio"
    if "Dedicated-tenancy" in text:
        return "shared-tenancy"
    if text.startswith("apache-libcloud"):
        return "libcloud-alone" if row["confidence"] == "low" else "libcloud"
    if text.startswith("aws/karpenter"):
        return "karpenter"
    raise SystemExit(f"aws_ec2.csv: no name for the source '{text}'")


def _gpu(row: Row) -> str:
    names = _GPUS.get(row["gpu"])
    return row["gpu"] if names is None else names.get(row["sku"].partition(".")[0]) or names[""]


def _off(matrix: Matrix, sku: str, rate: str, share: str) -> None:
    """Add a discount of us-east-1 for all regions, where the machine is sold."""
    if sku in matrix.skus and 0 < float(share) < 1:
        matrix.add(sku, rate, "global", float(share))


def _spot(raw: Raw, matrix: Matrix) -> None:
    columns = ("sku", "region", "spot_saving_percent")
    for row in raw.rows("aws_ec2_spot_savings.csv", *columns):
        share = int(row["spot_saving_percent"]) / 100
        if share > 0 and matrix.price(row["sku"], row["region"]) is not None:
            matrix.add(row["sku"], "spot%", row["region"], share)


def _sizes(raw: Raw, matrix: Matrix) -> None:
    """Describe machines: cores and memory of the autoscaler's list, or by the name of general families."""
    listed = dict(go_types(raw.text("ec2_instance_types.go")))
    enis = _pods(raw)
    for sku in sorted(matrix.skus):
        found = listed.get(sku) or _by_name(sku)
        if found is not None:
            matrix.describe(sku, vcpu=found[0], memory_gib=found[1])
        matrix.describe(sku, max_pods=enis.get(sku))


def go_types(text: str) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield name, vCPU and GiB of the instance types in a generated Go file of the cluster autoscaler."""
    entry = r'"([^"]+)": \{[^}]*?VCPU:\s*(\d+),\s*MemoryMb:\s*(\d+)'
    for name, vcpu, mib in re.findall(entry, text):
        if int(vcpu) and int(mib):
            yield name, (float(vcpu), int(mib) / 1024)


def _by_name(sku: str) -> tuple[float, float] | None:
    """Return vCPU and GiB of sizes of the c, m and r families, which say both; None for others."""
    match = re.fullmatch(r"([cmr])\d+[a-z]*\.(?:metal-)?(\d*)(medium|large|xlarge|xl)", sku)
    if match is None:
        return None
    vcpu = _SIZES[match[3].replace("xl", "xlarge") if match[3] == "xl" else match[3]] * int(match[2] or 1)
    return vcpu, vcpu * _GIB_PER_VCPU[match[1]]


def _pods(raw: Raw) -> Mapping[str, float]:
    """Return the pod limit of each machine on EKS: interfaces × (addresses - 1) + 2."""
    found = {}
    for line in raw.text("instance-info.jsonl").splitlines():
        info = json.loads(line)
        each = info["ipv4AddressesPerInterface"] - 1
        found[info["instanceType"]] = info["defaultMaxENIs"] * each + 2.0
    return found


def _shared_tenancy(matrix: Matrix) -> None:
    """Take the surcharge of Dedicated tenancy off bare metal; drop sizes that cost more by another factor.

    Such a size costs 6, 6.5 or 10 % more than its family does per vCPU, where all other sizes cost the same.
    """
    for sku in sorted(sku for sku in matrix.skus if ".metal" in sku):
        each, usual = _per_vcpu(matrix, sku), _usual(matrix, sku)
        if each is None or usual is None or abs(each / usual - 1) < 0.03:
            continue
        usd = matrix.price(sku, HOME) or 0.0
        matrix.drop(sku, "usd", HOME)
        surcharge = min(SURCHARGES, key=lambda factor: abs(each / usual - factor))
        if abs(each / usual - surcharge) < 0.003:
            matrix.add(sku, "usd", HOME, usd / surcharge, "shared-tenancy")


def _usual(matrix: Matrix, sku: str) -> float | None:
    family = sku.partition(".")[0] + "."
    others = [
        each
        for other in matrix.skus
        if other.startswith(family) and ".metal" not in other
        if (each := _per_vcpu(matrix, other)) is not None
    ]
    return median(others) if len(others) > 1 else None


def _per_vcpu(matrix: Matrix, sku: str) -> float | None:
    usd, vcpu = matrix.price(sku, HOME), matrix.fact(sku, "vcpu")
    return usd / float(vcpu) if usd is not None and vcpu else None
