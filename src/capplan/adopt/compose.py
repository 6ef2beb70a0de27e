"""A compose file: its services as pods, by what `deploy` and the service itself reserve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from capplan.adopt import checks
from capplan.adopt.cloudrun import holds, workload_section
from capplan.adopt.draft import DEFAULT_POOL, GPU_POOL, Draft, Tree, cores, usable
from capplan.adopt.unread import MAPPING, WHOLE, Shape, Shapes, note_unread
from capplan.manifests.quantity import memory
from capplan.manifests.verify.trees import at, mapping, maps, text, whole
from capplan.plan.fields import LARGEST

_VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^{}]*)|:?\?[^{}]*)?\}")
_GPU_NODES = (GPU_POOL, None, False, GPU_POOL)
_ELSEWHERE = ("include", "extends", "models", "provider")
_IS_ELSEWHERE = "is not read; `docker compose config` writes one file with what others say"
_UNSAID_CORES, _UNSAID_BYTES = 0.1, 200.0 * 2**20


def adopt_compose(draft: Draft, document: Mapping[str, Any], path: str) -> None:
    """Add each service that runs as pods of a cluster; note what it reserves nothing of."""
    services = {str(name): service for name, service in mapping(document, "services").items()}
    for name, service in services.items():
        draft.hold(f"service {name}", "service", service, path)
        if not isinstance(service, dict):
            note_unread(draft, f"service {name}", {"service": service}, {"service": MAPPING})
    running = {n: s for n, s in services.items() if isinstance(s, dict) and _runs(draft, n, s)}
    once = {
        name
        for service in running.values()
        for name, condition in _dependencies(service)
        if condition == "service_completed_successfully"
    }
    for name, service in running.items():
        sized = {key: service[key] for key in ("deploy", *_SHAPES) if key in service}
        note_unread(draft, f"service {name}", sized, _SHAPES)
        _adopt(draft, name, service, name in once, running.keys() - once)
        for key in filter(service.get, _ELSEWHERE):
            draft.note(checks.LEFT_OUT, f"service {name}", f"{key} {_IS_ELSEWHERE}")
    for key in _ELSEWHERE:
        if document.get(key):
            draft.hold(key, key, document[key], path)
            draft.note(checks.LEFT_OUT, key, f"{key} {_IS_ELSEWHERE}")
    for name in mapping(document, "volumes"):
        draft.hold(f"volume {name}", "volume", None, path)
        draft.note(checks.UNKNOWN_VOLUME_SIZE, f"volume {name}", "a compose file does not state its size")


def _runs(draft: Draft, name: str, service: Mapping[str, Any]) -> bool:
    """Say whether a service runs: one with profiles only if one of them is asked for."""
    said = service.get("profiles")
    profiles = [str(profile) for profile in said] if isinstance(said, list) else []
    if not profiles or {"*", *profiles} & set(draft.asked.profiles):
        return True
    draft.used.add(f"service {name}")
    what = f"runs only with --profile {profiles[0]}"
    draft.note(checks.LEFT_OUT, f"service {name}", what, severity="info")
    return False


def filled_in(tree: Any, variables: Mapping[str, str]) -> Any:
    """Return a document with its variables, or their defaults: ``${REPLICAS:-2}`` is 2 if nobody sets it."""
    if isinstance(tree, dict):
        return {key: filled_in(value, variables) for key, value in tree.items()}
    if isinstance(tree, list):
        return [filled_in(value, variables) for value in tree]
    if not isinstance(tree, str):
        return tree
    text = tree
    for _ in range(3):  # A default may be a variable with a default.
        text = _VARIABLE.sub(lambda found: variables.get(found[1]) or found[2] or found[0], text)
    return int(text) if text != tree and text.isdigit() else text


def variables_in(text: str) -> dict[str, str]:
    """Return what an ``.env`` file sets."""
    pairs = re.findall(r"^\s*(?:export\s+)?(\w+)\s*=\s*([\"']?)(.*?)\2\s*(?:#.*)?$", text, re.MULTILINE)
    return {name: value for name, _, value in pairs}


def _dependencies(service: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the services that one waits for at its start, with the condition."""
    said = service.get("depends_on")
    if isinstance(said, dict):
        return [(str(name), text(rule, "condition")) for name, rule in said.items()]
    return [(str(name), "") for name in said] if isinstance(said, list) else []


