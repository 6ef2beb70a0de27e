"""Files as facts: what they order of each component, whatever kind of file says so."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from posixpath import basename
from typing import Any, NamedTuple

from capplan.manifests.kustomize import SMALLER
from capplan.manifests.proof.pieces import (
    canonical,
    node_pieces,
    probe_pieces,
    scaler_pieces,
    service_ports,
    workload_pieces,
)
from capplan.manifests.verify.trees import Tree, amount, at, mapping, maps, text, words
from capplan.manifests.verify.world import Item, Workload, World

_GIB = 2.0**30
_GPU = "nvidia.com/gpu"
_SCALING = "run.googleapis.com/scaling-{}-target"


_BEHAVIOR = {"ScaledObject": "spec.advanced.horizontalPodAutoscalerConfig.behavior"}


_NAMED = re.compile(r"(?:aws|cloudrun|azure)/[A-Za-z0-9._-]+\.(?:json|yaml)")
"""How scripts name the bodies of their calls."""


class Fact(NamedTuple):
    """What a file orders: of a component (by its name at the provider), in the unit of the estimate."""

    owner: str
    name: str
    value: object
    file: str
    field: str


def facts_in(
    documents: Mapping[str, Sequence[Any]], texts: Mapping[str, str], worlds: Sequence[World]
) -> Iterator[Fact]:
    """Yield what all files order; of environments those that are meant to carry the peak."""
    for world in worlds:
        if not any(mapping(i.tree, "metadata.annotations").get(SMALLER) for i in world.items):
            yield from _objects(world)
    for path, values in documents.items():
        for tree in values:
            if isinstance(tree, dict):
                yield from _body(path, tree)
    for path, source in texts.items():
        yield from _script(path, source)
        for other in _NAMED.findall(source):
            yield Fact(other, "called", True, path, "")


_REDIS = {
    "spec.clusterSize": "shards",
    "spec.redisLeader.replicas": "leaders",
    "spec.redisFollower.replicas": "followers",
    "spec.redisLeader.pdb.maxUnavailable": "leaders down",
    "spec.redisFollower.pdb.maxUnavailable": "followers down",
}

# Kubernetes ------------------------------------------------------------------------------------------


def _objects(world: World) -> Iterator[Fact]:
    configs = {(i.namespace, i.name): mapping(i.tree, "data") for i in world.of("ConfigMap")}
    for workload in world.workloads:
        yield from _workload(workload, configs)
    yield from _selecting(world)
    for item in world.of("Service"):
        if item.group == "serving.knative.dev":
            yield from _cloud_run(item)
    for item in world.of("RedisCluster"):
        for field, name in _REDIS.items():
            yield Fact(item.name, name, at(item.tree, field), item.path, field)
        size = amount(at(item.tree, "spec.storage.volumeClaimTemplate.spec.resources.requests.storage"))
        yield Fact(item.name, "storage", size and size / _GIB, item.path, "spec.storage")
        yield from _requests(item, mapping(item.tree, "spec.kubernetesConfig.resources.requests"))
    for item in world.of("NodePool", "EC2NodeClass"):
        for name, value in node_pieces(item):
            yield Fact(f"karpenter/{item.name}", name, value, item.path, "spec")


def _workload(workload: Workload, configs: Mapping[tuple[str, str], Tree]) -> Iterator[Fact]:
    item, own, pods = workload.item, workload.name, f"{workload.pod_field}.containers"
    scaler = workload.scalers[0] if workload.scalers else item
    yield Fact(own, "min", workload.lo, scaler.path, "spec")
    yield Fact(own, "max", workload.hi, scaler.path, "spec")
    for name, resource, unit in (("cpu", "cpu", 1.0), ("memory", "memory", _GIB), ("gpus", _GPU, 1.0)):
        yield Fact(own, name, workload.request(resource) / unit, item.path, pods)
    yield Fact(own, "cpu limit", workload.limit("cpu"), item.path, pods)
    yield Fact(own, "memory limit", workload.limit("memory") / _GIB, item.path, pods)
    ports = (str(p.get("containerPort")) for c in workload.containers for p in maps(c, "ports"))
    yield Fact(own, "ports", tuple(sorted(ports)), item.path, pods)
    for name, value in workload_pieces(workload):
        yield Fact(own, name, value, item.path, workload.pod_field)
    group = mapping(item.tree, "spec.leaderWorkerTemplate")
    how = "spec.rolloutStrategy.rollingUpdateConfiguration" if group else "spec.strategy.rollingUpdate"
    for name in ("maxSurge", "maxUnavailable"):
        yield Fact(own, name, mapping(item.tree, how).get(name), item.path, how)
    yield Fact(own, "pods of a replica", group.get("size", 1), item.path, "spec.leaderWorkerTemplate.size")
    for claim in maps(item.tree, "spec.volumeClaimTemplates"):
        size = amount(at(claim, "spec.resources.requests.storage"))
        yield Fact(own, "storage", size and size / _GIB, item.path, "spec.volumeClaimTemplates")
    yield from _autoscaled(workload)
    yield from _variables(workload, configs)


def _autoscaled(workload: Workload) -> Iterator[Fact]:
    own = workload.name
    for scaler in workload.scalers:
        for name, value in targets_of(scaler):
            yield Fact(own, f"target {name}", value, scaler.path, "spec")
        for name, piece in scaler_pieces(scaler):
            yield Fact(own, name, piece, scaler.path, "spec")
        place = _BEHAVIOR.get(scaler.kind, "spec.behavior")
        found = json.dumps(mapping(scaler.tree, place), sort_keys=True)
        yield Fact(own, "behavior", found, scaler.path, place)


def _variables(workload: Workload, configs: Mapping[tuple[str, str], Tree]) -> Iterator[Fact]:
    """Yield the environment of each container, those of ConfigMaps included."""
    for container in workload.containers:
        found: dict[str, Any] = {
            str(entry.get("name")): entry.get("value") for entry in maps(container, "env")
        }
        for source in maps(container, "envFrom"):
            found |= configs.get((workload.namespace, text(source, "configMapRef.name")), {})
        for key, value in found.items():
            yield Fact(workload.name, f"variable {key}", value, workload.item.path, workload.pod_field)


def targets_of(scaler: Item) -> Iterator[tuple[str, float | None]]:
    """Yield the measures of an HPA or a ScaledObject with their targets: shares of cpu and memory."""
    for metric in maps(scaler.tree, "spec.metrics"):
        block = next((mapping(metric, key) for key in ("resource", "pods", "external") if key in metric), {})
        name = text(block, "name") or text(block, "metric.name")
        target = mapping(block, "target")
        share = amount(target.get("averageUtilization"))
        if share is not None:
            yield name, share / 100
        else:
            yield name, amount(target.get("averageValue", target.get("value")))
    for trigger in maps(scaler.tree, "spec.triggers"):
        kind, metadata = text(trigger, "type"), mapping(trigger, "metadata")
        name = text(trigger, "name") or kind
        value = amount(metadata.get("value", metadata.get("threshold")))
        yield name, value and value / 100 if kind in ("cpu", "memory") else value


def _selecting(world: World) -> Iterator[Fact]:
    """Yield what stands before the pods of each workload: Services, budgets, policies and hosts."""
    for item in world.of("Service", "PodDisruptionBudget", "NetworkPolicy"):
        selector = at(item.tree, "spec.podSelector" if item.kind == "NetworkPolicy" else "spec.selector")
        if item.kind == "Service":
            selector = {"matchLabels": selector} if selector else None
        chosen = world.selected(selector, item.namespace) if selector else []
        for workload in chosen:
            yield Fact(workload.name, item.kind, _shown(item), item.path, "spec")
            if item.kind == "Service":
                yield Fact(workload.name, "Service name", item.name, item.path, "metadata.name")
                kind = at(item.tree, "spec.type") or "ClusterIP"
                yield Fact(workload.name, "Service type", kind, item.path, "spec.type")
                sent = service_ports(item, workload)
                yield Fact(workload.name, "ports that a Service sends to", sent, item.path, "spec.ports")
    for item in world.of("Ingress", "HTTPRoute"):
        hosts = sorted(map(str, words(maps(item.tree, "spec.rules"), "host")))
        named = at(item.tree, "spec.hostnames")
        for service in sorted({*_backends(item.tree.get("spec"))}):
            yield Fact(service, "host", (hosts or named or [None])[0], item.path, "spec")


def _backends(tree: object) -> Iterator[str]:
    """Yield the Services that an Ingress or a route sends requests to."""
    if isinstance(tree, list):
        for entry in tree:
            yield from _backends(entry)
    elif isinstance(tree, dict):
        name = text(tree, "service.name")
        if name:
            yield name
        for entry in maps(tree, "backendRefs"):
            yield text(entry, "name")
        for value in tree.values():
            yield from _backends(value)


def _shown(item: Item) -> object:
    spec = mapping(item.tree, "spec")
    if item.kind == "PodDisruptionBudget":
        return spec.get("maxUnavailable")
    if item.kind == "Service":
        return tuple(sorted(str(entry.get("port")) for entry in maps(spec, "ports")))
    return passing(maps(spec, "ingress")), passing(maps(spec, "egress"))


def passing(rules: Sequence[Tree]) -> Sequence[str]:
    """Return what the rules of a policy let pass: whom, and on which ports."""
    return tuple(sorted(map(canonical, rules)))


def _requests(item: Item, requests: Tree) -> Iterator[Fact]:
    for name, unit in (("cpu", 1.0), ("memory", _GIB)):
        value = amount(requests.get(name))
        yield Fact(item.name, name, value and value / unit, item.path, "spec")


# Serverless and cloud APIs -----------------------------------------------------------------------------


def _cloud_run(item: Item) -> Iterator[Fact]:
    annotations = mapping(item.tree, "spec.template.metadata.annotations")
    spec = mapping(item.tree, "spec.template.spec")
    field = "spec.template"

    def fact(name: str, value: object) -> Fact:
        return Fact(item.name, name, value, item.path, field)

    for name in ("min", "max"):
        yield fact(name, amount(annotations.get(f"autoscaling.knative.dev/{name}Scale")))
    for name in ("cpu", "concurrency"):
        yield fact(f"target {name}", amount(annotations.get(_SCALING.format(name), "0.6")))
    yield fact("throttled", annotations.get("run.googleapis.com/cpu-throttling", "true"))
    yield fact("concurrency", at(spec, "containerConcurrency"))
    yield fact("ingress", mapping(item.tree, "metadata.annotations").get("run.googleapis.com/ingress"))
    for container in maps(spec, "containers"):
        limits = mapping(container, "resources.limits")
        yield fact("port", (maps(container, "ports") or [{}])[0].get("containerPort"))
        for name, probe in probe_pieces(container, {}):
            yield fact(name, probe)
        yield fact("cpu", amount(limits.get("cpu")))
        yield fact("memory", (amount(limits.get("memory")) or 0.0) / _GIB)
        for entry in maps(container, "env"):
            yield fact(f"variable {entry.get('name')}", entry.get("value"))


_BODIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "create-launch-template": ("LaunchTemplateName", {"LaunchTemplateData.InstanceType": "machine"}),
    "create-auto-scaling-group": ("AutoScalingGroupName", {"MinSize": "min", "MaxSize": "max"}),
    "register-task-definition": ("family", {"cpu": "cpu units", "memory": "memory MiB"}),
    "create-service": (
        "serviceName",
        {"desiredCount": "start", "deploymentConfiguration.maximumPercent": "rollout percent"},
    ),
    "register-scalable-target": ("ResourceId", {"MinCapacity": "min", "MaxCapacity": "max"}),
    "create-db-instance": (
        "DBInstanceIdentifier",
        {"DBInstanceClass": "machine", "AllocatedStorage": "storage", "MultiAZ": "available"},
    ),
    "create-db-instance-read-replica": ("DBInstanceIdentifier", {"DBInstanceClass": "machine"}),
    "create-replication-group": (
        "ReplicationGroupId",
        {"CacheNodeType": "machine", "NumNodeGroups": "shards", "ReplicasPerNodeGroup": "replicas"},
    ),
}
"""Of each AWS call, by the name of its file: the field that names what it makes, and its facts."""

_POLICIES = (
    "TargetTrackingConfiguration.TargetValue",
    "TargetTrackingScalingPolicyConfiguration.TargetValue",
)


def _body(path: str, tree: Tree) -> Iterator[Fact]:
    """Yield the facts of the body of an AWS call, or of a container app."""
    operation = path.removesuffix(".json").rpartition(".")[2]
    named, fields = _BODIES.get(operation, ("", {}))
    for field, name in fields.items():
        owner = _owner(tree.get(named))
        value = at(tree, field)
        yield Fact(owner, name, amount(value) if str(value).isdigit() else value, path, field)
    for field in _POLICIES if operation == "put-scaling-policy" else ():
        share = amount(at(tree, field))
        if share is not None:
            owner = _owner(tree.get("AutoScalingGroupName") or tree.get("ResourceId"))
            yield Fact(owner, "target cpu", share / 100, path, field)
    family = _owner(tree.get("family"))
    for container in maps(tree, "containerDefinitions"):
        for entry in maps(container, "environment"):
            yield Fact(family, f"variable {entry.get('name')}", entry.get("value"), path, "")
        ports = (str(p.get("containerPort")) for p in maps(container, "portMappings"))
        yield Fact(family, "ports", tuple(sorted(ports)), path, "containerDefinitions")
    if path.endswith(".containerapp.yaml"):
        yield from _container_app(path, tree)


def _owner(name: object) -> str:
    return basename(str(name)).removesuffix("-asg")


def _container_app(path: str, tree: Tree) -> Iterator[Fact]:
    owner, scale = text(tree, "name"), mapping(tree, "properties.template.scale")
    for name, key in (("min", "minReplicas"), ("max", "maxReplicas")):
        yield Fact(owner, name, amount(scale.get(key)), path, f"properties.template.scale.{key}")
    for rule in maps(scale, "rules"):
        most = amount(at(rule, "http.metadata.concurrentRequests"))
        yield Fact(owner, "target requests at once", most, path, "properties.template.scale.rules")
    yield Fact(owner, "region", tree.get("location"), path, "location")
    ingress = mapping(tree, "properties.configuration.ingress")
    for name, key in (("external", "external"), ("port", "targetPort")):
        yield Fact(owner, name, ingress.get(key), path, "properties.configuration.ingress")
    for container in maps(tree, "properties.template.containers"):
        for probe in maps(container, "probes"):
            asked = canonical({key: value for key, value in probe.items() if key != "type"})
            yield Fact(owner, f"{text(probe, 'type').lower()} probe", asked, path, "probes")
        resources = mapping(container, "resources")
        yield Fact(owner, "cpu", amount(resources.get("cpu")), path, "properties.template.containers")
        memory = amount(resources.get("memory")) or 0.0
        yield Fact(owner, "memory", memory / _GIB, path, "properties.template.containers")
        for entry in maps(container, "env"):
            yield Fact(owner, f"variable {entry.get('name')}", entry.get("value"), path, "")


# Scripts -----------------------------------------------------------------------------------------------

_COMMANDS = """
gcloud container clusters create: . --region=region --zone=zone
gcloud container clusters create-auto: . --region=region
gcloud container node-pools create: --cluster/ --machine-type=machine --total-min-nodes=nodes_min
  --total-max-nodes=nodes_max --num-nodes=nodes_in_a_zone --disk-size=disk --disk-type=disk_type
  --accelerator=gpu --spot=spot --preemptible=spot --region=region --zone=zone --node-locations=zones
