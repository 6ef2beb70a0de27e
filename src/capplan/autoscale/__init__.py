"""How a plan's autoscalers behave over time."""
