"""EBS volumes as Terraform writes them."""

from __future__ import annotations

from collections.abc import Sequence

from capplan.adopt.draft import Tree
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.reading import Reading
from capplan.adopt.terraform.table import Attributes, UncoveredError
from capplan.adopt.volumes import Volume


def volume_of(
    block: Attributes, size: str = "volume_size", kind: str = "volume_type", usual_gib: float = 0
) -> Volume:
    """Return the volume that a block describes; ``usual_gib`` is that of its image."""
    gib = block.number(size, usual_gib)
    if not gib:
        raise UncoveredError("its size is unknown")
    found = block.text(kind, "gp2")
    return Volume(found, gib, block.number("iops"), block.number("throughput"))


def add_volume(
    tf: Reading, node: Planned, volume: Volume, suffix: str = "", machines: float = 1, moves: bool = False
) -> None:
    """Add volumes of one kind, and what is billed besides their size, as resources."""
    tf.priced(node, "ebs", volume.kind, volume.gib, suffix, machines, moves)
    add_extras(tf, node, volume, suffix, machines, moves)


def add_extras(tf: Reading, node: Planned, volume: Volume, suffix: str, machines: float, moves: bool) -> None:
    """Add the provisioned performance of volumes of one kind."""
    for sku, amount in volume.extras():
        if amount:
            what = "throughput" if "throughput" in sku else f"iops{sku.partition('-tier')[2][:1]}"
            name = "-".join(filter(None, (suffix, what)))
            tf.priced(node, "ebs", sku, amount, name, machines, moves)


def put_volumes(tf: Reading, node: Planned, tree: Tree, volumes: Sequence[Volume], machines: float) -> None:
    """Give each machine its volumes: the first is the boot disk, others stand beside it."""
    moves = isinstance(tree.get("instances", tree.get("nodes")), dict)
    for index, volume in enumerate(volumes):
        suffix = "root" if index == 0 else f"volume-{index}"
        with tf.part(node):
            tf.check("aws", "ebs", volume.kind)
            if index == 0:
                tree["disk"] = {"type": volume.kind, "size": f"{volume.gib:g}Gi"}
                add_extras(tf, node, volume, suffix, machines, moves)
            else:
                add_volume(tf, node, volume, suffix, machines, moves)
