"""Kubernetes objects as services, stores, node pools, disks and balancers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from capplan.adopt import checks, storage
from capplan.adopt.balancers import add_balancers
from capplan.adopt.cloudrun import adopt_cloud_run, workload_section
from capplan.adopt.draft import DEFAULT_POOL, Draft, Tree, address_of, cores, usable
from capplan.adopt.kinds import FINISHING, FREE, READ, RUNNING, SCALERS
from capplan.adopt.operators import made_of
from capplan.adopt.placing import note_shared_ports, placing_of
from capplan.adopt.pods import Defaults, PodRequests, requests_of, workload_of
from capplan.adopt.pools import pool_of
from capplan.adopt.scaling import as_held, is_paused, scaling_of
from capplan.adopt.source import is_cloud_run
from capplan.adopt.unread import LIST, QUANTITY, WHOLE, Shapes, note_unread
from capplan.catalog.catalog import Catalog
from capplan.manifests.quantity import memory
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.trees import at, mapping, maps, text, whole
from capplan.manifests.verify.world import Item, Workload, World
from capplan.plan.services import CLUSTER_PLATFORMS
from capplan.quantities import counted

_STORES = {
    "redis": ("caches", None),
    "valkey": ("caches", None),
    "postgres": ("databases", "postgres"),
    "postgresql": ("databases", "postgres"),
    "timescaledb": ("databases", "postgres"),
    "mysql": ("databases", "mysql"),
    "mariadb": ("databases", "mysql"),
}
"""Section and engine of a StatefulSet's image, by the image's last name."""


_COUNTS = (
    *("replicas", "minReplicas", "maxReplicas", "minReplicaCount", "maxReplicaCount"),
    *("parallelism", "completions", "containerConcurrency", "averageUtilization"),
)
_SHAPES: Shapes = {
    **dict.fromkeys(_COUNTS, WHOLE),
    **{key: {"*": QUANTITY} for key in ("requests", "limits", "default", "defaultRequest")},
    **dict.fromkeys(("containers", "initContainers", "volumeClaimTemplates"), LIST),
}


def adopt_objects(draft: Draft, items: Iterable[Item]) -> None:
    """Add everything that the objects run or order; note what is not covered."""
    every = sorted(items, key=lambda item: (item.namespace, item.kind, item.name))
    for item in every:
        draft.hold(address_of(item), item.kind, item.tree, item.path)
        if item.kind in READ or is_cloud_run(item.tree):
            spec = {"spec": item.tree.get("spec")}
            note_unread(draft, address_of(item), spec, _SHAPES)
        if is_cloud_run(item.tree):
            adopt_cloud_run(draft, item)
    standing = _standing(draft, [item for item in every if not is_cloud_run(item.tree)])
    world = World(list(_expanded(draft, standing)), Facts())
    defaults = Defaults.of(world)
    for item in world.of(*RUNNING, *FINISHING):
        ends = item.kind in FINISHING or text(item.tree, "spec.restartPolicy") in ("Never", "OnFailure")
        (_adopt_finishing if ends else _adopt_running)(draft, item, world, defaults)
    note_shared_ports(draft, world)
    _adopt_daemonsets(draft, world, defaults)
    spaces = {item.namespace for item in world.of(*RUNNING, *FINISHING)}
    if len(spaces) == 1 and usable(space := spaces.pop()) == space:
        draft.namespace = space
    storage.add_claims(draft, world)
    add_balancers(draft, world)
    _note_others(draft, world)


def _standing(draft: Draft, items: Sequence[Item]) -> list[Item]:
    """Return the objects without those that a cluster adds: what others among them made, and what ended."""
    makers = (*RUNNING, *FINISHING, *SCALERS, "DaemonSet")
    known = {(i.namespace, i.kind, i.name) for i in items if i.kind in makers or made_of(i) is not None}
    found = []
    for item in items:
        owners = maps(item.tree, "metadata.ownerReferences")
        made = any((item.namespace, text(one, "kind"), text(one, "name")) in known for one in owners)
        static = any(one.get("kind") == "Node" for one in owners)
        if "test" in str(mapping(item.tree, "metadata.annotations").get("helm.sh/hook")):
            draft.used.add(address_of(item))
            draft.note(checks.LEFT_OUT, address_of(item), "runs only with `helm test`", severity="info")
        elif made or static or _has_ended(item):
            draft.used.add(address_of(item))
        else:
            found.append(item)
    return found


def _has_ended(item: Item) -> bool:
    """Say whether a pod or a job of a cluster runs no more."""
    if item.kind == "Pod":
        return text(item.tree, "status.phase") in ("Succeeded", "Failed")
    ends = [one for one in maps(item.tree, "status.conditions") if one.get("type") in ("Complete", "Failed")]
    return item.kind == "Job" and any(one.get("status") == "True" for one in ends)


def _expanded(draft: Draft, items: Sequence[Item]) -> Iterator[Item]:
    """Yield the objects, what operators make of theirs, and Rollouts with the pods that they refer to."""
    deployments = {(i.namespace, i.name): i for i in items if i.kind == "Deployment"}
    templates = {}
    for item in items:
        reference = mapping(item.tree, "spec.workloadRef")
        if item.kind == "Rollout" and reference.get("kind") == "Deployment":
            found = deployments.get((item.namespace, str(reference.get("name"))))
            if found is not None:
                templates[address_of(item)] = found
    rolled = {address_of(item) for item in templates.values()}
    draft.used |= rolled
    for item in items:
        made = made_of(item)
        if made is not None:
            draft.parts |= {address_of(part): address_of(item) for part in made}
            yield from made
        elif address_of(item) in templates:
            template = at(templates[address_of(item)].tree, "spec.template")
            spec = {**mapping(item.tree, "spec"), "template": template}
            yield Item(item.path, {**item.tree, "spec": spec})
        elif address_of(item) not in rolled:
            yield item


def _adopt_running(draft: Draft, item: Item, world: World, defaults: Defaults) -> None:
    workload = as_held(workload_of(item, world), draft)
    requests = requests_of(workload, defaults, draft, world)
    _note_new_version(draft, workload)
    if item.kind == "StatefulSet" and not workload.scalers and _store_of(workload) is not None:
        _adopt_store(draft, workload, requests, world)
        return
    tree = _service(draft, workload, requests, world)
    public = _is_public(workload, world)
    more: Tree = {"public": True} if public else {}
    scaling = scaling_of(workload, requests, draft, world)
    if scaling.targets:
        tree["target_utilization"] = scaling.targets
    tree |= workload_section(maps(workload.pod, "containers"), **more, **scaling.workload)
    name = draft.add_object("services", item.name, tree, item)
    if public and draft.entry is None:
        draft.entry = name
    _adopt_volumes(draft, workload, world, name)


def _service(draft: Draft, workload: Workload, requests: PodRequests, world: World) -> Tree:
    """Return a service of pods; sizes are rounded up to thousandths of a core and to MiB."""
    tree: Tree = {
        "platform": "kubernetes",
        "pool": pool_of(workload, requests.gpu, draft, world),
        "cpu": cores(max(requests.cpu, 0.001)),
        "memory": memory(requests.memory / 2**30),
    }
    if requests.cpu_limit:
        tree["cpu_limit"] = cores(requests.cpu_limit)
    if requests.memory_limit:
        tree["memory_limit"] = memory(requests.memory_limit / 2**30)
    if requests.overhead_cpu > 0:
        tree["overhead_cpu"] = cores(requests.overhead_cpu)
    if requests.overhead_memory > 0:
        tree["overhead_memory"] = memory(requests.overhead_memory / 2**30)
    if requests.gpu:
        tree["gpu"] = requests.gpu
    tree |= placing_of(workload, draft, world)
    lo, hi = max(0, workload.lo), max(0, workload.hi)
    tree["instances"] = _instances(workload, min(lo, hi), hi)
    return tree


def _instances(workload: Workload, lo: int, hi: int) -> object:
    """Return the bounds, and what runs today if the object says it beside an autoscaler."""
    if lo == hi:
        return lo
    today = min(whole(workload.item.tree, "spec.replicas", -1), hi)
    return {"min": lo, **({"desired": today} if today >= lo else {}), "max": hi}


def _note_new_version(draft: Draft, workload: Workload) -> None:
    """Name the pods that a Rollout runs beside the others until a new version is promoted."""
    strategy = mapping(workload.item.tree, "spec.strategy")
    green = mapping(strategy, "blueGreen")
    if workload.item.kind == "Rollout" and (green or mapping(strategy, "canary.trafficRouting")):
        pods = whole(green, "previewReplicaCount", workload.hi)
        more = counted(pods, "pod")
        what = f"runs up to {more} more until a new version is promoted, and no figure counts them"
        draft.note(checks.UNPRICED_ATTRIBUTE, address_of(workload.item), what)


def _is_public(workload: Workload, world: World) -> bool:
    for service in world.of("Service"):
        selector = mapping(service.tree, "spec.selector")
        if text(service.tree, "spec.type") != "LoadBalancer" or service.namespace != workload.namespace:
            continue
        if selector and all(workload.labels.get(key) == value for key, value in selector.items()):
            return True
    return False


def _store_of(workload: Workload) -> tuple[str, str | None] | None:
    containers = maps(workload.pod, "containers")
    image = str(containers[0].get("image", "")) if len(containers) == 1 else ""
    return _STORES.get(image.partition("@")[0].rpartition("/")[2].partition(":")[0])


def _adopt_store(draft: Draft, workload: Workload, requests: PodRequests, world: World) -> None:
    """Add a StatefulSet of a store that capplan knows, with the volume of each pod."""
    item, found = workload.item, _store_of(workload)
    assert found is not None
    section, engine = found
    tree: Tree = {
        "platform": "kubernetes",
        "pool": pool_of(workload, 0, draft, world),
        "cpu": cores(max(requests.taken[0], 0.001)),
        "memory": memory(requests.taken[1] / 2**30),
        "replicas": max(0, workload.lo),
        **placing_of(workload, draft, world),
    }
    if engine is not None:
        tree["engine"] = engine
    disks = list(_disks_of(draft, workload, world))
    # A store has one class of volumes; those of other classes are disks of their own.
    own = [gib for _, disk, gib in disks if disk == disks[0][1]]
    if disks:
        tree |= {"storage": memory(sum(own)), "storage_class": disks[0][1].sku}
    name = draft.add_object(section, item.name, tree, item)
    if disks:
        storage.add_performance(draft, item, disks[0][1], sum(own), max(0, workload.lo), name)
    for claim, disk, gib in disks:
        if disk != disks[0][1]:
            storage.add_disk(draft, item, disk, gib, max(0, workload.lo), claim)


def _disks_of(
    draft: Draft, workload: Workload, world: World
) -> Iterator[tuple[str, storage.AdoptedDisk, float]]:
    """Yield the name, the disk and the size in GiB of each volume that a pod of a StatefulSet claims."""
    item = workload.item
    where = address_of(item)
    for claim in maps(item.tree, "spec.volumeClaimTemplates"):
        disk = storage.disk_of(mapping(claim, "spec"), where, draft, world)
        gib = storage.known_gib(mapping(claim, "spec"), where, draft)
        if gib is not None and disk is not None:
            yield f"{item.name}-{text(claim, 'metadata.name')}", disk, gib


def _adopt_volumes(draft: Draft, workload: Workload, world: World, service: str) -> None:
    """Add the volumes of a StatefulSet's pods: of all of them, or of each that its autoscaler runs."""
    item = workload.item
    where = address_of(item)
    each = service if workload.lo < workload.hi else None
    for name, disk, gib in _disks_of(draft, workload, world):
        storage.add_disk(draft, item, disk, gib, 1 if each else max(0, workload.hi), name, each)
        if each and text(item.tree, "spec.persistentVolumeClaimRetentionPolicy.whenScaled") != "Delete":
            what = "a volume counts while its pod runs, but it stays, and costs, when the pod is gone"
            draft.note(checks.ASSUMED_DISK, where, what)
    for volume in maps(workload.pod, "volumes"):
        if "ephemeral" in volume:
            size = storage.claimed_gib(mapping(volume, "ephemeral.volumeClaimTemplate.spec"))
            of = "unknown size" if size is None else memory(size)
            what = f"volume {volume.get('name')} of {of} that each pod creates and deletes with itself"
            draft.note(checks.EPHEMERAL_VOLUME, where, what)


