"""What a tier table says of a service: the requests of its pods, or what its machine carries."""

from __future__ import annotations

from capplan.arrays import per_scenario
from capplan.catalog.tiers import CLASSES
from capplan.components.base import Context, Path
from capplan.components.measures import Pick
from capplan.components.tiertables import beyond_table
from capplan.plan.services import Kubernetes, Service, VmGroup


def by_load(ctx: Context, name: str, service: Kubernetes, path: Path) -> tuple[Service, Pick | None]:
    """Return the service with the requests that its tier prescribes, and the tier."""
    if service.resources is None:
        return service, None
    table = ctx.tier_table(service.resources, "resources", (*path, "resources"))
    load = ctx.driver(table.by, name)
    given = {field: table.prescribes(field, load) for field in table.fields()}
    room = table.until_next(load)
    said = list(beyond_table(name, table, load))
    pick = Pick(tuple(tier.name for tier in table.tiers), table.falls_into(load)[:, 0], room, said)
    return service.model_copy(update=given), pick


def by_memory(ctx: Context, name: str, service: VmGroup, path: Path) -> tuple[Service, Pick | None]:
    """Return the service with what a table says that its machine carries, and the tier."""
    if service.capacity is None:
        return service, None
    table = ctx.tier_table(service.capacity, "capacity", (*path, "capacity"))
    machine = ctx.machine(service.provider, service.machine, (*path, "machine"))
    memory_gib = per_scenario(machine.memory_gib or 0.0)
    given = {field: table.prescribes(field, memory_gib) for field in table.fields()}
    said = list(beyond_table(name, table, memory_gib))
    pick = Pick(tuple(tier.name for tier in table.tiers), table.falls_into(memory_gib)[:, 0], said=said)
    measured = {
        one: section.model_copy(update={"throughput": given.get(f"{CLASSES}{one}", section.throughput)})
        for one, section in service.classes.items()
    }
    own = {field: value for field, value in given.items() if not field.startswith(CLASSES)}
    return service.model_copy(update={**own, "classes": measured}), pick
