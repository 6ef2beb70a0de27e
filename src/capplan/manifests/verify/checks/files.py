"""Checks of manifests: files."""

from __future__ import annotations

from capplan.findings import Check

UNREADABLE = Check("unreadable", "error")
HELM_TEMPLATES = Check("helm-templates", "warning")
NOT_COMPOSED = Check("not-composed", "warning")
SCHEMA = Check("schema", "error")
NO_SCHEMA = Check("no-schema", "warning")
