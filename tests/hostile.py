"""Hostile words, and readers of every format that find out whether one of them became structure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

from markdown_it import MarkdownIt

WORDS = (
    "\x1b[31mred\x1b]0;title\x07",
    "a\n::error::pwned",
    "b\r::warning file=x::pwned",
    "c%0A::error::pwned",
    "</script><img src=x onerror=alert(1)>",
    "<!-- d --><b>e</b>&amp;&#60;",
    '"><svg onload=alert(1)>',
    "f | g \\| h",
    "`i` ``j``",
    "[k](javascript:alert(1)) ![l](http://x/y.png)",
    "# m",
    "*n* __o__ ~~p~~",
    "- q\n\n1. r",
    "=1+1",
    "@s",
    "t\u202eu\u2066v\u200b",
    "w\x00\x01\x0b\x85\x9bx\ufffe",
    "]]>y",
)
"""What some format would take for structure, or a terminal for an order."""

ALL = " ".join(WORDS)


def assert_printable(text: str) -> None:
    """Fail where a terminal or a CI system would obey the text: signs of control, workflow commands."""
    assert {sign for sign in text if not sign.isprintable()} <= {"\n"}
    assert not re.search(r"(?m)^\s*::", text)


def _markdown(text: str) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    assert_printable(text)
    inline = [child for token in tokens for child in token.children or ()]
    every = [*tokens, *inline]
    assert not {token.type for token in every} & {"link_open", "image", "em_open", "s_open", "hr", "fence"}
    html = "".join(token.content for token in every if token.type in ("html_block", "html_inline"))
    assert re.fullmatch(r"(<!-- [\w-]+ -->|</?details>|</?summary>|[^<>]|\n)*", html), html
    rows = [token for token in tokens if token.type in ("th_open", "td_open", "tr_open", "table_open")]
    widths: list[int] = []
    for token in rows:
        if token.type == "table_open":
            assert len(set(widths)) <= 1
            widths = []
        elif token.type == "tr_open":
            widths.append(0)
        else:
            widths[-1] += 1
    assert len(set(widths)) <= 1


_TAGS = frozenset(
    ("html", "head", "meta", "title", "style", "body", "h2", "p", "br", "ul", "li", "strong", "code", "a")
    + ("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "div")
)
_ATTRIBUTES = {"lang", "charset", "class", "id", "style", "tabindex", "scope"}


class _Page(HTMLParser):
    """A page in which every tag is one of ours, and closed in its turn."""

    open: list[str]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _TAGS, tag
        viewport = {"name", "content"} if ("name", "viewport") in attrs else set()
        assert {name for name, _ in attrs} <= _ATTRIBUTES | viewport, attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def _html(text: str) -> None:
    assert_printable(text)
    page = _Page()
    page.open = []
    page.feed(text)
    page.close()
    assert page.open == []


def _csv(text: str) -> None:
    assert_printable(text)
    rows = list(csv.reader(io.StringIO(text)))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows for cell in row if re.match(r"[=@\t\r\n]|[+-](?!\d)", cell)]


def _json(text: str) -> Any:
    assert_printable(text)
    return json.loads(text)


def _sarif(text: str) -> None:
    (run,) = _json(text)["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert not re.search(r"(?<!\\)\[[^\[\]]*(?<!\\)\]\(", result["message"]["text"])
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri)


def _junit(text: str) -> None:
    assert_printable(text)
    tags = {element.tag for element in ElementTree.fromstring(text).iter()}
    assert tags <= {"testsuites", "testsuite", "testcase", "failure", "system-out"}


def _github(text: str) -> None:
    """Read each line as the runner does (actions/runner, ActionCommand.cs)."""
    assert {sign for sign in text if not sign.isprintable()} <= {"\n"}
    for line in text.splitlines():
        found = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert found, line
        names = [pair.partition("=")[0] for pair in found[2].split(",")]
        assert names in (["file", "line", "title"], ["file", "title"], ["title"]), line


READERS: Mapping[str, Callable[[str], Any]] = {
    "table": assert_printable,
    "markdown": _markdown,
    "html": _html,
    "csv": _csv,
    "json": _json,
    "sarif": _sarif,
    "junit": _junit,
    "github": _github,
}
"""By format, what fails where a word became structure."""
