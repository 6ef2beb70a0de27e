"""What operators refuse of their objects: Argo Rollouts, and the rules that CRDs of the Gateway API hold."""

from __future__ import annotations

from collections.abc import Callable

from capplan.manifests.verify.refusals.forms import Rows, unlike
from capplan.manifests.verify.trees import Tree, at, mapping, maps, share

_STEPS = (
    "setWeight",
    "pause",
    "analysis",
    "experiment",
    "setCanaryScale",
    "setHeaderRoute",
    "setMirrorRoute",
    "plugin",
)
_BY_TWO_SERVICES = ("smi", "apisix", "ambassador", "nginx", "appMesh", "traefik")


def _not_one_strategy(rollout: Tree) -> bool:
    strategy = at(rollout, "spec.strategy")
    chosen = [key for key in ("canary", "blueGreen") if at(strategy, key) is not None]
    return bool(at(rollout, "spec")) and len(chosen) != 1


def _same(one: str, other: str) -> Callable[[Tree], bool]:
    return lambda tree: bool(at(tree, one)) and at(tree, one) == at(tree, other)


def _lacks_services(canary: Tree) -> bool:
    """Say whether traffic is split by a router that needs two Services, and one is not named."""
    routing, ping_pong = mapping(canary, "trafficRouting"), at(canary, "pingPong") is not None
    needed = any(routing.get(router) is not None for router in _BY_TWO_SERVICES)
    needed |= routing.get("alb") is not None and not ping_pong
    istio = routing.get("istio")
    needed |= istio is not None and at(istio, "destinationRule") is None and not ping_pong
    return needed and not (at(canary, "stableService") and at(canary, "canaryService"))


def _needs_routing(canary: Tree) -> bool:
    routed = ("setCanaryScale", "setHeaderRoute", "setMirrorRoute")
    asked = any(at(step, key) is not None for step in maps(canary, "steps") for key in routed)
    return asked and at(canary, "trafficRouting") is None


def _beyond_all(canary: Tree) -> bool:
    most = at(canary, "trafficRouting.maxTrafficWeight") or 100
    weights = [at(step, "setWeight") for step in maps(canary, "steps")]
    return any(isinstance(weight, int) and not 0 <= weight <= most for weight in weights)


def _not_one_kind(step: Tree) -> bool:
    said = [key for key in _STEPS if at(step, key) is not None]
    return not said or len(set(said) & set(_STEPS[:4])) > 1


def _still(canary: Tree) -> bool:
    """Say whether a rollout can neither add nor remove pods."""
    said = (at(canary, "maxSurge"), at(canary, "maxUnavailable"))
    return None not in said and not any(share(value, 100) for value in said)


def _redirects_and_routes(rule: Tree) -> bool:
    redirects = any(at(one, "type") == "RequestRedirect" for one in maps(rule, "filters"))
    return redirects and bool(at(rule, "backendRefs"))


_UNIT = r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)"
_NO_TIME = unlike(rf"\d+|(?:{_UNIT})+")
_CANARY = "spec.strategy.canary"
_BLUE = "spec.strategy.blueGreen"
_ROUTER = "trafficRouting by this router needs canaryService and stableService"

OPERATORS: Rows = (
    ("Rollout", ".", _not_one_strategy, "needs one strategy, canary or blueGreen"),
    ("Rollout", _BLUE, _same("activeService", "previewService"), "both Services are the same"),
    ("Rollout", _CANARY, _same("stableService", "canaryService"), "both Services are the same"),
    ("Rollout", _CANARY, _lacks_services, _ROUTER),
    ("Rollout", _CANARY, _needs_routing, "a step needs trafficRouting"),
    ("Rollout", _CANARY, "!trafficRouting +scaleDownDelaySeconds", "this delay needs trafficRouting"),
    ("Rollout", _CANARY, "!trafficRouting dynamicStableScale=true", "the scale needs trafficRouting"),
    ("Rollout", _CANARY, _beyond_all, "a weight is not from 0 to 100"),
    ("Rollout", _CANARY, _still, "maxSurge and maxUnavailable are both 0"),
    ("Rollout", f"{_CANARY}.steps[]", _not_one_kind, f"needs one of {', '.join(_STEPS)}"),
    ("Rollout", f"{_CANARY}.steps[].pause.duration", _NO_TIME, "is no duration such as 30s"),
    ("HTTPRoute", "spec.rules[]", _redirects_and_routes, "a RequestRedirect may have no backendRefs"),
)
"""pkg/apis/rollouts/validation of argo-rollouts 1.8, and the rules of gateway.networking.k8s.io/v1."""
