"""What the documentation shows: real output, put there by cog and checked in CI."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_PICTURED = ("capplan estimate examples/afpi -q", "capplan check examples/afpi --today 2026-11-21")
_FIXED = {
    "COLUMNS": "80",
    "LINES": "24",
    "NUMBA_DISABLE_JIT": "1",
    "PYTHONIOENCODING": "utf-8",
    "XDG_CONFIG_HOME": os.devnull,
}


_PLAIN = {"NO_COLOR": "1"}
_GIT = {f"GIT_{who}_{what}": "you" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")} | {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def run(
    command: str, place: Path = ROOT, more: Mapping[str, str] = _PLAIN
) -> subprocess.CompletedProcess[str]:
    """Run ``command``, of capplan or of git, in the directory ``place``."""
    program, *arguments = shlex.split(command)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CAPPLAN_", "FORCE_COLOR"))}
    done = subprocess.run(
        [*([sys.executable, "-m", "capplan"] if program == "capplan" else [program]), *arguments],
        cwd=place,
        env=environment | _FIXED | more,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode in (1, 2):
        raise RuntimeError(f"{command}\n{done.stderr}")
    return done


def output(command: str) -> str:
    """Return what ``command`` prints, on stdout and then on stderr."""
    done = run(command)
    return done.stdout + done.stderr


def console(command: str, lines: int | None = None) -> None:
    """Print a fenced block with a command and what it prints, at most so many ``lines`` of it."""
    _fence([(command, output(command))], lines)


def ending(command: str, lines: int) -> None:
    """Print a fenced block with a command and the last ``lines`` of what it prints."""
    print("```console", f"$ {command}", "…", *output(command).splitlines()[-lines:], "```", sep="\n")


def _fence(said: list[tuple[str, str]], lines: int | None = None) -> None:
    print("```console")
    for command, text in said:
        shown = text.splitlines()
        kept = shown if lines is None else shown[:lines]
        print(f"$ {command}", *kept, *(["…"] if len(kept) < len(shown) else []), sep="\n")
    print("```")


class Tour:
    """Commands and files that build on each other, in a directory of their own."""

    def __init__(self) -> None:
        self._kept = TemporaryDirectory()
        self._place = Path(self._kept.name)

    def console(self, *commands: str, lines: int | None = None, code: bool = False) -> None:
        """Print a fenced block with ``commands`` and what they print; ``code`` adds the last exit code."""
        said = []
        for command in commands:
            done = run(command, self._place, _PLAIN | _GIT)
            said.append((command, done.stdout + done.stderr))
        _fence(said + ([("echo $?", str(done.returncode))] if code else []), lines)

    def write(self, name: str, text: str) -> None:
        """Write a file, and print it as a fenced block."""
        (self._place / name).write_text(text, encoding="utf-8")
        print(f"```yaml\n# {name}\n{text}```")

    def add(self, name: str, text: str) -> None:
        """Add to the end of a file, and print what is added as a fenced block."""
        with (self._place / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}")
        print(f"```yaml\n{text}```")

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace the one line ``old`` of a file, and print the change as a fenced block."""
        before = (self._place / name).read_text(encoding="utf-8")
        assert before.count(old) == 1, old
        (self._place / name).write_text(before.replace(old, new), encoding="utf-8")
        print(f"```diff\n-{old}\n+{new}\n```")


