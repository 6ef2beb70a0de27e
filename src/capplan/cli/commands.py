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
        "Say what to change in a plan, and how far each component is from its next boundary.",
    ),
    "check": Command("check", "Judge a plan by its gates: budgets, capacity, coverage of prices, policies."),
    "diff": Command(
        "diff",
        "Compare two plans: cost, instances, what binds, findings; changes of design and of price apart.",
    ),
    "breakeven": Command(
        "breakeven", "Find every value of a driver where another alternative becomes the cheapest."
    ),
    "audit": Command(
        "audit", "Hold a scaling document to its word: compute again every figure that it claims."
    ),
    "simulate": Command("simulate", "Replay a week of load, or a trace, through the plan's autoscalers."),
    "llm": Command("llm", "Say what serves a model: what fits, how fast it is, what it costs."),
    "calibrate": Command("calibrate", "Fit the model's constants to measurements."),
    "render-manifests": Command(
        "render_manifests", "Write what the plan says as manifests, scripts, dashboards, load tests."
    ),
    "adopt": Command(
        "adopt", "Write the plan of what you have: manifests, a Terraform plan or a compose file."
    ),
    "verify": Command(
        "verify",
        "Check manifests for what no schema and no API server sees: objects that do not go together.",
    ),
    "templates": Command("templates", "See the templates of manifests, and make them your own."),
    "catalog": Command("catalog", "Look up and check prices and machines."),
    "init": Command("init", "Write a commented plan from a few answers, or copy an example."),
    "schema": Command("schema", "Print the JSON Schema of plan files, for editors."),
}
