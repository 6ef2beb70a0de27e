"""capplan: capacity planning and cost calculation from one plan file."""

__version__ = "0.1.0"
