"""A page of chapters that works from a mail attachment: nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from capplan.report.blocks import Chapter, Explorer
from capplan.report.formats import controls, html
from capplan.report.formats.drawing import escaped


class Page(NamedTuple):
    """A title, what the figures are counted with, and the chapters."""

    title: str
    lines: Sequence[str]
    chapters: Sequence[Chapter]


def written(page: Page) -> str:
    """Return ``page`` as one file."""
    links = "".join(
        f'<li><a href="#{chapter.name}">{escaped(chapter.title)}</a></li>' for chapter in page.chapters
    )
    lines = "<br>".join(map(escaped, page.lines))
    body = "".join(map(_chapter, page.chapters))
    has_controls = any(isinstance(block, Explorer) for chapter in page.chapters for block in chapter.blocks)
    script = f"<script>{controls.script()}</script>\n" if has_controls else ""
    return (
        f"{html.head(page.title, controls.policy(has_controls))}<body>\n"
        f'<a class="skip" href="#main">Skip to the report</a>\n'
        f"<header><h1>{escaped(page.title)}</h1><p>{lines}</p></header>\n"
        f'<nav aria-label="Chapters"><ul>{links}</ul></nav>\n'
        f'<main id="main">\n{body}</main>\n{script}</body>\n</html>\n'
    )


def _chapter(chapter: Chapter) -> str:
    title = f'<h2 id="{chapter.name}-title">{escaped(chapter.title)}</h2>'
    body = "".join(html.parts(chapter.blocks, 3))
    return (
        f'<section id="{chapter.name}" aria-labelledby="{chapter.name}-title">\n{title}\n{body}</section>\n'
    )
