"""Text of a plan stays text, whatever command prints it in whatever format.

Every command that has formats is run with a plan full of hostile text, in every format that it offers, and
what it prints is read by a parser of that format. A command is found in the command line itself, and its
formats in its `--format`; only what an argument is called is said here.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from catalog import price_lists
from helpers import ROOT
from markdown_it import MarkdownIt
from typer.main import get_command

from capplan.cli.app import app_with
from capplan.cli.commands import COMMANDS

HOSTILE = (
    "=cmd|'/C calc'!A0 \x1b[31m\x1b]0;t\x07\n::error::owned\r\n| a | b |\n# c\n- d\n\x00\x7f"
    "\x9b31m\u202e\u2066 ::error::a ::error::b ::error::c ::error::d ::error::e ::error::f"
    "</script><script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert) ![y](z) `q` ```"
    " *b* _i_ <!-- --> ]]> &amp; &#60;b&#62; </svg></details></table> \"'\t"
)
MARK = "alert(1)"
FROZEN = ROOT / "tests" / "cli" / "frozen_catalogs"
SKU = "n1-standard-2"

PLAN: Mapping[str, Any] = {
    "name": "t",
    "description": HOSTILE,
    "regions": {"gcp": "us-central1"},
    "demand": {"requests_per_second": 100, "growth_per_month": "5%"},
    "services": {
        "api": {
            "platform": "cloud-run",
            "description": HOSTILE,
            "service_time": {"value": "100ms", "source": "assumed", "from": HOSTILE},
            "instances": {"min": 1, "max": 4},
            "slo": {"p95": "300ms"},
        }
    },
    "external_apis": {"llm": {"description": HOSTILE, "price_per_request": "$0.001"}},
    "alternatives": {"b": {"services": {"api": {"service_time": "50ms"}}}},
    "decisions": {
        "drivers": {
            "drv": {"description": HOSTILE, "unit": HOSTILE, "sets": {"demand.requests_per_second": "x"}}
        },
        "comparisons": {
            "c": {
                "description": HOSTILE,
                "between": ["plan", "b"],
                "over": "drv",
                "from": 1,
                "to": 1000,
                "shown": {HOSTILE: "components.api.instances.peak"},
            }
        },
        "growth_tiers": {
            "by": "demand.average_rps",
            "unit": HOSTILE,
            "tiers": {
                HOSTILE: {
                    "below": 1000,
                    "infrastructure": HOSTILE,
                    "models": HOSTILE,
                    "setup_time": HOSTILE,
                    "usd_per_month": [1, 2],
                },
                "last": {"usd_per_month": [2, 3]},
            },
        },
        "migration_rules": {
            "r": {"description": HOSTILE, "to": "b", "triggers": {HOSTILE: "monthly_cost.expected > 1"}}
        },
        "roadmap": {
            "p": {
                "goal": HOSTILE,
                "timeline": HOSTILE,
                "tasks": [HOSTILE],
                "metrics": {HOSTILE: "monthly_cost.expected < 0"},
                "alternative": "b",
            },
            "q": {"entry": {HOSTILE: "facts.nothing"}},
        },
    },
    "gates": {
        "policies": [
            {"name": "p", "when": "monthly_cost.expected > 1", "message": HOSTILE, "remedy": HOSTILE}
        ],
        "waivers": [{"gate": "p", "owner": HOSTILE, "reason": HOSTILE, "expires": "2099-01-01"}],
    },
}
CLAIM = {"line": 3, "text": HOSTILE, "unit": HOSTILE, "value": 9, "note": HOSTILE}
CLAIMS = {
    "schema": 1,
    "document": HOSTILE,
    "claims": {"a": CLAIM | {"expression": "components.api.instances.peak"}},
}

PRICES = [
    price_lists.azure_row(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1),
    price_lists.azure_row("Beam", "Beam", "Beam", "Beam", 1, armRegionName=HOSTILE),
    price_lists.vm(1, armRegionName=HOSTILE) | {"armSkuName": HOSTILE},
    price_lists.vm(1, type=HOSTILE),
]
"""Rows of a provider's price list."""

MORE: Mapping[str, list[list[str]]] = {
    "audit": [["-v"]],
    "estimate": [
        ["-v"],
        ["--explain", "all"],
        ["--alternative", "all"],
        ["--sensitivity"],
        ["--samples", "20"],
    ],
    "simulate": [["--tune", "--tries", "2"], ["--right-size"], ["--exact"]],
    "catalog list": [["--name", SKU]],
}
"""What else a command can be asked, each a report of its own."""

