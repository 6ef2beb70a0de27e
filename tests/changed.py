"""Print the tests of what changed since main: the tests themselves, and those of the rooms they mirror."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVERYWHERE = ("tests/test_imports.py", "tests/smoke")
"""What a change anywhere in the code can break."""


def changed_files() -> list[str]:
    """Return the files that differ from where this branch left main, and those that git does not know yet."""
    base = _git("merge-base", "HEAD", "main") or ["HEAD"]
    return _git("diff", "--name-only", base[0]) + _git("ls-files", "--others", "--exclude-standard")


def paths_for(files: list[str]) -> list[str]:
    """Return the tests of the changed ``files``, as paths for pytest; nothing where no code changed."""
    found = sorted({test for file in files for test in _tests(Path(file)) if (ROOT / test).exists()})
    return [test for test in found if not any(str(parent) in found for parent in Path(test).parents)]


def _tests(file: Path) -> Iterator[str]:
    parts = file.parts
    if parts[:2] == ("src", "capplan"):
        yield from EVERYWHERE
        yield f"tests/{parts[2]}" if len(parts) > 3 else f"tests/test_{file.name}"
    elif parts[0] == "tests" and file.name.startswith("test_"):
        yield str(file)
    elif parts[0] == "tests" and len(parts) > 2:
        yield f"tests/{parts[1]}"


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split()


if __name__ == "__main__":
    sys.stdout.write("\n".join(paths_for(changed_files())) + "\n")