eksctl create cluster: --name --region=region
eksctl create nodegroup: --cluster/--name --node-type=machine --nodes-min=nodes_min --nodes-max=nodes_max
  --nodes=nodes --node-volume-size=disk --node-volume-type=disk_type --spot=spot --region=region
  --node-zones=zones
az aks create: --name/--nodepool-name --node-vm-size=machine --min-count=nodes_min --max-count=nodes_max
  --node-count=nodes --node-osdisk-size=disk --zones=zones
az aks nodepool add: --cluster-name/--name --node-vm-size=machine --min-count=nodes_min
  --max-count=nodes_max --node-count=nodes --node-osdisk-size=disk --zones=zones --priority=priority
gcloud compute instance-groups managed create: . --size=start --region=region
gcloud compute instance-groups managed set-autoscaling: . --min-num-replicas=min --max-num-replicas=max
  --target-cpu-utilization=target_cpu --region=region
az vmss create: --name --vm-sku=machine --instance-count=start --location=region --priority=priority
az monitor autoscale create: --resource --min-count=min --max-count=max
gcloud sql instances create: . --tier=machine --storage-size=storage --availability-type=available
  --region=region --storage-type=disk_type --retained-backups-count=backups --edition=edition
  --no-assign-ip=private --assign-ip=public_address
