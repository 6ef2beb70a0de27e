"""capplan: capacity planning and cost calculation from one plan file."""

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Change",
    "CheckAnswer",
    "ComponentView",
    "Cost",
    "EstimateAnswer",
    "Finding",
    "InputError",
    "InstanceCounts",
    "LineView",
    "LoadedPlan",
    "explain",
    "load",
    "prices",
]


def __getattr__(name: str) -> object:
    """Load the interface once something of it is used, so that importing capplan costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'capplan' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module("capplan.api"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
