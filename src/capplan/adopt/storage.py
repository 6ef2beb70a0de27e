"""Volumes: what claims order from the provider, by their storage classes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from capplan.adopt import checks
from capplan.adopt.balancers import default_of
from capplan.adopt.draft import Draft, Tree, address_of
from capplan.adopt.volumes import Volume
from capplan.manifests.quantity import memory
from capplan.manifests.verify.trees import amount, at, mapping, maps, text, whole
from capplan.manifests.verify.world import Item, World
from capplan.plan.services import Provider


class AdoptedDisk(NamedTuple):
    """Catalog service and SKU of a volume; where disks have fixed sizes, the SKU of one of them.

    iops, iops_per_gib, mbps: performance that its class provisions, 0 where it does not.
    """

    service: str
    sku: str
    iops: float = 0.0
    iops_per_gib: float = 0.0
    mbps: float = 0.0


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
        "pd-extreme": AdoptedDisk("persistent-disk", "extreme"),
        **{
            f"{kind} regional-pd": AdoptedDisk("persistent-disk", f"{sku}-replicated")
            for kind, sku in (("pd-standard", "hdd"), ("pd-balanced", "balanced"), ("pd-ssd", "ssd"))
        },
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
            ("Premium_ZRS", "P10-ZRS-128GiB"),
            ("StandardSSD_ZRS", "E10-ZRS-128GiB"),
            ("Standard_LRS", "S10-LRS-128GiB"),
        )
    },
}
"""Storage classes that the managed platforms install, and the disk types that StorageClass objects name."""

_SHARED = re.compile(
    r"efs\.csi|fsx\.|s3\.csi|filestore|gcsfuse|file\.csi\.azure|blob\.csi|azure-file|azurefile|nfs|-rwx$"
)
"""Provisioners and classes of file systems and buckets, which are billed by what they hold."""

_LOCAL = re.compile(r"no-provisioner|local-path|hostpath|openebs\.io/local|topolvm")
"""Provisioners of volumes on disks that nodes have anyway."""

_PERFORMANCE = (
    ("iops", ("iops", "provisioned-iops-on-create", "diskiopsreadwrite")),
    ("iops_per_gib", ("iopspergb",)),
    ("mbps", ("throughput", "provisioned-throughput-on-create", "diskmbpsreadwrite")),
)
"""Parameters of storage classes by what they provision, in lower case: their drivers ignore the case."""


def disk_of(claim: object, where: str, draft: Draft, world: World) -> AdoptedDisk | None:
    """Return the disk that a claim's specification asks for; None where it is no disk, which is noted.

    Unknown classes are assumed, and noted.
    """
    provider = draft.provider()
    name, found = _class_of(claim, world)
    parameters = {str(key).lower(): value for key, value in mapping(found, "parameters").items()}
    provisioner = text(found, "provisioner")
    if _LOCAL.search(provisioner or name):
        return None
    if _SHARED.search(provisioner or name):
        draft.note(checks.UNKNOWN_USAGE, where, f"storage class {name} is billed by what is stored in it")
        return None
    legacy = "gp2" if provisioner == "kubernetes.io/aws-ebs" else ""
    kind = str(parameters.get("type") or parameters.get("skuname") or legacy or name)
    kind = f"{kind} {parameters['replication-type']}" if "replication-type" in parameters else kind
    disk = _CLASSES[provider].get(kind.removesuffix(" none"))
    if disk is None:
        disk = _DEFAULT[provider]
        if name:
            draft.note(checks.ASSUMED_DISK, where, f"storage class {name} is a {disk.sku} volume")
    return _provisioned(disk, parameters, name, where, draft)


def _class_of(claim: object, world: World) -> tuple[str, Mapping[str, Any]]:
    """Return the storage class of a claim: the one it names, or the default among the objects."""
    name = text(claim, "storageClassName")
    bound = text(claim, "volumeName")
    for volume in world.of("PersistentVolume") if bound else ():
        if volume.name == bound:
            kind = text(volume.tree, "spec.csi.driver") or " ".join(mapping(volume.tree, "spec")).lower()
            return name or volume.name, {"provisioner": kind}
    classes = {item.name: item.tree for item in world.of("StorageClass")}
    if not name and at(claim, "storageClassName") is None:
        name = default_of(classes, "storageclass.kubernetes.io/is-default-class")
    return name, classes.get(name, {})


def _provisioned(
    disk: AdoptedDisk, parameters: Mapping[str, object], name: str, where: str, draft: Draft
) -> AdoptedDisk:
    """Return the disk with the performance that its class provisions; what has no price is noted."""
    for field, keys in _PERFORMANCE:
        value = next((amount(parameters[key]) for key in keys if key in parameters), None)
        if not value:
            continue
        if disk.service == "ebs":
            disk = AdoptedDisk(**{**disk._asdict(), field: value})
        else:
            what = f"the {field.partition('_')[0]} that storage class {name} provisions have no price"
            draft.note(checks.UNPRICED_ATTRIBUTE, where, what)
    return disk


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


def add_disk(
    draft: Draft, item: Item, disk: AdoptedDisk, gib: float, volumes: int, name: str, owner: str | None = None
) -> None:
    """Add volumes of one size as a resource; of disks of fixed sizes the smallest that holds each.

    owner: the service whose every pod has so many volumes.
    """
    sku, each = _sold(disk.sku, gib)
    total = round(each * volumes, 6)
    tree: Tree = {
        "provider": draft.provider(),
        "service": disk.service,
        "sku": sku,
        "quantity": int(total) if total.is_integer() else total,
        **({"each": owner} if owner else {}),
    }
    draft.add_object("resources", f"{name}-disk", tree, item, f": {volumes} × {memory(gib)}")
    add_performance(draft, item, disk, gib, volumes, name, owner)


def add_performance(
    draft: Draft, item: Item, disk: AdoptedDisk, gib: float, volumes: int, name: str, owner: str | None = None
) -> None:
    """Add what a class provisions besides the size of its volumes."""
    if disk.service != "ebs":
        return
    iops = max(disk.iops, disk.iops_per_gib * gib)
    for sku, quantity in Volume(disk.sku, gib, iops, disk.mbps).extras():
        if quantity:
            tree = {"provider": "aws", "service": "ebs", "sku": sku, "quantity": round(quantity * volumes, 6)}
            tree |= {"each": owner} if owner else {}
            draft.add_object("resources", f"{name}-{sku.partition('-')[2].partition('-')[0]}", tree, item)


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


_MOST_PODS = 1_000
"""Whose claims are looked for by their names."""


def add_claims(draft: Draft, world: World) -> None:
    """Add the persistent volume claims that stand alone: no StatefulSet has made them, as in a cluster."""
    made = {
        (pods.namespace, f"{text(claim, 'metadata.name')}-{pods.name}-{index}")
        for pods in world.of("StatefulSet")
        for claim in maps(pods.tree, "spec.volumeClaimTemplates")
        for index in range(min(whole(pods.tree, "spec.replicas", 1), _MOST_PODS))
    }
    for item in world.of("PersistentVolumeClaim"):
        claim = mapping(item.tree, "spec")
        where = address_of(item)
        disk = None if (item.namespace, item.name) in made else disk_of(claim, where, draft, world)
        if disk is None:
            draft.used.add(where)
            continue
        if at(claim, "accessModes") == ["ReadWriteMany"]:
            draft.note(checks.ASSUMED_DISK, where, f"shared storage at the price of a {disk.sku} volume")
        size = known_gib(claim, where, draft)
        if size is not None:
            add_disk(draft, item, disk, size, 1, item.name)