FIXED: Mapping[str, list[str]] = {
    "breakeven": ["--points", "20", "--samples", "5"],
    "catalog check": ["--today", "2099-01-01"],
    "llm": ["--models"],
    "queue": ["--arrival-rate", "10/s", "--service-time", "100ms", "--servers", "2"],
    "simulate": ["--days", "0.02"],
}
OF_FINDINGS = {"junit", "sarif", "github"}
"""Formats that have tests of their own."""

LATER = {"check", "diff", "verify"}
"""Commands that write the same reports as others."""

TO_STDOUT = {"catalog import", "catalog update"}
"""Commands whose `-o` names a directory for something else than the report."""


def _leaves(words: list[str], command: Any) -> Iterator[tuple[list[str], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield words, command
    for name, inner in (below or {}).items():
        yield from _leaves([*words, name], inner)


def _formats(command: Any) -> list[str]:
    """Return what `--format` takes, without formats of findings; nothing where there is none."""
    found = [p for p in command.params if "--format" in p.opts]
    formats = found[0].metavar.strip("[]").split("|") if found and found[0].metavar else []
    return [fmt for fmt in formats if fmt not in OF_FINDINGS]


def _runs() -> Iterator[Any]:
    """Yield every command in every format, with each of the questions that it can be asked."""
    for words, command in _leaves([], get_command(app_with(COMMANDS))):
        name = " ".join(words)
        for fmt in [] if name in LATER else _formats(command):
            for asked in [[], *MORE.get(name, [])]:
                yield pytest.param(words, command, fmt, asked, id=" ".join([name, *asked, fmt]))


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with a plan, claims and catalogs full of hostile text."""
    path = tmp_path_factory.mktemp("hostile")
    (path / "plan.yaml").write_text(json.dumps(PLAN))
    (path / "claims.yaml").write_text(json.dumps(CLAIMS))
    (path / "fleet" / "broken").mkdir(parents=True)
    (path / "fleet" / "plan.yaml").write_text(json.dumps(PLAN))
    (path / "fleet" / "broken" / "plan.yaml").write_text(json.dumps({**PLAN, "team": HOSTILE}))
    hours = [f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z" for hour in range(24 * 21)]
    loads = "".join(f"{at},{100 + 40 * (i % 24)}\n" for i, at in enumerate(hours))
    (path / "load.csv").write_text(f'timestamp,"{HOSTILE.replace(chr(34), "").replace(chr(0), "")}"\n{loads}')
    shutil.copytree(ROOT / "examples" / "loadtests" / "wrk", path / "wrk")
    shown = "".join(filter(str.isprintable, HOSTILE)).replace("\\", "")
    for run in (path / "wrk").iterdir():
        run.write_text(re.sub(r"(?<=test @ ).*", f"http://{shown}", run.read_text()))
    (path / "prices.json").write_text(json.dumps({"Items": PRICES}))
    for file in FROZEN.rglob("*.yaml"):
        new = path / "catalogs" / file.relative_to(FROZEN)
        new.parent.mkdir(parents=True, exist_ok=True)
        text = file.read_text(encoding="utf-8")
        new.write_text(
            re.sub(r"(?m)^(\s+text:) \w.*$", lambda found: f"{found[1]} {json.dumps(HOSTILE)}", text)
        )
    return path


@pytest.fixture(scope="module")
def price_server(there: Path) -> Iterator[str]:
    """Return the address of a server of price lists on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"Items": PRICES}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        patch.setenv("XDG_CACHE_HOME", str(there / "cache"))
        yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


_GIVEN = ("plan", "trace")
"""Arguments that something else could take the place of."""


def _arguments(command: Any, name: str, there: Path) -> list[str]:
    """Return what the command must be given; an argument of a new name has to be added here."""
    known = {"plan": there, "sku": SKU, "directory": there / "catalogs", "provider": "azure"}
    known |= {"model": "M/M/c", "trace": there / "load.csv", "plans": there / "fleet"}
    measured = name == "calibrate service"
    known["files"] = there / ("wrk" if measured else "prices.json")
    needed = [p for p in command.params if p.param_type_name == "argument"]
    given = [
        str(known[p.name]) for p in needed if (p.required or measured or p.name in _GIVEN) and name != "llm"
    ]
    takes_catalogs = any(p.name == "catalogs" for p in command.params) and name not in ("llm", "check")
    return [*given, *(["--catalogs", str(there / "catalogs")] if takes_catalogs else [])]


@pytest.mark.parametrize(("words", "command", "fmt", "asked"), list(_runs()))
def test_hostile_text_stays_text(
    capplan: Callable,
    there: Path,
    price_server: str,
    words: list[str],
    command: Any,
    fmt: str,
    asked: list[str],
) -> None:
    name = " ".join(words)
    if fmt == "png":
        pytest.importorskip("vl_convert")
    target = there / f"out.{fmt}"
    given = [*_arguments(command, name, there), *FIXED.get(name, []), *asked]
    if name == "catalog update":
        given += ["--url", price_server, "--select", "service=Beam,region=francecentral"]
    written = ["-o", there / f"own-{words[-1]}-{fmt}"] if name in TO_STDOUT else ["-o", target, "--force"]
    run = capplan(*words, *given, "--format", fmt, *written)
    if name in TO_STDOUT:
        assert MARK.split("(")[0] in run.stdout
        target.write_text(run.stdout, encoding="utf-8")
    _check_shown(run.stderr)
    if run.exit_code == 2 and name != "fleet":  # which names the broken plan and goes on
        # A report that the format cannot hold is refused in words.
        assert "--format" in run.stderr or "--explain" in run.stderr
        assert asked
        return
    assert "internal error" not in run.stderr
    PARSERS[fmt](target.read_bytes())


def _check_shown(text: str) -> None:
    """Check that a terminal obeys nothing in ``text``, and a CI system either."""
    strange = {sign for sign in text if not sign.isprintable() and sign != "\n"}
    assert strange == set()
    assert not re.search(r"(?m)^\s*::", text)


def _text(data: bytes) -> None:
    _check_shown(data.decode())


def _json(data: bytes) -> None:
    _text(data)
    assert json.loads(data)


def _csv(data: bytes) -> None:
    _text(data)
    rows = list(csv.reader(io.StringIO(data.decode()), strict=True))
    assert len({len(row) for row in rows}) == 1
    starts = [cell for row in rows for cell in row if re.match(r"[=@\t\r]|[+-](?!\d)", cell)]
    assert starts == []


def _markdown(data: bytes) -> None:
    _text(data)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(data.decode())
    flat = [*tokens, *(inner for token in tokens for inner in token.children or ())]
    assert not {token.type for token in flat} & {"link_open", "image", "em_open", "fence", "code_block", "hr"}
    html = "".join(token.content for token in flat if token.type in ("html_block", "html_inline"))
    assert set(re.findall(r"<[^>]*>", html)) <= {"<details>", "</details>", "<summary>", "</summary>"}
    assert all(token.level == 0 for token in flat if token.type == "heading_open")
    _check_tables(tokens)


def _check_tables(tokens: list[Any]) -> None:
    """Check that all rows of a table have as many cells as its heading, which no cell can change."""
    counts: list[int] = []
    for token in tokens:
        if token.type == "table_open":
            counts = []
        elif token.type == "tr_open":
            counts.append(0)
        elif token.type in ("td_open", "th_open"):
            counts[-1] += 1
        elif token.type == "table_close":
            assert len(set(counts)) == 1


class _Page(HTMLParser):
    """Reads a page strictly: every element is closed, none is unknown, none runs anything."""

    KNOWN = frozenset(
        (
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "h2",
            "p",
            "pre",
            "br",
            "table",
            "caption",
            "thead",
        )
        + ("tbody", "tr", "th", "td", "ul", "li", "strong", "code", "details", "summary", "a")
        + ("form", "label", "select", "option", "input", "output", "textarea", "button", "noscript", "script")
        + ("header", "nav", "main", "section", "h1", "h3", "div", "span", "figure", "figcaption")
        + ("svg", "g", "path", "rect", "text", "line", "defs", "clippath", "tspan")
    )
    EMPTY = frozenset(("meta", "br", "input"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in self.KNOWN
        assert tag != "script" or attributes in ([], [("type", "application/json"), ("id", "positions")])
        assert not [name for name, _ in attributes if name.startswith("on") or name == "src"]
        assert all((value or "").startswith("#") for name, value in attributes if name == "href")
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in self.KNOWN

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def _html(data: bytes) -> None:
    _text(data)
    page = _Page()
    page.feed(data.decode())
    page.close()
    assert page.open == []
    for drawing in re.findall(r"(?s)<svg.*?</svg>", data.decode()):
        _svg(drawing.encode())


def _svg(data: bytes) -> None:
    for element in ElementTree.fromstring(data).iter():
        assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "image", "a")
        assert not [name for name in element.attrib if name.startswith("on")]
    _text(data)


def _png(data: bytes) -> None:
    assert data.startswith(b"\x89PNG")


PARSERS: Mapping[str, Callable[[bytes], None]] = {
    "table": _text,
    "json": _json,
    "csv": _csv,
    "focus": _csv,
    "markdown": _markdown,
    "html": _html,
    "svg": _svg,
    "png": _png,
}
"""A format that is not here has no parser yet: every run in it fails."""


def test_the_hostile_text_comes_through(capplan: Callable, there: Path) -> None:
    """Without this, the test above would hold as well for reports that leave the text out."""
    for command in ("audit", "breakeven", "recommend"):
        for fmt in ("table", "markdown", "html", "json"):
            run = capplan(command, there, "--catalogs", there / "catalogs", "--format", fmt)
            assert MARK in re.sub(r"\s+", "", run.stdout).replace("\\", "")
    shown = json.loads(capplan("audit", there, "--format", "json").stdout)
    assert shown["document"] == HOSTILE


def test_hostile_text_stays_text_on_the_page_of_a_plan(capplan: Callable, there: Path) -> None:
    run = capplan("report", there, "--catalogs", there / "catalogs")
    assert run.exit_code == 0, run.stderr
    assert MARK in re.sub(r"\s+", "", run.stdout)
    _html(run.stdout.encode())
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", run.stdout, re.DOTALL)
    assert len(scripts) == run.stdout.count("<script") == 2
    assert not set(scripts[0]) & set("<>&")
    assert MARK not in scripts[1]


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "markdown", "html"])
def test_hostile_words_of_a_price_list_stay_text(capplan: Callable, there: Path, fmt: str) -> None:
    path = there / "prices.json"
    run = capplan("catalog", "import", "azure", path, "-o", there / f"own-{fmt}", "--format", fmt)
    assert run.exit_code == 0, run.stderr
    _check_shown(run.stderr)
    assert MARK.split("(")[0] in run.stdout
    PARSERS[fmt](run.stdout.encode())
    listed = capplan(
        "catalog", "list", "--catalogs", there / f"own-{fmt}", "--name", "alert", "--format", fmt
    )
    assert listed.exit_code == 0, listed.stderr
    PARSERS[fmt](listed.stdout.encode())


