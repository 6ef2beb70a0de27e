"""What the API server refuses of other objects (pkg/apis/*/validation of Kubernetes 1.34)."""

from __future__ import annotations

import re
from binascii import Error
from collections import Counter

from capplan.manifests.verify.refusals import forms
from capplan.manifests.verify.refusals.forms import Rows
from capplan.manifests.verify.trees import Tree, amount, at, is_placeholder, mapping, maps, share, text, whole


def _end_port(port: Tree) -> bool:
    first, last = at(port, "port"), at(port, "endPort")
    return last is not None and (not isinstance(first, int) or (isinstance(last, int) and last < first))


def _no_time_to_progress(spec: Tree) -> bool:
    return whole(spec, "progressDeadlineSeconds", 600) <= whole(spec, "minReadySeconds", 0)


def _surges_and_lacks(update: Tree) -> bool:
    return (
        share(at(update, "maxSurge"), 100) > 0
        and share(1 if at(update, "maxUnavailable") is None else at(update, "maxUnavailable"), 100) > 0
    )


def _not_base64(value: object) -> bool:
    from base64 import b64decode

    if not isinstance(value, str) or is_placeholder(value):
        return False
    try:
        b64decode(re.sub(r"[\r\n]", "", value), validate=True)
    except (Error, ValueError):
        return True
    return False


def _half_a_certificate(secret: Tree) -> bool:
    keys = {*mapping(secret, "data"), *mapping(secret, "stringData")}
    return at(secret, "type") == "kubernetes.io/tls" and not {"tls.crt", "tls.key"} <= keys


def _node_port_inside(spec: Tree) -> bool:
    inside = at(spec, "type") in (None, "ClusterIP", "ExternalName")
    return inside and any(at(port, "nodePort") for port in maps(spec, "ports"))


def _port_twice(spec: Tree) -> bool:
    ports = Counter((str(at(p, "port")), at(p, "protocol") or "TCP") for p in maps(spec, "ports"))
    return any(count > 1 for count in ports.values())


def _without_range(spec: Tree) -> bool:
    from ipaddress import ip_network

    ranges = at(spec, "loadBalancerSourceRanges")
    for one in ranges if isinstance(ranges, list) else ():
        try:
            ip_network(str(one).strip(), strict=False)
        except ValueError:
            return not is_placeholder(one)
        if "/" not in str(one):
            return True
    return False


def _rule_of_nothing(rule: Tree) -> bool:
    resources, urls = at(rule, "resources"), at(rule, "nonResourceURLs")
    return (
        not (resources or urls) or bool(resources and urls) or bool(resources and not at(rule, "apiGroups"))
    )


def _disordered(limit: Tree) -> bool:
    """Say whether the bounds and defaults of a LimitRange are out of order."""
    order = ("min", "defaultRequest", "default", "max")
    known = [(place, mapping(limit, place)) for place in order]
    resources = {resource for _, said in known for resource in said}
    for resource in resources:
        sizes = [size for _, said in known if (size := amount(said.get(resource))) is not None]
        if sizes != sorted(sizes):
            return True
    return False


def _no_storage(spec: Tree) -> bool:
    size = mapping(spec, "resources.requests").get("storage")
    return not is_placeholder(size) and not (amount(size) or 0) > 0 and at(spec, "volumeName") is None


def _too_urgent(priority: Tree) -> bool:
    return whole(priority, "value", 0) > 10**9 and not text(priority, "metadata.name").startswith("system-")


def _other_name(crd: Tree) -> bool:
    return text(crd, "metadata.name") != f"{text(crd, 'spec.names.plural')}.{text(crd, 'spec.group')}"


def _not_one_stored(spec: Tree) -> bool:
    versions = maps(spec, "versions")
    return bool(versions) and sum(bool(at(version, "storage")) for version in versions) != 1


