"""How requests come in: a Service for each workload, and an Ingress or a Gateway's route for each host."""

from __future__ import annotations

import math
from collections.abc import Iterator

from capplan.manifests.artefact import Artefact, Tree
from capplan.manifests.figures import number, whole
from capplan.manifests.kubernetes.pods import MANAGED_BY, labels_of, pool_of, ports_of
from capplan.manifests.limits import ingress_name, limits_of, nginx_limit, on_ingress
from capplan.manifests.observing.health import probes_of
from capplan.manifests.site import Service, Site
from capplan.manifests.split import ENVOY_CLASSES, Split, split_of
from capplan.manifests.verify.fronts import CLASS_ANNOTATION, front_of

_PROXY_TRIES = "nginx.ingress.kubernetes.io/proxy-next-upstream-tries"
_NOT_LIMITED = "nginx.ingress.kubernetes.io/limit-whitelist"
_PROXY_TIMEOUT = "nginx.ingress.kubernetes.io/proxy-read-timeout"


def service_of(site: Site, service: Service) -> Tree:
    """Return the Service: inside the cluster, or a load balancer for who calls it from elsewhere."""
    ports = [
        {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
        for name, port in ports_of(service).items()
    ]
    if service.workload.public:
        balancer = pool_of(site, service).managed.balancer
        return {
            "type": "LoadBalancer",
            "ports": ports,
            "annotations": {"capplan/public": "true", **balancer},
            # Limits count the addresses of clients, which other nodes would hide.
            "sees_clients": any(limit.service == service.name for limit in limits_of(site)),
        }
    if called_from_elsewhere(site, service) and service.workload.host is None:
        annotations = pool_of(site, service).managed.internal
        return {"type": "LoadBalancer", "ports": ports, "annotations": annotations}
    return {"type": "ClusterIP", "ports": ports, "annotations": {}}


def called_from_elsewhere(site: Site, service: Service) -> bool:
    """Say whether something that does not run on Kubernetes calls the service."""
    return any(caller not in site.pods for caller in site.callers(service.name))


def host_artefacts(site: Site, service: Service, directory: str) -> Iterator[Artefact]:
    """Yield what brings a host's requests to a service: its Ingresses, or its route of the Gateway."""
    host = service.workload.host
    if host is None:
        return
    common: Tree = {
        "namespace": site.namespace,
        "labels": labels_of(site, service.name) | MANAGED_BY,
        "service": service.name,
        "host": host,
    }
    if site.manifests.gateway_class is not None:
        port, seconds = ports_of(service)["http"], math.ceil(service.workload.timeout)
        context: Tree = {**common, "gateway": site.name, "port": port, "timeout": f"{seconds}s"}
        split = split_of(site.plan, service.name)
        weights = None if split is None else {"name": _api_name(service.name), **split._asdict()}
        yield _of(directory, "httproute", service.name, context | {"api": weights})
        if split is not None:
            yield from _api_artefacts(split, directory, common)
        if site.manifests.gateway_class in ENVOY_CLASSES:
            yield from _envoy_policy(service, directory, common)
        return
    by_annotation = front_of(site.manifests.ingress_class).by_annotation
    ingress_class = None if by_annotation else site.manifests.ingress_class
    context = {**common, "ingress_class": ingress_class, "tls_secret": tls_secret_of(service)}
    for (name, path), noted in _ingresses(site, service).items():
        own = {**context, "name": name, "path": path, "annotations": noted}
        yield _of(directory, "ingress", name, own)


def _api_artefacts(split: Split, directory: str, common: Tree) -> Iterator[Artefact]:
    """Yield what lets a route send requests to the host of an API: over TLS, by its name, with a key."""
    context: Tree = {**common, "host": split.host}
    name = _api_name(common["service"])
    for kind in ("backend", "backendtlspolicy"):
        yield _of(directory, kind, name, context)
    for does in ("host", "key"):
        yield _of(directory, "httproutefilter", f"{name}-{does}", {**context, "secret": name, "does": does})


def _api_name(service: str) -> str:
    return f"{service}-api"


def _envoy_policy(service: Service, directory: str, common: Tree) -> Iterator[Artefact]:
    """Yield how often Envoy tries again, and the most requests that it lets in: all that instances take."""
    spec, retries = service.spec, whole(service.spec.retries)
    most = None if spec.concurrency is None else math.ceil(service.hi * number(spec.concurrency))
    circuit = spec.breaker is not None and most is not None
    if retries or circuit:
        context = {**common, "retries": retries, "most": most if circuit else None}
        yield _of(directory, "backendtrafficpolicy", service.name, context)


def _of(directory: str, kind: str, name: str, context: Tree) -> Artefact:
    path = f"{directory}/{kind}-{name}.yaml"
    return Artefact(path, f"kubernetes/{kind}.yaml.j2", {"name": name, **context}, "kubernetes")


def tls_secret_of(service: Service) -> str:
    """Return the name of the Secret that holds the certificate of a service's host."""
    return f"{service.name}-tls"


def _ingresses(site: Site, service: Service) -> dict[tuple[str, str], Tree]:
    """Return the annotations of each Ingress by its name and path: one for all, one for each limited path."""
    nginx = site.manifests.ingress_class == "nginx"
    timeout = {_PROXY_TIMEOUT: str(math.ceil(service.workload.timeout))} if nginx else _told(site, service)
    if nginx and "retries" in service.spec.model_fields_set:
        timeout[_PROXY_TRIES] = str(1 + whole(service.spec.retries))
    clients = ",".join(site.manifests.load_test.clients)
    exempt = {_NOT_LIMITED: clients} if clients else {}
    found: dict[tuple[str, str], Tree] = {(service.name, "/"): timeout}
    for limit in limits_of(site):
        if limit.service != service.name or not on_ingress(site, limit):
            continue
        for group, path in limit.paths.items():
            if path is not None:
                annotations = timeout | nginx_limit(limit.current.limits[group]) | exempt
                found[ingress_name(service.name, group, path), path] = annotations
    return found


def _told(site: Site, service: Service) -> Tree:
    """Return what the class of the Ingresses wants to be told; balancers ask readiness' path for health."""
    front = front_of(site.manifests.ingress_class)
    found: Tree = dict(front.annotations)
    if front.by_annotation:
        found[CLASS_ANNOTATION] = site.manifests.ingress_class
    if front.shared:
        health = {"alb.ingress.kubernetes.io/healthcheck-path": probes_of(service)["readiness"].path}
        found |= {front.shared: site.name[:63]} | health
    return found


def gateway_artefacts(site: Site, directory: str) -> Iterator[Artefact]:
    """Yield the Gateway that all hosts share, and the route that sends plain HTTP to HTTPS.

    HTTP/2 needs no field: clients agree on it in the TLS handshake.
    """
    hosts = {s.name: s for s in site.pods.values() if s.workload.host is not None}
    if site.manifests.gateway_class is None or not hosts:
        return
    common: Tree = {
        "name": site.name,
        "namespace": site.namespace,
        "labels": {"app.kubernetes.io/part-of": site.name} | MANAGED_BY,
    }
    listeners = [
        {"name": name, "host": service.workload.host, "secret": tls_secret_of(service)}
        for name, service in hosts.items()
    ]
    context = {**common, "gateway_class": site.manifests.gateway_class, "listeners": listeners}
    yield _of(directory, "gateway", site.name, context)
    if site.manifests.gateway_class in ENVOY_CLASSES and site.manifests.tls_minimum != "1.2":
        yield _of(directory, "clienttrafficpolicy", site.name, {**common, "tls": site.manifests.tls_minimum})
    redirect = {**common, "name": "https-redirect", "gateway": site.name}
    redirect["hosts"] = [listener["host"] for listener in listeners]
    yield Artefact(
        f"{directory}/httproute-https-redirect.yaml", "kubernetes/redirect.yaml.j2", redirect, "kubernetes"
    )


_PROTOCOLS = {"1.2": "TLSv1.2 TLSv1.3", "1.3": "TLSv1.3"}
"""nginx's ssl-protocols, by the oldest TLS that is accepted."""


def controller_artefacts(site: Site) -> Iterator[Artefact]:
    """Yield the settings of the nginx controller that no annotation of an Ingress can hold."""
    if needs_nginx(site):
        hosted = (service for service in site.pods.values() if service.workload.host is not None)
        context: Tree = {
            "protocols": _PROTOCOLS[site.manifests.tls_minimum],
            "annotations": pool_of(site, next(hosted)).managed.balancer,
        }
        yield Artefact("helm/ingress-nginx.values.yaml", "helm/ingress-nginx.yaml.j2", context, "helm")


def needs_nginx(site: Site) -> bool:
    """Say whether hosts are reached through the nginx controller, which gets no fixes since March 2026."""
    hosts = any(service.workload.host is not None for service in site.pods.values())
    return hosts and site.manifests.ingress_class == "nginx" and site.manifests.gateway_class is None
