"""Checks of manifests: autoscaling."""

from __future__ import annotations

from capplan.findings import Check

TWO_AUTOSCALERS = Check("two-autoscalers", "error")
REPLICAS_UNDER_AUTOSCALER = Check("replicas-under-autoscaler", "error")
TWO_VPAS = Check("two-vpas", "error")
HPA_NAME_TAKEN = Check("hpa-name-taken", "error")
HPA_NAME_TOO_LONG = Check("hpa-name-too-long", "error")
HPA_MIN = Check("hpa-min", "error")
NO_ROOM = Check("no-room", "error")
NO_REQUEST = Check("no-request", "error")
METRIC_BLOCK = Check("metric-block", "error")
METRIC_TARGET = Check("metric-target", "error")
BEHAVIOR_POLICY = Check("behavior-policy", "error")
BEHAVIOR_WINDOW = Check("behavior-window", "error")
VPA_MODE = Check("vpa-mode", "error")
VPA_FIGHTS_HPA = Check("vpa-fights-hpa", "error")
VPA_BOUNDS = Check("vpa-bounds", "error")
VPA_ABOVE_NODE = Check("vpa-above-node", "error")
