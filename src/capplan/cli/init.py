"""`capplan init`."""

from __future__ import annotations

from capplan.cli.options import Force


def init(force: Force = False) -> None:
    """Write a plan.

    Example: capplan init
    """
