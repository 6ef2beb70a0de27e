"""What is paid against what is rendered: each cost line with the artefacts that order it, and vice versa.

Files are read back as they will be written, so that a renderer cannot forget to say what it orders. Tables
say what files order, and what lines pay for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.components.base import Component
from capplan.cost.lines import CostLine
from capplan.cost.meters import EXTERNAL
from capplan.findings import Finding
from capplan.manifests.artefact import Rendered
from capplan.manifests.clouds.aws import full_name
from capplan.manifests.figures import number
from capplan.manifests.site import Site
from capplan.manifests.verify.checks.costs import BILLED_NOT_RENDERED, RENDERED_NOT_BILLED
from capplan.manifests.verify.trees import text

USAGE, OWN = "usage", "yours to order"
"""What lines are for that no file orders: what is used, and what the plan buys besides."""


class Order(NamedTuple):
    """Something that costs money, and the plan's component that it belongs to; empty where many share it."""

    kind: str
    component: str = ""


SHARED = (
    "application load balancer",
    "network load balancer",
    "public addresses",
    "NAT gateway",
    "private endpoint",
    "logs",
    "routing",
)
"""What belongs to no single component of a plan, so that any line of its kind pays for it."""

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    r"gcloud container clusters create(-auto)? (?P<name>\S+)": ("cluster",),
    r"gcloud container node-pools create (?P<pool>\S+) .*?--cluster (?P<name>\S+)": ("machines",),
    r"gcloud container node-pools create (?!.*--enable-private-nodes)": ("public addresses",),
    r"gcloud compute routers nats create": ("NAT gateway",),
    r"gcloud container node-pools create (?P<pool>\S+) .*?--cluster (?P<name>\S+) .*--disk-size": (
        "boot disks",
    ),
    r"gcloud compute instance-templates create (?P<name>\S+) .*--boot-disk-size": ("boot disks",),
    r"gcloud compute instance-templates create (?P<name>\S+) (?!.*--boot-disk-size)": ("disks of the image",),
    r"gcloud compute instance-groups managed create (?P<name>\S+)": ("machines",),
    r"gcloud sql instances create (?P<name>\S+)-standby ": ("standby",),
    r"gcloud sql instances create (?!\S+-standby )(?P<name>\S+?)(-replica-\d+)? ": ("database",),
    r"gcloud redis instances create (?P<name>\S+)": ("cache",),
    r"az aks create --name (?P<name>\S+) --nodepool-name (?P<pool>\S+)": (
        "cluster",
        "machines",
        "boot disks",
    ),
    r"az aks nodepool add --cluster-name (?P<name>\S+) --name (?P<pool>\S+)": ("machines", "boot disks"),
    r"az vmss create --name (?P<name>\S+) .*--os-disk-size-gb": ("machines", "boot disks"),
    r"az vmss create --name (?P<name>\S+) (?!.*--os-disk-size-gb)": ("machines", "disks of the image"),
    r"az postgres flexible-server replica create --name (?P<name>\S+)-standby ": ("standby",),
    r"az postgres flexible-server (replica )?create --name (?!\S+-standby )(?P<name>\S+?)(-replica-\d+)? ": (
        "database",
    ),
    r"az redisenterprise create --name (?P<name>\S+)": ("cache",),
    r"az network private-endpoint create": ("private endpoint",),
    r"eksctl create cluster --name (?P<name>\S+)": ("cluster",),
    r"eksctl create cluster (?!.*--vpc-private-subnets)": ("NAT gateway",),
    r"eksctl create nodegroup --cluster (?P<name>\S+) .*--name (?P<pool>\S+)": ("machines",),
    r"eksctl create nodegroup (?!.*--node-private-networking)": ("public addresses",),
    r"eksctl create nodegroup --cluster (?P<name>\S+) .*--name (?P<pool>\S+) .*--node-volume-size": (
        "boot disks",
    ),
    r"aws logs create-log-group": ("logs",),
    r".*(aws route53 create-hosted-zone|aws globalaccelerator create-accelerator)": ("routing",),
    r"gcloud (dns managed-zones|compute forwarding-rules) create": ("routing",),
    r"az (network traffic-manager profile|afd profile) create": ("routing",),
}
"""Commands of the scripts, each on one line, and what they order."""

_CALLS: Mapping[str, tuple[str, ...]] = {
    "create-auto-scaling-group": ("machines",),
    "create-service": ("instances",),
    "create-db-instance": ("database",),
    "create-db-cluster": ("database",),
    "create-db-instance-read-replica": ("database",),
    "create-replication-group": ("cache",),
    "create-cluster": ("stream",),
    "modify-target-group": ("application load balancer",),
    "create-load-balancer": ("application load balancer",),
}
"""Calls of AWS' API, and what they order; a target group belongs to a balancer."""

_CLASSES = {"nginx": "network load balancer", "alb": "application load balancer"}
"""What is ordered for an Ingress of a class; for others, the provider's own, an application load balancer."""

