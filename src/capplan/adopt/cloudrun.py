"""Cloud Run services, as `gcloud run services describe --format export` writes them."""

from __future__ import annotations

from typing import Any

from capplan.adopt import checks
from capplan.adopt.draft import Draft, Tree, address_of, cores
from capplan.manifests.quantity import memory
from capplan.manifests.verify.trees import amount, mapping, maps, whole
from capplan.manifests.verify.world import Item
from capplan.plan.workload import Workload

_DEFAULT_MAX, _CONCURRENCY = 100, 80
_CPU, _MEMORY_BYTES = 1.0, 512.0 * 2**20
"""What Cloud Run gives a container that asks for nothing."""


def adopt_cloud_run(draft: Draft, item: Item) -> None:
    """Add a Cloud Run service: its containers together are an instance. Note a size that has no price."""
    from capplan.components.services.serverless import cloud_run_refuses

    draft.provider("gcp")
    revision = mapping(item.tree, "spec.template.metadata.annotations")
    containers = maps(item.tree, "spec.template.spec.containers")
    vcpu = sum(_asked(c, "cpu", _CPU if "ports" in c or len(containers) == 1 else 0.0) for c in containers)
    size = sum(_asked(c, "memory", _MEMORY_BYTES) for c in containers)
    usual = _CONCURRENCY if (vcpu or _CPU) >= 1 else 1
    throttled = str(revision.get("run.googleapis.com/cpu-throttling", "true")).lower() != "false"
    tree: Tree = {
        "platform": "cloud-run",
        "cpu": cores(vcpu or _CPU),
        "memory": memory(size / 2**30),
        "service_time": "100ms",
        "concurrency": whole(item.tree, "spec.template.spec.containerConcurrency", usual) or usual,
        "instances": {
            "min": _scale(item, "minScale", 0),
            "max": _scale(item, "maxScale", _DEFAULT_MAX),
        },
        "billing": "request" if throttled else "instance",
    }
    targets = {
        name: f"{float(value) * 100:g}%"
        for name in ("cpu", "concurrency")
        if (value := revision.get(f"run.googleapis.com/scaling-{name}-target")) is not None
    }
    if targets:
        tree["target_utilization"] = targets
    tree |= workload_section(containers)
    where = address_of(item)
    refused = cloud_run_refuses(vcpu or _CPU, size / 2**30, tree["concurrency"])
    if refused:
        draft.note(checks.UNPRICED_ATTRIBUTE, where, f"its containers together have no price: {refused}")
        return
    draft.note(
        checks.ASSUMED_SERVICE_TIME,
        where,
        "a request takes 100ms; measure service_time before you trust the expected cost",
    )
    draft.add_object("services", item.name, tree, item)


def _asked(container: Any, resource: str, default: float) -> float:
    found = amount(mapping(container, "resources.limits").get(resource))
    return default if found is None else found


def _scale(item: Item, bound: str, default: int) -> int:
    """Return a bound of the service or, before it, of the revision; annotations are text."""
    for path in ("spec.template.metadata.annotations", "metadata.annotations"):
        annotations = mapping(item.tree, path)
        for prefix in ("autoscaling.knative.dev", "run.googleapis.com"):
            said = str(annotations.get(f"{prefix}/{bound}", ""))
            if said.isdigit():
                return int(said)
    return default


def workload_section(containers: list[Any], **more: Any) -> Tree:
    """Return the plan's `workload`: image and port, where there is one container and a plan can hold them."""
    found: Tree = dict(more)
    if len(containers) == 1:
        ports = [port.get("containerPort") for port in maps(containers[0], "ports")]
        for key, value in (("image", containers[0].get("image")), ("port", ports[0] if ports else None)):
            if value is not None and holds(key, value):
                found[key] = value
    return {"workload": found} if found else {}


def holds(key: str, value: object) -> bool:
    """Say whether a plan's `workload` can hold a value."""
    from pydantic import ValidationError

    try:
        Workload.model_validate({key: value})
    except ValidationError:
        return False
    return True