_TEMPLATED = "Deployment StatefulSet DaemonSet ReplicaSet"
_NAMED = f"{_TEMPLATED} Job CronJob Pod Ingress ConfigMap Secret NetworkPolicy PersistentVolumeClaim"
_WORDS = "may have letters, digits, `-`, `_` and `.` alone"
_SELECTED = "spec.podSelector.matchLabels spec.selector.matchLabels"
_ROLLING = "spec.strategy.rollingUpdate spec.updateStrategy.rollingUpdate"
_SHARES = " ".join(f"{place}.{key}" for place in _ROLLING.split() for key in ("maxSurge", "maxUnavailable"))
_COUNTS = (
    "spec.replicas spec.minReadySeconds spec.revisionHistoryLimit spec.updateStrategy.rollingUpdate.partition"
)
_ROLLED = "Deployment Rollout"
_INSIDE = "type=|ClusterIP !externalIPs externalTrafficPolicy"
_BUDGET, _PEERS = "spec.minAvailable spec.maxUnavailable", "spec.ingress[].from[] spec.egress[].to[]"
_OF_PODS = "spec.template.metadata.labels"
_OF_JOBS = "parallelism completions backoffLimit ttlSecondsAfterFinished activeDeadlineSeconds"
_KEPT = "spec.successfulJobsHistoryLimit spec.failedJobsHistoryLimit spec.startingDeadlineSeconds"

_JOB = " ".join(f"spec.{key}" for key in _OF_JOBS.split())
_PATHS, _VOLUMES = "spec.rules[].http.paths[]", "spec.volumeClaimTemplates[].spec"
_PORT, _NUMBER, _SIZE = (
    "is not a port from 1 to 65535",
    "must be 0 or more",
    "needs resources.requests.storage",
)
_ONE_LABEL = "has more than small letters, digits and `-`, or more than 63"

