"""`capplan init`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.options import REGION, Force
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.plan.starter import Answers

_QUESTIONS = {
    "name": "Name of the system",
    "platform": "Platform: cloud-run, gke, fargate, eks, vm-group, container-apps or aks",
    "region": "Region",
    "users_per_day": "Users a day",
    "requests_per_user": "Requests of one user in a day",
    "service_time": "How long a request takes",
    "cpu_time": "CPU time of a request",
    "minimum": "Fewest instances",
    "maximum": "Most instances",
}
_WITH = {"service_time": "cpu_time", "minimum": "maximum"}
"""An answer, and the later one that it is compared with: until that is given, the two are alike."""


def init(
    directory: Annotated[
        Path, typer.Argument(help="Directory for plan.yaml; it is created if it does not exist.")
    ] = Path(),
    example: Annotated[
        str | None,
        typer.Option("--example", metavar="NAME", help="Copy this example instead; 'list' shows all."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the system.")] = None,
    platform: Annotated[str | None, typer.Option("--platform", help="Platform of the service.")] = None,
    region: Annotated[str | None, typer.Option("--region", help=REGION)] = None,
    users: Annotated[str | None, typer.Option("--users", metavar="N", help="Users a day.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Use the defaults without asking.")] = False,
    force: Force = False,
) -> None:
    """Write a plan from a few answers, or copy an example.

    What an option says is not asked for, and with --name, --region and --users nothing is. Answers can also
    come from stdin, one a line; an empty line takes the default.

    Example: capplan init --example afpi
    """
    from capplan.cli.output import emit, note, write_files

    if example == "list":
        emit("".join(f"{name}\n" for name in _examples()))
        return
    if example is not None:
        written = _copied(example, directory)
    else:
        given = {"name": name, "platform": platform, "region": region, "users_per_day": users}
        written = {directory / "plan.yaml": _plan(given, directory, ask=not yes)}
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
    from capplan.errors import nearest
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


def _plan(given: Mapping[str, str | None], directory: Path, ask: bool) -> str:
    """Return the plan that options and answers describe, and that can be estimated."""
    from capplan.plan.starter import Answers, starter_plan

    said = {field: value for field, value in given.items() if value is not None}
    answers = Answers(**said)
    ask = ask and not {"name", "region", "users_per_day"} <= said.keys()
    # Whether the platform has a region shows once the platform is known.
    early = said.keys() - ({"region"} if ask and "platform" not in said else set())
    for field in (field for field in _QUESTIONS if field in early):
        # A region that the platform lacks is the fault of the region.
        problem = _wrong(answers._replace(region="") if field == "platform" else answers, field)
        if problem is not None:
            option = "--users" if field == "users_per_day" else f"--{field}"
            raise InputError(problem._replace(where=option))
    if ask:
        answers = _asked(answers, [field for field in _QUESTIONS if field not in said])
    plan = starter_plan(answers)
    _check(plan, directory)
    return plan


def _asked(answers: Answers, fields: Sequence[str]) -> Answers:
    """Return ``answers`` with those of the user to the questions about ``fields``, each one checked."""
    answer = _from_terminal if sys.stdin.isatty() else _from_pipe
    for number, field in enumerate(fields, 1):
        answers = answer(answers, field, number)
    return answers


def _from_terminal(answers: Answers, field: str, number: int) -> Answers:
    """Ask until the answer can be right."""
    from capplan.cli.output import note

    while True:
        said = typer.prompt(_QUESTIONS[field], default=_default(answers, field), err=True)
        answered = answers._replace(**{field: said})
        problem = _wrong(answered, field)
        if problem is None:
            return answered
        note(str(problem))


def _from_pipe(answers: Answers, field: str, number: int) -> Answers:
    """Take the next line; what is wrong in it ends the command, for nobody can be asked again."""
    said = _line() or _default(answers, field)
    answered = answers._replace(**{field: said})
    problem = _wrong(answered, field)
    if problem is not None:
        # Of a platform that is right in itself, the region of the option is wrong.
        of_option = field == "platform" and _wrong(answered._replace(region=""), field) is None
        where = "--region" if of_option else f"stdin:{number}: {problem.where}"
        raise InputError(problem._replace(where=where))
    return answered


def _line() -> str:
    """Return the next line of stdin; nothing where nobody can answer."""
    try:
        return sys.stdin.readline().strip()
    except (OSError, ValueError):
        return ""


def _default(answers: Answers, field: str) -> str:
    from capplan.plan.starter import platform_named

    return str(getattr(answers, field) or platform_named(answers.platform).region)


def _wrong(answers: Answers, field: str) -> Problem | None:
    """Return what is wrong with the answer to one question, by the field of the plan."""
    from capplan.catalog.catalog import Catalog
    from capplan.plan.read import parse_plan
    from capplan.plan.starter import platform_named, starter_plan

    try:
        provider = platform_named(answers.platform).provider
        if field in ("platform", "region") and answers.region:
            Catalog(None).check_region(provider, answers.region)
        if field in _WITH:
            answers = answers._replace(**{_WITH[field]: getattr(answers, field)})
        parse_plan(starter_plan(answers), "the answers", Path())
    except InputError as error:
        problem = error.problems[0]
        return problem._replace(where=problem.where.rpartition(": ")[2])
    return None


def _check(plan: str, directory: Path) -> None:
    """Estimate the plan before it is written, so that a wrong answer is said and nothing is left behind."""
    from capplan.catalog.catalog import Catalog
    from capplan.estimate import estimate
    from capplan.plan.read import parse_plan

    estimate(parse_plan(plan, "the answers", directory), Catalog(None))