_LINES: tuple[tuple[str, str, str], ...] = (
    (r".*", r"routing", "routing"),
    (r".*", r"(?:default )?boot disks", "boot disks"),
    (r"ebs|persistent-disk|managed-disk", r".*", "volumes"),
    (r"ec2|compute-engine.*|virtual-machines", r".*", "machines"),
    (r"gke", r"pods", USAGE),
    (r"gke|eks|aks", r".*", "cluster"),
    (r"rds-.*|aurora-.*|cloud-sql.*|postgresql-.*|mysql-.*", r".*", "database"),
    (r"elasticache-.*|memorystore-.*|redis-cache", r".*", "cache"),
    (r"msk", r".*", "stream"),
    (r"cloud-run|fargate|container-apps", r".*", "instances"),
    (r"egress-internet|data-transfer", r".*", USAGE),
)
"""Services of the catalog and notes of lines, as patterns, and what they pay for: the first that fits."""

_BOUGHT: tuple[tuple[str, str, str], ...] = (
    (r"elb", r"alb-.*", "application load balancer"),
    (r"elb", r"[nc]lb-.*", "network load balancer"),
    (r"load-balancer", r".*", "network load balancer"),
    (r"load-balancer|application-gateway", r".*", "application load balancer"),
    (r"route53|cloud-dns|traffic-manager|global-accelerator|front-door|load-balancer", r".*", "routing"),
    (r"public-ipv4|external-ip|public-ip", r".*", "public addresses"),
    (r"nat-gateway|cloud-nat", r".*", "NAT gateway"),
    (r"private-link|private-endpoint", r".*", "private endpoint"),
    (r"cloudwatch", r".*", "logs"),
    (r"data-transfer", r".*", USAGE),
)
"""Services and SKUs of the plan's ``resources``, and what they pay for; any that fits counts."""


class Reconciled(NamedTuple):
    """Cost lines by artefact, artefacts by cost line, and what stands on one side only.

    lines: names of cost lines by path; none for an artefact that is free. artefacts: paths by the name of a
    line, or why there are none. unbilled: orders that no line pays for, with their path. unrendered: lines
    that pay for what no file orders.
    """

    lines: Mapping[str, list[str]]
    artefacts: Mapping[str, list[str] | str]
    unbilled: Sequence[tuple[str, Order]]
    unrendered: Sequence[CostLine]

    def document(self) -> dict[str, Any]:
        """Return what scripts read: artefacts with their lines or ``free``, lines with their artefacts."""
        unbilled: dict[str, list[str]] = {}
        for path, order in self.unbilled:
            unbilled.setdefault(path, []).append(order.kind)
        free = {path for path, names in self.lines.items() if not names and path not in unbilled}
        artefacts = {path: "free" if path in free else names for path, names in self.lines.items()}
        return {"artefacts": artefacts, "lines": self.artefacts, "unbilled": unbilled}


def reconcile(site: Site, files: Iterable[Rendered]) -> Reconciled:
    """Return how the cost lines of the plan and ``files`` that were rendered of it belong together."""
    named = _named(site)
    orders = {item.path: set(_orders(site, item, named)) for item in files}
    ordered_by: dict[Order, list[str]] = {}
    for path in sorted(orders):
        for order in orders[path]:
            ordered_by.setdefault(order, []).append(path)
    components = {component.name: component for component in site.estimate.components}
    lines: dict[str, set[str]] = {path: set() for path in sorted(orders)}
    artefacts: dict[str, list[str] | str] = {}
    paid: set[Order] = set()
    unrendered = []
    for line in site.estimate.lines:
        owner = components[line.meter.component]
        away = "" if line.meter.region == owner.region else f" in {line.meter.region}"
        name, wanted = f"{owner.name}: {line.sku}{away}", _paid(line, owner)
        paid |= wanted
        found = sorted({path for order in wanted for path in ordered_by.get(order, ())})
        for path in found:
            lines[path].add(name)
        reason = next((order.kind for order in wanted if order.kind in (USAGE, OWN)), "")
        artefacts[name] = found or reason or "no artefact"
        if not found and reason != USAGE:
            unrendered.append(line)
    unbilled = [(path, order) for path in lines for order in sorted(orders[path] - paid)]
    return Reconciled({p: sorted(names) for p, names in lines.items()}, artefacts, unbilled, unrendered)


def _named(site: Site) -> dict[str, str]:
    """Return the components of the plan by every name that files call them by."""
    found: dict[str, str] = {}
    for name in site.components:
        full = full_name(site, name)
        found |= dict.fromkeys((name, full, full[:40]), name)
    for (cluster, pool), node_pool in site.pools.items():
        owner = f"{cluster}/{pool}"
        found[f"{cluster}/{node_pool.own_name}"] = (
            owner if owner in site.components else site.components[pool].name
        )
    return found


def _orders(site: Site, item: Rendered, named: Mapping[str, str]) -> Iterator[Order]:
    """Yield what a file orders."""
    if item.path.startswith("commands/") and not item.path.endswith("autopilot.sh"):
        yield from _commanded(item.text, named)
    elif item.part == "aws" and item.path.startswith("aws/"):
        yield from _called(site, item)
    elif isinstance(item.value, dict) and isinstance(item.value.get("spec"), dict):
        yield from _applied(item.value, named)
    elif item.path.endswith(".containerapp.yaml"):
        yield Order("instances", item.path.split("/")[-1].removesuffix(".containerapp.yaml"))


