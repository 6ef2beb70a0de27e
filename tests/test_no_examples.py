"""The tool knows no example: nothing of the scaling documents under `examples/` is a literal of its code."""

import re

import pytest
from helpers import ROOT

FILES = [
    path
    for folder, suffix in (("src", ".py"), ("templates", ".j2"))
    for path in sorted((ROOT / folder).rglob(f"*{suffix}"))
]

FIGURES = {
    # AFPI: break-even, totals, its own prices by the second, the hour and the month.
    "afpi": r"24[,_]?260|24\.26|1[,_]?613|0\.0000(24|48)|\b2\.48\b|\b2\.86\b|\b12\.00\b|\b85 ?GB|\b99\.95\b",
    # Levqor: limits a minute and the shares that they are of each other, its tiers, its sample of the load.
    "levqor": r"0\.35, 0\.25|0\.3\) ?\+ ?\(|\b200, 100, 70\b|\b100, 60, 40\b|\b30, 20, 15\b|22\.0",
    # AMAS: the similarity of its cache, its triggers.
    "amas": r"similarity\w*:? ?[^\n]*0\.85|> ?15 ?RPS|\b30 ?KB\b",
    # LLM Governance: the times and the variables of its pools.
    "llm-governance": r"server_(lifetime|idle_timeout) = \d|DATABASE_(MAX|MIN)_CONN|DATABASE_ACQUIRE",
    # LLM Observatory: the variables of its pools and collectors, its version of PostgreSQL, its spans.
    "llm-observatory": r"DB_POOL|COLLECTOR_|COPY_BATCH|\b16\.1\b|\b500k\b",
}
"""Figures that nobody but a document has; what many systems share (70 % of CPU, a port) is not here."""

NAMES = re.compile(r"\b(levqor|afpi|amas|llm[-_]governance|llm[-_]observatory)\b", re.IGNORECASE)


@pytest.mark.parametrize("system", FIGURES)
def test_no_figure_of_a_document_is_in_the_tool(system):
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in FILES
        for match in re.finditer(FIGURES[system], path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_only_help_names_an_example():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if NAMES.search(line) and not re.search(r"examples/|Example: ", line)
    ]
    assert found == []


@pytest.mark.parametrize("system", FIGURES)
def test_the_figures_are_those_of_the_examples(system):
    """A pattern that matches nothing would hold for ever."""
    folders = ("examples/" + system, "catalogs/tiers", "catalogs/books")
    paths = [path for folder in folders for path in (ROOT / folder).iterdir() if path.is_file()]
    assert any(re.search(FIGURES[system], path.read_text(encoding="utf-8")) for path in paths)
