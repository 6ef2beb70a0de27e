"""Networks read back from scripts and bodies: whether what calls a store is in the network of the store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.findings import Finding
from capplan.manifests.clouds.aws import full_name
from capplan.manifests.kubernetes.network import store_port
from capplan.manifests.proof.checks import NETWORK_APART
from capplan.manifests.proof.facts import commands_in, flags_of
from capplan.manifests.site import Service, Site
from capplan.manifests.verify.trees import at, text
from capplan.plan.databases import Aurora, Rds
from capplan.plan.services import Kubernetes
from capplan.plan.stores import SelfHosted

_PLACED = """
eksctl create cluster: --name --vpc-private-subnets
gcloud container clusters create: . --network
gcloud container clusters create-auto: . --network
gcloud compute instance-templates create: . --network
gcloud sql instances create: . --network
gcloud redis instances create: . --network
az aks create: --name --vnet-subnet-id
az vmss create: --name --vnet-name
az containerapp env create: --name --infrastructure-subnet-resource-id
az postgres flexible-server create: --name --vnet
az network private-endpoint create: --name --vnet-name
aws rds create-db-subnet-group: --db-subnet-group-name --subnet-ids
aws elasticache create-cache-subnet-group: --cache-subnet-group-name --subnet-ids
"""
"""Commands, the flag that names what they make (a dot for the first argument), and that of its network."""

_IN_BODIES = {
    "create-db-instance": ("DBInstanceIdentifier", "DBSubnetGroupName"),
    "create-db-instance-read-replica": ("DBInstanceIdentifier", "DBSubnetGroupName"),
    "create-db-cluster": ("DBClusterIdentifier", "DBSubnetGroupName"),
    "create-replication-group": ("ReplicationGroupId", "CacheSubnetGroupName"),
    "create-cluster": ("ClusterName", "BrokerNodeGroupInfo.ClientSubnets"),
    "create-auto-scaling-group": ("AutoScalingGroupName", "VPCZoneIdentifier"),
    "create-service": ("serviceName", "networkConfiguration.awsvpcConfiguration.subnets"),
}
"""Of each AWS call, by the name of its file: the fields that name what it makes and its network."""

_INTERFACES = "run.googleapis.com/network-interfaces"
_DEFAULT = "the default VPC"


class Sent(NamedTuple):
    """What a script says of the body that it sends: its region, the security group, and the network."""

    region: str
    guard: str
    network: str


class Networks(NamedTuple):
    """What the files say: networks by what is in them and by variable, and ports by security group.

    sent: what the scripts add to bodies, by path. refuses: databases that take no password.
    """

    places: dict[str, str]
    variables: dict[str, str]
    opened: dict[str, set[str]]
    sent: dict[str, Sent]
    refuses: set[str]


def read_networks(documents: Mapping[str, Sequence[Any]], texts: Mapping[str, str]) -> Networks:
    """Return what is in which network, from scripts in their order and the bodies that they send."""
    found = Networks({}, {}, {}, {}, set())
    for path in sorted(texts):
        for words in commands_in(texts[path]) if path.startswith("commands/") else ():
            _read(found, words)
    for path, values in documents.items():
        for tree in values:
            if isinstance(tree, dict):
                _read_body(found, path, tree)
    return found


def _read(found: Networks, words: Sequence[str]) -> None:
    variable, assigned, value = words[0].partition("=") if words else ("", "", "")
    if assigned and variable.isidentifier():
        found.variables[variable] = _resolved(found, value)
        return
    said = flags_of(words)
    for line in _PLACED.strip().splitlines():
        command, _, flags = line.partition(": ")
        head = command.split()
        if list(words[: len(head)]) == head:
            named, network = flags.split()
            name = words[len(head)] if named == "." else str(said.get(named))
            if head[0] == "aws":
                name = f"{head[1]} {said.get('--region')} {name}"
            elif {"cluster", "clusters", "aks"} & set(head):
                name = f"cluster {name}"
            own = f"the network of {name}"
            found.places[name] = _resolved(found, str(said[network])) if network in said else own
    if "authorize-security-group-ingress" in words:
        group = str(said.get("--group-id")).strip("$")
        found.opened.setdefault(group, set()).add(str(said.get("--port")))
    if "--cli-input-json" in said:
        body = str(said["--cli-input-json"]).removeprefix("file://")
        guard = said.get("--vpc-security-group-ids") or said.get("--security-group-ids") or ""
        network = _resolved(found, str(said.get("--vpc-zone-identifier", "")))
        found.sent[body] = Sent(str(said.get("--region")), str(guard).strip("$"), network)
    if said.get("--password-auth") == "Disabled":
        found.refuses.add(str(said.get("--name")))


def _resolved(found: Networks, value: str) -> str:
    """Return the network that a word of a script means: by a variable, its subnets, or its name."""
    variable = re.search(r"\$(\w+)", value)
    if variable is not None and variable[1] in found.variables:
        return found.variables[variable[1]]
    cluster = re.search(r"describe-cluster --name (\S+)", value)
    if cluster is not None:
        return found.places.get(f"cluster {cluster[1]}", "")
    named = re.search(r"--vnet-name (\S+)", value)
    if named is not None:
        return named[1]
    return ",".join(re.findall(r"subnet-[0-9a-f]+", value)) or value


def _read_body(found: Networks, path: str, tree: Mapping[str, Any]) -> None:
    named, network = _IN_BODIES.get(path.removesuffix(".json").rpartition(".")[2], ("", ""))
    of_cluster = named == "DBInstanceIdentifier" and "DBClusterIdentifier" in tree
    if named in tree and not of_cluster:
        said = at(tree, network)
        sent = found.sent.get(path, Sent("", "", ""))
        place = ",".join(map(str, said)) if isinstance(said, list) else str(said or sent.network or _DEFAULT)
        service = "elasticache" if network.startswith("Cache") else "rds"
        group = f"{service} {sent.region} {place}"
        found.places[str(tree[named])] = found.places.get(group, place)
    interfaces = at(tree, "spec.template.metadata.annotations")
    if isinstance(interfaces, dict) and _INTERFACES in interfaces:
        first = json.loads(str(interfaces[_INTERFACES]))[0]
        found.places[text(tree, "metadata.name")] = first.get("network", "")


def apart(site: Site, documents: Mapping[str, Sequence[Any]], texts: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the calls of the plan that lead into another network than the caller's, or are not let in."""
    found = read_networks(documents, texts)
    stores = {**site.plan.databases, **site.plan.caches, **site.plan.streams}
    for name, service in site.services.items():
        for callee in service.spec.calls:
            if callee in site.pods or callee in stores:
                why = _between(site, found, service, callee)
                if why:
                    yield NETWORK_APART.finding(name, f"{name} cannot reach {callee}: {why}")