_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
text {{ font-family: Menlo, Consolas, DejaVu Sans Mono, monospace; font-size: {char_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g>
{matrix}
</g>
</g>
</svg>
"""
"""rich's own template without its fonts, which a browser would load from the network."""


def picture() -> str:
    """Return the README's picture, an SVG of a terminal in which the pictured commands have run."""
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    console = Console(
        record=True,
        file=StringIO(),
        width=80,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    for command in _PICTURED:
        console.print(Text(f"$ {command}"))
        console.print(Text.from_ansi(run(command, more={"FORCE_COLOR": "1"}).stdout))
    text = console.export_svg(title="capplan", code_format=_SVG, unique_id="capplan")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


def reference() -> None:
    """Print the help of every command."""
    for command in _commands():
        print(f"\n## {command}\n\n```text", output(f"{command} --help").rstrip(), "```", sep="\n")


def _commands() -> list[str]:
    """Return every command, groups before what is in them."""
    from typer.main import get_command

    from capplan.cli.app import app_with
    from capplan.cli.commands import COMMANDS

    found = []
    waiting = [("capplan", get_command(app_with(COMMANDS)))]
    while waiting:
        name, command = waiting.pop(0)
        found.append(name)
        subcommands = getattr(command, "commands", {})
        waiting += [(f"{name} {sub}", subcommands[sub]) for sub in subcommands]
    return found


def checks() -> None:
    """Print everything that capplan can find, by the command that does."""
    from capplan.findings import DECLARED, checks_of
    from capplan.report.blocks import Report, Style
    from capplan.report.checks import details
    from capplan.report.formats.markdown import write

    for command in DECLARED:
        print(f"\n## capplan {command}")
        for check in checks_of(command):
            said = write(Report(lambda check=check: details(check)), "markdown", Style(80))
            print(f"\n### {check.code}\n\n**{check.title}** ({check.severity})\n\n{said}", end="")


def fields(*sections: str) -> None:
    """Print a table of the fields of each of the plan's ``sections``, by the names in its JSON Schema."""
    import json

    from capplan.plan.schema import schema_text

    schema = json.loads(schema_text())
    definitions = {**schema["$defs"], "Plan": schema}
    for section in sections:
        found = definitions[section]
        print(f"\n### {section}\n\n{found['description']}\n")
        print("| field | value | default | meaning |\n|---|---|---|---|")
        for name, described in found["properties"].items():
            field = {key: value for key, value in described.items() if key != "examples"}
            default = "**required**" if name in found.get("required", ()) else _default(field)
            print(f"| `{name}` | {_kind(field)} | {default} | {field.get('description', '')} |")


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if default in (None, "", {}, [], "0Gi", "0s") or (default == 0 and isinstance(default, float)):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{100 * default:g}%`" if "%" in _kind(field) else f"`{default:g}`"
    return f"`{default}`"


_EVERY_NUMBER = ("#/$defs/Interval", "#/$defs/Sourced")
"""What may stand for any number, and is told once for all of them."""


def _kind(field: dict[str, Any]) -> str:
    """Say what may stand there: an example of a quantity, the allowed words, or the section to look up."""
    field = {**field, "anyOf": [o for o in field.get("anyOf", ()) if o.get("$ref") not in _EVERY_NUMBER]}
    for options in (field.get("oneOf"), field.get("anyOf")):
        if options and sum("$ref" in option or "oneOf" in option for option in options) > 0:
            return ", ".join(found for option in options if (found := _kind(option)) and found != "object")
    for option in (field, *field.get("anyOf", ())):
        if "examples" in option:
            return f"`{option['examples'][0]}`"
        if "enum" in option:
            return " ".join(f"`{word}`" for word in option["enum"])
        if "const" in option:
            return f"`{option['const']}`"
        if "$ref" in option:
            name = option["$ref"].rsplit("/", 1)[-1]
            return "any value" if name == "JsonValue" else f"[{name}](#{name.lower()})"
    if "$ref" in field.get("items", ()):
        return f"list of {_kind(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"names → {_kind(field['additionalProperties'])}"
    types = [o["type"] for o in (field, *field.get("anyOf", ())) if o.get("type") not in (None, "null")]
    return {"array": "list", "boolean": "`true` `false`"}.get(types[0], types[0]) if types else ""


def llm_claims(*claims: tuple[str, str, str, str, int]) -> None:
    """Print what the model says to each (claim, model, precision, GPU, count); 1,000 tokens in, 300 out."""
    from capplan.catalog.catalog import Catalog
    from capplan.components.llm.facts import facts_of
    from capplan.llm.configuration import Configuration
    from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision
    from capplan.llm.look import RequestShape, look

    facts = facts_of(Catalog())
    print("| claim | on | weights, GB | usable, GB | requests at once | tok/s, one user | tok/s, full |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for claim, model, precision, gpu, count in claims:
        one = look(
            Configuration(
                find_model(model, facts),
                find_precision(precision),
                find_gpu(gpu, facts),
                float(count),
                find_engine("vllm", facts),
            ),
            RequestShape(1000, 300),
            facts,
        )
        lack = one.hindrance.split(" for ")[0]
        fit = [lack, "", ""] if lack else [f"{one.sequences:,.0f}", f"{one.alone_tokens_per_s:.0f}"]
        full = [] if lack else [f"{one.tokens_per_s:,.0f}"]
        on = f"{model}, {one.configuration.brief()}"
        print(f"| {' | '.join([claim, on, f'{one.weights_gb:.1f}', f'{one.usable_gb:.1f}', *fit, *full])} |")


if __name__ == "__main__":
    sys.stdout.write(picture())


def price_lists() -> None:
    """Print a table of the price lists: what they hold, and how old they are."""
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.query import rows_of

    print("\n| list | SKUs | regions | prices | sources of |\n|---|---:|---:|---:|---|")
    for file in Catalog(None).services():
        rows = rows_of(file)
        paid = ((r.usd, r.spot_usd, r.commit_1y_usd, r.commit_3y_usd) for r in rows)
        prices = sum(usd is not None for usds in paid for usd in usds)
        dates = sorted({source.as_of or "unknown" for source in file.sources.values()})
        span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        regions = len(file.regions - {"global"})
        name, skus = f"{file.provider}/{file.service}", f"{len(file.skus):,}"
        print(f"| {name} | {skus} | {regions or 'all'} | {prices:,} | {span} |")
    print()
