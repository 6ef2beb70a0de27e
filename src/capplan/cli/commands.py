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
    "report": Command("report", "Write a page that shows a plan to others."),
    "recommend": Command(
        "recommend",
        "Show what to change in a plan, and what is nearly full.",
    ),
    "check": Command("check", "Check a plan against budgets, capacity, prices and policies."),
    "diff": Command(
        "diff",
        "Compare two plans, or a plan and a bill.",
    ),
    "fleet": Command("fleet", "Sum many plans, by team, account and more."),
    "comment": Command("comment", "Post one comment about changed plans, and renew it."),
    "breakeven": Command("breakeven", "Find where another alternative becomes cheapest."),
    "audit": Command("audit", "Recompute every figure that a scaling document claims."),
    "simulate": Command("simulate", "Replay load through the plan's autoscalers."),
    "forecast": Command("forecast", "Forecast a recorded load and the demand of a plan."),
    "queue": Command("queue", "Answer what textbooks ask of a queue."),
    "llm": Command("llm", "Find the GPUs that serve a model, their speed and cost."),
    "calibrate": Command("calibrate", "Fit the model's constants to measurements."),
    "render-manifests": Command("render_manifests", "Write a plan as manifests, scripts and dashboards."),
    "prove": Command("prove", "Check that files keep what the plan promises."),
    "adopt": Command("adopt", "Write a plan from manifests, Terraform or Compose."),
    "verify": Command(
        "verify",
        "Check manifests for mistakes that schemas miss.",
    ),
    "explain": Command("explain", "Explain a finding and how to fix it."),
    "templates": Command("templates", "List manifest templates, and copy them to change them."),
    "catalog": Command("catalog", "Look up and check prices and machines."),
    "init": Command("init", "Write a plan from a few answers, or copy an example."),
    "config": Command("config", "Show the defaults that you have set."),
    "mcp": Command("mcp", "Serve plans and prices to agents, over MCP."),
    "completion": Command("completion", "Print a completion script for your shell."),
    "schema": Command("schema", "Print the JSON Schema of plans or of outputs."),
}
