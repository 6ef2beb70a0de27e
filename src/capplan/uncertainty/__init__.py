"""What the plan's uncertain numbers do to cost, counts and response times."""