def _adopt_finishing(draft: Draft, item: Item, world: World, defaults: Defaults) -> None:
    """Add what runs and ends: at the floor what is always there, all pods at once at the ceiling."""
    workload = workload_of(item, world)
    fewest, most = _pods_at_once(item)
    tree = _service(draft, workload, requests_of(workload, defaults, draft, world), world)
    tree["instances"] = {"min": fewest, "max": most}
    tree["workload"] = {"autoscaler": {"kind": "keda", "triggers": {"queue": 1}}}
    beyond = f"what is above {counted(fewest, 'pod')}" if fewest else "it"
    what = f"runs for an unknown time, so {beyond} counts only in the highest cost"
    draft.note(checks.ASSUMED_RUN_TIME, address_of(item), what)
    draft.add_object("services", item.name, tree, item)


def _pods_at_once(item: Item) -> tuple[int, int]:
    """Return the fewest and the most pods: KEDA keeps the fewest jobs of a ScaledJob running."""
    path = {"CronJob": "spec.jobTemplate.spec", "ScaledJob": "spec.jobTargetRef"}.get(item.kind, "spec")
    job = mapping(item.tree, path)
    if at(item.tree, "spec.suspend") is True or is_paused(item):
        return 0, 0
    parallel = whole(job, "parallelism", 1)
    pods = min(parallel, whole(job, "completions", parallel))
    if item.kind != "ScaledJob":
        return 0, pods
    most = whole(item.tree, "spec.maxReplicaCount", 100)
    return pods * min(whole(item.tree, "spec.minReplicaCount", 0), most), pods * most


