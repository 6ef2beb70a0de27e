"""Checks of manifests: keda."""

from __future__ import annotations

from capplan.findings import Check

KEDA_IDLE_COUNT = Check("keda-idle-count", "error")
KEDA_TRIGGER_NAME_TWICE = Check("keda-trigger-name-twice", "error")
KEDA_ZERO_BY_RESOURCE = Check("keda-zero-by-resource", "error")
KEDA_CACHED_METRICS = Check("keda-cached-metrics", "error")
KEDA_FALLBACK_TRIGGER = Check("keda-fallback-trigger", "error")
KEDA_FALLBACK_BOUNDS = Check("keda-fallback-bounds", "error")
KEDA_NO_EFFECT = Check("keda-no-effect", "warning")
KEDA_UNKNOWN_SCALER = Check("keda-unknown-scaler", "error")
KEDA_MISSING_METADATA = Check("keda-missing-metadata", "error")
KEDA_UNKNOWN_METADATA = Check("keda-unknown-metadata", "error")
KEDA_REMOVED_METADATA = Check("keda-removed-metadata", "error")
KEDA_DEPRECATED_METADATA = Check("keda-deprecated-metadata", "warning")
KEDA_METADATA_TEXT = Check("keda-metadata-text", "error")
