"""Single values that the API server refuses, although they are of the right type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from capplan.errors import almost, nearest
from capplan.findings import Finding, Severity
from capplan.manifests.verify.checks import api
from capplan.manifests.verify.kinds import is_known
from capplan.manifests.verify.schedules import is_timezone, schedule_refused
from capplan.manifests.verify.trees import Tree, amount, is_placeholder, mapping, maps, text, whole
from capplan.manifests.verify.world import Item, Workload, World, containers_with_paths

_FEW = """
Service spec.type ClusterIP NodePort LoadBalancer ExternalName
Service spec.sessionAffinity None ClientIP
Service spec.externalTrafficPolicy Cluster Local
Service spec.internalTrafficPolicy Cluster Local
Service spec.ipFamilyPolicy SingleStack PreferDualStack RequireDualStack
Service spec.ports[].protocol TCP UDP SCTP
Deployment spec.strategy.type RollingUpdate Recreate
StatefulSet spec.updateStrategy.type RollingUpdate OnDelete
StatefulSet spec.podManagementPolicy OrderedReady Parallel
DaemonSet spec.updateStrategy.type RollingUpdate OnDelete
CronJob spec.concurrencyPolicy Allow Forbid Replace
Job spec.completionMode NonIndexed Indexed
Ingress spec.rules[].http.paths[].pathType Exact Prefix ImplementationSpecific
PersistentVolumeClaim spec.accessModes[] ReadWriteOnce ReadOnlyMany ReadWriteMany ReadWriteOncePod
PersistentVolumeClaim spec.volumeMode Filesystem Block
PersistentVolume spec.accessModes[] ReadWriteOnce ReadOnlyMany ReadWriteMany ReadWriteOncePod
PersistentVolume spec.persistentVolumeReclaimPolicy Retain Delete Recycle
StorageClass reclaimPolicy Retain Delete
StorageClass volumeBindingMode Immediate WaitForFirstConsumer
NetworkPolicy spec.policyTypes[] Ingress Egress
NetworkPolicy spec.ingress[].ports[].protocol TCP UDP SCTP
NetworkPolicy spec.egress[].ports[].protocol TCP UDP SCTP
ClusterRoleBinding roleRef.kind ClusterRole
RoleBinding roleRef.kind Role ClusterRole
NetworkPolicy spec.podSelector.matchExpressions[].operator In NotIn Exists DoesNotExist
PodDisruptionBudget spec.unhealthyPodEvictionPolicy IfHealthyBudget AlwaysAllow
PodDisruptionBudget spec.selector.matchExpressions[].operator In NotIn Exists DoesNotExist
HorizontalPodAutoscaler spec.metrics[].type Resource ContainerResource Pods Object External
HorizontalPodAutoscaler spec.behavior.scaleUp.selectPolicy Max Min Disabled
HorizontalPodAutoscaler spec.behavior.scaleDown.selectPolicy Max Min Disabled
HorizontalPodAutoscaler spec.behavior.scaleUp.policies[].type Pods Percent
HorizontalPodAutoscaler spec.behavior.scaleDown.policies[].type Pods Percent
RoleBinding subjects[].kind User Group ServiceAccount
ClusterRoleBinding subjects[].kind User Group ServiceAccount
RoleBinding roleRef.apiGroup rbac.authorization.k8s.io
ClusterRoleBinding roleRef.apiGroup rbac.authorization.k8s.io
ScaledObject spec.triggers[].authenticationRef.kind TriggerAuthentication ClusterTriggerAuthentication
ScaledObject spec.triggers[].metricType Utilization AverageValue Value
pod securityContext.seccompProfile.type RuntimeDefault Localhost Unconfined
pod topologySpreadConstraints[].nodeAffinityPolicy Honor Ignore
pod topologySpreadConstraints[].nodeTaintsPolicy Honor Ignore
container securityContext.seccompProfile.type RuntimeDefault Localhost Unconfined
pod restartPolicy Always OnFailure Never
pod dnsPolicy ClusterFirst ClusterFirstWithHostNet Default None
pod preemptionPolicy PreemptLowerPriority Never
pod tolerations[].operator Exists Equal Lt Gt
pod tolerations[].effect NoSchedule PreferNoSchedule NoExecute
pod topologySpreadConstraints[].whenUnsatisfiable DoNotSchedule ScheduleAnyway
pod volumes[].emptyDir.medium Memory HugePages
container imagePullPolicy Always IfNotPresent Never
container terminationMessagePolicy File FallbackToLogsOnError
container ports[].protocol TCP UDP SCTP
container startupProbe.httpGet.scheme HTTP HTTPS
container readinessProbe.httpGet.scheme HTTP HTTPS
container livenessProbe.httpGet.scheme HTTP HTTPS
"""
"""Values that a field may have besides none: kind, path with `[]` for every entry, values (1.34)."""

_ALLOWED: dict[str, dict[str, list[str]]] = {}
for _kind, _path, *_values in map(str.split, _FEW.strip().splitlines()):
    _ALLOWED.setdefault(_kind, {})[_path] = _values


def enumerations(world: World) -> Iterator[Finding]:
    """A field of few values has one of them."""
    for item in world.of(*_ALLOWED):
        if is_known(item.kind, item.group):
            yield from _unknown(item, "", item.tree, item.kind)
    for workload in world.all_pods:
        yield from _unknown(workload.item, f"{workload.pod_field}.", workload.pod, "pod")
        for field, container in containers_with_paths(workload):
            yield from _unknown(workload.item, f"{field}.", container, "container")


def _unknown(item: Item, prefix: str, tree: Tree, kind: str) -> Iterator[Finding]:
    for path, allowed in _ALLOWED[kind].items():
        for field, value in every_at(tree, path):
            known = value in (None, "", *allowed) or str(value).startswith("HugePages")
            if not known and not is_placeholder(value):
                what = f"'{value}' is not a value that Kubernetes knows"
                yield item.finding(api.UNKNOWN_VALUE, f"{prefix}{field}", what, nearest(str(value), allowed))


def every_at(tree: object, path: str, field: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value that a path means, with its own path."""
    here, _, rest = path.partition(".")
    key = here.removesuffix("[]")
    found = tree.get(key) if isinstance(tree, dict) else None
    place = f"{field}.{key}".lstrip(".")
    if here == key:
        yield from every_at(found, rest, place) if rest else [(place, found)]
        return
    for index, entry in enumerate(found if isinstance(found, list) else ()):
        one = f"{place}[{index}]"
        yield from every_at(entry, rest, one) if rest else [(one, entry)]