def _between(site: Site, found: Networks, service: Service, callee: str) -> str:
    """Return what lies between a service and pods or a store that it calls; empty where nothing does."""
    here, there = _cluster(site, service.name), _cluster(site, callee)
    mine = found.places.get(f"cluster {here}" if here else _name_in_files(site, service), "")
    if there:
        # Services of another cluster have no name in this one, and an address only in its network.
        if here == there or (callee in site.pods and site.pods[callee].workload.host is not None):
            return ""
        place = found.places.get(f"cluster {there}", "")
        apart_ = here is not None or place != mine
        return f"it runs in cluster {there}, in {place or 'no network'}" if apart_ else ""
    owner, body = full_name(site, callee), callee
    region, own = site.components[callee].region, site.components[service.name].region
    database = site.plan.databases.get(callee)
    if isinstance(database, Rds | Aurora) and own == database.recovery.standby_region:
        # It has become the database by the time that requests come to a standby.
        owner, body, region = f"{owner}-standby", f"{callee}-standby", own
    if site.components[callee].provider != site.components[service.name].provider:
        return f"it has a private address of {site.components[callee].provider}"
    if region != own and site.components[callee].provider != "gcp":
        return f"it has a private address in {region}, and {service.name} runs in {own}"
    place = found.places.get(owner) or found.places.get(owner[:40]) or ""
    if place != mine:
        return f"it is in {place or 'no network'}, and {service.name} in {mine or 'no network'}"
    port = str(store_port(site, callee))
    guards = [one.guard for path, one in found.sent.items() if path.startswith(f"aws/{body}.create-")]
    guarded = (
        place != _DEFAULT and callee not in site.plan.streams and site.components[callee].provider == "aws"
    )
    if guarded and not any(port in found.opened.get(guard, ()) for guard in guards):
        return f"no security group opens port {port} of it"
    if owner in found.refuses and service.workload.secrets:
        return "it takes no password, and the service is given one"
    return ""


def _cluster(site: Site, name: str) -> str | None:
    """Return the cluster in which pods of a service or a store run; None where they run in none."""
    store = {**site.plan.databases, **site.plan.caches}.get(name)
    if isinstance(store, SelfHosted):
        return site.pool_of(store.cluster, store.pool).cluster
    spec = site.specs.get(name)
    return site.pool_of(spec.cluster, spec.pool).cluster if isinstance(spec, Kubernetes) else None


def _name_in_files(site: Site, service: Service) -> str:
    """Return the name by which files place a service that is no pod."""
    if service.spec.platform == "cloud-run":
        return service.name
    if service.spec.platform == "container-apps":
        return site.name
    suffix = "-asg" if service.spec.platform == "vm-group" and service.provider == "aws" else ""
    return f"{full_name(site, service.name)}{suffix}"
