"""Databases and caches: what they need, and what they are billed for."""
