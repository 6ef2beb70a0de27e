"""docs/manifests.md says where everything is that the five documents show: it is there."""

import re

import pytest
from helpers import ROOT
from rendering import example

TABLE = re.compile(r"^\| (\d*) \| ([^|]*)\| ([^|]*)\| (.*) \|$")


def rows():
    """Return the table's rows: number, plan and alternative, files; a number holds until the next."""
    found, number = [], 0
    for line in (ROOT / "docs/manifests.md").read_text(encoding="utf-8").splitlines():
        match = TABLE.match(line.replace("| |", "|  |").replace("| |", "|  |"))
        if match is None:
            continue
        number = int(match[1]) if match[1] else number
        found.append((number, match[3].split(), re.findall("`([^`]+)`", match[4])))
    return found


def test_all_artefacts_of_the_documents_have_their_row():
    assert sorted({number for number, _, _ in rows()}) == list(range(1, 32))
    without = [number for number, plan, _ in rows() if not plan]
    assert without == [30], "Replit has no file to render"


@pytest.mark.parametrize(("number", "plan", "files"), [row for row in rows() if row[1]])
def test_a_row_names_files_that_are_rendered(number, plan, files):
    assert files
    rendered = example(plan[0], plan[1] if len(plan) > 1 else None)
    assert [path for path in files if path not in rendered] == []
