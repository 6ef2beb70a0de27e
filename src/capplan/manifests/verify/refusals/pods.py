"""What is refused of pods and containers (pkg/apis/core/validation of Kubernetes 1.34, and the kubelet)."""

from __future__ import annotations

import re
from collections import Counter

from capplan.manifests.verify.refusals import forms
from capplan.manifests.verify.refusals.forms import Rows
from capplan.manifests.verify.trees import Tree, amount, at, is_placeholder, mapping, maps


def _host_ports(pod: Tree) -> list[tuple[object, ...]]:
    ports = [port for container in maps(pod, "containers") for port in maps(container, "ports")]
    said = [(at(port, "hostIP"), at(port, "protocol") or "TCP", at(port, "hostPort")) for port in ports]
    return [one for one in said if one[-1]]


def _host_port_twice(pod: Tree) -> bool:
    return any(count > 1 for count in Counter(map(str, _host_ports(pod))).values())


def _other_host_port(pod: Tree) -> bool:
    ports = [port for container in maps(pod, "containers") for port in maps(container, "ports")]
    differs = (at(port, "hostPort") not in (None, 0, at(port, "containerPort")) for port in ports)
    return at(pod, "hostNetwork") is True and any(differs)


def _several_sources(volume: Tree) -> bool:
    return (
        isinstance(volume, dict)
        and sum(value is not None for key, value in volume.items() if key != "name") > 1
    )


def _spread_twice(pod: Tree) -> bool:
    terms = maps(pod, "topologySpreadConstraints")
    pairs = Counter((str(at(one, "topologyKey")), str(at(one, "whenUnsatisfiable"))) for one in terms)
    return any(count > 1 for count in pairs.values())


def _leaves_the_volume(path: object) -> bool:
    return isinstance(path, str) and (path.startswith("/") or ".." in path.split("/"))


def _above_pod_limits(pod: Tree) -> bool:
    """Say whether a container is limited to more than its pod, or containers request more than it."""
    containers = maps(pod, "containers")
    limits, requests = mapping(pod, "resources.limits"), mapping(pod, "resources.requests")
    given_ = [mapping(one, "resources.limits") for one in containers]
    for resource in limits:
        most = amount(limits[resource])
        if any((amount(said.get(resource)) or 0) > (most or 1e30) for said in given_):
            return True
    for resource in {**limits, **requests}:
        asked = sum(amount(mapping(one, "resources.requests").get(resource)) or 0 for one in containers)
        most = amount(requests.get(resource, limits.get(resource)))
        if asked > (most or 1e30) * (1 + 1e-9):
            return True
    return False


def _no_image(value: object) -> bool:
    """Say whether a text is no reference to an image; words in capitals, and `ko://`, stand for others."""
    if not isinstance(value, str) or not value or is_placeholder(value):
        return False
    if "://" in value or re.search(r"[A-Z_]{2}", value.partition("@")[0].rpartition(":")[0] or value):
        return False
    return _IMAGE.fullmatch(value) is None


_IMAGE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)
"""github.com/distribution/reference, in short."""

_FIELD = forms.unlike(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?)"
)
_RESOURCE = forms.unlike(r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-\S+)")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_GAINS = "privileged=true allowPrivilegeEscalation=false"
_GRACE = "readinessProbe.terminationGracePeriodSeconds"
_COUNTS = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")
_HANDLED = " ".join(f"{p}.{h}.port" for p in _PROBES for h in ("httpGet", "tcpSocket", "grpc"))
_PROFILES = "securityContext.seccompProfile securityContext.appArmorProfile"
_HOOKS = "lifecycle.preStop lifecycle.postStart"
_TERMS = (
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[]"
    " affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference.matchExpressions[]"
)
_WEIGHTS = " ".join(
    f"affinity.{kind}.preferredDuringSchedulingIgnoredDuringExecution[].weight"
    for kind in ("nodeAffinity", "podAffinity", "podAntiAffinity")
)


