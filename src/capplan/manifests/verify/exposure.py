"""Secrets and exposure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from capplan.findings import Finding
from capplan.manifests.verify.checks import exposure
from capplan.manifests.verify.trees import mapping, maps, text
from capplan.manifests.verify.world import Item, World, containers_with_paths

_SECRET_NAME = re.compile(r"passw|secret|token(?!s|iz)|api_?key|credential", re.IGNORECASE)
"""Tokens, in the plural, are what language models count, and tokenizers cut."""

_NO_SECRET = re.compile(r"\$\(.*|/.*|https?://[^@]*|true|false", re.DOTALL)
"""Another variable, a file, an address without a password."""

_ABOUT_A_SECRET = re.compile(
    r"[-_.](?:FILE|PATH|DIR|NAME|TTL|EXPIR\w*|TIMEOUT|ENABLED?|DISABLED?|LENGTH|SIZE|LIFETIME|AGE|REGION|PROVIDER|"
    r"HEADER|AUDIENCE|ISSUER|TYPE|KIND|SUBJECT|URL|URI|ENDPOINT|HOST|PORT|POLICY|ALGORITHM|METHOD|MODE|FORMAT|"
    r"PREFIX|SCHEME|SCOPES?|ID|ARN|INTERVAL|PERIOD|COUNT|LIMIT|MIN|MAX|ATTEMPTS|RETRIES|BACKEND|STORE|CLASS|"
    r"NAMESPACE|REQUIRED|ALLOWED|ROTATION|VERSION|ROLE|FIELD|CLAIM|COOKIE|SERVICE|SERVER|TEMPLATE|MESSAGE|EMAIL|"
    r"HINT|LABEL|STRENGTH|ENCODING|MANAGER)$"
    r"|^(?:USE|ENABLE|DISABLE|REQUIRE|ALLOW|HAS|IS|SHOW|HIDE|FORCE|SKIP|NO|MIN|MAX)[-_]",
    re.IGNORECASE,
)
"""What is said about a secret: how long it is or lasts, where it comes from, whether there is one."""

_SECRET_URL = re.compile(r"://[^/\s:@\"'$<{]*:[^/\s@\"'$<{]+@")
"""A password before a host; not where a variable or a placeholder stands for it."""

_PASSWORD_FIELD = re.compile(
    r"^(?:(?:master|admin|administrator)_?(?:user|login)?_?)?password$|^auth_?token$", re.IGNORECASE
)
_PASSWORD_OPTION = re.compile(r"--[a-z-]*(?:password|auth-token)[= ]+(?![\"']?[$<-])[^\s]+")
"""An option of a command that gives a password, and neither a variable nor another option."""

_LEVELS = ("privileged", "baseline", "restricted")
_INTERNAL = {
    "networking.gke.io/load-balancer-type": ("internal",),
    "cloud.google.com/load-balancer-type": ("internal",),
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
}
"""Annotations that keep a load balancer off the internet, with the values that do."""


def secrets(world: World) -> Iterator[Finding]:
    """No secret stands in a manifest."""
    for workload in world.all_pods:
        for field, container in containers_with_paths(workload):
            for entry in maps(container, "env"):
                name, value = str(entry.get("name")), entry.get("value")
                if _is_secret(name, value):
                    what = f"{name} holds a value"
                    yield workload.item.finding(exposure.LITERAL_SECRET, f"{field}.env", what)
    for item in world.of("ConfigMap"):
        for key, value in mapping(item.tree, "data").items():
            # A key with a point is the name of a file.
            if "." not in str(key) and _is_secret(str(key), value):
                what = f"{key} holds a value"
                yield item.finding(exposure.LITERAL_SECRET, f"data.{key}", what, "Use a Secret.")
    for item in world.items:
        if item.kind == "Secret":
            yield from _values_of(item)
        else:
            yield from secrets_in(item)


def _is_secret(name: str, value: object) -> bool:
    """Say whether a variable holds a secret. A number is how long a token lasts, unless it is a password."""
    if not isinstance(value, str) or not value or _NO_SECRET.fullmatch(value):
        return False
    if value.isdecimal() and "passw" not in name.lower():
        return False
    return bool(_SECRET_NAME.search(name)) and not _ABOUT_A_SECRET.search(name)


def _values_of(item: Item) -> Iterator[Finding]:
    """Yield a warning for a Secret whose values stand in the manifest."""
    if any(mapping(item.tree, field) for field in ("data", "stringData")):
        yield item.finding(exposure.SECRET_IN_MANIFEST, "data", "its values are written here")


def secrets_in(item: Item) -> Iterator[Finding]:
    """Yield a finding for each URL with a password, and each field that is one, wherever it stands."""
    for field, value in _texts(item.tree, "") if item.kind != "CustomResourceDefinition" else ():
        if _SECRET_URL.search(value):
            yield item.finding(exposure.PASSWORD_IN_URL, field, "a URL holds a password")
        elif value and _PASSWORD_FIELD.search(field.rpartition(".")[2]):
            yield item.finding(exposure.LITERAL_SECRET, field, "a password is written here", "Use a secret.")


def secrets_in_text(path: str, source: str) -> Iterator[Finding]:
    """Yield a finding for each line of a script that gives a password."""
    item = Item(path, {"kind": "Script", "metadata": {"name": path}})
    for number, line in enumerate(source.splitlines(), 1):
        if _SECRET_URL.search(line):
            yield item.finding(exposure.PASSWORD_IN_URL, "", "a URL holds a password", line=number)
        elif path.endswith(".sh") and _PASSWORD_OPTION.search(line):
            what, remedy = "a command is given a password", "Take it from a variable."
            yield item.finding(exposure.LITERAL_SECRET, "", what, remedy, line=number)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def is_internal(service: Item) -> bool:
    """Say whether a Service asks for a load balancer that is off the internet."""
    annotations = mapping(service.tree, "metadata.annotations")
    return any(str(annotations.get(key, "")).lower() in values for key, values in _INTERNAL.items())


def what_is_public(world: World) -> Iterator[Finding]:
    """What faces the internet is meant to."""
    for service in world.of("Service"):
        kind = text(service.tree, "spec.type")
        annotations = mapping(service.tree, "metadata.annotations")
        meant = annotations.get("capplan/public") == "true" or is_internal(service)
        restricted = bool(mapping(service.tree, "spec").get("loadBalancerSourceRanges"))
        if service.group or meant:
            continue
        if kind == "LoadBalancer" and not restricted:
            what = "a LoadBalancer that nothing restricts"
            yield service.finding(exposure.PUBLIC_SERVICE, "spec.type", what)
        elif kind == "NodePort":
            what, remedy = (
                "a NodePort is open on every node",
                "Use ClusterIP, or close the port in the firewall.",
            )
            yield service.finding(exposure.PUBLIC_SERVICE, "spec.type", what, remedy, "info")
    for namespace in world.of("Namespace"):
        for key, value in mapping(namespace.tree, "metadata.labels").items():
            levelled = str(key).startswith("pod-security.kubernetes.io/") and not str(key).endswith(
                "-version"
            )
            if levelled and value not in _LEVELS:
                what = f"{value!r} is not one of {', '.join(_LEVELS)}"
                yield namespace.finding(exposure.POD_SECURITY_LEVEL, f"metadata.labels.{key}", what)


RULES = (secrets, what_is_public)