@pytest.mark.parametrize("fmt", sorted(OF_FINDINGS))
def test_hostile_names_of_a_catalog_stay_text_in_formats_of_findings(
    capplan: Callable, tmp_path: Path, fmt: str
) -> None:
    path = tmp_path / "aws" / "beam.yaml"
    path.parent.mkdir()
    source = {"as_of": "unknown", "text": HOSTILE}
    skus = {HOSTILE: {"unit": HOSTILE, "usd": {HOSTILE: 1}}}
    of = {"provider": "aws", "service": "beam", "kind": "meter", "unit": "hour", "source": "a"}
    path.write_text(json.dumps({"schema": 1, **of, "sources": {"a": source}, "skus": skus}))
    run = capplan("catalog", "check", path, "--today", "2026-11-01", "--format", fmt)
    assert run.exit_code == 2
    _check_shown(run.stderr)
    assert MARK in run.stdout
    CI_PARSERS[fmt](run.stdout)


def _github(text: str) -> None:
    """Check that every line is one annotation, so that none is one of the text's own."""
    commands = re.findall(r"(?m)^::(\w+) [^\n]*?::", text)
    assert commands
    assert len(commands) == len(text.splitlines())
    assert set(commands) <= {"error", "warning", "notice"}
    assert not {sign for sign in text if not sign.isprintable() and sign != "\n"}


