"""Network policies as a cluster enforces them: whether each call of the plan and each request arrives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from capplan.findings import Finding
from capplan.manifests.verify.checks.reach import CALL_BLOCKED
from capplan.manifests.verify.exposure import is_internal
from capplan.manifests.verify.fronts import (
    ALB_TARGET,
    CLASS_ANNOTATION,
    INTERNET,
    PRIVATE_ADDRESS,
    Front,
    front_of,
)
from capplan.manifests.verify.trees import Tree, at, mapping, maps, matches, text
from capplan.manifests.verify.world import Item, Workload, World, alike

_NAME = "kubernetes.io/metadata.name"
_ANY_NAMESPACE = "an-ingress-controller"


class End(NamedTuple):
    """One end of a call: pods, by their labels and namespace, or an address.

    title: what messages call it. ports: those that its containers declare, by name. policies: those that
    choose its pods.
    """

    title: str
    labels: Tree = {}
    namespace: str = ""
    address: str = ""
    ports: Mapping[str, object] = {}
    policies: Sequence[Item] = ()

    def number(self, port: object) -> object:
        """Return the number of a port, which may be named."""
        return self.ports.get(port, port) if isinstance(port, str) else port


class Network:
    """The pods of an environment with their policies."""

    def __init__(self, world: World) -> None:
        self._labels = {i.name: mapping(i.tree, "metadata.labels") for i in world.of("Namespace")}
        self._policies: dict[int, list[Item]] = {}
        self._world = world
        for policy in world.of("NetworkPolicy"):
            for workload in world.selected(mapping(policy.tree, "spec.podSelector"), policy.namespace):
                self._policies.setdefault(id(workload.item), []).append(policy)
        self._named = {workload.name: workload for workload in reversed(world.all_pods)}
        self._made = {item.name: item for item in world.of("RedisCluster")}

    def end(self, name: str) -> End | None:
        """Return the pods of a workload, or of what an operator makes; None where there is neither."""
        if name in self._named:
            return self.end_of(self._named[name])
        if name not in self._made:
            return None
        item, labels = self._made[name], {"app": f"{name}-leader"}
        chosen = [p for p in self._world.of("NetworkPolicy") if alike(p.namespace, item.namespace)]
        chosen = [p for p in chosen if matches(mapping(p.tree, "spec.podSelector"), labels)]
        return End(name, labels, item.namespace, policies=chosen)

    def end_of(self, workload: Workload) -> End:
        """Return the pods of a workload."""
        declared = (port for container in workload.containers for port in maps(container, "ports"))
        ports = {text(port, "name"): port.get("containerPort") for port in declared}
        policies = self._policies.get(id(workload.item), ())
        return End(workload.name, workload.labels, workload.namespace, ports=ports, policies=policies)

    def stopped_by(self, source: End, target: End, port: object, protocol: str = "TCP") -> str:
        """Return which policies stop a call, in words; empty where it gets through."""
        for here, there, side, peers in (
            (source, target, "egress", "to"),
            (target, source, "ingress", "from"),
        ):
            ruling = [policy for policy in here.policies if _rules_on(policy, side)]
            passing = (
                self._passes(policy, rule.get(peers), there)
                and _on(maps(rule, "ports"), port, protocol, target)
                for policy in ruling
                for rule in maps(policy.tree, f"spec.{side}")
            )
            if ruling and not any(passing):
                names = ", ".join(sorted({policy.title for policy in ruling}))
                return f"no {side} rule of {names} lets it through"
        return ""

    def _passes(self, policy: Item, peers: object, end: End) -> bool:
        """Say whether a rule's list of peers holds an end; without a list, it holds everybody."""
        if not peers:
            return True
        return any(self._is(peer, policy.namespace, end) for peer in maps({"peers": peers}, "peers"))

    def _is(self, peer: Tree, namespace: str, end: End) -> bool:
        block = mapping(peer, "ipBlock")
        if block:
            return bool(end.address) and _in(end.address, block)
        if end.address:
            return False
        if "namespaceSelector" in peer:
            labels = {_NAME: end.namespace, **self._labels.get(end.namespace, {})}
            if not matches(mapping(peer, "namespaceSelector"), labels):
                return False
        elif not alike(namespace, end.namespace):
            return False
        return matches(mapping(peer, "podSelector"), end.labels)


def _rules_on(policy: Item, side: str) -> bool:
    """Say whether a policy restricts a side; without types it does ingress, and egress if it has rules."""
    types = at(policy.tree, "spec.policyTypes")
    if isinstance(types, list) and types:
        return side.capitalize() in types
    return side == "ingress" or "egress" in mapping(policy.tree, "spec")


def _in(address: str, block: Tree) -> bool:
    """Say whether an address is in a block and in none of its exceptions; what is no block holds nothing."""
    try:
        found = ip_address(address)
        without = block.get("except")
        out = [ip_network(str(cidr), strict=False) for cidr in (without if isinstance(without, list) else ())]
        return found in ip_network(text(block, "cidr"), strict=False) and not any(found in o for o in out)
    except ValueError:
        return False


def _on(ports: Sequence[Tree], port: object, protocol: str, target: End) -> bool:
    """Say whether a rule's ports hold one; a name is that of a port of the pods that are called."""
    if not ports:
        return True
    return any(
        entry.get("protocol", "TCP") == protocol and _is_port(entry, target.number(port), target)
        for entry in ports
    )


def _is_port(entry: Tree, port: object, target: End) -> bool:
    said = entry.get("port")
    first, last = target.number(said), entry.get("endPort")
    if isinstance(first, int) and isinstance(last, int) and isinstance(port, int):
        return first <= port <= last
    return said is None or first == port


