"""Checks of manifests: references."""

from __future__ import annotations

from capplan.findings import Check

NO_BACKEND = Check("no-backend", "error")
NO_BACKEND_PORT = Check("no-backend-port", "error")
NO_GATEWAY = Check("no-gateway", "warning")
NO_INGRESS_CLASS = Check("no-ingress-class", "warning")
NO_LISTENER = Check("no-listener", "error")
NO_TLS_SECRET = Check("no-tls-secret", "warning")
NO_CONTAINER = Check("no-container", "error")
NO_TARGET = Check("no-target", "error")
TARGET_VERSION = Check("target-version", "error")
NO_REFERENCE = Check("no-reference", "error")
NO_VOLUME = Check("no-volume", "error")
NAME_TWICE = Check("name-twice", "error")
VALUE_TWICE = Check("value-twice", "error")
NO_VALUE = Check("no-value", "warning")
PROBE_HANDLER = Check("probe-handler", "error")
PROBE_PORT = Check("probe-port", "error")