def _sarif(text: str) -> None:
    (run,) = json.loads(text)["runs"]
    assert run["results"]


def _junit(text: str) -> None:
    assert {element.tag for element in ElementTree.fromstring(text.encode()).iter()} <= {
        *("testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out")
    }


CI_PARSERS: Mapping[str, Callable[[str], None]] = {"github": _github, "sarif": _sarif, "junit": _junit}


def test_hostile_names_of_files_stay_text(capplan: Callable, tmp_path: Path, root: Path) -> None:
    trace = tmp_path / "\x1b[31m\n::error::x.csv"
    trace.write_text("t,n\n" + "".join(f"2026-01-01T{h:02d}:00:00Z,{1 + h % 5}\n" for h in range(24)))
    options = ("--trace", trace, "--trace-columns", "t,n", "--days", "0.02")
    _check_shown(capplan("simulate", root / "examples" / "levqor", *options).stdout)
    for wrong in (
        ("estimate", trace),
        ("estimate", tmp_path / "none\x1b[31m\n::error::"),
        ("\x1b[31m\n::e",),
    ):
        run = capplan(*wrong)
        assert run.exit_code == 2
        _check_shown(run.stderr)


def test_only_formats_know_how_text_is_escaped_and_folded() -> None:
    """Elsewhere a report has no place for it: what is missed there is missed in every format but one."""
    wrong = [
        f"{file.name}: {found[0]}"
        for room in ("report", "cli")
        for file in sorted((ROOT / "src" / "capplan" / room).rglob("*.py"))
        if "formats" not in file.parts
        for found in re.finditer(
            r"import textwrap|from html|html\.escape|replace\(\"[|&<]\"", file.read_text()
        )
    ]
    assert wrong == []
