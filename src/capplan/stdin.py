"""Standard input, which `-` stands for wherever a file is read, and the encoding of what is read."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TextIO


def is_stdin(path: Path | str) -> bool:
    """Say whether ``path`` means standard input."""
    return str(path) == "-"


def name_of(path: Path | str) -> str:
    """Return what messages call the file at ``path``.

    >>> name_of("-"), name_of("plan.yaml")
    ('stdin', 'plan.yaml')
    """
    return "stdin" if is_stdin(path) else str(path)


_MOST = 256 * 2**20 + 1


def read_stdin(most: int) -> bytes:
    """Return standard input, or its first ``most`` bytes; a reader that comes back gets the same again."""
    return _content(sys.stdin)[:most]


@lru_cache(maxsize=1)
def _content(stream: TextIO) -> bytes:
    if stream.isatty():
        sys.stderr.write("reading stdin, up to end of file (Ctrl-D)\n")
    return stream.buffer.read(_MOST)


def in_unicode(data: bytes, errors: str = "strict") -> str:
    """Return ``data`` as text in the encoding that its first bytes say."""
    return data.decode(encoding_of(data), errors)


def encoding_of(data: bytes) -> str:
    """Return the encoding that the first bytes say: spreadsheets and PowerShell mark their UTF-16."""
    return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