def _adopt(draft: Draft, name: str, service: Mapping[str, Any], once: bool, others: Iterable[str]) -> None:
    where, port, mode = f"service {name}", _port(service), text(service, "deploy.mode")
    job = once or mode.endswith("-job")
    replicas = max(0, whole(service, "deploy.replicas", whole(service, "scale", 1)))
    gpu = _gpus(service)
    tree: Tree = {"platform": "kubernetes", "pool": draft.pool(*(_GPU_NODES if gpu else (DEFAULT_POOL,)))}
    tree |= {**_sizes(draft, where, service), **({"gpu": gpu} if gpu else {})}
    tree["instances"] = {"min": 0, "max": replicas} if job else replicas
    if job:
        draft.note(checks.ASSUMED_RUN_TIME, where, "runs once, so it counts only in the highest cost")
    if mode.startswith("global"):
        draft.note(checks.UNREAD_VALUE, where, "deploy.mode is global; one pod is counted, not one a node")
    calls = [callee for callee, _ in _dependencies(service) if callee in others]
    if calls:
        tree["calls"] = dict.fromkeys(map(usable, calls), 1)
        draft.note(checks.ASSUMED_VALUE, where, f"each request makes one call to {', '.join(calls)}")
    container: Tree = {"image": service.get("image"), "ports": [{"containerPort": port}] if port else []}
    tree |= workload_section([container], **_health(service))
    added = draft.add("services", name, tree, where)
    if port and draft.entry is None and not job:
        draft.entry = added


def _sizes(draft: Draft, where: str, service: Mapping[str, Any]) -> Tree:
    """Return requests and limits of a container; without a reservation its limit counts."""
    reserved, most = (mapping(service, f"deploy.resources.{part}") for part in ("reservations", "limits"))
    ceiling = _number(most.get("cpus") or service.get("cpus"))
    top = _bytes(most.get("memory") or service.get("mem_limit"))
    vcpu = _number(reserved.get("cpus")) or ceiling
    size = _bytes(reserved.get("memory") or service.get("mem_reservation")) or top
    if vcpu is None:
        draft.note(checks.ASSUMED_REQUESTS, where, "reserves no cpus: 100m")
    if size is None:
        draft.note(checks.ASSUMED_REQUESTS, where, "reserves no memory: 200Mi")
    tree: Tree = {
        "cpu": cores(_UNSAID_CORES if vcpu is None else max(vcpu, 0.001)),
        "memory": memory((_UNSAID_BYTES if size is None else size) / 2**30),
    }
    limits: Tree = {
        "cpu_limit": ceiling and cores(max(ceiling, vcpu or 0, 0.001)),
        "memory_limit": top and memory(max(top, size or 0) / 2**30),
    }
    return tree | {name: limit for name, limit in limits.items() if limit}


def _gpus(service: Mapping[str, Any]) -> int:
    """Return the GPUs that a container reserves; one where it takes all that there are."""
    every = maps(service, "deploy.resources.reservations.devices")
    devices = [d for d in every if "gpu" in str(d.get("capabilities"))]
    devices += maps(service, "gpus")
    if not devices and "gpus" not in service:
        return 0
    return max(1, sum(len(device.get("device_ids") or ()) or whole(device, "count", 1) for device in devices))


def _port(service: Mapping[str, Any]) -> int | None:
    """Return the port of the container that the first published one leads to."""
    said = service.get("ports")
    first = said[0] if isinstance(said, list) and said else None
    if isinstance(first, dict):
        return whole(first, "target", 0) or None
    match = re.search(r"(\d+)(?:-\d+)?(?:/\w+)?$", str(first or ""))
    return int(match[1]) if match and len(match[1]) < 6 else None


def _health(service: Mapping[str, Any]) -> Tree:
    """Return the path that a health check asks for, and how long it lets the service start."""
    found: Tree = {}
    path = re.search(r"https?://[^/\s'\"]+(/[^\s'\",\]|?#]*)", str(at(service, "healthcheck.test")))
    start = text(service, "healthcheck.start_period")
    for key, value in (("health_path", path and path[1]), ("startup", start)):
        if value and holds(key, value):
            found[key] = value
    return found


def _number(value: object) -> float | None:
    try:
        found = float(str(value)) if value is not None else None
    except ValueError:
        return None
    return found if found is not None and 0 < found <= LARGEST else None


def _bytes(value: object) -> float | None:
    """Return a size as compose files write it: `512M` are MiB there."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", str(value).strip().lower())
    size = float(match[1]) * 1024.0 ** " kmgt".index(match[2] or " ") if match else None
    return size if size is not None and size <= LARGEST else None


_SIZE = Shape("a size", lambda value: _bytes(value) is not None)
_SHAPES: Shapes = {
    "cpus": Shape("a number of cores", lambda value: _number(value) is not None or value in (0, "0")),
    "memory": _SIZE,
    "mem_limit": _SIZE,
    "replicas": WHOLE,
    "scale": WHOLE,
}
