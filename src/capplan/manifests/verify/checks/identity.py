"""Checks of manifests: identity."""

from __future__ import annotations

from capplan.findings import Check

DUPLICATE_OBJECT = Check("duplicate-object", "error")
NO_NAMESPACE = Check("no-namespace", "warning")
UNNAMED_NAMESPACE = Check("unnamed-namespace", "warning")
EMPTY_SELECTOR = Check("empty-selector", "error")
SELECTOR_MISSES_OWN_PODS = Check("selector-misses-own-pods", "error")
SELECTOR_TAKES_OTHERS = Check("selector-takes-others", "error")
SPREAD_MISSES_OWN_PODS = Check("spread-misses-own-pods", "error")
SERVICE_WITHOUT_PODS = Check("service-without-pods", "error")
UNKNOWN_TARGET_PORT = Check("unknown-target-port", "error")
POLICY_WITHOUT_PODS = Check("policy-without-pods", "warning")
POLICY_CIDR = Check("policy-cidr", "error")
POLICY_EXCEPT_OUTSIDE = Check("policy-except-outside", "error")
