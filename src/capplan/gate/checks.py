"""What gates can find wrong with a plan: every check, declared once."""

from __future__ import annotations

from capplan.findings import Check

BUDGET_EXCEEDED = Check("budget-exceeded", "error")
BUDGET_UNKNOWN = Check("budget-unknown", "error")
INCREASE_EXCEEDED = Check("increase-exceeded", "error")
INCREASE_UNKNOWN = Check("increase-unknown", "error")
HEADROOM_TOO_SMALL = Check("headroom-too-small", "error")
TOO_FEW_INSTANCES = Check("too-few-instances", "error")
INSTANCE_QUOTA_EXCEEDED = Check("instance-quota-exceeded", "error")
STALE_PRICE = Check("stale-price", "error")
UNDATED_PRICE = Check("undated-price", "error")
POLICY_BROKEN = Check("policy-broken", "error")
