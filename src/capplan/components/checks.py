"""What can be wrong with a plan, as an estimate sees it: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

UNPRICED = Check("unpriced", "warning")
UNSIZED = Check("unsized", "warning")
MAX_TOO_SMALL = Check("max-too-small", "error")
SLO_NOT_CHECKED = Check("slo-not-checked", "info")
SLO_BELOW_SERVICE_TIME = Check("slo-below-service-time", "error")
SLO_MISSED = Check("slo-missed", "error")
SLO_END_TO_END_MISSED = Check("slo-end-to-end-missed", "error")
SERVICE_TIME_BELOW_CALLS = Check("service-time-below-calls", "warning")
DEMAND_ENTERS_NOWHERE = Check("demand-enters-nowhere", "error")
UNCALLED = Check("uncalled", "warning")
AVAILABILITY_NOT_CHECKED = Check("availability-not-checked", "info")
POD_FITS_NO_NODE = Check("pod-fits-no-node", "error")
POOL_TOO_SMALL = Check("pool-too-small", "error")
TOO_MANY_CONNECTIONS = Check("too-many-connections", "error")
DATABASE_CPU = Check("database-cpu", "error")
DATABASE_MEMORY = Check("database-memory", "error")
DATABASE_IOPS = Check("database-iops", "error")
CACHE_TOO_SMALL = Check("cache-too-small", "error")
RECOVERY_OBJECTIVE = Check("recovery-objective", "warning")
RETIRED_SKU = Check("retired-sku", "warning")
EXTENSION_NOT_OFFERED = Check("extension-not-offered", "warning")
LIMIT_ABOVE_CAPACITY = Check("limit-above-capacity", "warning")
TRACE_GAPS = Check("trace-gaps", "warning")
TRACE_TIMES = Check("trace-times", "info")
