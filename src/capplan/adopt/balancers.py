"""Load balancers: what Services, Ingresses and Gateways order from the provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, address_of
from capplan.manifests.verify.trees import mapping, maps, text
from capplan.manifests.verify.world import Item, World
from capplan.plan.services import Provider

_INCLUDED_RULES = 5
_SHARED: Mapping[Provider, tuple[str, str]] = {
    "gcp": ("forwarding-rules-first-5", "additional-forwarding-rule"),
    "azure": ("standard-included-rules", "standard-rule"),
}
"""One price for the first five rules of all balancers together, then one for each."""

_APPLICATION, _NETWORK, _GATEWAY = "alb-hour", "nlb-hour", "application-gateway"
_CONTROLLERS: Mapping[str, str] = {
    "gce": _NETWORK,
    "gce-internal": _NETWORK,
    "alb": _APPLICATION,
    "ingress.k8s.aws/alb": _APPLICATION,
    "eks.amazonaws.com/alb": _APPLICATION,
    "azure/application-gateway": _GATEWAY,
    "azure-application-gateway": _GATEWAY,
    "webapprouting.kubernetes.azure.com": _NETWORK,
}
"""Names of Ingress classes, and of the controllers behind them, for which a provider makes a balancer."""

_GATEWAYS: Mapping[str, str] = {"gateway.k8s.aws/alb": _APPLICATION, "gateway.k8s.aws/nlb": _NETWORK}
"""Controllers of Gateway classes; any other makes a Service of type LoadBalancer for each Gateway."""

_OLD_CLASS = "kubernetes.io/ingress.class"
_NO_BALANCER = ("amazon-vpc-lattice", "azure-alb")
"""Beginnings of Gateway classes that are billed in another way."""


class _Front(NamedTuple):
    """One balancer: the objects that share it, its kind, and its rules."""

    items: Sequence[Item]
    kind: str
    rules: int
    name: str = ""


def add_balancers(draft: Draft, world: World) -> None:
    """Add the balancers that Services of type LoadBalancer, Ingresses and Gateways order."""
    if not world.of("Service", "Ingress", "Gateway"):
        return
    fronts = [*_services(draft, world), *_ingresses(draft, world), *_gateways(draft, world)]
    if not fronts:
        return
    provider = draft.provider()
    draft.used |= {address_of(item) for front in fronts for item in front.items}
    gateways = [front for front in fronts if front.kind == _GATEWAY]
    if gateways:
        _add_application_gateway(draft, gateways)
    rest = [front for front in fronts if front.kind != _GATEWAY]
    if provider == "aws":
        for front in rest:
            item = front.items[0]
            tree = _tree(provider, "elb", front.kind, 1)
            draft.add_object("resources", f"{front.name or item.name}-balancer", tree, item)
    elif rest:
        _add_shared(draft, provider, rest)


def _add_shared(draft: Draft, provider: Provider, fronts: Sequence[_Front]) -> None:
    """Add rules whose price is that of all balancers of an account together."""
    first, more = _SHARED[provider]
    origin = ", ".join(item.title for front in fronts for item in front.items)
    draft.add("resources", "load-balancers", _tree(provider, "load-balancer", first, 1), origin)
    extra = sum(front.rules for front in fronts) - _INCLUDED_RULES
    if extra > 0:
        what = f"rules beyond {_INCLUDED_RULES}"
        draft.add("resources", "further-balancer-rules", _tree(provider, "load-balancer", more, extra), what)


def _add_application_gateway(draft: Draft, fronts: Sequence[_Front]) -> None:
    """Add the one Application Gateway that serves all Ingresses of its class."""
    item = fronts[0].items[0]
    sku = "application-gateway-standard-v2-fixed-cost"
    draft.add_object("resources", "application-gateway", _tree("azure", "application-gateway", sku, 1), item)
    draft.note(checks.UNKNOWN_USAGE, address_of(item), "capacity units of its Application Gateway")


def _services(draft: Draft, world: World) -> Iterator[_Front]:
    """Yield the balancers of Services: on GCP with a rule for each IP protocol, on Azure for each port."""
    for item in world.of("Service"):
        if text(item.tree, "spec.type") == "LoadBalancer":
            ports = maps(item.tree, "spec.ports")
            protocols = {str(port.get("protocol", "TCP")) for port in ports}
            rules = len(ports) if draft.provider() == "azure" else len(protocols)
            yield _Front([item], _NETWORK, max(1, rules))


def _ingresses(draft: Draft, world: World) -> Iterator[_Front]:
    """Yield the balancers of Ingresses; those of one group share an ALB."""
    groups: dict[str, list[Item]] = {}
    for item in world.of("Ingress"):
        name, controller = _class_of(item, world)
        if not name and draft.provider() == "gcp":
            controller = "gce"
        kind = _CONTROLLERS.get(controller) or _CONTROLLERS.get(name)
        if kind is None:
            _note_controller(draft, item, name, world)
        elif kind == _APPLICATION and (group := _group(item, name, world)):
            groups.setdefault(group, []).append(item)
        else:
            yield _Front([item], kind, 2 if maps(item.tree, "spec.tls") else 1)
    for group, items in groups.items():
        yield _Front(items, _APPLICATION, len(items), group)


def _class_of(ingress: Item, world: World) -> tuple[str, str]:
    """Return the class of an Ingress, its own or the cluster's default, and the controller behind it."""
    annotations = mapping(ingress.tree, "metadata.annotations")
    name = text(ingress.tree, "spec.ingressClassName") or str(annotations.get(_OLD_CLASS) or "")
    classes = {item.name: item.tree for item in world.of("IngressClass")}
    if not name:
        name = default_of(classes, "ingressclass.kubernetes.io/is-default-class")
    return name, text(classes.get(name, {}), "spec.controller")