# The calls of a plan -----------------------------------------------------------------------------------


def calls(world: World) -> Iterator[Finding]:
    """Every call that the plan makes gets through the policies, and so do the names that it looks up."""
    if not world.facts.calls or not world.of("NetworkPolicy"):
        return
    network = Network(world)
    for call in maps({"calls": world.facts.calls}, "calls"):
        source, target = (_end(network, mapping(call, side)) for side in ("from", "to"))
        if source is None or target is None:
            continue
        for port in call.get("ports", ()):
            why = network.stopped_by(source, target, port, text(call, "protocol") or "TCP")
            if why:
                ours = (*source.policies, *target.policies)[0]
                what = f"{source.title} cannot reach {target.title} on port {port}: {why}"
                yield ours.finding(CALL_BLOCKED, "spec", what)


def _end(network: Network, said: Mapping[str, Any]) -> End | None:
    if "pods" in said:
        return network.end(said["pods"])
    return End(said["name"], namespace=said.get("namespace", ""), address=said.get("address", ""))


# Requests from outside -------------------------------------------------------------------------------


def requests(world: World) -> Iterator[Finding]:
    """What an Ingress, a route or a load balancer sends on reaches the pods behind its Service."""
    arrivals = [*_ingresses(world), *_routes(world), *_balancers(world)]
    if not arrivals:
        return
    network = Network(world)
    services = {(i.namespace, i.name): i for i in world.of("Service") if not i.group}
    for item, name, port, front in arrivals:
        service = services.get((item.namespace, name))
        if service is not None:
            yield from _arrives(world, network, item, service, port, front)


def _ingresses(world: World) -> Iterator[tuple[Item, str, object, Front]]:
    """Yield each Service that an Ingress sends to, with its port, and what serves the Ingress."""
    for item in world.of("Ingress"):
        annotated = mapping(item.tree, "metadata.annotations").get(CLASS_ANNOTATION, "")
        front = front_of(text(item.tree, "spec.ingressClassName") or str(annotated))
        rules = [path for rule in maps(item.tree, "spec.rules") for path in maps(rule, "http.paths")]
        backends = [mapping(path, "backend.service") for path in rules]
        for backend in (*backends, mapping(item.tree, "spec.defaultBackend.service")):
            port = mapping(backend, "port")
            yield item, text(backend, "name"), port.get("name", port.get("number")), front


def _routes(world: World) -> Iterator[tuple[Item, str, object, Front]]:
    gateways = {gateway.name: gateway for gateway in world.of("Gateway")}
    for item in world.of("HTTPRoute"):
        parents = [gateways.get(text(parent, "name")) for parent in maps(item.tree, "spec.parentRefs")]
        for gateway in filter(None, parents):
            for rule in maps(item.tree, "spec.rules"):
                for backend in maps(rule, "backendRefs"):
                    front = front_of(text(gateway.tree, "spec.gatewayClassName"))
                    yield item, text(backend, "name"), backend.get("port"), front


def _balancers(world: World) -> Iterator[tuple[Item, str, object, Front]]:
    for item in world.of("Service"):
        if text(item.tree, "spec.type") == "LoadBalancer" and not item.group:
            ranges = at(item.tree, "spec.loadBalancerSourceRanges")
            if is_internal(item):
                blocks = [f"{PRIVATE_ADDRESS}/32"]
            else:
                blocks = list(map(str, ranges)) if isinstance(ranges, list) else [f"{INTERNET}/32"]
            for entry in maps(item.tree, "spec.ports"):
                yield item, item.name, entry.get("port"), Front(blocks)


def _first_of(block: str) -> str:
    """Return the first address of a block; empty where it is none, which is found elsewhere."""
    try:
        return str(ip_network(block, strict=False)[0])
    except ValueError:
        return ""


def _arrives(
    world: World, network: Network, item: Item, service: Item, port: object, front: Front
) -> Iterator[Finding]:
    annotations = mapping(item.tree, "metadata.annotations")
    told = annotations.get(ALB_TARGET) == "ip" or ALB_TARGET not in front.annotations
    kind = text(service.tree, "spec.type") or "ClusterIP"
    if item.kind == "Ingress" and not told and kind == "ClusterIP":
        what = f"the load balancer calls nodes, on which service '{service.name}' has no port"
        remedy = f"Set {ALB_TARGET}: ip, or make the Service a NodePort."
        yield item.finding(CALL_BLOCKED, f"metadata.annotations.{ALB_TARGET}", what, remedy)
        return
    entry = next((e for e in maps(service.tree, "spec.ports") if port in (e.get("name"), e.get("port"))), {})
    wanted = entry.get("targetPort", entry.get("port"))
    addresses = map(_first_of, front.blocks)
    sources = [End(address, address=address) for address in addresses if address]
    sources = sources or [End("its controller", namespace=_ANY_NAMESPACE)]
    selector = {"matchLabels": mapping(service.tree, "spec.selector")}
    for workload in world.selected(selector, service.namespace) if selector["matchLabels"] else ():
        target = network.end_of(workload)
        stopped = [why for source in sources if (why := network.stopped_by(source, target, wanted))]
        if len(stopped) == len(sources):
            where = "its load balancer" if front.blocks else "the controller of its class"
            what = f"{where} cannot reach {workload.item.title} on port {wanted}: {stopped[0]}"
            yield item.finding(CALL_BLOCKED, "spec", what)


RULES = (calls, requests)
