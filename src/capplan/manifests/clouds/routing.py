"""What sends requests to the sites of a plan, and what somebody runs when one is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.components.routing import routing_provider
from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.clouds.aws import full_name
from capplan.manifests.figures import number
from capplan.manifests.site import Site
from capplan.plan.databases import ManagedDatabase
from capplan.plan.sites import copy_of, shares


def routing_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the script that sets up DNS or a load balancer for the sites, and the one for a failover."""
    routing = site.plan.site_routing
    away = None
    if routing is not None and len(site.plan.sites) > 1:
        entries = [site.components[name] for name in site.entries]
        provider = routing_provider(site.estimate.context, routing, entries)
        context = _context(site)
        by_cloud_run = (provider, routing.by) == ("gcp", "load-balancer")
        away = context["away"] if by_cloud_run else None
        if (provider, routing.by) == ("aws", "dns"):
            path = "routing/change-resource-record-sets.json"
            yield Artefact(path, "routing/records.json.j2", context, "routing")
        if not by_cloud_run or all(entry.platform == "cloud-run" for entry in entries):
            template = f"routing/{provider}-{routing.by}.sh.j2"
            yield Artefact("commands/routing.sh", template, context, "routing")
    databases = list(_standbys(site))
    if databases or away:
        context = {"name": full_name(site, site.name), "databases": databases, "backend": away}
        yield Artefact("commands/failover.sh", "routing/failover.sh.j2", context, "routing")


def _context(site: Site) -> Tree:
    routing = site.plan.site_routing
    assert routing is not None
    sites = list(_sites(site))
    standby = [own for own in sites if own["priority"] > 1]
    entry = site.services[site.entries[0]] if site.entries else None
    host = routing.host or (None if entry is None else entry.workload.host)
    return {
        "name": site.name,
        "sites": sites,
        # One that waits for the only active site; with several, DNS keeps it at a weight of 0.
        "standby": standby[0] if len(sites) == 2 and standby else None,
        "host": host,
        "path": "/" if entry is None else entry.workload.health_path,
        "interval": math.ceil(number(routing.interval)),
        "failures": math.ceil(number(routing.failures)),
        "ttl": math.ceil(number(routing.ttl)),
        "away": f"{site.name}-{standby[0]['name']}" if standby else None,
    }


def _sites(site: Site) -> Iterator[Tree]:
    """Yield every site that can serve: its weight, and whether it comes first or waits."""
    active = shares(site.plan.sites)
    for name, own in site.plan.sites.items():
        if own.standby == "pilot":
            continue
        entry = copy_of(next(iter(site.plan.entries)), name, site.plan.sites)
        variable = name.upper().replace("-", "_")
        yield {
            "name": name,
            "entry": entry,
            "region": site.components[entry].region,
            "target": f"TARGET_{variable}",
            "check": f"CHECK_{variable}",
            "weight": round(100 * number(active.get(name, 0.0))),
            "priority": 1 if name in active else 2,
        }


def _standbys(site: Site) -> Iterator[Tree]:
    """Yield the databases that have a standby in another region, which somebody promotes."""
    for name, database in site.plan.databases.items():
        if isinstance(database, ManagedDatabase) and database.recovery.standby_region is not None:
            yield {
                "platform": database.platform,
                "region": database.recovery.standby_region,
                "standby": f"{full_name(site, name)}-standby",
                "group": f"{full_name(site, name)}-global",
            }
