"""LLM serving: what fits on a GPU, how fast it is, and how many are needed."""
