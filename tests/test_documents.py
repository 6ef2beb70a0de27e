"""The documents for people: links lead somewhere, the README is short, its picture loads nothing."""

import re

import pytest
from helpers import ROOT

DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "docs/how-to/*.md", "examples/*/README.md")
    for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(document):
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = HEADING.findall(FENCE.sub("", document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(document):
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    missing = []
    for name, anchor in LINK.findall(text):
        if ":" in name:
            continue
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(f"{name}#{anchor}" if anchor else name)
    assert missing == []


def test_the_index_names_every_page():
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page != "README.md" and f"({page})" not in index] == []


def test_the_readme_is_short_and_shows_a_picture_that_loads_nothing():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    picture = (ROOT / "docs/estimate.svg").read_text(encoding="utf-8")
    assert "docs/estimate.svg" in readme
    assert re.findall(r"https?:[^\"]*", picture) == ["http://www.w3.org/2000/svg"]
    assert "url(http" not in picture


def test_the_guide_shows_the_page_of_every_example():
    guide = (ROOT / "docs/how-to/report.md").read_text(encoding="utf-8")
    shown = {path.stem for path in (ROOT / "docs/report").iterdir()}
    assert shown == {path.parent.name for path in ROOT.glob("examples/*/plan.yaml")}
    assert all(f"(../report/{name}.webp)" in guide for name in shown)
