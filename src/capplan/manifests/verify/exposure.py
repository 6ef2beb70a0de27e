"""Rules 25 and 26: secrets and exposure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capplan.manifests.verify.world import Finding, Item, World, containers_with_paths, mapping, maps, text

_SECRET_NAME = re.compile(r"passw|secret|token|api_?key|credential", re.IGNORECASE)
_SECRET_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
_LEVELS = ("privileged", "baseline", "restricted")
_INTERNAL = (
    "networking.gke.io/load-balancer-type",
    "cloud.google.com/load-balancer-type",
    "service.beta.kubernetes.io/aws-load-balancer-internal",
    "service.beta.kubernetes.io/aws-load-balancer-scheme",
    "service.beta.kubernetes.io/azure-load-balancer-internal",
)
_PASSWORDS = re.compile(r"^(master_?user_?password|password|auth_?token)$", re.IGNORECASE)


def rule_25(world: World) -> Iterator[Finding]:
    """No secret stands in a manifest."""
    for workload in world.workloads:
        for field, container in containers_with_paths(workload):
            for entry in maps(container, "env"):
                name, value = str(entry.get("name")), entry.get("value")
                if value and _SECRET_NAME.search(name) and not name.endswith(("_FILE", "_PATH")):
                    what = f"{name} holds a value"
                    yield workload.item.finding(
                        25, "literal-secret", f"{field}.env", what, "Use a secretKeyRef."
                    )
    for item in world.of("ConfigMap"):
        for key, value in mapping(item.tree, "data").items():
            if value and _SECRET_NAME.search(str(key)):
                what = f"{key} holds a value"
                yield item.finding(25, "literal-secret", f"data.{key}", what, "Use a Secret.")
    for item in world.items:
        yield from secrets_in(item)


def secrets_in(item: Item) -> Iterator[Finding]:
    """Yield a finding for each URL with a password, and each field that is one, wherever it stands."""
    for field, value in _texts(item.tree, ""):
        if _SECRET_URL.search(value):
            yield item.finding(25, "password-in-url", field, "a URL holds a password", "Use a secret.")
        elif value and _PASSWORDS.match(field.rpartition(".")[2]):
            yield item.finding(25, "literal-secret", field, "a password stands here", "Use a secret.")


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def rule_26(world: World) -> Iterator[Finding]:
    """What faces the internet is meant to."""
    for service in world.of("Service"):
        kind = text(service.tree, "spec.type")
        annotations = mapping(service.tree, "metadata.annotations")
        meant = annotations.get("capplan/public") == "true" or any(key in annotations for key in _INTERNAL)
        restricted = bool(mapping(service.tree, "spec").get("loadBalancerSourceRanges"))
        if kind in ("LoadBalancer", "NodePort") and not meant and not restricted:
            what = f"a {kind} that nothing restricts"
            remedy = "Restrict it with loadBalancerSourceRanges, or say `public: true` in the plan."
            yield service.finding(26, "public-service", "spec.type", what, remedy)
    for namespace in world.of("Namespace"):
        for key, value in mapping(namespace.tree, "metadata.labels").items():
            levelled = str(key).startswith("pod-security.kubernetes.io/") and not str(key).endswith(
                "-version"
            )
            if levelled and value not in _LEVELS:
                what = f"{value!r} is none of {', '.join(_LEVELS)}"
                yield namespace.finding(26, "pod-security-level", f"metadata.labels.{key}", what)


RULES = (rule_25, rule_26)