gcloud redis instances create: . --size=size --tier=tier --region=region
az postgres flexible-server create: --name --sku-name=machine --storage-size=storage --location=region
  --backup-retention=backups --high-availability=available
az redisenterprise create: --name --sku=tier --location=region
gcloud run services replace: . --region=region
"""
"""Commands, each with the flags that name what it makes (its first argument where empty or a dot) and with
the fact that each other flag says."""


class _Command(NamedTuple):
    """A command of a script: its words, the flags that name what it makes, and its facts by flag."""

    words: Sequence[str]
    names: Sequence[str]
    facts: Mapping[str, str]


@cache
def _commands() -> Sequence[_Command]:
    found = []
    for line in _COMMANDS.strip().replace("\n  ", " ").splitlines():
        head, _, rest = line.partition(": ")
        named, *flags = rest.split()
        facts = {flag: name.replace("_", " ") for flag, name in (entry.split("=") for entry in flags)}
        found.append(_Command(head.split(), named.strip(".").split("/"), facts))
    return found


def commands_in(source: str) -> Iterator[list[str]]:
    """Yield the words of each command of a script; lines that are none are left out."""
    for line in re.sub(r"\\\n|(?<=\|)\n", " ", source).splitlines():
        try:
            yield shlex.split(line, comments=True)
        except ValueError:
            continue


def _script(path: str, source: str) -> Iterator[Fact]:
    for words_ in map(_unpiped, commands_in(source)):
        said = flags_of(words_)
        for body in _NAMED.findall(str(said.get("--cli-input-json", ""))):
            yield Fact(body, "region", said.get("--region"), path, "--region")
        for command in _commands():
            if words_[: len(command.words)] == command.words:
                yield from _command(path, words_[len(command.words) :], command)
        if words_[:5] == ["az", "monitor", "autoscale", "rule", "create"]:
            yield from _azure_rule(path, words_)


def _unpiped(words_: list[str]) -> list[str]:
    """Return the last command of a pipe; what it reads from there is called as the file that was piped."""
    if "|" not in words_:
        return words_
    at_pipe = len(words_) - words_[::-1].index("|")
    bodies = [basename(word).partition(".")[0] for word in words_[:at_pipe] if _NAMED.fullmatch(word)]
    return [bodies[0] if word == "-" and bodies else word for word in words_[at_pipe:]]


def _command(path: str, given: Sequence[str], command: _Command) -> Iterator[Fact]:
    said = flags_of(given)
    owner = "/".join(str(said.get(name, "")) for name in command.names)
    for flag, name in command.facts.items():
        if flag in said:
            value = said[flag]
            yield Fact(owner, name, amount(value) if _is_number(value) else value, path, flag)


def _is_number(value: object) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).isdigit()


def flags_of(given: Sequence[str]) -> dict[str, object]:
    """Return flags with their values, True where there is none; the first argument by no name."""
    found: dict[str, object] = {}
    last = ""
    for word in given:
        if word.startswith("--"):
            last, _, value = word.partition("=")
            found[last] = value or True
        elif last or "" not in found:
            found[last] = word
            last = "\0" if last == "" else last
    return found


def _azure_rule(path: str, given: Sequence[str]) -> Iterator[Fact]:
    said = flags_of(given)
    percent = str(said.get("--condition", "")).split()
    if len(percent) > 3 and percent[2] == ">":
        share = (amount(percent[3]) or 0.0) / 100
        yield Fact(str(said.get("--autoscale-name")), "target cpu", share, path, "--condition")
