"""What is adopted so far: the sections of a plan, where each entry comes from, and what was left open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from capplan.adopt import checks
from capplan.errors import InputError, Problem, nearest
from capplan.findings import Check, Finding, Severity
from capplan.manifests.quantity import cpu
from capplan.manifests.verify.world import Item
from capplan.plan.services import CLUSTER_PLATFORMS, Provider

Tree = dict[str, Any]

DEFAULT_POOL = "default"
GPU_POOL = "gpu"
ARM_POOL = "arm64"
_MACHINES: Mapping[Provider, Mapping[str, str]] = {
    "gcp": {DEFAULT_POOL: "e2-standard-4", GPU_POOL: "g2-standard-4", ARM_POOL: "c4a-standard-4"},
    "aws": {DEFAULT_POOL: "m6i.xlarge", GPU_POOL: "g6.xlarge", ARM_POOL: "m7g.xlarge"},
    "azure": {
        DEFAULT_POOL: "Standard_D4s_v5",
        GPU_POOL: "Standard_NC4as_T4_v3",
        ARM_POOL: "Standard_D4ps_v5",
    },
}
"""Four vCPU, also of Arm, and with one GPU; always named among the assumptions."""


class AdoptOptions(NamedTuple):
    """What manifests do not say and the user does.

    node_types: machine type by node pool; ``default`` for pods that choose no pool.
    overlay: the environment to adopt where a directory has several. profiles: of a compose file.
    """

    provider: Provider | None = None
    region: str | None = None
    node_types: Mapping[str, str] = {}
    overlay: str | None = None
    catalogs: Path | None = None
    profiles: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        provider: str | None,
        region: str | None,
        node_types: Sequence[str],
        overlay: str | None,
        catalogs: Path | None,
        profiles: Sequence[str] | None = None,
    ) -> AdoptOptions:
        """Return what options say; ``node_types`` are MACHINE or POOL=MACHINE."""
        if provider is not None and provider not in CLUSTER_PLATFORMS:
            what = f"'{provider}' is not a provider"
            raise InputError(Problem("--provider", what, nearest(provider, CLUSTER_PLATFORMS)))
        types = {}
        for given in node_types:
            pool, _, machine = given.rpartition("=")
            types[pool or DEFAULT_POOL] = machine
        return cls(cast("Provider | None", provider), region, types, overlay, catalogs, profiles or ())


class Held(NamedTuple):
    """A resource of the source: its type or kind, what it says, and its file."""

    kind: str
    tree: object
    file: str = ""


class Draft:
    """A plan while it is being adopted.

    resources: everything that the source holds, by address; each ends in a component, as free, as used for
    others, or in a note (:meth:`account_for_all`). parts: the resource that an operator makes something of,
    by the address of what it makes. addresses: the resource behind a component, by its name in estimates
    (``cluster/pool`` for node pools). origins: what a comment says of where an entry comes from.
    """

    def __init__(self, name: str, asked: AdoptOptions) -> None:
        self.name = usable(name)
        self.asked = asked
        self.sections: dict[str, dict[str, Tree]] = {
            kind: {} for kind in ("services", "databases", "caches", "clusters", "resources")
        }
        self.pools: dict[str, Tree] = {}
        self.regions: dict[Provider, str] = {}
        self.origins: dict[str, str] = {}
        self.resources: dict[str, Held] = {}
        self.addresses: dict[str, str] = {}
        self.parts: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.entry: str | None = None
        self.namespace: str | None = None
        self.notes: list[Finding] = []
        self.free: set[str] = set()
        self.used: set[str] = set()

    def provider(self, wanted: Provider | None = None) -> Provider:
        """Return the provider to price at, with its region noted; both must be said, none is guessed."""
        found = wanted or self.asked.provider
        if found is None:
            what = "manifests do not say which provider they run on"
            raise InputError(Problem("--provider", what, "Set --provider to gcp, aws or azure."))
        if found not in self.regions:
            if self.asked.region is None:
                what = "manifests do not say which region they run in, and prices differ by region"
                raise InputError(Problem("--region", what, "Set --region, such as --region us-central1."))
            self.regions[found] = self.asked.region
        return found

    def hold(self, address: str, kind: str, tree: object, file: str = "") -> None:
        """Take down a resource of the source, before anything is known of it."""
        self.resources[address] = Held(kind, tree, file)

    def add(
        self,
        section: str,
        wanted: str,
        tree: Tree,
        origin: str,
        namespace: str = "",
        address: str | None = None,
    ) -> str:
        """Add an entry under a name that is still free, and return that name.

        The resource behind it has the ``address``, or else that of ``origin``.
        """
        name = self._free_name(usable(wanted), usable(namespace) if namespace else "")
        self.sections[section][name] = tree
        self.origins[name] = origin
        self.addresses[name] = self._whole(origin if address is None else address)
        return name

    def _free_name(self, wanted: str, namespace: str) -> str:
        candidates = [wanted, f"{namespace}-{wanted}"[:63].rstrip("-")] if namespace else [wanted]
        number = 2
        while candidates[0] in self.origins or candidates[0] == "cluster":
            candidates.pop(0)
            if not candidates:
                candidates = [f"{wanted[:58]}-{number}"]
                number += 1
        return candidates[0]

    def pool(
        self,
        name: str,
        machine: str | None = None,
        spot: bool = False,
        kind: str = DEFAULT_POOL,
        more: Tree | None = None,
    ) -> str:
        """Return a node pool by that name; its machine is the user's, the manifests', or a kind's usual."""
        if name not in self.pools:
            if self.provider() == "azure":
                what = (
                    "what AKS gives nodes as system disks depends on the machine and has no price; set disk"
                )
                self.note(checks.UNPRICED_ATTRIBUTE, f"node pool {name}", what)
            self.pools[name] = {
                "machine": self._machine(name, machine, kind),
                "nodes": {"min": 0},
                **(more or {}),
            }
            if spot:
                self.pools[name]["purchase"] = {"spot": "100%"}
        return name

    def _machine(self, pool: str, said: str | None, kind: str) -> str:
        given = self.asked.node_types.get(pool) or said
        if given is not None:
            return given
        machine = self.asked.node_types.get(kind) or _MACHINES[self.provider()][kind]
        remedy = machine if pool == DEFAULT_POOL else f"{pool}={machine}"
        self.note(
            checks.ASSUMED_MACHINE,
            f"node pool {pool}",
            f"nodes of {machine}; confirm with --node-type {remedy}",
        )
        return machine

    def check_pools(self) -> None:
        """Refuse machine types for node pools that nothing uses: a misspelled pool must not pass."""
        unused = set(self.asked.node_types) - set(self.pools) - {DEFAULT_POOL, GPU_POOL}
        if unused:
            name = min(unused)
            raise InputError(
                Problem("--node-type", f"no pods run in a pool '{name}'", nearest(name, self.pools))
            )

    def note(self, check: Check, where: str, what: str, *, severity: Severity | None = None) -> None:
        """Keep something that a reader must know; ``where`` is an address, or what else it is about."""
        where = self._whole(where)
        file = self.resources[where].file if where in self.resources else ""
        self.notes.append(check.finding(where, what, severity=severity, file=file))

    def add_object(self, section: str, name: str, tree: Tree, item: Item, more: str = "") -> str:
        """Add an entry for a Kubernetes object; ``more`` is what its comment says besides where it stands."""
        origin = f"{item.title}, {item.path}{more}"
        return self.add(section, name, tree, origin, item.namespace, address_of(item))

    def _whole(self, address: str) -> str:
        """Return the resource that an operator makes something of."""
        return self.parts.get(address, address)

    def account_for_all(self) -> None:
        """Note each resource that ended nowhere: nothing is lost in silence."""
        noted = {note.subject for note in self.notes if note.severity != "info"}
        ended = noted | self.free | self.used | set(self.addresses.values())
        for address, held in self.resources.items():
            if address not in ended:
                self.note(checks.UNREAD_RESOURCE, address, f"this {held.kind} is in no entry of the plan")


def address_of(item: Item) -> str:
    """Return what names an object, wherever it stands: its kind, its namespace if it says one, its name."""
    return "/".join(part for part in (item.kind, item.namespace, item.name) if part) or item.path


def cores(value: float) -> str | int:
    """Return cores as a plan writes them.

    >>> cores(2.0), cores(0.25)
    (2, '250m')
    """
    text = cpu(value)
    return int(text) if text.isdigit() else text


def usable(name: str) -> str:
    """Return the nearest name that a plan can have.

    >>> usable("My_App.v2")
    'my-app-v2'
    """
    return re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:63].rstrip("-") or "adopted"