def _no_single_handler(hook: Tree) -> bool:
    return sum(at(hook, key) is not None for key in ("exec", "httpGet", "tcpSocket", "sleep")) != 1


_PORT, _NUMBER = "is not a port from 1 to 65535", "must be 0 or more"
_WORD = "has more than small letters, digits and `-`, or more than 63"

PODS: Rows = (
    ("container", " ".join(f"{p}.{c}" for p in _PROBES for c in _COUNTS), forms.below(0), _NUMBER),
    ("container", _GRACE, forms.given, "is for other kinds of probes"),
    ("container", f"ports[].containerPort {_HANDLED}", forms.PORT, _PORT),
    ("container", "ports[].hostPort", forms.outside(0, 65535), _PORT),
    ("container", f"ports[].name {_HANDLED}", forms.PORT_NAME, "is a text, but no name of a port"),
    ("container", "name", forms.LABEL_NAME, _WORD),
    ("container", "image", _no_image, "is no reference to an image"),
    ("container", "volumeMounts[].subPath", _leaves_the_volume, "must stay inside the volume"),
    ("container", _HOOKS, _no_single_handler, "needs one of exec, httpGet, tcpSocket and sleep"),
    ("container", "resources.requests resources.limits", forms.negative, "has a quantity below 0"),
    ("init", f"{' '.join(_PROBES)} lifecycle", forms.given, "needs restartPolicy: Always here"),
    ("container", "env[]", "!name", "a variable needs a name"),
    ("container", "env[].name", forms.unlike(r"[^=]*", 2**20), "may not have an equals sign"),
    ("container", "env[].valueFrom.fieldRef.fieldPath", _FIELD, "is no field that a variable may have"),
    ("container", "env[].valueFrom.resourceFieldRef.resource", _RESOURCE, "is not such as limits.memory"),
    ("container", "securityContext", _GAINS, "privileged excludes allowPrivilegeEscalation: false"),
    ("container", "securityContext", "runAsNonRoot=true runAsUser=0", "runAsNonRoot excludes runAsUser 0"),
    ("container pod", "securityContext.runAsUser securityContext.runAsGroup", forms.below(0), _NUMBER),
    ("container pod", _PROFILES, "type=Localhost !localhostProfile", "Localhost needs a localhostProfile"),
    ("container pod", _PROFILES, "type!=Localhost localhostProfile", "localhostProfile needs Localhost"),
    ("pod", ".", _host_port_twice, "two ports of its containers have the same hostPort"),
    ("pod", ".", _other_host_port, "with hostNetwork, a hostPort must be the containerPort"),
    ("pod", ".", "dnsPolicy=None !dnsConfig.nameservers", "dnsPolicy None needs dnsConfig.nameservers"),
    ("pod", ".", _spread_twice, "two spreads have the same topologyKey and whenUnsatisfiable"),
    ("pod", ".", _above_pod_limits, "its containers have more than the resources of the pod"),
    ("pod", "volumes[]", _several_sources, "may have only one source"),
    ("pod", "volumes[].name", forms.LABEL_NAME, _WORD),
    ("pod", "securityContext.fsGroup", forms.below(0), _NUMBER),
    ("pod", "activeDeadlineSeconds", forms.below(1), "must be 1 or more"),
    ("pod", _WEIGHTS, forms.outside(1, 100), "is not a weight from 1 to 100"),
    ("pod", "tolerations[]", "!key operator!=Exists", "without a key the operator must be Exists"),
    ("pod", "tolerations[]", "operator=Exists value", "the operator Exists takes no value"),
    ("pod", "tolerations[]", "+tolerationSeconds effect!=NoExecute", "tolerationSeconds needs NoExecute"),
    ("pod", _TERMS, "operator=In|NotIn !values", "In and NotIn need values"),
    ("pod", _TERMS, "operator=Exists|DoesNotExist values", "this operator takes no values"),
)
