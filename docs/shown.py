"""What the documentation shows: real output, put there by cog and checked in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_FIXED = {
    "NO_COLOR": "1",
    "COLUMNS": "80",
    "LINES": "24",
    "PYTHONIOENCODING": "utf-8",
    "XDG_CONFIG_HOME": os.devnull,
}


def output(command: str) -> str:
    """Return what ``command`` prints, on stdout and then on stderr."""
    arguments = command.split()[1:]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CAPPLAN_", "FORCE_COLOR"))}
    done = subprocess.run(
        [sys.executable, "-m", "capplan", *arguments],
        cwd=ROOT,
        env=environment | _FIXED,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode == 1:
        raise RuntimeError(done.stderr)
    return done.stdout + done.stderr


def console(command: str, lines: int | None = None) -> None:
    """Print a fenced block with a command and what it prints, at most so many ``lines`` of it."""
    shown = output(command).splitlines()
    kept = shown if lines is None else shown[:lines]
    print("```console", f"$ {command}", *kept, *(["…"] if len(kept) < len(shown) else []), "```", sep="\n")


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
        for name, field in found["properties"].items():
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


def _kind(field: dict[str, Any]) -> str:
    """Say what may stand there: an example of a quantity, the allowed words, or the section to look up."""
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
            return f"[{name}](#{name.lower()})"
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
