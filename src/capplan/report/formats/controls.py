"""The controls of a page, the figures that they choose from, and the script that shows them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from capplan.report.blocks import Explorer
from capplan.report.formats.drawing import escaped


@cache
def script() -> str:
    """Return the script of a page with controls."""
    return Path(__file__).with_name("page.js").read_text("utf-8")


def policy(with_script: bool) -> str:
    """Return what a page may load and run: nothing but its own styles and, if it has controls, its script."""
    digest = b64encode(sha256(script().encode()).digest()).decode()
    runs = f"; script-src 'sha256-{digest}'" if with_script else ""
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'{runs}"
    return f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n'


def written(block: Explorer) -> Iterator[str]:
    """Yield the controls, the places of the figures, and the figures themselves."""
    yield "<noscript><p>The controls of this chapter need JavaScript.</p></noscript>"
    yield '<div id="explorer" hidden><form id="controls">'
    for title, (options, chosen) in block.choices.items():
        yield from _select(title, options, chosen)
    for index, (name, labels, now) in enumerate(block.sliders):
        yield from _slider(index, name, len(labels), now)
    yield '<button type="reset">Back to the plan</button></form>'
    yield '<p id="total" role="status"></p>'
    yield '<div class="scroll" tabindex="0" role="region" aria-label="Figures at this position">'
    yield '<table id="figures"><thead><tr><th scope="col">Component</th>'
    for column in ("Instances at the peak", "USD expected", "against the page"):
        yield f'<th scope="col" class="right">{column}</th>'
    yield "</tr></thead><tbody></tbody></table></div>"
    yield '<div id="reproduce"><p id="same">The same as a command:</p>'
    yield '<pre class="wraps" tabindex="0" role="region" aria-labelledby="same">'
    yield '<code id="command"></code></pre>'
    yield '<button type="button" id="copy">Copy</button> <span id="copied" role="status"></span></div></div>'
    yield f'<script type="application/json" id="positions">{_data(block)}</script>'


def _select(title: str, options: Sequence[str], now: str) -> Iterator[str]:
    name = title.lower()
    yield f'<div class="control"><label for="{name}">{title}</label>'
    yield f'<select id="{name}" data-now="{escaped(now)}">'
    for option in options:
        chosen = " selected" if option == now else ""
        yield f'<option value="{escaped(option)}"{chosen}>{escaped(option)}</option>'
    yield "</select></div>"


def _slider(index: int, name: str, count: int, now: int) -> Iterator[str]:
    yield f'<div class="control"><label for="slider-{index}">{escaped(name)}</label>'
    yield f'<input type="range" id="slider-{index}" min="0" max="{count - 1}" step="1" value="{now}">'
    yield f'<output id="value-{index}" for="slider-{index}"></output></div>'


def _data(block: Explorer) -> str:
    """Return the figures as JSON in which nothing can end the element that holds it."""
    text = json.dumps(block.document, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
