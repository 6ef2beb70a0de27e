"""Showing results: one view of an estimate, many formats."""
