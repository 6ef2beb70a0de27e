"""Checks of manifests: observing."""

from __future__ import annotations

from capplan.findings import Check

DASHBOARD_UID = Check("dashboard-uid", "error")
DASHBOARD_PANEL_ID = Check("dashboard-panel-id", "error")
DASHBOARD_PANEL_TYPE = Check("dashboard-panel-type", "error")
DASHBOARD_GRID = Check("dashboard-grid", "error")
DASHBOARD_OVERLAP = Check("dashboard-overlap", "error")
DASHBOARD_REF_ID = Check("dashboard-ref-id", "error")
DASHBOARD_DATASOURCE = Check("dashboard-datasource", "error")
LOAD_TEST_HARD_CODED_HOST = Check("load-test-hard-coded-host", "error")
LOAD_TEST_NO_THRESHOLDS = Check("load-test-no-thresholds", "error")
LOAD_TEST_UNSET_TOKEN = Check("load-test-unset-token", "error")
RULES_WITHOUT_TEST = Check("rules-without-test", "warning")
