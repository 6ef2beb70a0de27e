"""Every command: where it is and what its first line of help says.

A command's own module is imported only when it runs, or when all of them are asked for: each costs start-up
time that the others would pay.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A function, or a group of its own, in ``capplan.cli.<module>``; the summary is checked by a test."""

    module: str
    summary: str


COMMANDS = {
    "estimate": Command("estimate", "Count the instances and the monthly cost of a plan."),
    "recommend": Command(
        "recommend",
        "Say what to change in a plan, and what is nearly full.",
    ),
    "check": Command("check", "Judge a plan by budgets, capacity, prices and policies."),
    "diff": Command(
        "diff",
        "Compare two plans, or a plan and a bill.",
    ),
    "breakeven": Command("breakeven", "Find where another alternative becomes the cheapest."),
    "audit": Command("audit", "Recompute every figure that a scaling document claims."),
    "simulate": Command("simulate", "Replay load through the plan's autoscalers."),
    "llm": Command("llm", "Find the GPUs that serve a model, their speed and cost."),
    "calibrate": Command("calibrate", "Fit the model's constants to measurements."),
    "render-manifests": Command("render_manifests", "Write a plan as manifests, scripts and dashboards."),
    "adopt": Command("adopt", "Write the plan of manifests, Terraform or Compose."),
    "verify": Command(
        "verify",
        "Check manifests for mistakes that no schema sees.",
    ),
    "explain": Command("explain", "Say what a finding means, and what to do about it."),
    "templates": Command("templates", "See the templates of manifests, and make them your own."),
    "catalog": Command("catalog", "Look up and check prices and machines."),
    "init": Command("init", "Write a plan from a few answers, or copy an example."),
    "config": Command("config", "Show the defaults that you have set."),
    "completion": Command("completion", "Print the script that completes words in your shell."),
    "schema": Command("schema", "Print the JSON Schema of plan files, for editors."),
}
