"""What can be said of a PromQL query by its text."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[][(){}"'`]""")
_OPENED_BY = {")": "(", "]": "[", "}": "{"}


def query_refused(query: str) -> str:
    """Return why Prometheus cannot read a query, as far as brackets and quotes tell; empty if it can.

    >>> query_refused('sum(rate(a{b="("}[5m])'), query_refused("sum(a)")
    ("'(' is not closed", '')
    """
    opened: list[str] = []
    for token in _TOKEN.findall(query):
        if token in _OPENED_BY:
            if not opened or opened.pop() != _OPENED_BY[token]:
                return f"'{token}' closes nothing"
        elif token in ("(", "[", "{"):
            opened.append(token)
        elif len(token) == 1 and token != "#":
            return "a text in quotes does not end"
    return f"'{opened[-1]}' is not closed" if opened else ""


_TEXTS = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\[[^\]]*\]|\{[^{}]*\}""")
_MATCHER = re.compile(r"""([a-zA-Z_]\w*)\s*=\s*(?:"([^"\\]*)"|'([^'\\]*)')""")


def series_of_rules(query: str) -> list[str]:
    """Return the series that a query asks recording rules for: their names have colons.

    >>> series_of_rules('job:errors:rate5m{a="x:y"} / up[5m:1m]')
    ['job:errors:rate5m']
    """
    return re.findall(r"[a-zA-Z_]\w*:[\w:]+", _TEXTS.sub(" ", query))


def matchers(query: str) -> list[tuple[str, str]]:
    """Return the labels that a query wants to be equal to a text.

    >>> matchers('up{job="web", pod=~"a.*"}')
    [('job', 'web')]
    """
    return [(label, one or other) for label, one, other in _MATCHER.findall(query)]
