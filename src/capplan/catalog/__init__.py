"""What things cost and can do."""