def _adopt_daemonsets(draft: Draft, world: World, defaults: Defaults) -> None:
    """Add DaemonSets to what every node of a pool runs; those that choose a pool, to that pool."""
    found: dict[str | None, list[PodRequests]] = {}
    chosen_by_others = set(draft.pools)
    for item in world.of("DaemonSet"):
        workload = workload_of(item, world)
        requests = requests_of(workload, defaults, draft, world)
        chosen = pool_of(workload, 0, draft, world)
        found.setdefault(None if chosen == DEFAULT_POOL else chosen, []).append(requests)
        draft.used.add(address_of(item))
        if chosen not in chosen_by_others and not draft.pools[chosen]["nodes"].get("max"):
            draft.pools[chosen]["nodes"]["max"] = 0
            what = f"no other pods choose pool {chosen}, so it has no nodes: set them in the plan"
            draft.note(checks.ASSUMED_VALUE, address_of(item), what)
    if not found:
        return
    own = Catalog(draft.asked.catalogs).facts("kubernetes", CLUSTER_PLATFORMS[draft.provider()], "daemonsets")
    for pool_name, pool in draft.pools.items():
        every = [*found.get(None, []), *found.get(pool_name, [])]
        pool["daemonsets"] = {
            "cpu": cores(float(own["cpu"]) + sum(r.taken[0] for r in every)),
            "memory": memory(float(own["memory_gib"]) + sum(r.taken[1] for r in every) / 2**30),
            "pods": int(own["pods"]) + len(every),
        }


