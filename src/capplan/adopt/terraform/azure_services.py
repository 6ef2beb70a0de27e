"""Databases, caches, containers, networks and what is billed by use, as Azure's provider describes them.

Defaults are those of registry.terraform.io/providers/hashicorp/azurerm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from capplan.adopt import checks
from capplan.adopt.draft import Tree, cores
from capplan.adopt.terraform.azure_machines import AzureDisk, sold
from capplan.adopt.terraform.planned import region_in
from capplan.adopt.terraform.reading import Reading, bounds
from capplan.adopt.terraform.simple import free, free_always, held, inside, used
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.manifests.quantity import memory
from capplan.manifests.verify.trees import amount

_BURSTABLE = re.compile(r"B_Standard_(B\d+)(ms|s)", re.IGNORECASE)


_VCORES = re.compile(r"(?P<tier>GP|MO|BC)_Standard_(?P<kind>[A-Z])(?P<count>\d+)(?P<series>[a-z]+_v\d)")
_TIERS = {"GP": "general-purpose", "MO": "memory-optimized", "BC": "business-critical"}


def _server(tf: Reading, service: str, name: str) -> tuple[str, int]:
    """Return how a flexible server is sold: as a whole, or so many vCores of its series.

    The provider's B_Standard_B1ms is Azure's B1MS.
    """
    known = {sku.lower(): sku for sku in tf.catalog.service("azure", service).skus}
    whole = known.get(_BURSTABLE.sub(r"\1\2", name).lower()) or known.get(name.lower())
    size = _VCORES.fullmatch(name)
    if whole or size is None:
        return tf.check("azure", service, whole or name), 1
    sku = f"{_TIERS[size['tier']]}-{size['kind']}{size['series'].replace('_', '')}-vcore".lower()
    return tf.check("azure", service, known.get(sku, name)), int(size["count"])


def _sold_apart(tf: Reading, resource: Attributes, service: str, server: tuple[str, int], gib: float) -> None:
    """Add a server and its storage as resources; a standby doubles both."""
    copies = 2 if resource.block("high_availability").text("mode") else 1
    tf.priced(resource.node, service, server[0], server[1] * copies)
    tf.priced(resource.node, service, "storage", gib * copies, "storage")


def _postgres(tf: Reading, resource: Attributes) -> None:
    node = resource.node
    source = tf.owner(node, "source_server_id", node.type) if resource.get("source_server_id") else None
    said = resource if resource.get("sku_name") or source is None else tf.block(source)
    server = _server(tf, "postgresql-flexible", said.needed("sku_name"))
    gib = said.whole("storage_mb", 32768) // 1024
    if server[0].endswith("-vcore"):
        _sold_apart(tf, resource, "postgresql-flexible", server, gib)
    else:
        tree: Tree = {"platform": "azure-postgresql", "machine": server[0], "region": tf.region(node)}
        tree["high_availability"] = bool(resource.block("high_availability").text("mode"))
        tf.add("databases", node, {**tree, "storage": f"{gib}Gi"})
    tf.usage(node, "backups beyond the storage's size")
    usual, _ = sold(tf, AzureDisk("P10-LRS-128GiB", gib))
    if resource.text("storage_tier") not in ("", usual.partition("-")[0]):
        tf.note(node, f"its storage tier {resource.text('storage_tier')} has a price of its own")


def _mysql(tf: Reading, resource: Attributes) -> None:
    node, storage = resource.node, resource.block("storage")
    server = _server(tf, "mysql-flexible", resource.needed("sku_name"))
    _sold_apart(tf, resource, "mysql-flexible", server, storage.number("size_gb", 20))
    if storage.number("iops") > 300 + 3 * storage.number("size_gb", 20):
        tf.note(node, "its additional IOPS have no price here")


def _redis(tf: Reading, resource: Attributes) -> None:
    """Read a cache: premium ones have shards, each with a replica or more, sold by the node."""
    node, tier = resource.node, resource.needed("sku_name").lower()
    sku = f"{tier}-{resource.needed('family').upper()}{resource.whole('capacity')}"
    shards = resource.whole("shard_count") or 1
    replicas = resource.whole("replicas_per_primary", resource.whole("replicas_per_master", 1)) or 1
    if shards * (1 + replicas) > 2:
        tf.priced(node, "redis-cache", f"{sku}-node", shards * (1 + replicas))
        return
    tf.check("azure", "redis-cache", sku)
    tf.add("caches", node, {"platform": "azure-redis", "region": tf.region(node), "machine": sku})


def _container_app(tf: Reading, resource: Attributes) -> None:
    template = resource.block("template")
    containers = template.blocks("container")
    if not containers:
        raise UncoveredError("its containers are not known")
    cpus = sum(container.number("cpu", 0.5) for container in containers)
    gib = sum((amount(container.get("memory")) or 2**30) / 2**30 for container in containers)
    if not 0.25 <= cpus <= 4 or gib != 2 * cpus:
        raise UncoveredError(f"{cpus:g} vCPU with {gib:g} GiB is no size of the consumption plan")
    low, high = template.whole("min_replicas"), template.whole("max_replicas", 10)
    tree: Tree = {"platform": "container-apps", "region": tf.region(resource.node)}
    tree |= {"cpu": cores(cpus), "memory": memory(gib), "service_time": "100ms"}
    tf.add("services", resource.node, {**tree, "instances": bounds(low, max(low, high))})
    what = "a request takes 100ms; measure service_time"
    tf.draft.note(checks.ASSUMED_SERVICE_TIME, resource.node.address, what)
    profile = resource.text("workload_profile_name", "Consumption")
    if profile != "Consumption":
        tf.note(resource.node, f"it runs on the profile {profile}, and is priced as on Consumption")


def _public_ip(tf: Reading, resource: Attributes) -> None:
    way = resource.text("allocation_method", "Static").lower()
    sku = resource.text("sku", "Basic" if way == "dynamic" else "Standard").lower()
    if resource.text("ip_version", "IPv4") == "IPv6":
        tf.free(resource.node)
        return
    if resource.text("ddos_protection_mode") == "Enabled":
        tf.note(resource.node, "its protection against DDoS has a price of its own")
    if resource.text("sku_tier", "Regional") == "Global":
        sku = "global"
    tf.priced(resource.node, "public-ip", f"ip-addresses-{sku}-ipv4-{way}-public")


_RULES = ("azurerm_lb_rule", "azurerm_lb_outbound_rule")


def _balancer(tf: Reading, resource: Attributes) -> None:
    """Read a load balancer: a basic one is free, a standard one has five rules in its price."""
    node = resource.node
    sku = resource.text("sku", "Standard")
    if sku == "Basic":
        tf.free(node)
        return
    if sku != "Standard":
        raise UncoveredError(f"the catalog has no load balancer {sku}")
    rules = len(tf.owned(node, "loadbalancer_id", *_RULES))
    tf.priced(node, "load-balancer", "standard-included-rules")
    if rules > 5:
        tf.priced(node, "load-balancer", "standard-rule", rules - 5, "rules")
    tf.usage(node, "processed data")


_GATEWAYS = {"Standard_v2": "standard-v2", "WAF_v2": "waf-v2-standard", "Basic": "basic-v2"}
_UNITS_OF_INSTANCE = 10


def _application_gateway(tf: Reading, resource: Attributes) -> None:
    """Read a gateway: of version 2 a fixed price, and ten capacity units for each instance that is kept."""
    node, sku = resource.node, resource.block("sku")
    name = sku.needed("name")
    if name not in _GATEWAYS:
        raise UncoveredError(f"the catalog has no application gateway {name}")
    kind = f"application-gateway-{_GATEWAYS[name]}"
    tf.priced(node, "application-gateway", f"{kind}-fixed-cost")
    kept = resource.block("autoscale_configuration").whole("min_capacity", sku.whole("capacity"))
    if kept:
        units = kept * _UNITS_OF_INSTANCE
        tf.priced(node, "application-gateway", f"{kind}-capacity-units", units, "capacity")
    tf.usage(node, "capacity units beyond those that are kept")


def _service_bus(tf: Reading, resource: Attributes) -> None:
    node, sku = resource.node, resource.needed("sku").lower()
    if sku == "premium":
        tf.priced(node, "service-bus", "service-bus-premium-messaging-unit", resource.whole("capacity", 1))
    elif sku == "standard":
        tf.priced(node, "service-bus", "service-bus-standard-base-unit")
    if sku != "premium":
        tf.usage(node, "operations")
    if resource.whole("premium_messaging_partitions", 1) > 1:
        tf.note(node, "each of its partitions may need messaging units of its own")


_DATABASE = re.compile(r"(?P<tier>GP_S|GP|HS|BC)_[A-Za-z0-9]+_(?P<count>\d+)")
_DATABASE_SKUS = {"GP": "general-purpose", "HS": "hyperscale", "BC": "business-critical"}


def _sql_database(tf: Reading, resource: Attributes) -> None:
    """Read an Azure SQL database: by DTU, or by vCore with storage; in a pool it costs nothing by itself."""
    node, name = resource.node, resource.text("sku_name")
    if resource.get("elastic_pool_id") or name == "ElasticPool":
        tf.free(node)
        return
    size = _DATABASE.fullmatch(resource.needed("sku_name"))
    if resource.flag("zone_redundant"):
        tf.note(node, "zone redundancy costs more than is priced")
    if size is None:
        tf.priced(node, "sql-database", f"dtu-{name.lower()}")
        return
    if size["tier"] == "GP_S":
        tf.usage(node, "vCores of a serverless database")
    else:
        kind, copies = _DATABASE_SKUS[size["tier"]], 1 + resource.whole("read_replica_count")
        tf.priced(node, "sql-database", f"{kind}-vcore", int(size["count"]) * copies)
    if resource.get("max_size_gb") and size["tier"] != "HS":
        kind = _DATABASE_SKUS[size["tier"][:2]]
        tf.priced(node, "sql-database", f"storage-{kind}", resource.number("max_size_gb"), "storage")
    else:
        tf.usage(node, "stored data")


def _container_group(tf: Reading, resource: Attributes) -> None:
    """Read a group of Container Instances, as if it ran all month."""
    containers = resource.blocks("container")
    tf.priced(resource.node, "container-instances", "vcpu", sum(each.number("cpu") for each in containers))
    gib = sum(each.number("memory") for each in containers)
    tf.priced(resource.node, "container-instances", "memory", gib, "memory")
    if resource.text("os_type", "Linux") != "Linux" or any(each.get("gpu") for each in containers):
        tf.note(resource.node, "Windows and GPUs cost more than the Linux cores that are priced")


def _event_hubs(tf: Reading, resource: Attributes) -> None:
    sku = resource.needed("sku").lower()
    unit = "processing" if sku == "premium" else "throughput"
    tf.priced(resource.node, "event-hubs", f"{sku}-{unit}-unit", resource.whole("capacity", 1))
    tf.usage(resource.node, "events")


def _registry(tf: Reading, resource: Attributes) -> None:
    node, sku = resource.node, resource.text("sku", "Basic").lower()
    tf.priced(node, "container-registry", sku)
    copies = len(resource.blocks("georeplications"))
    if copies:
        tf.priced(node, "container-registry", "premium-replication", copies, "replications")
    tf.usage(node, "images beyond the storage that is included")


def _cosmos(tf: Reading, resource: Attributes) -> None:
    """Read a database or container of Cosmos DB: its throughput in each region of its account."""
    node = resource.node
    account = tf.owner(node, "account_name", "azurerm_cosmosdb_account")
    places = [] if account is None else tf.block(account).blocks("geo_location")
    ceiling = resource.block("autoscale_settings").whole("max_throughput")
    throughput = resource.whole("throughput") or ceiling / 10
    several = account is not None and any(tf.block(account).flag(name) for name in _WRITES_ANYWHERE)
    sku = f"azure-cosmos-db-{'mrus-100-multi-master' if several else 'rus-100'}-ru-s"
    units = throughput / 100 * (1.5 if ceiling else 1)
    if throughput and not places:
        tf.priced(node, "cosmos-db", sku, units)
    for index, place in enumerate(places if throughput else ()):
        region = region_in(place.text("location"), "azure") or tf.region(node)
        quantity = units * (1.25 if place.flag("zone_redundant") and not several else 1)
        tree: Tree = {"provider": "azure", "service": "cosmos-db", "sku": sku, "region": region}
        tf.add(
            "resources", node, {**tree, "quantity": round(quantity, 6)}, f"region-{index}" if index else ""
        )
    if ceiling:
        tf.assume(node, f"it runs at a tenth of its {ceiling} RU/s, the least that is billed")
    tf.usage(node, "stored data" if throughput else "operations and stored data")


_WRITES_ANYWHERE = ("multiple_write_locations_enabled", "enable_multiple_write_locations")
_PLAN_SKUS = {"P1v2": "p1-v2-app", "P2v2": "p2-v2-app", "P3v2": "p3-v2-app"}
_PLAN_SKUS |= {"P0v3": "p0v3-app", "P1v3": "p1-v3-app", "P2v3": "p2-v3-app", "P3v3": "p3-v3-app"}
_PLAN_SKUS |= {f"P{size}mv3": f"p{size}mv3-app" for size in range(1, 6)}
_PLAN_SKUS |= {f"S{size}": f"s{size}-app" for size in range(1, 4)}


def _app_service_plan(tf: Reading, resource: Attributes) -> None:
    """Read a plan: its instances, each at the price of its size."""
    node, legacy = resource.node, resource.block("sku") if "app_service_plan" in resource.node.type else None
    if legacy is not None:
        name, count, system = (
            legacy.needed("size"),
            legacy.whole("capacity", 1),
            resource.text("kind", "Windows"),
        )
    else:
        name, count = resource.needed("sku_name"), resource.whole("worker_count", 1)
        system = resource.needed("os_type")
    name = name[:1].upper() + name[1:].replace("V", "v")
    if name in ("F1", "Y1", "FC1"):
        tf.usage(node, "executions") if name in ("Y1", "FC1") else tf.free(node)
        return
    if system.lower() not in ("linux", "functionapp"):
        raise UncoveredError("plans for Windows have no price here")
    tf.priced(node, "app-service-linux", _PLAN_SKUS.get(name, name.lower()), count)


_POSTGRES_FREE = """
    administrator_login administrator_password administrator_password_wo
    administrator_password_wo_version authentication auto_grow_enabled backup_retention_days create_mode
    customer_managed_key delegated_subnet_id identity maintenance_window private_dns_zone_id
    point_in_time_restore_time_in_utc public_network_access_enabled replication_role source_server_id
    version zone fqdn high_availability.standby_availability_zone storage_tier public_network_access"""
_MYSQL_FREE = f"{_POSTGRES_FREE} storage.auto_grow_enabled storage.log_on_disk_enabled"
_REDIS_FREE = """
    access_keys_authentication_enabled enable_non_ssl_port identity minimum_tls_version non_ssl_port_enabled
    patch_schedule private_static_ip_address public_network_access_enabled redis_configuration redis_version
    subnet_id tenant_settings zones"""
_APP_FREE = """
    container_app_environment_id revision_mode dapr identity ingress registry secret workload_profile_name
    max_inactive_revisions template.revision_suffix template.volume template.init_container
    template.azure_queue_scale_rule template.custom_scale_rule template.http_scale_rule
    template.tcp_scale_rule template.termination_grace_period_seconds template.cooldown_period_in_seconds
    template.polling_interval_in_seconds template.container.name template.container.image
    template.container.args template.container.command template.container.env
    template.container.liveness_probe template.container.readiness_probe template.container.startup_probe
    template.container.volume_mounts template.container.ephemeral_storage"""
_POSTGRES_NAMED = "cluster.size geo_redundant_backup_enabled storage.io_scaling_enabled"
_REDIS_NAMED = "redis_configuration.rdb_backup_enabled redis_configuration.aof_backup_enabled"
_RETAINED = "weekly_retention monthly_retention yearly_retention"
_PLAN_NAMED = "app_service_environment_id premium_plan_auto_scale_enabled maximum_elastic_worker_count"
_COSMOS = (
    *("sql_database", "sql_container", "mongo_database", "mongo_collection", "table"),
    *("gremlin_database", "gremlin_graph", "cassandra_keyspace", "cassandra_table"),
)
_BY_USE: Mapping[str, str] = {
    "application_insights": "logs",
    "container_app_job": "executions",
    "cosmosdb_account": "its databases, operations and stored data",
    "dns_zone": "zones and queries",
    "eventgrid_topic": "operations",
    "function_app": "executions",
    "linux_function_app": "executions",
    "windows_function_app": "executions",
    "key_vault": "operations",
    "key_vault_key": "keys and operations",
    "log_analytics_workspace": "logs",
    "monitor_action_group": "notifications",
    "monitor_metric_alert": "alerts",
    "private_dns_zone": "zones and queries",
    "search_service": "its units",
    "storage_account": "stored data, operations and traffic",
    "storage_share": "stored data and operations",
    "log_analytics_solution": "logs",
    "application_insights_web_test": "tests",
    "application_insights_standard_web_test": "tests",
}
"""What is billed by use only: any attribute may change the price of a unit, none the number of them."""

TYPES: Mapping[str, Row] = {
    "azurerm_postgresql_flexible_server": Row(_postgres, _POSTGRES_FREE, named=_POSTGRES_NAMED),
    "azurerm_mysql_flexible_server": Row(_mysql, _MYSQL_FREE, named=_POSTGRES_NAMED),
    "azurerm_redis_cache": Row(_redis, _REDIS_FREE, named=_REDIS_NAMED),
    "azurerm_container_app": Row(_container_app, _APP_FREE),
    "azurerm_public_ip": Row(_public_ip, "*"),
    "azurerm_nat_gateway": Row(held("nat-gateway", "hour", "processed data"), "*"),
    "azurerm_lb": Row(_balancer, "*"),
    **dict.fromkeys(_RULES, Row(free, "*")),
    "azurerm_container_registry": Row(_registry, "*"),
    "azurerm_container_group": Row(
        _container_group, "*", {"sku": "Standard", "priority": "Regular"}, "sku priority ip_address_type"
    ),
    "azurerm_eventhub_namespace": Row(
        _event_hubs, "*", named="maximum_throughput_units dedicated_cluster_id"
    ),
    "azurerm_mssql_database": Row(
        _sql_database,
        "*",
        {"license_type": "LicenseIncluded"}
        | dict.fromkeys(inside("long_term_retention_policy", _RETAINED).split(), "PT0S"),
        f"license_type {inside('long_term_retention_policy', _RETAINED)}",
    ),
    "azurerm_application_gateway": Row(_application_gateway, "*"),
    "azurerm_servicebus_namespace": Row(_service_bus, "*"),
    **{f"azurerm_cosmosdb_{kind}": Row(_cosmos, "*") for kind in _COSMOS},
    **dict.fromkeys(
        ("azurerm_service_plan", "azurerm_app_service_plan"),
        Row(_app_service_plan, "*", {"maximum_elastic_worker_count": 1}, _PLAN_NAMED),
    ),
    "azurerm_container_app_environment": Row(
        used("logs"), "*", {"workload_profile.minimum_count": 0}, "workload_profile.minimum_count"
    ),
    "azurerm_eventhub": Row(free_always, "*", named="capture_description"),
    **{f"azurerm_{kind}": Row(used(what), "*") for kind, what in _BY_USE.items()},
}
"""How each type is read."""
