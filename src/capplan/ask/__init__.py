"""What is asked of a plan, and the report that answers it: for commands and for programs."""
