"""A compose file: its services as pods, by what `deploy` and the service itself reserve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from capplan.adopt import checks
from capplan.adopt.cloudrun import workload_section
from capplan.adopt.draft import DEFAULT_POOL, Draft, Tree, cores
from capplan.adopt.unread import MAPPING, WHOLE, Shape, Shapes, note_unread
from capplan.manifests.quantity import memory
from capplan.manifests.verify.world import mapping, whole
from capplan.plan.fields import LARGEST

_SIZES = {"b": 1.0, "k": 2.0**10, "kb": 2.0**10, "m": 2.0**20, "mb": 2.0**20, "g": 2.0**30, "gb": 2.0**30}
_UNSAID_CORES, _UNSAID_BYTES = 0.1, 200.0 * 2**20


def adopt_compose(draft: Draft, document: Mapping[str, Any], path: str) -> None:
    """Add each service as pods of a cluster; note what it reserves nothing of."""
    for name, service in mapping(document, "services").items():
        draft.hold(f"service {name}", "service", service, path)
        note_unread(draft, f"service {name}", {"service": service}, {"service": MAPPING})
        if isinstance(service, dict):
            sized = {key: service[key] for key in ("deploy", *_SHAPES) if key in service}
            note_unread(draft, f"service {name}", sized, _SHAPES)
            _adopt(draft, str(name), service)
    for name in mapping(document, "volumes"):
        draft.hold(f"volume {name}", "volume", None, path)
        draft.note(checks.UNKNOWN_VOLUME_SIZE, f"volume {name}", "a compose file does not state its size")


def _adopt(draft: Draft, name: str, service: Mapping[str, Any]) -> None:
    where = f"service {name}"
    reserved, most = (mapping(service, f"deploy.resources.{part}") for part in ("reservations", "limits"))
    vcpu = _number(reserved.get("cpus") or most.get("cpus") or service.get("cpus"))
    size = _bytes(reserved.get("memory") or most.get("memory") or service.get("mem_limit"))
    if vcpu is None:
        draft.note(checks.ASSUMED_REQUESTS, where, "reserves no cpus: 100m")
    if size is None:
        draft.note(checks.ASSUMED_REQUESTS, where, "reserves no memory: 200Mi")
    replicas = whole(service, "deploy.replicas", whole(service, "scale", 1))
    tree: Tree = {
        "platform": "kubernetes",
        "pool": draft.pool(DEFAULT_POOL),
        "cpu": cores(_UNSAID_CORES if vcpu is None else max(vcpu, 0.001)),
        "memory": memory((_UNSAID_BYTES if size is None else size) / 2**30),
        "instances": max(0, replicas),
    }
    tree |= workload_section([{"image": service.get("image")}])
    draft.add("services", name, tree, f"service {name}")


def _number(value: object) -> float | None:
    try:
        found = float(str(value)) if value is not None else None
    except ValueError:
        return None
    return found if found is not None and 0 < found <= LARGEST else None


def _bytes(value: object) -> float | None:
    """Return a size as compose files write it: `512M` are MiB there."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", str(value).strip().lower())
    if match is None or (match[2] or "b") not in _SIZES:
        return None
    size = float(match[1]) * _SIZES[match[2] or "b"]
    return size if size <= LARGEST else None


_SIZE = Shape("a size", lambda value: _bytes(value) is not None)
_SHAPES: Shapes = {
    "cpus": Shape("a number of cores", lambda value: _number(value) is not None or value in (0, "0")),
    "memory": _SIZE,
    "mem_limit": _SIZE,
    "replicas": WHOLE,
    "scale": WHOLE,
}
