"""A line of numbers as a line of blocks."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=oO#@"


def sparkline(values: Sequence[float], width: int = 56, ascii_only: bool = False) -> str:
    """Return ``values`` as at most ``width`` blocks, each as high as the highest value in its part.

    >>> sparkline([1, 1, 2, 4])
    '▁▁▃█'
    """
    blocks = _ASCII if ascii_only else _BLOCKS
    parts = _parts(values, width)
    low, high = min(parts), max(parts)
    if low == high:
        return blocks[0] * len(parts)
    step = (len(blocks) - 1) / (high - low)
    return "".join(blocks[int((value - low) * step + 0.5)] for value in parts)


def _parts(values: Sequence[float], width: int) -> list[float]:
    size = max(1, -(-len(values) // width))
    return [max(values[i : i + size]) for i in range(0, len(values), size)]
