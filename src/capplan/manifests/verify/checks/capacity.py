"""Checks of manifests: capacity."""

from __future__ import annotations

from capplan.findings import Check

PDB_FIELDS = Check("pdb-fields", "error")
PDB_WITHOUT_PODS = Check("pdb-without-pods", "error")
PDB_BLOCKS_DRAIN = Check("pdb-blocks-drain", "error")
TWO_PDBS = Check("two-pdbs", "error")
STUCK_ROLLOUT = Check("stuck-rollout", "error")
PRE_STOP = Check("pre-stop", "error")
QUANTITY = Check("quantity", "error")
REQUEST_ABOVE_LIMIT = Check("request-above-limit", "error")
EXTENDED_RESOURCE = Check("extended-resource", "error")
NO_SUCH_NODES = Check("no-such-nodes", "error")
GPU_TOLERATION = Check("gpu-toleration", "error")
GPU_SELECTOR = Check("gpu-selector", "error")
QUOTA_TOO_SMALL = Check("quota-too-small", "error")
UNSET_UNDER_QUOTA = Check("unset-under-quota", "error")
CEILING_BELOW_PEAK = Check("ceiling-below-peak", "error")
FIGURES_DIFFER = Check("figures-differ", "error")
ALERT_BEFORE_LINE = Check("alert-before-line", "warning")
