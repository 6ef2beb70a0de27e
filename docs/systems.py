"""What the documents of the five systems ask for: the rows of systems.tsv, and what docs/systems.md shows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

WORDS = ("yes", "partly", "no", "–")
COLUMNS = ("planned", "priced", "rendered", "checked", "simulated")
SYSTEMS = {
    "afpi": "AFPI",
    "amas": "AMAS",
    "levqor": "Levqor",
    "llm-governance": "LLM Governance",
    "llm-observatory": "LLM Observatory",
}

_COST = {"estimate", "recommend", "breakeven", "diff"}
_JUDGE = {"audit", "check", "prove", "verify"}
KINDS = {
    "planned": _COST | _JUDGE | {"render-manifests", "simulate"},
    "priced": _COST | {"audit"},
    "rendered": {"render-manifests"},
    "checked": _COST | _JUDGE | {"render-manifests"},
    "simulated": {"simulate", "audit"},
}
"""The commands that can show a yes of each column; claims of an audit may ask for a simulation."""


class Row(NamedTuple):
    """One capability, rule, number or artefact of a document."""

    system: str
    capability: str
    lines: str
    """Where it stands in the document: lines and spans of lines, divided by commas."""
    answers: Mapping[str, str]
    shown: tuple[tuple[str, str], ...]
    """Commands, and a text that each of them says or writes."""
    reason: str


def rows() -> list[Row]:
    """Return the rows of systems.tsv, in its order."""
    with Path(__file__).with_suffix(".tsv").open(encoding="utf-8", newline="") as file:
        return [_row(found) for found in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def _row(found: dict[str, str]) -> Row:
    commands, texts = found["command"].split(" ; "), found["shows"].split(" ; ")
    shown = tuple(zip(commands, texts, strict=True)) if found["command"] else ()
    answers = {column: found[column] for column in COLUMNS}
    return Row(found["system"], found["capability"], found["lines"], answers, shown, found["reason"])


def summary() -> None:
    """Print how many rows each system has, and how often each word stands in each column."""
    print("| system | rows | " + " | ".join(COLUMNS) + " |")
    print("|---|---:|" + "---:|" * len(COLUMNS))
    every = rows()
    for system, name in SYSTEMS.items():
        _count(name, [row for row in every if row.system == system])
    _count("**all**", every)
    nothing = sum(is_wholly_no(row) for row in every)
    share = f"{nothing / len(every):.1%}"
    outside = sum(set(row.answers.values()) == {"–"} for row in every)
    print(f"\n{nothing} rows, {share} of all, have a *no* and nothing better.")
    print(f"{outside} more are no planner's business.")


def is_wholly_no(row: Row) -> bool:
    """Return whether capplan does nothing with ``row`` where it could."""
    found = set(row.answers.values())
    return "no" in found and found <= {"no", "–"}


def _count(name: str, found: list[Row]) -> None:
    counted = {column: Counter(row.answers[column] for row in found) for column in COLUMNS}
    cells = (" / ".join(str(counted[column][word]) for word in WORDS) for column in COLUMNS)
    print(f"| {name} | {len(found)} | " + " | ".join(cells) + " |")


def table(system: str) -> None:
    """Print the rows of ``system``, with its commands by number."""
    found = [row for row in rows() if row.system == system]
    commands = sorted({command for row in found for command, _ in row.shown})
    numbers = {command: number for number, command in enumerate(commands, 1)}
    for command, number in numbers.items():
        print(f"{number}. `{command}`")
    heads = ("what the document asks for", "lines", *COLUMNS, "shown by", "why not, or not wholly")
    print(f"\n| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    for row in found:
        by = _in_order(numbers[command] for command, _ in row.shown)
        answers = " | ".join(row.answers[column] for column in COLUMNS)
        print(f"| {row.capability} | {row.lines} | {answers} | {by} | {row.reason} |")


def _in_order(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))


def verdict(system: str) -> None:
    """Print what ``capplan audit`` and ``capplan estimate`` say of the example, as an item of a list."""
    import json

    from shown import output

    audit = json.loads(output(f"capplan audit examples/{system} --format json"))
    estimate = json.loads(output(f"capplan estimate examples/{system} --format json"))
    cost, assumed = estimate["monthly_cost"]["expected"], estimate["assumptions"]
    found = audit["summary"]
    words = {
        "holds": "right",
        "off": "wrong",
        "contradicts itself": "in contradiction with others",
        "cannot be computed": "that nothing can compute",
    }
    counts = ", ".join(f"{found[name]} {word}" for name, word in words.items() if name in found)
    print(f"- **True**: of its {sum(found.values())} numbers, `capplan audit examples/{system}` finds")
    print(f"  {counts}. The model computes {audit['kinds']['computed']} of them.")
    print(f"  At list prices, the plan costs {cost:,.0f} USD a month.")
    print(f"- **Assumed**: {assumed['share']:.0%} of that rests on numbers that the document does not state.")
    print(f"  The plan marks them, and `capplan estimate examples/{system} --explain all` names them.")
