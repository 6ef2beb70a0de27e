"""The containers that service meshes add to pods, with the resources of their default installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from capplan.manifests.verify.trees import Tree, mapping


def _proxy(name: str, cpu: str, memory: str, **ports: int) -> Mapping[str, Any]:
    asked = {"requests": {"cpu": cpu, "memory": memory}}
    declared = [{"name": key.replace("_", "-"), "containerPort": port} for key, port in ports.items()]
    return {"name": name, "resources": asked, "ports": declared}


_ISTIO = _proxy("istio-proxy", "100m", "128Mi", http_envoy_prom=15090)
_LINKERD = _proxy("linkerd-proxy", "100m", "20Mi", linkerd_proxy=4143, linkerd_admin=4191)


def sidecars(namespace: Tree, template: Tree) -> Iterator[Mapping[str, Any]]:
    """Yield the proxies of a pod: its own labels and annotations come before those of its namespace."""
    pod = {**mapping(template, "metadata.annotations"), **mapping(template, "metadata.labels")}
    space = {**mapping(namespace, "metadata.annotations"), **mapping(namespace, "metadata.labels")}
    everywhere = space.get("istio-injection") == "enabled" or "istio.io/rev" in {**space, **pod}
    if str(pod.get("sidecar.istio.io/inject", everywhere)).lower() == "true":
        yield _ISTIO
    if pod.get("linkerd.io/inject", space.get("linkerd.io/inject")) in ("enabled", "ingress"):
        yield _LINKERD
