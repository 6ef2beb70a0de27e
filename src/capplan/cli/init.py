"""`capplan init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import Force

if TYPE_CHECKING:
    from capplan.plan.starter import Answers

_QUESTIONS = (
    ("name", "Name of the system"),
    ("platform", "Platform: cloud-run, gke, fargate, eks, vm-group, container-apps or aks"),
    ("region", "Region"),
    ("users_per_day", "Users a day"),
    ("requests_per_user", "Requests of one user in a day"),
    ("service_time", "How long a request takes"),
    ("cpu_time", "CPU time of a request"),
    ("minimum", "Instances, at least"),
    ("maximum", "Instances, at most"),
)


def init(
    directory: Annotated[
        Path, typer.Argument(help="Where to write plan.yaml; made if it is not there.")
    ] = Path(),
    example: Annotated[
        str | None,
        typer.Option("--example", metavar="NAME", help="Copy this example instead; 'list' names them."),
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", help="Platform of the service, without being asked.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, take the defaults.")] = False,
    force: Force = False,
) -> None:
    """Write a plan from a few answers, or copy an example.

    Example: capplan init --example afpi
    """
    from capplan.cli.output import emit, note, write_files
    from capplan.plan.starter import starter_plan

    if example == "list":
        emit("".join(f"{name}\n" for name in _examples()))
        return
    if example is not None:
        written = _copied(example, directory)
    else:
        plan = starter_plan(_answers(platform, ask=not yes and sys.stdin.isatty()))
        _check(plan, directory)
        written = {directory / "plan.yaml": plan}
    written[directory / "plan.schema.json"] = _schema()
    write_files(written, force)
    for path in written:
        note(f"wrote {path}")
    note(f"Now run: capplan estimate {directory}")


def _examples() -> list[str]:
    from capplan.paths import data_dir

    return sorted(path.parent.name for path in data_dir("examples").glob("*/plan.yaml"))


def _copied(example: str, directory: Path) -> dict[Path, str]:
    """Return the files of an example, by where they go; its plan names the schema beside it."""
    from capplan.errors import InputError, Problem, nearest
    from capplan.paths import data_dir

    known = _examples()
    if example not in known:
        raise InputError(Problem("--example", f"no example '{example}'", nearest(example, known)))
    files = sorted(path for path in (data_dir("examples") / example).iterdir() if path.is_file())
    texts = {directory / path.name: path.read_text(encoding="utf-8") for path in files}
    plan = directory / "plan.yaml"
    texts[plan] = texts[plan].replace("$schema=../../docs/plan.schema.json", "$schema=plan.schema.json", 1)
    return texts


def _schema() -> str:
    from capplan.plan.schema import schema_text

    return schema_text()


def _answers(platform: str | None, ask: bool) -> Answers:
    from capplan.plan.starter import Answers, platform_named

    answers = Answers(platform=platform) if platform else Answers()
    if ask:
        for field, question in _QUESTIONS:
            if field == "platform" and platform is not None:
                continue
            default = getattr(answers, field) or platform_named(answers.platform).region
            answers = answers._replace(**{field: typer.prompt(question, default=default, err=True)})
    return answers


def _check(plan: str, directory: Path) -> None:
    """Estimate the plan before it is written, so that a wrong answer is said and nothing is left behind."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate
    from capplan.plan.read import parse_plan

    estimate(parse_plan(plan, "the answers", directory), Catalog(None))
