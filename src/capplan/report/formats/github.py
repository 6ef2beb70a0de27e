"""Workflow commands of GitHub, which become annotations of a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from capplan.errors import printable
from capplan.paths import from_here
from capplan.report.blocks import Report, Result, Style

_MOST = 10
"""GitHub shows ten annotations of each level of a step, and drops the others silently."""


def write(report: Report, fmt: str, style: Style) -> str:
    """Return the results that nobody knew of, worst first, as many as GitHub shows."""
    assert report.results is not None
    new = [result for result in report.results.results if not result.waived and not result.known]
    return "".join(f"{line}\n" for level in _LEVELS for line in _annotations(level, new))


_LEVELS = {"error": "error", "warning": "warning", "notice": "info"}
"""Severities, by the command that tells them."""


def _annotations(level: str, results: Sequence[Result]) -> Iterator[str]:
    found = [result for result in results if result.finding.severity == _LEVELS[level]]
    # The last place goes to saying how many more there are.
    shown = found if len(found) <= _MOST else found[: _MOST - 1]
    for result in shown:
        finding = result.finding
        file = from_here(finding.file).as_posix() if finding.file else None
        yield _command(level, result.said, file=file, line=finding.line, title=result.rule)
    if len(found) > len(shown):
        yield _command(level, f"{len(found) - len(shown)} more in the step summary", title="capplan")


def _command(name: str, message: str, **properties: object) -> str:
    """Return a workflow command; a property that is None is left out."""
    known = (f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    return f"::{name} {','.join(known)}::{_escaped(message)}"


def _escaped(text: str) -> str:
    """Return ``text`` as the message of a command (actions/toolkit, packages/core/src/command.ts)."""
    return printable(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
