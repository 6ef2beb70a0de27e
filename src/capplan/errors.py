"""What can be wrong with the input, and the exit codes that scripts rely on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple


class ExitCode(IntEnum):
    """How a command ended; every other code is reserved."""

    OK = 0
    INTERNAL = 1
    INPUT = 2
    COST = 3
    CAPACITY = 4
    COST_AND_CAPACITY = 5
    COVERAGE = 6
    DRIFT = 7
    INTERRUPTED = 130


class Problem(NamedTuple):
    """One thing to correct: where it stands, what is wrong, and the way out."""

    where: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return printable(f"{self.where}: {sentences(self.what, self.remedy)}")


def sentences(message: str, remedy: str = "") -> str:
    """Return what is wrong, and the way out if there is one, as sentences.

    >>> sentences("see ../runbook.md", "Call the owner.")
    'see ../runbook.md. Call the owner.'
    """
    ended = message if message.endswith((".", "!", "?", "…")) else f"{message}."
    return f"{ended} {remedy}".rstrip()


def printable(text: str) -> str:
    r"""Return ``text`` on one line, with what a terminal would obey, not show, escaped.

    >>> printable("ten\n")
    'ten\\n'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


class InputError(Exception):
    """A plan, catalog or option is wrong; carries every problem found, not just the first."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def __reduce__(self) -> tuple[type[InputError], tuple[Problem, ...]]:
        """Say how it comes from another process."""
        return type(self), self.problems


def almost(name: str, known: Iterable[str]) -> str | None:
    """Return the known name of which ``name`` is a likely misspelling, None where there is none.

    >>> almost("duraton", ["duration", "request"]), almost("m9i.large", ["m8i.large"])
    ('duration', None)
    """
    import difflib

    letters = _letters(name)
    others = [other for other in known if _letters(other) != letters]
    # Names with digits are those of series, whose neighbours differ in one letter.
    cutoff = 0.85 if letters == name else 0.93
    return next(iter(difflib.get_close_matches(name, others, n=1, cutoff=cutoff)), None)


def _letters(name: str) -> str:
    return "".join(char for char in name if not char.isdigit())


def nearest(name: str, known: object) -> str:
    """Say which of the ``known`` names is meant, whatever its case, or list them when none is near.

    >>> nearest("us-eastl", ["us-east1", "europe-west1"])
    "Did you mean 'us-east1'?"
    """
    import difflib

    names = sorted(map(str, known))  # type: ignore[call-overload]
    # A prefix is the commonest mistake ('render' for 'render-manifests') and difflib misses it.
    wanted, lower = name.lower(), {n.lower(): n for n in names}
    close = [n for n in lower if n.startswith(wanted)] if name else []
    close = close or difflib.get_close_matches(wanted, lower, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{lower[close[0]]}'?"
    if not names:
        return ""
    shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
    return f"Known: {shown}."
