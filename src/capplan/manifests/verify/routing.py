"""What brings requests in refers to Services, Gateways and certificates that exist."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.findings import Finding
from capplan.manifests.verify.checks import references
from capplan.manifests.verify.meant import absent, alternatives
from capplan.manifests.verify.trees import Tree, at, is_placeholder, mapping, maps, text, words
from capplan.manifests.verify.world import Item, World, alike


def routes(world: World) -> Iterator[Finding]:
    """Backends of Ingresses and routes, their Gateways and their TLS secrets exist."""
    for ingress in world.of("Ingress"):
        yield from _ingress(world, ingress)
    for route in world.of("HTTPRoute"):
        yield from _route(world, route)
    for gateway in world.of("Gateway"):
        for listener in maps(gateway.tree, "spec.listeners"):
            for reference in maps(listener, "tls.certificateRefs"):
                if "namespace" not in reference:
                    yield from _tls(world, gateway, "spec.listeners", text(reference, "name"))


def _ingress(world: World, ingress: Item) -> Iterator[Finding]:
    """Look at an Ingress of the version that is served; one without a class takes the cluster's."""
    if text(ingress.tree, "apiVersion") != "networking.k8s.io/v1":
        return
    backends = [("spec.defaultBackend", mapping(ingress.tree, "spec.defaultBackend.service"))]
    for number, rule in enumerate(maps(ingress.tree, "spec.rules")):
        for index, path in enumerate(maps(rule, "http.paths")):
            field = f"spec.rules[{number}].http.paths[{index}]"
            backends.append((field, mapping(path, "backend.service")))
    for field, backend in backends:
        port = mapping(backend, "port")
        # The controller of AWS takes an action from an annotation instead of a Service.
        if backend and port.get("name") != "use-annotation":
            said = port.get("name", port.get("number"))
            yield from _backend(world, ingress, f"{field}.backend", backend, said)
    for tls in maps(ingress.tree, "spec.tls"):
        yield from _tls(world, ingress, "spec.tls", text(tls, "secretName"))
    name = text(ingress.tree, "spec.ingressClassName")
    if name and not world.exists("IngressClass", "", name):
        what = f"IngressClass '{name}' is not among the manifests"
        yield ingress.finding(references.NO_INGRESS_CLASS, "spec.ingressClassName", what)


def _route(world: World, route: Item) -> Iterator[Finding]:
    """Look at a route's backends and parents; those of another namespace are that one's."""
    for number, rule in enumerate(maps(route.tree, "spec.rules")):
        for index, backend in enumerate(maps(rule, "backendRefs")):
            if backend.get("kind", "Service") == "Service" and "namespace" not in backend:
                field = f"spec.rules[{number}].backendRefs[{index}]"
                yield from _backend(world, route, field, backend, backend.get("port"))
    for parent in maps(route.tree, "spec.parentRefs"):
        space, name = text(parent, "namespace") or route.namespace, text(parent, "name")
        named = [item for item in world.of("Gateway") if item.name == name and alike(item.namespace, space)]
        elsewhere = "namespace" in parent or (world.others and world.others.exists("Gateway", space, name))
        if parent.get("kind", "Gateway") == "Gateway" and (named or not elsewhere):
            yield from _parent(route, parent, named[0] if named else None)


def _parent(route: Item, parent: Tree, gateway: Item | None) -> Iterator[Finding]:
    name, listener = text(parent, "name"), text(parent, "sectionName")
    if gateway is None:
        yield route.finding(
            references.NO_GATEWAY, "spec.parentRefs", f"gateway '{name}' is not among the manifests"
        )
        return
    listeners = maps(gateway.tree, "spec.listeners")
    if listener and listener not in words(listeners, "name"):
        what = f"gateway '{name}' has no listener '{listener}'"
        yield route.finding(references.NO_LISTENER, "spec.parentRefs", what)
        return
    wanted, said = at(route.tree, "spec.hostnames"), [text(one, "hostname") for one in listeners]
    hosts = [host for one, host in zip(listeners, said, strict=True) if listener in ("", one.get("name"))]
    known = isinstance(wanted, list) and wanted and hosts and all(hosts)
    if known and not any(_meet(str(one), host) for one in wanted for host in hosts):
        what = f"no listener of gateway '{name}' is for {', '.join(map(str, wanted))}"
        yield route.finding(references.NO_LISTENER, "spec.hostnames", what)


def _meet(one: str, other: str) -> bool:
    """Say whether two names of hosts have one in common; `*.` stands for one label or more."""
    first, second = one.removeprefix("*"), other.removeprefix("*")
    if one == other or is_placeholder(one) or is_placeholder(other):
        return True
    return (first != one and second.endswith(first)) or (second != other and first.endswith(second))


def _backend(world: World, item: Item, field: str, backend: Tree, port: object) -> Iterator[Finding]:
    name = text(backend, "name")
    named = [one for one in world.of("Service") if one.name == name and not one.group]
    there = [one for one in named if alike(one.namespace, item.namespace)]
    if not there:
        if not world.exists("Service", item.namespace, name):
            others = alternatives(world, "Service", item.namespace, name)
            yield from absent(item, references.NO_BACKEND, field, f"service '{name}'", others)
        return
    ports = maps(there[0].tree, "spec.ports")
    # A Service without ports has those of something that a controller looks at.
    if ports and port not in [*words(ports, "name"), *words(ports, "port")]:
        yield item.finding(references.NO_BACKEND_PORT, field, f"service '{name}' has no port {port}")


def _tls(world: World, item: Item, field: str, secret: str) -> Iterator[Finding]:
    if secret and not world.exists("Secret", item.namespace, secret):
        yield item.finding(references.NO_TLS_SECRET, field, f"secret '{secret}' is not among the manifests")


RULES = (routes,)
