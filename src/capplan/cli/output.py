"""Getting results out: data to stdout or a file, everything else to stderr; files whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from capplan.errors import InputError, Problem


def emit(text: str, output: Path | None = None, force: bool = False) -> None:
    """Write ``text`` to ``output``, or to stdout."""
    if output is None or str(output) == "-":
        _to_stdout(text)
    else:
        write_file(output, text, force)
        note(f"wrote {output}")


def _to_stdout(text: str) -> None:
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(plain(text).encode(encoding, "replace").decode(encoding))


_ASCII = {"─": "-", "–": "-", "…": "~", "×": "x", "←": "<-", "∞": "inf", "÷": "/"}


def plain(text: str) -> str:
    """Return ``text`` with ASCII in place of the signs that capplan draws with."""
    for sign, instead in _ASCII.items():
        text = text.replace(sign, instead)
    return text


def note(text: str) -> None:
    """Say something that is not the result."""
    sys.stderr.write(text + "\n")


def write_file(path: Path, text: str, force: bool) -> None:
    """Write ``path`` whole or not at all; an existing file only with ``force``."""
    if path.exists() and not force:
        raise InputError(Problem(str(path), "the file exists", "Use --force to replace it."))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written ({error.strerror})")) from None
    finally:
        part.unlink(missing_ok=True)


def can_draw() -> bool:
    """Say whether stdout can carry block characters."""
    try:
        "▁█─".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
