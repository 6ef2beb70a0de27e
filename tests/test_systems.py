"""What the five documents ask for, row by row: the words, their reasons, and the commands that show them."""

import shlex
from collections import Counter

import pytest
from helpers import ROOT
from systems import COLUMNS, KINDS, SYSTEMS, WORDS, Row, is_wholly_no, rows

QUOTED = {
    "capplan breakeven examples/afpi": [
        ("$1,332", "LLM API, USD a month 1,332"),
        ("31,500 conversations", "cheaper up to 31,493.46 (conversations)"),
    ],
    "capplan recommend examples/afpi": [("163,000 USD", "163,442")],
    "capplan estimate examples/amas --alternative all": [("4,204 USD", "+4,203.52")],
    "capplan audit examples/amas -v": [
        ("23 % faster", "computed 23.33%"),
        ("a p95 of 30 s", "computed 30,224"),
    ],
    "capplan estimate examples/levqor --alternative all": [("106 to 429", "eks 270.42 429.47")],
    "capplan estimate examples/llm-governance -v": [
        ("3,250 connections", "connections 3,250 898"),
        ("`pool.max` to 13", "Set pool.max to 13"),
    ],
    "capplan audit examples/llm-governance -v": [("875 requests/s", "computed 875")],
    "capplan audit examples/llm-observatory -v": [("4,320 times", "4,320 times what the largest database")],
    "capplan estimate examples/llm-observatory --alternative all": [
        ("ECS (797 USD a month)", "aws-ecs 796.65"),
        ("GKE (677)", "gcp 677.01"),
    ],
}
"""What the openings of the examples' READMEs quote, and the text of the command that says so."""
ROWS = rows()
COMMANDS = sorted({command for row in ROWS for command, _ in row.shown} | set(QUOTED))
AT_LEAST = 214
OF_EACH = 35


def words(row: Row) -> list[str]:
    return [row.answers[column] for column in COLUMNS]


def squeezed(text: str) -> str:
    """Return ``text`` with every run of white space as one blank, because tables and messages wrap."""
    return " ".join(text.split())


def test_every_system_has_its_rows():
    found = Counter(row.system for row in ROWS)
    assert list(found) == list(SYSTEMS)
    assert min(found.values()) >= OF_EACH
    assert len(ROWS) >= AT_LEAST
    assert len({(row.system, row.capability) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_rows_use_the_allowed_words_and_name_their_lines(system):
    for row in (row for row in ROWS if row.system == system):
        assert set(words(row)) <= set(WORDS), row
        spans = [[int(line) for line in span.split("-")] for span in row.lines.split(",")]
        assert all(first <= last for first, *rest in spans for last in rest or [first]), row


def test_every_no_has_its_reason_and_few_rows_are_wholly_no():
    for row in ROWS:
        assert row.reason or "no" not in words(row), row
        assert row.reason or set(words(row)) != {"–"}, row
    wholly = [row for row in ROWS if is_wholly_no(row)]
    assert len(wholly) <= 0.05 * len(ROWS), [row.capability for row in wholly]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_yes_names_a_command_that_can_show_it(column):
    for row in ROWS:
        if row.answers[column] == "yes":
            used = {shlex.split(command)[1] for command, _ in row.shown}
            assert used & KINDS[column], (column, row)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_its_rows_promise(command, capplan, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, *arguments = shlex.split(command)
    if arguments[0] == "render-manifests":
        arguments += ["-o", tmp_path / "out"]
    run = capplan(*arguments)
    assert run.exit_code == 0, run.stderr
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    written = [f"{path}\n{path.read_text('utf-8')}" for path in files]
    text = squeezed("\n".join([run.stdout, run.stderr, *written]))
    promised = {(said, row.capability) for row in ROWS for by, said in row.shown if by == command}
    missing = sorted(pair for pair in promised if squeezed(pair[0]) not in text)
    assert not missing
    for figure, said in QUOTED.get(command, ()):
        assert said in text
        assert figure in opening(arguments[1])


def opening(example: str) -> str:
    """Return what a README says before it shows its first estimate."""
    readme = (ROOT / example / "README.md").read_text("utf-8")
    return squeezed(readme.partition("```console")[0])
