"""Resources of Azure's provider."""

from __future__ import annotations

from collections.abc import Mapping

from capplan.adopt.draft import Tree, usable
from capplan.adopt.terraform.reading import Reading, bounds, name_of
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError

_CLUSTER = "azurerm_kubernetes_cluster"


def _machine(tf: Reading, resource: Attributes) -> None:
    machine = tf.machine("azure", resource.needed("size"))
    tree: Tree = {"platform": "vm-group", "provider": "azure", "region": tf.region(resource.node)}
    tf.add("services", resource.node, {**tree, "machine": machine, "instances": 1})


def _aks(tf: Reading, resource: Attributes) -> None:
    default, kind = resource.block("default_node_pool"), "azurerm_kubernetes_cluster_node_pool"
    behind = {usable(default.text("name", "default")): default} if default else {}
    behind |= {name_of(p.node): p for p in tf.owned(resource.node, "kubernetes_cluster_id", kind)}
    pools: dict[str, Tree] = {}
    for name, pool in behind.items():
        with tf.part(pool.node):
            pools[name] = _aks_pool(tf, pool)
    if not pools:
        raise UncoveredError("the plan has no node pool for it that capplan knows")
    tier = "free" if resource.text("sku_tier", "Free") == "Free" else "standard"
    tree: Tree = {"platform": "aks", "region": tf.region(resource.node), "tier": tier}
    tf.add_cluster(resource.node, tree, pools, {name: pool.node for name, pool in behind.items()})


def _aks_pool(tf: Reading, pool: Attributes) -> Tree:
    fixed = pool.whole("node_count", 1)
    nodes = bounds(pool.whole("min_count", fixed), pool.whole("max_count", fixed))
    return {"machine": tf.machine("azure", pool.needed("vm_size")), "nodes": nodes}


def _aks_pool_alone(tf: Reading, pool: Attributes) -> None:
    """Planned pools are read with their cluster."""
    if tf.owner(pool.node, "kubernetes_cluster_id", _CLUSTER) is None:
        raise UncoveredError("its cluster is not in the plan")


def _postgres(tf: Reading, resource: Attributes) -> None:
    machine = tf.check("azure", "postgresql-flexible", resource.needed("sku_name"))
    tree: Tree = {"platform": "azure-postgresql", "machine": machine, "region": tf.region(resource.node)}
    tree["high_availability"] = bool(resource.block("high_availability").text("mode"))
    tree["storage"] = f"{resource.whole('storage_mb', 32768) // 1024}Gi"
    tf.add("databases", resource.node, tree)


def _redis(tf: Reading, resource: Attributes) -> None:
    sku = f"{resource.needed('sku_name').lower()}-{resource.needed('family')}{resource.whole('capacity')}"
    tree: Tree = {"platform": "azure-redis", "region": tf.region(resource.node)}
    tf.add("caches", resource.node, {**tree, "machine": tf.check("azure", "redis-cache", sku)})


TYPES: Mapping[str, Row] = {
    "azurerm_linux_virtual_machine": Row(_machine),
    _CLUSTER: Row(_aks),
    "azurerm_kubernetes_cluster_node_pool": Row(_aks_pool_alone),
    "azurerm_postgresql_flexible_server": Row(_postgres),
    "azurerm_redis_cache": Row(_redis),
}
"""How each type is read."""