def _commanded(script: str, named: Mapping[str, str]) -> Iterator[Order]:
    for command in re.sub(r" *\\\n *", " ", script).splitlines():
        for pattern, kinds in _COMMANDS.items():
            found = re.match(pattern, f"{command} ")
            if found is None:
                continue
            said = found.groupdict()
            name = said.get("name", "")
            for kind in kinds:
                own = f"{name}/{said['pool']}" if "pool" in said and kind != "cluster" else name
                yield Order(kind, "" if kind in SHARED else named.get(own, own))


def _called(site: Site, item: Rendered) -> Iterator[Order]:
    stem, operation = item.path.removeprefix("aws/").split(".")[:2]
    owner = max((name for name in site.components if stem.startswith(name)), key=len)
    standby = stem == f"{owner}-standby" and owner in site.plan.databases
    for kind in _CALLS.get(operation, ()):
        yield Order("standby" if standby else kind, "" if kind in SHARED else owner)
    if "internet-facing" in item.text and operation == "create-load-balancer":
        yield Order("public addresses")
    if operation == "create-launch-template":
        own = "BlockDeviceMappings" in item.text
        yield Order("boot disks" if own else "disks of the image", owner)


def _applied(tree: Mapping[str, Any], named: Mapping[str, str]) -> Iterator[Order]:
    """Yield what the platform orders for a Kubernetes or Cloud Run object."""
    kind, spec, name = tree.get("kind"), tree["spec"], text(tree, "metadata.name")
    if kind == "Service" and str(tree.get("apiVersion", "")).startswith("serving.knative.dev"):
        yield Order("instances", named.get(name, name))
    elif kind == "Service" and spec.get("type") == "LoadBalancer":
        yield Order("network load balancer")
    elif kind in ("Ingress", "Gateway"):
        yield Order(_CLASSES.get(spec.get("ingressClassName"), "application load balancer"))
    elif kind == "Deployment" and name not in named:
        yield Order("room on nodes")
    elif kind in ("Deployment", "StatefulSet", "LeaderWorkerSet", "RedisCluster") and _claims(spec):
        yield Order("volumes", named.get(name, name))


def _claims(spec: object) -> bool:
    """Say whether anything below a specification claims a volume."""
    if isinstance(spec, dict):
        claimed = spec.keys() & {"volumeClaimTemplate", "volumeClaimTemplates"}
        return bool(claimed) or any(map(_claims, spec.values()))
    return isinstance(spec, list) and any(map(_claims, spec))


def _paid(line: CostLine, component: Component) -> set[Order]:
    """Return what a cost line pays for."""
    meter = line.meter
    if component.kind == "resource":
        kinds = _matching(_BOUGHT, meter.service, meter.sku)
        return {Order(kind) for kind in kinds} or {Order(OWN)}
    if meter.provider == EXTERNAL:
        return {Order(USAGE)}
    kind = next(iter(_matching(_LINES, meter.service, meter.note)), USAGE)
    if kind == "database" and meter.region != component.region:
        kind = "standby"
    return {Order(kind, "" if kind in (USAGE, *SHARED) else component.name)}


def _matching(table: tuple[tuple[str, str, str], ...], service: str, more: str) -> list[str]:
    return [kind for one, two, kind in table if re.fullmatch(one, service) and re.fullmatch(two, more)]


_REMEDIES = {
    "boot disks": "Give the pool a disk; without one, its platform decides what nodes get.",
    "disks of the image": "Give the service a disk; without one, its image decides what machines get.",
    "machines": "Give the cluster a pool of this name, or delete what makes it.",
    "cluster": "Add the cluster to the plan's clusters.",
    "room on nodes": "Its pods are small, and the plan does not have them: leave room on the nodes.",
    "private endpoint": "It is billed by the hour; put it into a price book and the plan's resources.",
    "logs": "Add what is logged to the plan's resources: it is billed by the GB, and kept for ever.",
}


def reconciled_findings(found: Reconciled) -> Iterator[Finding]:
    """Yield what is ordered and not paid, one finding for each kind, and what is paid and not ordered."""
    kinds: dict[str, list[str]] = {}
    for path, order in found.unbilled:
        kinds.setdefault(order.kind, []).append(path)
    for kind, paths in kinds.items():
        more = f" and {len(set(paths)) - 1} more" if len(set(paths)) > 1 else ""
        message = f"{paths[0]}{more} orders {kind}, which no cost line pays for"
        yield RENDERED_NOT_BILLED.finding(kind, message, _REMEDIES.get(kind), file=paths[0])
    for line in found.unrendered:
        usd = "an unknown price" if line.cost is None else f"{number(line.cost.expected):,.2f} USD a month"
        message = f"{line.sku} is paid ({usd}), and nothing that is rendered orders it"
        yield BILLED_NOT_RENDERED.finding(line.meter.component, message)
