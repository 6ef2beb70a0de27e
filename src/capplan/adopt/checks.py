"""What the reader of an adopted plan must know of its source: every check, declared once.

What is assumed is information; what is not in the plan, and so not in its cost, is a warning.
"""

from __future__ import annotations

from capplan.findings import Check

ASSUMED_MACHINE = Check("assumed-machine", "info")
ASSUMED_REQUESTS = Check("assumed-requests", "info")
ASSUMED_SERVICE_TIME = Check("assumed-service-time", "info")
ASSUMED_DISK = Check("assumed-disk", "info")
ASSUMED_RUN_TIME = Check("assumed-run-time", "info")
UNKNOWN_RESOURCE = Check("unknown-resource", "warning")
UNREAD_RESOURCE = Check("unread-resource", "warning")
UNKNOWN_VOLUME_SIZE = Check("unknown-volume-size", "warning")
EPHEMERAL_VOLUME = Check("ephemeral-volume", "warning")
SCALES_NOTHING = Check("scales-nothing", "warning")
LEFT_OUT = Check("left-out", "warning")
