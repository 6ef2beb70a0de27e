"""From the resources of a Terraform plan or state to entries of a plan: what readers of types share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, usable
from capplan.adopt.terraform.addresses import modules_of
from capplan.adopt.terraform.free import is_free
from capplan.adopt.terraform.graph import Graph
from capplan.adopt.terraform.planned import Planned
from capplan.adopt.terraform.table import Attributes, Row, UncoveredError
from capplan.catalog.catalog import Catalog
from capplan.components.base import MACHINES
from capplan.findings import Check
from capplan.plan.services import Provider
from capplan.quantities import counted


class Reading:
    """A graph while it is being read, with the draft and the catalog. Readers get this and a resource."""

    def __init__(self, graph: Graph, types: Mapping[str, Row], draft: Draft) -> None:
        self.graph, self.types, self.draft = graph, types, draft
        self.catalog = Catalog(draft.asked.catalogs)
        self._blocks: dict[str, Attributes] = {}
        self._failed: set[str] = set()
        self._noted: set[tuple[str, str]] = set()
        self._owners: dict[tuple[str, str, tuple[str, ...]], Planned | None] = {}
        self._owned: dict[tuple[str, str, tuple[str, ...]], dict[str, list[Planned]]] = {}
        self._sold: dict[tuple[str, str, str], bool] = {}
        self._of_each: list[tuple[Tree, Planned, float]] = []

    def adopt(self) -> None:
        """Read every resource: each ends as an entry or part of one, as free, or as a note."""
        nodes = self.graph.resources
        for node in nodes:
            self.draft.hold(node.address, node.type, node.values)
            if node.address in self.graph.moved:
                self.draft.moved[node.address] = self.graph.moved[node.address]
        for node in nodes:
            self._read(node)
        self._settle()
        for node in nodes:
            self._note_unread(node)

    def _read(self, node: Planned) -> None:
        row = self.types.get(node.type)
        if row is None and is_free(node.type):
            self.free(node)
        elif row is None:
            what = f"capplan does not know the type {node.type}"
            self.draft.note(checks.UNKNOWN_RESOURCE, node.address, what)
        else:
            try:
                row.read(self, self.block(node))
            except UncoveredError as reason:
                self.note(node, str(reason))
                self._failed.add(node.address)

    def _note_unread(self, node: Planned) -> None:
        """Note what nobody has asked for: of what has no price the reason says enough."""
        block, row = self._blocks.get(node.address), self.types.get(node.type)
        if block is None or row is None:
            return
        for path, what in block.odd.items():
            self.draft.note(checks.UNREAD_VALUE, node.address, f"{path} {what}")
        unused = node.address in self.draft.free and not block.asked
        if not unused and node.address not in self._failed:
            for path, what in block.unread(row):
                self.draft.note(checks.UNPRICED_ATTRIBUTE, node.address, f"{path} {what}")

    def block(self, node: Planned) -> Attributes:
        """Return a resource as its readers see it: all of them ask the same one."""
        if node.address not in self._blocks:
            self._blocks[node.address] = Attributes(node, self.graph.unset)
        return self._blocks[node.address]

    @contextmanager
    def part(self, node: Planned) -> Iterator[None]:
        """Note what cannot be priced inside, and go on after it."""
        try:
            yield
        except UncoveredError as reason:
            self.note(node, str(reason))

    def note(self, node: Planned, what: str) -> None:
        """Note what of a resource has no price."""
        self._note(checks.UNREAD_RESOURCE, node, what)

    def free(self, node: Planned) -> None:
        """Count a resource that costs nothing by itself."""
        self.draft.free.add(node.address)

    def assume(self, node: Planned, what: str) -> None:
        """Note what is taken for granted."""
        self._note(checks.ASSUMED_VALUE, node, what)

    def usage(self, node: Planned, what: str) -> None:
        """Note what no file says and the provider bills by use."""
        self._note(checks.UNKNOWN_USAGE, node, f"{what} are billed by use, which no file says")

    def _note(self, check: Check, node: Planned, what: str) -> None:
        """Keep a note once: a template is read for each group that uses it."""
        if (node.address, what) not in self._noted:
            self._noted.add((node.address, what))
            self.draft.note(check, node.address, what)

    def owner(self, node: Planned, path: str, *types: str) -> Planned | None:
        """Return the one resource of ``types`` that an attribute refers to, as :meth:`Graph.owner` does."""
        self.block(node).asked.add(path.partition(".")[0])
        key = (node.address, path, types)
        if key not in self._owners:
            self._owners[key] = self.graph.owner(node, path, types)
        return self._owners[key]

    def owned(self, owner: Planned, path: str, *types: str) -> list[Attributes]:
        """Return the resources of ``types`` whose attribute refers to ``owner``."""
        key = (path, owner.type, types)
        if key not in self._owned:
            self._owned[key] = defaultdict(list)
            for node in self.graph.of(*types):
                found = self.owner(node, path, owner.type)
                self._owned[key][found.address if found else ""].append(node)
        return [self.block(node) for node in self._owned[key].get(owner.address, ())]

    def region(self, node: Planned) -> str:
        """Return a resource's region: the document's, or the one that the user gives."""
        provider = self._provider(node)
        region = self.graph.region(node) or self.draft.asked.region
        if region is None:
            raise UncoveredError("its region is not known; set --region")
        if not self.catalog.knows_region(provider, region):
            raise UncoveredError(f"the catalog has no region {region} of {provider}")
        self.draft.regions.setdefault(provider, region)
        return region

    def _provider(self, node: Planned) -> Provider:
        if node.provider is None:
            raise UncoveredError(f"{node.type} belongs to no provider with prices")
        return node.provider

    def check(self, provider: Provider, service: str, sku: str) -> str:
        """Return a SKU that the catalog has."""
        key = (provider, service, sku)
        if key not in self._sold:
            self._sold[key] = service in self.catalog.names(provider) and (
                self.catalog.find(provider, service, sku) is not None
                or sku in self.catalog.service(provider, service).tiers
            )
        if not self._sold[key]:
            raise UncoveredError(f"the catalog has no {sku} of {provider} {service}")
        return sku

    def machine(self, provider: Provider, name: str) -> str:
        """Return a machine type whose size the catalog knows."""
        sku = self.catalog.find(provider, MACHINES[provider], name)
        if sku is not None and (sku.vcpu is None or sku.memory_gib is None):
            raise UncoveredError(f"the catalog does not say how large {name} is")
        return name if sku is not None else self.check(provider, MACHINES[provider], name)

    def add(self, section: str, node: Planned, tree: Tree, suffix: str = "") -> str:
        """Add an entry for a resource, or for a part of it that ``suffix`` names, and return its name."""
        name = "-".join(filter(None, (name_of(node), suffix)))
        return self.draft.add(section, name, tree, node.address, node.type)

    def add_cluster(
        self, node: Planned, tree: Tree, pools: Mapping[str, Tree], behind: Mapping[str, Planned]
    ) -> None:
        """Add a cluster with its pools; ``behind``: the resource of each pool, by its name."""
        name = self.add("clusters", node, {**tree, "pools": pools})
        self.draft.addresses |= {f"{name}/{pool}": behind[pool].address for pool in pools}

    def pool_alone(self, node: Planned, pool: Tree) -> None:
        """Add a node pool whose cluster is elsewhere: a group of machines."""
        tree: Tree = {
            "platform": "vm-group",
            "provider": self._provider(node),
            "region": self.region(node),
            **pool,
        }
        tree["instances"] = tree.pop("nodes")
        self.add("services", node, tree)
        self.assume(node, "its cluster is not in the plan, so its machines are a group of their own")

    def priced(
        self,
        node: Planned,
        service: str,
        sku: str,
        quantity: float = 1,
        suffix: str = "",
        machines: float = 1,
        moves: bool = False,
    ) -> None:
        """Add a quantity of what a catalog sells: held all month, or used in it.

        It is that of each of ``machines`` that run today; ``moves``: their number changes, and it with them.
        """
        provider = self._provider(node)
        tree: Tree = {"provider": provider, "service": service, "sku": self.check(provider, service, sku)}
        tree["region"] = self.region(node)
        tree["quantity"] = _written(quantity if moves else quantity * machines)
        if moves:
            self._of_each.append((tree, node, machines))
        self.add("resources", node, tree, suffix)

    def _settle(self) -> None:
        """Say of which component each machine holds a quantity, or count it for the machines of today."""
        homes: dict[str, list[str]] = defaultdict(list)
        for name, address in self.draft.addresses.items():
            if name in self.draft.sections["services"] or "/" in name:
                homes[address].append(name)
        for tree, node, machines in self._of_each:
            if len(homes[node.address]) == 1:
                tree["each"] = homes[node.address][0]
            else:
                tree["quantity"] = _written(tree["quantity"] * machines)
                self.assume(
                    node, f"its disks and addresses are counted for today's {counted(machines, 'machine')}"
                )


def _written(quantity: float) -> float:
    return int(quantity) if float(quantity).is_integer() else round(quantity, 6)


_UNTOLD = ("this", "default", "main")
"""Names that say nothing where a module says what it is."""


def name_of(node: Planned) -> str:
    """Return what an entry is called: the modules and the name in its address, without what says nothing.

    >>> from capplan.adopt.terraform.graph import Graph
    >>> address = 'module.eks.module.pools["gpu"].aws_eks_node_group.this[0]'
    >>> entry = {"address": address, "type": "aws_eks_node_group", "name": "this", "index": 0}
    >>> name_of(Graph({"values": {"root_module": {"resources": [entry]}}}).resources[0])
    'eks-gpu'
    """
    modules = modules_of(node.scope)
    words = [
        key if isinstance(key, str) else name if key is None else f"{name}-{key}" for name, key in modules
    ]
    plain = node.name in _UNTOLD and bool(words)
    if not plain:
        words.append(node.name)
    if node.key is not None and not (plain and node.key == 0):
        words.append(str(node.key))
    return _short("-".join(map(usable, words)))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9].rstrip('-')}-{_digest(name)}"


_LONGEST_NAME = 55
"""Leaves room for the name of a part."""


def _digest(name: str) -> str:
    from hashlib import sha256

    return sha256(name.encode()).hexdigest()[:8]


def bounds(low: float, high: float, desired: float | None = None) -> Any:
    """Return a range of instances as a plan writes it, with how many run today: that many are possible."""
    top = max(high, low, desired or 0)
    low = low if desired is None else min(low, desired)
    if low == top:
        return int(low)
    tree = {"min": int(low), "max": int(top)}
    return tree if desired is None else {**tree, "desired": int(min(max(desired, low), top))}
