"""Metrics, alerts, dashboards, health endpoints and load tests."""