def default_of(classes: Mapping[str, Mapping[str, Any]], annotation: str) -> str:
    """Return the class that an annotation marks as the cluster's default; empty if none is marked."""
    for name, tree in classes.items():
        if str(mapping(tree, "metadata.annotations").get(annotation)).lower() == "true":
            return name
    return ""


def _group(ingress: Item, name: str, world: World) -> str:
    """Return the group of Ingresses that share an ALB: the Ingress's own, or that of its class."""
    classes = {item.name: item.tree for item in world.of("IngressClass")}
    parameters = text(classes.get(name, {}), "spec.parameters.name")
    of_class = {item.name: text(item.tree, "spec.group.name") for item in world.of("IngressClassParams")}
    own = mapping(ingress.tree, "metadata.annotations").get("alb.ingress.kubernetes.io/group.name")
    return of_class.get(parameters, "") or str(own or "")


def _note_controller(draft: Draft, ingress: Item, name: str, world: World) -> None:
    """Name an Ingress whose controller, with its own balancer, is not among the objects."""
    if any(item.name == name for item in world.of("IngressClass")):
        return
    of = f"of class {name}" if name else "without a class"
    what = f"an Ingress {of} needs a controller; its balancer counts only if its Service is adopted too"
    draft.note(checks.ASSUMED_VALUE, address_of(ingress), what)


def _gateways(draft: Draft, world: World) -> Iterator[_Front]:
    classes = {item.name: text(item.tree, "spec.controllerName") for item in world.of("GatewayClass")}
    for item in world.of("Gateway"):
        name = text(item.tree, "spec.gatewayClassName")
        if name.startswith(_NO_BALANCER):
            what = f"capplan does not know the price of a Gateway of class {name}"
            draft.note(checks.UNKNOWN_RESOURCE, address_of(item), what)
            continue
        ports = {str(listener.get("port")) for listener in maps(item.tree, "spec.listeners")}
        yield _Front([item], _GATEWAYS.get(classes.get(name, ""), _NETWORK), max(1, len(ports)))


def _tree(provider: Provider, service: str, sku: str, quantity: int) -> Tree:
    return {"provider": provider, "service": service, "sku": sku, "quantity": quantity}
