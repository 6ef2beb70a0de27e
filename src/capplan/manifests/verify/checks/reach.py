"""Checks of manifests: whether calls and requests arrive."""

from __future__ import annotations

from capplan.findings import Check

_BALANCED = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, annotations: {alb.ingress.kubernetes.io/target-type: ip}}
spec:
  ingressClassName: alb
  defaultBackend: {service: {name: web, port: {name: http}}}
---
kind: Service
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}
"""
CALL_BLOCKED = Check(
    code="call-blocked",
    severity="error",
    title="A call or request does not reach the pods that it is meant for",
    why="It times out. A call passes only if a rule of the caller's network policies and a rule of the "
    "callee's let it through.",
    breaks=_BALANCED,
    near=_BALANCED.replace("namespaceSelector: {}", "ipBlock: {cidr: 10.0.0.0/8}"),
    remedy="Add a rule that lets it through on its port.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
