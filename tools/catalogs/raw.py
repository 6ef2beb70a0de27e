"""Reading raw price files: by column name, gzipped or not, from whichever of several directories has them."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

Row = dict[str, str]


class Raw(NamedTuple):
    """Directories of raw files, in the order in which they are looked through."""

    directories: Sequence[Path]

    def path(self, name: str) -> Path:
        """Return where the file ``name`` is, gzipped or not."""
        for directory in self.directories:
            for path in (directory / name, directory / f"{name}.gz"):
                if path.is_file():
                    return path
        raise SystemExit(f"none of the directories has {name}")

    def text(self, name: str) -> str:
        """Return the text of the file ``name``."""
        content = self.path(name).read_bytes()
        return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()

    def rows(self, name: str, *needed: str) -> Iterator[Row]:
        """Yield the rows of a CSV file that has all the ``needed`` columns, whatever else it has."""
        reader = csv.DictReader(io.StringIO(self.text(name)))
        missing = sorted(set(needed) - set(reader.fieldnames or ()))
        if missing:
            raise SystemExit(f"{name}: no column {', '.join(missing)}")
        yield from reader