_RESTARTS = {"Job": ("OnFailure", "Never"), "CronJob": ("OnFailure", "Never")}
_ALWAYS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")


def restarts(world: World) -> Iterator[Finding]:
    """Pods of Jobs say that they end, and pods of other controllers restart."""
    for workload in world.all_pods:
        kind, said = workload.item.kind, text(workload.pod, "restartPolicy") or "Always"
        allowed = ("Always",) if kind in _ALWAYS else _RESTARTS.get(kind)
        if allowed and said not in allowed and workload.pod:
            what = f"restartPolicy is {said}, but the pods of a {kind} need {' or '.join(allowed)}"
            yield workload.item.finding(api.RESTART_POLICY, f"{workload.pod_field}.restartPolicy", what)


def schedules(world: World) -> Iterator[Finding]:
    """The schedule of a CronJob can be read, and its time zone exists."""
    for item in world.of("CronJob"):
        schedule, zone = text(item.tree, "spec.schedule"), text(item.tree, "spec.timeZone")
        wrong = schedule_refused(schedule, macros=True) if schedule else ""
        if schedule.startswith(("TZ=", "CRON_TZ=")):
            wrong = "a time zone stands in spec.timeZone, not in the schedule"
        if wrong:
            yield item.finding(api.SCHEDULE, "spec.schedule", wrong)
        if zone and not is_timezone(zone):
            yield item.finding(api.SCHEDULE, "spec.timeZone", f"there is no time zone '{zone}'")


def service_fields(world: World) -> Iterator[Finding]:
    """Source ranges are for load balancers alone, and several ports have names."""
    for item in world.of("Service"):
        if item.group:
            continue
        kind = text(item.tree, "spec.type") or "ClusterIP"
        if mapping(item.tree, "spec").get("loadBalancerSourceRanges") and kind != "LoadBalancer":
            what = f"a {kind} may have no loadBalancerSourceRanges"
            yield item.finding(api.SOURCE_RANGES, "spec.loadBalancerSourceRanges", what)
        ports = maps(item.tree, "spec.ports")
        names = [text(port, "name") for port in ports]
        for index, number in enumerate(whole(port, "nodePort", 30000) for port in ports):
            if number and not 30000 <= number <= 32767:
                what = f"{number} is not in 30000 to 32767, unless the cluster has another range"
                field = f"spec.ports[{index}].nodePort"
                yield item.finding(api.SERVICE_PORTS, field, what, "Leave it out.", "warning")
        if len(ports) > 1 and (len(set(names)) < len(names) or "" in names):
            yield item.finding(api.SERVICE_PORTS, "spec.ports", "several ports need names of their own")


_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def probes(world: World) -> Iterator[Finding]:
    """Probes have counts that are allowed, and none ends a container before it can be ready."""
    for workload in world.all_pods:
        for field, container in containers_with_paths(workload):
            for name in _PROBES:
                probe = mapping(container, name)
                if name != "readinessProbe" and whole(probe, "successThreshold", 1) != 1:
                    what = f"successThreshold of a {name} must be 1"
                    yield workload.item.finding(api.PROBE_THRESHOLD, f"{field}.{name}", what)
            yield from _slow_start(workload, field, container)


