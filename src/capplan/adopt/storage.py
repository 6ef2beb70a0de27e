"""Disks and load balancers: what objects order from the provider beside pods."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, address_of
from capplan.manifests.quantity import memory
from capplan.manifests.verify.world import Item, World, amount, at, mapping, maps, text
from capplan.plan.services import Provider


class AdoptedDisk(NamedTuple):
    """Catalog service and SKU of a volume; where disks have fixed sizes, the SKU of one of them."""

    service: str
    sku: str


_DEFAULT: Mapping[Provider, AdoptedDisk] = {
    "gcp": AdoptedDisk("persistent-disk", "pd-balanced"),
    "aws": AdoptedDisk("ebs", "gp3"),
    "azure": AdoptedDisk("managed-disk", "P10-LRS-128GiB"),
}
_CLASSES: Mapping[Provider, Mapping[str, AdoptedDisk]] = {
    "gcp": {
        "standard": AdoptedDisk("persistent-disk", "pd-standard"),
        "standard-rwo": AdoptedDisk("persistent-disk", "pd-balanced"),
        "premium-rwo": AdoptedDisk("persistent-disk", "pd-ssd"),
        **{sku: AdoptedDisk("persistent-disk", sku) for sku in ("pd-standard", "pd-balanced", "pd-ssd")},
    },
    "aws": {sku: AdoptedDisk("ebs", sku) for sku in ("gp2", "gp3", "io1", "io2", "st1", "sc1")},
    "azure": {
        name: AdoptedDisk("managed-disk", sku)
        for name, sku in (
            ("default", "E10-LRS-128GiB"),
            ("managed-csi", "E10-LRS-128GiB"),
            ("StandardSSD_LRS", "E10-LRS-128GiB"),
            ("managed-premium", "P10-LRS-128GiB"),
            ("managed-csi-premium", "P10-LRS-128GiB"),
            ("Premium_LRS", "P10-LRS-128GiB"),
        )
    },
}
"""Storage classes that the managed platforms install, and the disk types that StorageClass objects name."""

_INCLUDED_RULES = 5


def disk_of(claim: object, where: str, draft: Draft, world: World) -> AdoptedDisk:
    """Return the disk that a claim's specification asks for; unknown classes are assumed, and noted."""
    provider = draft.provider()
    name = text(claim, "storageClassName")
    classes = {item.name: item.tree for item in world.of("StorageClass")}
    parameters = mapping(classes.get(name, {}), "parameters")
    kind = str(parameters.get("type") or parameters.get("skuName") or parameters.get("skuname") or name)
    found = _CLASSES[provider].get(kind)
    if found is None:
        found = _DEFAULT[provider]
        if name:
            draft.note(checks.ASSUMED_DISK, where, f"storage class {name} is a {found.sku} volume")
    return found


def claimed_gib(claim: object) -> float | None:
    """Return the size of a claim, GiB; None where it is not said, or cannot be read."""
    size = amount(at(claim, "resources.requests.storage"))
    return None if size is None or size < 0 else size / 2**30


def known_gib(claim: object, where: str, draft: Draft) -> float | None:
    """Return the size of a claim, GiB; one that is unknown is noted, for it is not zero."""
    size = claimed_gib(claim)
    if size is None:
        draft.note(checks.UNKNOWN_VOLUME_SIZE, where, "the size of a volume is unknown, so it has no price")
    return size


def add_disk(draft: Draft, item: Item, disk: AdoptedDisk, gib: float, volumes: int, name: str) -> None:
    """Add volumes of one size as a resource; of disks of fixed sizes the smallest that holds each."""
    sku, each = _sold(disk.sku, gib)
    total = round(each * volumes, 6)
    tree: Tree = {
        "provider": draft.provider(),
        "service": disk.service,
        "sku": sku,
        "quantity": int(total) if total.is_integer() else total,
    }
    draft.add_object("resources", f"{name}-disk", tree, item, f": {volumes} × {memory(gib)}")


