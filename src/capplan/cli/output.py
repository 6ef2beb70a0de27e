"""Getting results out: data to stdout or a file, everything else to stderr; files whole or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from capplan.cli import terminal
from capplan.errors import InputError, Problem, printable

if TYPE_CHECKING:
    from capplan.report.blocks import Report

_STDOUT = ("-", "/dev/stdout")


def emit(text: str, output: Path | None = None, force: bool = False, painted: bool = False) -> None:
    """Write ``text`` to ``output``, or to stdout; ``painted`` allows colours, on a terminal that has them."""
    if output is None or str(output) in _STDOUT:
        _to_stdout(text, painted and terminal.has_colour())
    else:
        _to_file(output, text.encode(), force)


def show(report: Report, fmt: str, output: Path | None = None, force: bool = False) -> None:
    """Write ``report`` in the format ``fmt`` to ``output``, or to stdout."""
    from capplan.report.blocks import Style
    from capplan.report.formats import written

    shown = written(report, fmt, Style(terminal.width(), not terminal.can_draw()))
    if isinstance(shown, bytes):
        emit_bytes(shown, output, force)
    else:
        emit(shown, output, force, painted=fmt == "table")
    if fmt == "github":
        _summarise(report)


def _summarise(report: Report) -> None:
    """Add ``report`` to the summary of a GitHub step, where it is one."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        from capplan.report.blocks import Style
        from capplan.report.formats import written

        with _about(Path(summary)), Path(summary).open("a", encoding="utf-8") as file:
            file.write(str(written(report, "markdown", Style(terminal.width()))))


def emit_bytes(data: bytes, output: Path | None = None, force: bool = False) -> None:
    """Write ``data``, such as a picture, to ``output``, or to stdout."""
    if output is None or str(output) in _STDOUT:
        sys.stdout.buffer.write(data)
    else:
        _to_file(output, data, force)


def _to_file(path: Path, data: bytes, force: bool) -> None:
    """Write a file whole or not at all; what is no file, such as a pipe, is written to and stays."""
    with _about(path):
        is_stream = path.exists() and not path.is_file() and not path.is_dir()
        if is_stream:
            path.write_bytes(data)
    if not is_stream:
        write_files({path: data}, force)
    note(f"wrote {path}")


def _to_stdout(text: str, painted: bool) -> None:
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = _encodable(text, encoding)
    if painted:
        terminal.paint(text)
    else:
        sys.stdout.write(text)


def _encodable(text: str, encoding: str) -> str:
    """Return ``text`` in what ``encoding`` has: JSON as the same document, prose in like signs."""
    if not text.startswith(("{", "[")):
        return terminal.plain(text).encode(encoding, "replace").decode(encoding)
    import json

    # In JSON only strings hold such characters, and there every one of them may be escaped.
    return "".join(sign if sign.isascii() else json.dumps(sign)[1:-1] for sign in text)


def note(text: str) -> None:
    """Say something that is not the result, in one line."""
    sys.stderr.write(printable(text) + "\n")


def write_edit(path: Path, before: str, after: str) -> None:
    """Show what an edit changes in the file of a plan, and write it."""
    from capplan.plan.edit import difference

    lines = difference(before, after, str(path))
    if not lines:
        note("nothing to apply")
        return
    for line in lines:
        note(line)
    write_files({path: after}, force=True)
    note(f"wrote {path}")


def write_files(texts: Mapping[Path, str] | Mapping[Path, bytes], force: bool) -> None:
    """Write all of the files or none; existing ones are replaced only with ``force``."""
    there = [path for path in texts if _is_there(path)]
    if there and not force:
        remedy = "Use --force to replace it."
        raise InputError(*(Problem(str(path), "the file exists", remedy) for path in there))
    for path in texts:
        _remove_left(path)
    new = {path: _beside(path, "part") for path in texts}
    old = {path: _beside(path, "old") for path in there if path.is_file()}
    try:
        for path, part in new.items():
            with _about(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                text = texts[path]
                part.write_bytes(text if isinstance(text, bytes) else text.encode())
        _put_in_place(new, old)
    finally:
        for part in (*new.values(), *old.values()):
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _put_in_place(new: Mapping[Path, Path], old: Mapping[Path, Path]) -> None:
    """Move every new file to its path, or none: what was there is copied before, and comes back."""
    done: list[Path] = []
    try:
        for path, part in new.items():
            with _about(path):
                if path in old:
                    shutil.copy2(path, old[path])
                part.replace(path)
            done.append(path)
    except BaseException:
        for path in done:
            if path in old:
                old[path].replace(path)
            else:
                path.unlink()
        raise


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{ending}")


def _remove_left(path: Path) -> None:
    """Remove what a run that was killed left beside a file; what another one still writes stays."""
    with suppress(OSError):
        ours = f".{path.name}."
        for left in (found for found in path.parent.iterdir() if found.name.startswith(ours)):
            pid, _, ending = left.name.removeprefix(ours).partition(".")
            if ending in ("part", "old") and pid.isdecimal() and not _runs(int(pid)):
                left.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    """Say whether a process still runs; where that cannot be asked without harm, it may."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _is_there(path: Path) -> bool:
    with _about(path):
        return path.exists()


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Turn what the system says against writing a file into a message about it."""
    try:
        yield
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written ({error.strerror})")) from None
