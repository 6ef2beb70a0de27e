"""What a recorded load says of the weeks ahead, and of a plan's demand."""
