"""Checks of manifests: exposure."""

from __future__ import annotations

from capplan.findings import Check

LITERAL_SECRET = Check("literal-secret", "error")
PASSWORD_IN_URL = Check("password-in-url", "error")
SECRET_IN_MANIFEST = Check("secret-in-manifest", "warning")
PUBLIC_SERVICE = Check("public-service", "error")
POD_SECURITY_LEVEL = Check("pod-security-level", "error")
