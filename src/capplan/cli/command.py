"""What every command does with its arguments before it runs."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from capplan.cli.argv import spelled_out


class Command(TyperCommand):
    """A command whose arguments mean the same wherever it runs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, optional values spelled out."""
        return super().parse_args(ctx, spelled_out(args, self._takes_value))

    def _takes_value(self, option: str) -> bool:
        """Say whether the argument after ``option`` is its value; of short ones in a row, the last one's."""
        taking = {name for p in self.params if not getattr(p, "is_flag", True) for name in p.opts}
        if option.startswith("--"):
            return option in taking
        first = next((i for i, letter in enumerate(option) if f"-{letter}" in taking), None)
        return first == len(option) - 1