def _note_others(draft: Draft, world: World) -> None:
    """Count what costs nothing by itself, and note the kinds that capplan does not know."""
    for scaler in world.of(*SCALERS):
        target = mapping(scaler.tree, "spec.scaleTargetRef")
        kind, name = str(target.get("kind", "Deployment")), str(target.get("name"))
        draft.used.add(address_of(scaler))
        if "/".join(part for part in (kind, scaler.namespace, name) if part) not in draft.resources:
            what = f"scales {kind} {name}, which is not among the objects"
            draft.note(checks.SCALES_NOTHING, address_of(scaler), what)
    draft.used |= {address_of(item) for item in world.of("LimitRange")}
    free = {address_of(item) for item in world.items if item.kind in FREE or _is_mesh(item)}
    draft.free |= free - draft.used
    for item in world.items:
        if item.kind not in FREE and item.kind not in READ:
            pods = " and it runs pods" if at(item.tree, "spec.template.spec.containers") else ""
            what = f"capplan does not know the kind {item.tree.get('apiVersion')} {item.kind}{pods}"
            draft.note(checks.UNKNOWN_RESOURCE, address_of(item), what)


def _is_mesh(item: Item) -> bool:
    """Say whether a Gateway is one of Istio's, which configures pods that are there anyway."""
    return item.kind == "Gateway" and item.group == "networking.istio.io"
