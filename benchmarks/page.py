"""How long the page of a plan takes, its size, and its figures at random positions against `estimate`.

Run it in the checkout, with the number of positions of each example: python benchmarks/page.py 50
"""

from __future__ import annotations

import json
import random
import re
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from capplan import load
from capplan.ask.pages import PageOptions, page_of

EXAMPLES = sorted(path.parent for path in Path("examples").glob("*/plan.yaml"))
_HALF_A_CENT = 0.005_001


def main(positions: int) -> int:
    """Print a line for each example; return how many figures differ."""
    wrong = 0
    for example in EXAMPLES:
        start = time.process_time()
        page = page_of(PageOptions(example, (), (), None, None))
        seconds = time.process_time() - start
        data = json.loads(re.search(r'id="positions">(.*?)</script>', page)[1])
        drawn = random.Random(1)
        differences = sum(len(list(differing(example, data, drawn))) for _ in range(positions))
        wrong += differences
        print(f"{example.name:20} {seconds:5.1f} s {len(page) / 1e3:6.0f} kB {differences} figures differ")
    return wrong


def differing(example: Path, data: dict[str, Any], drawn: random.Random) -> Any:
    """Yield the figures of a random position that are not those of the command it names."""
    variation = data["variations"][drawn.choice(sorted(data["variations"]))]
    position = [drawn.randrange(len(labels)) for labels in data["labels"]]
    words = iter(shlex.split(variation["command"])[3:])
    said: dict[str, list[str]] = {}
    for option in words:
        said.setdefault(option, []).append(next(words))
    moved = [
        shlex.split(data["sets"][index][place])[0]
        for index, place in enumerate(position)
        if variation["applies"][index] and place != data["now"][index]
    ]
    changes = dict(text.split("=", 1) for text in [*said.get("--set", []), *moved])
    plan = load(example, set=changes, alternative=said.get("--alternative", [None])[0])
    document = plan.estimate().document
    cost = document["monthly_cost"]
    yield from _off(variation["total"], position, [cost["min"], cost["expected"], cost["max"]])
    for one in variation["components"]:
        found = document["components"][one["name"]]
        cost, counts = found["monthly_cost"], found["instances"]
        yield from _off([one["cost"]], position, [cost and cost["expected"]])
        yield from _off([one["peak"]], position, [counts and counts["peak"]])


def _off(figures: list[Any], position: list[int], expected: list[float | None]) -> Any:
    for figure, right in zip(figures, expected, strict=True):
        shown = _at(figure, position)
        if (shown is None) != (right is None) or (shown is not None and abs(shown - right) > _HALF_A_CENT):
            yield shown, right


def _at(figure: Any, position: list[int]) -> Any:
    if not isinstance(figure, dict):
        return figure
    index = 0
    for length, place in zip(figure["shape"], position, strict=True):
        index = index * length + (place if length > 1 else 0)
    return figure["values"][index]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50) > 0)
