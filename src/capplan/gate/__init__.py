"""Budgets, capacity, coverage and policies that a plan is judged by; what changed between two."""
