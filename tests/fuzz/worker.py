"""Damages inputs and runs commands on them, in this process, until the time is over.

``python worker.py --seconds 60 --seed 1 [--kind NAME] [--keep DIR]`` prints one line of JSON for each kind of
fault, and last how many runs there were. A run is at fault that ends with an internal error or a traceback,
that prints a number that is none, that needs more than 5 s of CPU, or more than 500 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import io
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fuzz.inputs import KINDS, MADE, Kind
from fuzz.mutations import damaged

SECONDS, MEGABYTES = 5.0, 500
_HANGS_S = 300.0
"""What stays in C beyond any signal ends the process, and so the test."""


class TooLongError(BaseException):
    """A command took too long; not an Exception, so that no command catches it."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float
    megabytes: float


def run(words: list[str]) -> Ended:
    """Run a command in this process as the command line would."""
    from capplan.cli import app

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    before = _peak_megabytes(reset=True)
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    faulthandler.dump_traceback_later(_HANGS_S, exit=True)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _code_of(app, words)
    except TooLongError:
        code = -1
        err.write("".join(traceback.format_exc().splitlines(keepends=True)[-8:]))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
    seconds, peak = time.process_time() - started, _peak_megabytes() - before
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
    return Ended(code, *texts, seconds, peak)


def _code_of(app: object, words: list[str]) -> int:
    """Return the exit code; what escapes as an internal error leaves its traceback on stderr."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(app._run(["--debug", *words]))  # type: ignore[attr-defined]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1


def _peak_megabytes(reset: bool = False) -> float:
    """Return the most memory that was resident since the last reset; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
    return int(found[1]) / 1024 if found else 0.0


def fault(ended: Ended) -> str:
    """Return what is wrong with how a command ended; empty where nothing is."""
    if ended.code == -1:
        return f"more than {SECONDS:.0f} s: " + _places(ended.err)
    if ended.code == 1 or "Traceback (most recent" in ended.err or "internal error" in ended.err:
        return "internal error: " + _places(ended.err)
    if ended.out.startswith("{") and (none := _not_finite(ended.out)):
        return f"a number that is none: {none}"
    if ended.megabytes > MEGABYTES:
        return f"{ended.megabytes:.0f} MB"
    return ""


def _not_finite(text: str) -> str:
    """Return what stands in a JSON document for a number that is none; empty where nothing does."""
    found: list[str] = []
    try:
        json.loads(text, parse_constant=found.append)
    except ValueError:
        return "the document is no JSON"
    return found[0] if found else ""


def _places(text: str) -> str:
    """Return the innermost place in capplan's own code, and the exception: what faults are told apart by."""
    own = re.findall(r'src/(capplan/[^"]+)", line (\d+), in (\w+)', text)
    last = text.strip().splitlines()[-1][:150] if text.strip() else ""
    return f"{':'.join(own[-1]) if own else '?'} {last}"


def cases(rng: random.Random, kinds: list[Kind], directory: Path) -> Iterator[tuple[Kind, str]]:
    """Write damaged inputs, forever, and yield each with the command that reads it."""
    while True:
        kind = rng.choice(kinds)
        for name, text in kind.beside:
            (directory / name).write_text(text, encoding="utf-8")
        (directory / kind.file).write_bytes(damaged(rng, rng.choice(kind.texts), kind.form))
        yield kind, rng.choice(kind.commands)


def _filled(kinds: list[Kind], directory: Path) -> list[Kind]:
    """Return the kinds, those that capplan makes itself with what it makes."""
    done = []
    for kind in kinds:
        if kind.name in MADE:
            for name, text in kind.beside:
                (directory / name).write_text(text, encoding="utf-8")
            kind = kind._replace(texts=[run(_words(MADE[kind.name], directory, kind)).out])
        done.append(kind)
    return done


def _words(command: str, directory: Path, kind: Kind) -> list[str]:
    return [word.format(file=directory / kind.file, dir=directory) for word in command.split()]


def _warm(kinds: list[Kind], directory: Path) -> None:
    """Import and read what every later run finds imported and read."""
    for kind in kinds:
        for name, text in (*kind.beside, (kind.file, kind.texts[0])):
            (directory / name).write_text(text, encoding="utf-8")
        for command in kind.commands:
            signal.signal(signal.SIGPROF, signal.SIG_IGN)
            run(_words(command, directory, kind))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", default=[])
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        directory = Path(name)
        kinds = _filled([k for k in KINDS if not asked.kind or k.name in asked.kind], directory)
        _warm(kinds, directory)
        signal.signal(signal.SIGPROF, _too_long)
        count, found = _search(asked, kinds, directory)
    sys.stdout.write(json.dumps({"runs": count, "faults": found}) + "\n")


def _too_long(*_: object) -> None:
    raise TooLongError


def _search(asked: argparse.Namespace, kinds: list[Kind], directory: Path) -> tuple[int, int]:
    """Run until the time is over; report each fault once, with the input that shows it."""
    rng, seen, count = random.Random(asked.seed), set[str](), 0
    until = time.monotonic() + asked.seconds
    for kind, command in cases(rng, kinds, directory):
        count += 1
        words = _words(command, directory, kind)
        what = fault(run(words))
        known = re.sub(r"\d+ MB| '.*", "", what)
        if what and known not in seen:
            seen.add(known)
            kept = _kept(asked.keep, directory / kind.file, f"{kind.name}-{asked.seed}-{count}")
            line = {"fault": what, "command": command, "kind": kind.name, "run": count, "file": kept}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        if time.monotonic() > until:
            break
    return count, len(seen)


def _kept(keep: Path | None, file: Path, name: str) -> str:
    """Return where the damaged file can be found, or what it holds."""
    if keep is None:
        return file.read_bytes().decode("utf-8", "replace")[:3000]
    keep.mkdir(parents=True, exist_ok=True)
    target = keep / f"{name}{file.suffix}"
    target.write_bytes(file.read_bytes())
    return str(target)


if __name__ == "__main__":
    main()
