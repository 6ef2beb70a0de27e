"""Build the site of the documentation into a directory, from the documents where they stand.

The pages keep their places in the repository, so that their links hold here and on a forge. The navigation
is the index of the documents, docs/README.md.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("*.md", "docs/*.md", "docs/how-to/*.md", "examples/*/README.md")
_INDEX = "docs/README.md"
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")


def build(into: Path) -> None:
    """Write the site into the directory ``into``, which is emptied first."""
    with TemporaryDirectory() as kept:
        work = Path(kept)
        for path in sources():
            copy = work / "pages" / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        settings = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
        navigated = settings.replace("[project]\n", f"[project]\nnav = {_written(navigation())}\n", 1)
        (work / "zensical.toml").write_text(navigated, encoding="utf-8")
        subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=work, check=True)
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(work / "site", into)


def sources() -> set[Path]:
    """Return the pages, and the files that they link to or show."""
    pages = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    return pages | {target for page in pages for target in _targets(page)}


def _targets(page: Path) -> list[Path]:
    links = (link.partition("#")[0] for _, link in _LINK.findall(page.read_text(encoding="utf-8")))
    found = [(page.parent / link).resolve() for link in links if link and ":" not in link]
    return [path for path in found if path.is_file() and path.is_relative_to(ROOT)]


def navigation() -> list[tuple[str, object]]:
    """Return what the index names: pairs of title and path, or of a heading and such pairs."""
    sections = re.split(r"(?m)^## (.+)$", (ROOT / _INDEX).read_text(encoding="utf-8"))[1:]
    under = zip(sections[::2], map(_named, sections[1::2]), strict=True)
    return [("capplan", "README.md"), ("Documentation", _INDEX), *under]


def _named(text: str) -> list[tuple[str, str]]:
    return [(" ".join(title.split()), _path(link)) for title, link in _LINK.findall(text) if "#" not in link]


def _path(link: str) -> str:
    return (ROOT / _INDEX).parent.joinpath(link).resolve().relative_to(ROOT).as_posix()


def _written(entry: object) -> str:
    """Return an entry of the navigation in TOML."""
    if isinstance(entry, list):
        return f"[{', '.join(map(_written, entry))}]"
    if isinstance(entry, tuple):
        return f"{{{json.dumps(entry[0])} = {_written(entry[1])}}}"
    return json.dumps(entry)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