def _slow_start(workload: Workload, field: str, container: Tree) -> Iterator[Finding]:
    alive, ready = (mapping(container, name) for name in ("livenessProbe", "readinessProbe"))
    if not alive or "startupProbe" in container:
        return
    tries, period = whole(alive, "failureThreshold", 3), whole(alive, "periodSeconds", 10)
    killed = whole(alive, "initialDelaySeconds", 0) + (tries - 1) * period
    first = whole(ready, "initialDelaySeconds", 0)
    if ready and killed < first:
        what = f"the liveness probe may end the container after {killed} s, before readiness at {first} s"
        yield workload.item.finding(api.SLOW_START, f"{field}.livenessProbe", what)


def spreads(world: World) -> Iterator[Finding]:
    """A spread has what the API server demands of it."""
    for workload in world.all_pods:
        for index, term in enumerate(maps(workload.pod, "topologySpreadConstraints")):
            field = f"{workload.pod_field}.topologySpreadConstraints[{index}]"
            for wrong in (*_spread_refused(term), *_unmet(workload, term)):
                yield workload.item.finding(api.SPREAD, field, wrong)
            key = text(term, "topologyKey")
            near = None if key in _TOPOLOGY else almost(key, _TOPOLOGY)
            if near:
                what = f"no node has the label '{key}', as far as Kubernetes sets it"
                yield workload.item.finding(api.SPREAD, field, what, f"Did you mean '{near}'?", "warning")


_TOPOLOGY = ("kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def _unmet(workload: Workload, term: Tree) -> Iterator[str]:
    """Yield why pods never start: with fewer domains than the least, each holds only as many as the skew."""
    key, least = text(term, "topologyKey"), whole(term, "minDomains", 1)
    domains = _domains(workload.pod, key)
    if term.get("whenUnsatisfiable") == "DoNotSchedule" and term.get("nodeAffinityPolicy") != "Ignore":
        most = domains * whole(term, "maxSkew", 1) if 0 < domains < least else workload.hi
        if workload.lo > most:
            of = f"minDomains is {least}, but its pods may go to only {domains} of {key}"
            yield f"{of}: no more than {most} of {workload.lo} pods start"


def _domains(pod: Tree, key: str) -> int:
    """Return how many values of a node label a pod allows; 0 where it does not say."""
    if key in mapping(pod, "nodeSelector"):
        return 1
    kind = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    allowed: set[str] = set()
    for term in maps(pod, kind):
        named = [one for one in maps(term, "matchExpressions") if one.get("key") == key]
        values = named[0].get("values") if named and named[0].get("operator") == "In" else None
        if not isinstance(values, list):
            return 0
        allowed.update(map(str, values))
    return len(allowed)


def _spread_refused(term: Tree) -> Iterator[str]:
    if whole(term, "maxSkew", 1) < 1:
        yield f"maxSkew must be 1 or more, not {term['maxSkew']}"
    if not text(term, "topologyKey"):
        yield "names no topologyKey"
    if term.get("minDomains") is not None and term.get("whenUnsatisfiable") != "DoNotSchedule":
        yield "minDomains needs whenUnsatisfiable: DoNotSchedule"


_LEAST_MEMORY = 2.0**20


def memory_amounts(world: World) -> Iterator[Finding]:
    """Memory is more than a container needs to start; `m` means a thousandth of a byte."""
    severities: dict[str, Severity] = {"limits": "error", "requests": "warning"}
    for workload in world.all_pods:
        for field, container in containers_with_paths(workload):
            for part, severity in severities.items():
                said = mapping(container, f"resources.{part}").get("memory")
                size = amount(said)
                if size is not None and 0 < size < _LEAST_MEMORY:
                    what = f"memory: {said} is {size:g} bytes"
                    remedy = f"Did you mean {str(said)[:-1]}Mi?" if str(said).endswith("m") else None
                    yield workload.item.finding(
                        api.TINY_MEMORY, f"{field}.resources.{part}", what, remedy, severity
                    )
        yield from _memory_disks(workload)


def _memory_disks(workload: Workload) -> Iterator[Finding]:
    limit = workload.limit("memory")
    for volume in maps(workload.pod, "volumes"):
        size = amount(mapping(volume, "emptyDir").get("sizeLimit"))
        if text(volume, "emptyDir.medium") == "Memory" and size and limit and size > limit:
            what = f"volume '{volume.get('name')}' in memory may take more than the limits of the containers"
            yield workload.item.finding(api.EMPTY_DIR_ABOVE_LIMIT, f"{workload.pod_field}.volumes", what)


RULES = (enumerations, restarts, schedules, service_fields, probes, spreads, memory_amounts)
