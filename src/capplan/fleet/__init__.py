"""Many plans together: what they share, and who answers for what."""
