"""What to request, from what was used: the recommendations of other tools, computed as they do."""