OBJECTS: Rows = (
    ("Service", "spec.ports[].targetPort", forms.PORT_NAME, "is a text, but no name of a port"),
    ("Service", "spec.ports[].port", forms.PORT, _PORT),
    ("Service", "spec.ports[].targetPort", forms.outside(0, 65535), _PORT),
    ("Service", "spec", _INSIDE, "externalTrafficPolicy needs type NodePort or LoadBalancer"),
    ("Service", "spec", "type!=LoadBalancer loadBalancerClass", "loadBalancerClass is for load balancers"),
    ("Service", "spec", _node_port_inside, "a nodePort needs type NodePort or LoadBalancer"),
    ("Service", "spec", "type=NodePort|LoadBalancer clusterIP=None", "clusterIP None is for type ClusterIP"),
    ("Service", "spec", _port_twice, "two ports have the same number and protocol"),
    ("Service", "spec", _without_range, "loadBalancerSourceRanges are networks such as 10.0.0.0/8"),
    ("Service", "spec", "type=ExternalName !externalName", "needs externalName"),
    ("Service", "spec.externalName", forms.unlike(r"[a-z0-9][-a-z0-9.]*"), "is no name of a host"),
    ("Service Namespace", "metadata.name", forms.LABEL_NAME, _ONE_LABEL),
    ("NetworkPolicy", "spec.ingress[].ports[] spec.egress[].ports[]", _end_port, "endPort is not above port"),
    ("NetworkPolicy", "spec.ingress[].ports[].port spec.egress[].ports[].port", forms.PORT, _PORT),
    ("NetworkPolicy", _PEERS, "ipBlock +podSelector", "has ipBlock and a selector"),
    ("NetworkPolicy", _PEERS, "ipBlock +namespaceSelector", "has ipBlock and a selector"),
    ("Deployment", "spec.strategy", "type=Recreate +rollingUpdate", "Recreate has no rollingUpdate"),
    (_ROLLED, "spec", _no_time_to_progress, "progressDeadlineSeconds is not above minReadySeconds"),
    (f"{_TEMPLATED} Rollout", _COUNTS, forms.below(0), _NUMBER),
    (_TEMPLATED, _SHARES, forms.no_share, "is neither a number of pods nor a percentage"),
    (_TEMPLATED, "spec.strategy.rollingUpdate.maxUnavailable", forms.above_all, "is more than all pods"),
    ("StatefulSet", "spec.updateStrategy", "type=OnDelete +rollingUpdate", "OnDelete has no rollingUpdate"),
    ("DaemonSet", "spec.updateStrategy.rollingUpdate", _surges_and_lacks, "maxSurge needs maxUnavailable: 0"),
    ("Job", _JOB, forms.below(0), _NUMBER),
    ("CronJob", _JOB.replace("spec.", "spec.jobTemplate.spec."), forms.below(0), _NUMBER),
    ("CronJob", _KEPT, forms.below(0), _NUMBER),
    ("CronJob", "metadata.name", forms.unlike(r".*", 52), "has more than 52 characters"),
    ("Job", "spec", "completionMode=Indexed !completions", "Indexed needs completions"),
    ("ClusterRoleBinding", "subjects[]", "kind=ServiceAccount !namespace", "an account needs a namespace"),
    ("Role ClusterRole", "rules[]", "!verbs", "a rule needs verbs"),
    ("Role ClusterRole", "rules[]", _rule_of_nothing, "needs apiGroups and resources, or nonResourceURLs"),
    ("Role", "rules[].nonResourceURLs", forms.given, "is for a ClusterRole"),
    ("PriorityClass", ".", _too_urgent, "its value is above 1000000000"),
    ("PodDisruptionBudget", _BUDGET, forms.above_all, "is more than all pods"),
    ("PodDisruptionBudget", _BUDGET, forms.below(0), _NUMBER),
    ("HorizontalPodAutoscaler", ".", "!spec.maxReplicas", "needs maxReplicas"),
    ("HorizontalPodAutoscaler", ".", "!spec.scaleTargetRef.name", "scales nothing"),
    ("ConfigMap Secret", "data binaryData stringData", forms.any_key(forms.KEY), f"keys {_WORDS}"),
    ("Secret", "data", forms.any_value(_not_base64), "a value is not base64; stringData takes plain text"),
    ("Secret", ".", _half_a_certificate, "kubernetes.io/tls needs tls.crt and tls.key"),
    ("PersistentVolumeClaim", "spec", "!accessModes", "needs accessModes"),
    ("PersistentVolumeClaim", "spec", _no_storage, _SIZE),
    ("StatefulSet", _VOLUMES, "!accessModes", "needs accessModes"),
    ("StatefulSet", _VOLUMES, _no_storage, _SIZE),
    ("ResourceQuota", "spec.hard", forms.negative, "has a quantity below 0"),
    ("LimitRange", "spec.limits[]", _disordered, "min, defaultRequest, default and max must rise"),
    ("Ingress", "spec.rules[].host", forms.HOST, "is no name of a host"),
    ("Ingress", f"{_PATHS}.path", forms.unlike(r"(/.*)?", 2**20), "does not begin with a slash"),
    ("Ingress", _PATHS, "pathType=Exact|Prefix !path", "pathType Exact or Prefix needs a path"),
    ("Ingress", f"{_PATHS}.backend.service", "!port.name !port.number", "needs the name or number of a port"),
    ("Ingress", f"{_PATHS}.backend.service", "port.name port.number", "has a name and a number of its port"),
    ("Ingress", f"{_PATHS}.backend.service.port.number", forms.PORT, _PORT),
    (_NAMED, "metadata.name", forms.NAME, "names have small letters, digits, `-` and `.` alone"),
    (_NAMED, f"metadata.labels {_SELECTED}", forms.any_value(forms.LABEL), f"labels {_WORDS}, 63 at most"),
    (_TEMPLATED, _OF_PODS, forms.any_value(forms.LABEL), f"labels {_WORDS}, 63 at most"),
    ("Service", "spec.selector", forms.any_value(forms.LABEL), f"labels {_WORDS}, 63 at most"),
    ("CustomResourceDefinition", ".", _other_name, "its name is not PLURAL.GROUP"),
    ("CustomResourceDefinition", "spec", _not_one_stored, "one version must be stored"),
)
