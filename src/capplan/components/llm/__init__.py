"""LLM components: what is chosen, how many machines serve it, and what machines and APIs cost."""
