"""How many one-fault mutations of sound manifests `capplan verify` finds, without those that a schema sees.

The sets are the rendered examples, or directories:

    .venv/bin/python benchmarks/mutations.py [--schemas DIR] [--every N] [DIR ...]

A fault is found if anything is said that is not said of the sound set. What is not found goes to stderr.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mutating import Documents, found, mutated, mutations
from rendering import EXAMPLES, example

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.reading import read_contents
from capplan.manifests.verify.run import verify
from capplan.manifests.verify.schemas import schema_findings
from capplan.manifests.verify.world import Item


def main() -> None:
    """Print how many faults are found in each set, and those that are not."""
    parser = argparse.ArgumentParser()
    parser.add_argument("directories", nargs="*", type=Path)
    parser.add_argument("--schemas", type=Path)
    parser.add_argument("--every", type=int, default=1, help="Try only each N-th fault.")
    options = parser.parse_args()

    def seen_by_schema(tree: Any) -> bool:
        said = schema_findings([Item("", tree)], options.schemas) if options.schemas else ()
        return any(one.code == "schema" for one in said)

    sets: dict[str, Documents] = {str(d): read_contents(d).documents for d in options.directories}
    for name, alternative, _ in dict.fromkeys(EXAMPLES) if not sets else ():
        files = example(name, alternative)
        sets[f"{name} {alternative or ''}"] = {
            p: [copy.deepcopy(item.value)] for p, item in files.items() if item.value is not None
        }
    tried, hit, missed = 0, 0, Counter[str]()
    for name, documents in sets.items():
        clean, here, there = found(documents), 0, 0
        for fault, mutation in [*mutations(documents)][:: options.every]:
            wrong = mutated(documents, mutation)
            if seen_by_schema(wrong[mutation.file][mutation.index]):
                continue
            here += 1
            if found(wrong) - clean:
                there += 1
            else:
                missed[f"{fault.path} -> {mutation.value!r:.60}"] += 1
                if missed[f"{fault.path} -> {mutation.value!r:.60}"] == 1:
                    print(
                        "  not found:",
                        mutation.file,
                        mutation.path,
                        repr(mutation.value)[:80],
                        file=sys.stderr,
                    )
        errors = sum(finding.severity == "error" for finding in verify(documents, {}, Facts()))
        print(f"{name}: {there} of {here}; {errors} errors without a fault")
        tried, hit = tried + here, hit + there
    print(f"{hit} of {tried}: {hit / tried:.1%}")
    for what, count in missed.most_common(40):
        print(f"{count:5} {what}")


if __name__ == "__main__":
    main()
