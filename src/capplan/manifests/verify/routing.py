"""What brings requests in refers to Services, Gateways and certificates that exist."""

from __future__ import annotations

from collections.abc import Iterator

from capplan.findings import Finding
from capplan.manifests.verify.checks import references
from capplan.manifests.verify.world import Item, Tree, World, mapping, maps, text, words

Services = dict[tuple[str, str], Item]
"""By namespace and name."""


def routes(world: World) -> Iterator[Finding]:
    """Backends of Ingresses and routes, their Gateways and their TLS secrets exist."""
    services = {(item.namespace, item.name): item for item in world.of("Service") if not item.group}
    for ingress in world.of("Ingress"):
        yield from _ingress(world, ingress, services)
    for route in world.of("HTTPRoute"):
        yield from _route(world, route, services)
    for gateway in world.of("Gateway"):
        for listener in maps(gateway.tree, "spec.listeners"):
            for reference in maps(listener, "tls.certificateRefs"):
                if "namespace" not in reference:
                    yield from _tls(world, gateway, "spec.listeners", text(reference, "name"))


def _ingress(world: World, ingress: Item, services: Services) -> Iterator[Finding]:
    """Look at an Ingress of the version that is served; one without a class takes the cluster's."""
    if text(ingress.tree, "apiVersion") != "networking.k8s.io/v1":
        return
    paths = [path for rule in maps(ingress.tree, "spec.rules") for path in maps(rule, "http.paths")]
    backends = [mapping(path, "backend.service") for path in paths]
    for backend in filter(None, [*backends, mapping(ingress.tree, "spec.defaultBackend.service")]):
        port = mapping(backend, "port")
        yield from _backend(ingress, backend, port.get("name", port.get("number")), services)
    for tls in maps(ingress.tree, "spec.tls"):
        yield from _tls(world, ingress, "spec.tls", text(tls, "secretName"))
    name = text(ingress.tree, "spec.ingressClassName")
    if name and not world.exists("IngressClass", "", name):
        what = f"IngressClass '{name}' is not among the manifests"
        yield ingress.finding(references.NO_INGRESS_CLASS, "spec.ingressClassName", what)


def _route(world: World, route: Item, services: Services) -> Iterator[Finding]:
    """Look at a route's backends and parents; those of another namespace are that one's."""
    for rule in maps(route.tree, "spec.rules"):
        for backend in maps(rule, "backendRefs"):
            if backend.get("kind", "Service") == "Service" and "namespace" not in backend:
                yield from _backend(route, backend, backend.get("port"), services)
    gateways = {item.name: item for item in world.of("Gateway") if item.namespace == route.namespace}
    for parent in maps(route.tree, "spec.parentRefs"):
        if parent.get("kind", "Gateway") == "Gateway" and "namespace" not in parent:
            yield from _parent(route, parent, gateways.get(text(parent, "name")))


def _parent(route: Item, parent: Tree, gateway: Item | None) -> Iterator[Finding]:
    name, listener = text(parent, "name"), text(parent, "sectionName")
    if gateway is None:
        yield route.finding(
            references.NO_GATEWAY, "spec.parentRefs", f"gateway '{name}' is not among the manifests"
        )
        return
    if listener and listener not in words(maps(gateway.tree, "spec.listeners"), "name"):
        what = f"gateway '{name}' has no listener '{listener}'"
        yield route.finding(references.NO_LISTENER, "spec.parentRefs", what)


def _backend(item: Item, backend: Tree, port: object, services: Services) -> Iterator[Finding]:
    name = text(backend, "name")
    service = services.get((item.namespace, name))
    if service is None:
        yield item.finding(
            references.NO_BACKEND, "spec.rules", f"service '{name}' is not among the manifests"
        )
        return
    ports = maps(service.tree, "spec.ports")
    if port not in [*words(ports, "name"), *words(ports, "port")]:
        yield item.finding(references.NO_BACKEND_PORT, "spec.rules", f"service '{name}' has no port {port}")


def _tls(world: World, item: Item, field: str, secret: str) -> Iterator[Finding]:
    if secret and not world.exists("Secret", item.namespace, secret):
        yield item.finding(references.NO_TLS_SECRET, field, f"secret '{secret}' is not among the manifests")


RULES = (routes,)
