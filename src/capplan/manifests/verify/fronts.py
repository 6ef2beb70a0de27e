"""What stands before the Services of a cluster: where its requests come from, and what it must be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
INTERNET, PRIVATE_ADDRESS = "198.51.100.1", "10.255.255.1"
"""Stand for what has no address of its own here: a range for documentation, and one of a private network."""

GOOGLE_FRONT_ENDS = ("35.191.0.0/16", "130.211.0.0/22")


class Front(NamedTuple):
    """What brings requests of a class of Ingress or Gateway in.

    blocks: the addresses that it calls from; none where it runs as pods of the cluster. annotations: what an
    Ingress must say. by_annotation: whether the class itself is one, as GKE's controllers have it. shared:
    annotation that makes Ingresses with one value share a load balancer.
    """

    blocks: Sequence[str] = ()
    annotations: Mapping[str, str] = {}
    by_annotation: bool = False
    shared: str = ""


ALB_TARGET = "alb.ingress.kubernetes.io/target-type"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"

_PODS = Front()
_FRONTS: Mapping[str, Front] = {
    "alb": Front(
        PRIVATE,
        {
            # Nodes have no port for a ClusterIP Service, so the balancer calls pods.
            ALB_TARGET: "ip",
            "alb.ingress.kubernetes.io/scheme": "internet-facing",
            "alb.ingress.kubernetes.io/listen-ports": '[{"HTTP":80},{"HTTPS":443}]',
            "alb.ingress.kubernetes.io/ssl-redirect": "443",
        },
        shared="alb.ingress.kubernetes.io/group.name",
    ),
    "gce": Front(GOOGLE_FRONT_ENDS, by_annotation=True),
    "gce-internal": Front((*GOOGLE_FRONT_ENDS, *PRIVATE), by_annotation=True),
    "azure-application-gateway": Front(PRIVATE),
    "azure-alb-external": Front(PRIVATE),
}


def front_of(name: str) -> Front:
    """Return what serves a class of Ingress or Gateway: pods of the cluster where nobody says otherwise."""
    if name.startswith("gke-l7"):
        return _FRONTS["gce-internal" if "rilb" in name or "internal" in name else "gce"]
    return _FRONTS.get(name, _PODS)