_WHOLE = dict(
    zip(
        (1, 2, 3, 4, 6, 10, 15, 20, 30, 40, 50, 60, 70, 80),
        (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32767),
        strict=True,
    )
)
"""Size of an Azure disk in GiB by its number: learn.microsoft.com, managed disk types."""


def _sold(sku: str, gib: float) -> tuple[str, float]:
    """Return what a volume is billed as, and how much of it: GiB, or whole disks."""
    kind = re.fullmatch(r"([PES])\d+-(LRS|ZRS)-\d+GiB", sku)
    if kind is None:
        return sku, gib
    number, holds = next((item for item in _WHOLE.items() if item[1] >= gib), (80, _WHOLE[80]))
    return f"{kind[1]}{number}-{kind[2]}-{holds}GiB", float(math.ceil(gib / holds))


def add_claims(draft: Draft, world: World) -> None:
    """Add the persistent volume claims that stand alone."""
    for item in world.of("PersistentVolumeClaim"):
        claim = mapping(item.tree, "spec")
        where = address_of(item)
        disk = disk_of(claim, where, draft, world)
        if at(claim, "accessModes") == ["ReadWriteMany"]:
            draft.note(checks.ASSUMED_DISK, where, f"shared storage at the price of a {disk.sku} volume")
        size = known_gib(claim, where, draft)
        if size is not None:
            add_disk(draft, item, disk, size, 1, item.name)


def add_balancers(draft: Draft, world: World) -> None:
    """Add the Services of type LoadBalancer, and the Ingresses that the provider serves."""
    services = [i for i in world.of("Service") if text(i.tree, "spec.type") == "LoadBalancer"]
    ingresses = [i for i in world.of("Ingress") if _served_by_provider(i)]
    if not services and not ingresses:
        return
    provider = draft.provider()
    draft.used |= {address_of(item) for item in (*services, *ingresses)}
    if provider == "aws":
        for item, sku in [*((i, "nlb-hour") for i in services), *((i, "alb-hour") for i in ingresses)]:
            draft.add_object("resources", f"{item.name}-balancer", _tree(provider, "elb", sku, 1), item)
        return
    counted = sum(_rules(provider, item) for item in services)
    counted += sum(2 if maps(item.tree, "spec.tls") else 1 for item in ingresses)
    first, more = _SHARED[provider]
    origin = ", ".join(item.title for item in [*services, *ingresses])
    draft.add("resources", "load-balancers", _tree(provider, "load-balancer", first, 1), origin)
    if counted > _INCLUDED_RULES:
        extra = counted - _INCLUDED_RULES
        what = f"rules beyond {_INCLUDED_RULES}"
        draft.add("resources", "further-balancer-rules", _tree(provider, "load-balancer", more, extra), what)


_SHARED: Mapping[Provider, tuple[str, str]] = {
    "gcp": ("forwarding-rules-first-5", "additional-forwarding-rule"),
    "azure": ("standard-included-rules", "standard-rule"),
}
"""One price for the first five rules of all balancers together, then one for each."""


def _rules(provider: Provider, service: Item) -> int:
    """Return the rules of a Service: on GCP one an IP protocol, on Azure one a port."""
    ports = maps(service.tree, "spec.ports")
    if provider == "azure":
        return max(1, len(ports))
    return max(1, len({port.get("protocol", "TCP") for port in ports}))


def _served_by_provider(ingress: Item) -> bool:
    """Say whether the provider makes a balancer of an Ingress; other controllers use their Service."""
    annotations = mapping(ingress.tree, "metadata.annotations")
    name = text(ingress.tree, "spec.ingressClassName") or annotations.get("kubernetes.io/ingress.class", "")
    return name in ("gce", "gce-internal", "alb")


def _tree(provider: Provider, service: str, sku: str, quantity: int) -> Tree:
    return {"provider": provider, "service": service, "sku": sku, "quantity": quantity}
