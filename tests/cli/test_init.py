"""`capplan init`: a plan that works, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from capplan.plan.starter import PLATFORMS

ROOT = Path(__file__).resolve().parents[2]
SCHEMA_LINE = "# yaml-language-server: $schema=plan.schema.json"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_starter_plan_of_every_platform_estimates(capplan: Callable, workplace: Path, platform: str) -> None:
    assert capplan("init", "--platform", platform, "--yes").exit_code == 0
    run = capplan("estimate", ".", "--format", "json")
    assert (run.exit_code, run.stderr) == (0, "")
    document = json.loads(run.stdout)
    assert {line["price_status"] for line in document["cost_lines"]} == {"list"}
    assert [w for w in document["warnings"] if w["severity"] != "info"] == []
    assert document["monthly_cost"]["expected"] > 0


def test_defaults_make_a_plan(capplan: Callable, workplace: Path) -> None:
    run = capplan("init", "--yes")
    assert (run.exit_code, run.stdout) == (0, "")
    assert names(workplace) == ["plan.schema.json", "plan.yaml"]
    assert run.stderr == "wrote plan.yaml\nwrote plan.schema.json\nNow run: capplan estimate .\n"


def test_nothing_is_asked_where_nobody_can_answer(capplan: Callable, workplace: Path) -> None:
    assert capplan("init", stdin=b"").exit_code == 0
    assert "name: my-service" in (workplace / "plan.yaml").read_text(encoding="utf-8")


def test_plan_begins_with_its_schema(capplan: Callable, workplace: Path) -> None:
    capplan("init", "--yes")
    assert (workplace / "plan.yaml").read_text(encoding="utf-8").splitlines()[0] == SCHEMA_LINE
    assert (workplace / "plan.schema.json").read_text(encoding="utf-8") == capplan("schema").stdout


def test_directory_is_made(capplan: Callable, workplace: Path) -> None:
    assert capplan("init", "shops/berlin", "--yes").exit_code == 0
    assert capplan("estimate", "shops/berlin").exit_code == 0


def test_examples_are_listed(capplan: Callable, workplace: Path) -> None:
    shipped = sorted(path.parent.name for path in (ROOT / "examples").glob("*/plan.yaml"))
    assert capplan("init", "--example", "list") == (0, "".join(f"{name}\n" for name in shipped), "")
    assert names(workplace) == []


def test_copied_example_estimates_as_the_original(capplan: Callable, workplace: Path, example: Path) -> None:
    assert capplan("init", "copy", "--example", example.name).exit_code == 0
    assert capplan("estimate", "copy").stdout == capplan("estimate", example).stdout
    copied = (workplace / "copy" / "plan.yaml").read_text(encoding="utf-8").splitlines()
    assert copied[0] == SCHEMA_LINE
    assert copied[1:] == (example / "plan.yaml").read_text(encoding="utf-8").splitlines()[1:]


@pytest.mark.parametrize("there", ["plan.yaml", "plan.schema.json"])
@pytest.mark.parametrize("what", [["--yes"], ["--example", "afpi"]])
def test_nothing_is_overwritten(capplan: Callable, workplace: Path, there: str, what: list[str]) -> None:
    (workplace / there).write_text("mine")
    run = capplan("init", *what)
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr == f"capplan: {there}: the file exists. Use --force to replace it.\n"
    assert names(workplace) == [there]
    assert (workplace / there).read_text() == "mine"


def test_force_overwrites(capplan: Callable, workplace: Path) -> None:
    (workplace / "plan.yaml").write_text("mine")
    assert capplan("init", "--yes", "--force").exit_code == 0
    assert capplan("estimate", ".").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--example", "afpy"], "--example: no example 'afpy'. Did you mean 'afpi'?"),
        (
            ["--platform", "cloudrun", "--yes"],
            "--platform: unknown platform 'cloudrun'. Did you mean 'cloud-run'?",
        ),
        (["--example", "../.."], "--example: no example '../..'"),
    ],
)
def test_wrong_option_leaves_nothing_behind(
    capplan: Callable, workplace: Path, arguments: list[str], says: str
) -> None:
    run = capplan("init", "new", *arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert says in run.stderr
    assert names(workplace) == []


def test_file_in_the_way_is_named(capplan: Callable, workplace: Path) -> None:
    (workplace / "new").write_text("mine")
    run = capplan("init", "new", "--yes")
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith("capplan: new")


@pytest.mark.parametrize(
    ("method", "written"),
    [
        ("write_bytes", 0),
        ("write_bytes", 1),
        ("replace", 0),
        ("replace", 1),
    ],
)
def test_failure_to_write_leaves_nothing_behind(
    capplan: Callable, workplace: Path, monkeypatch: pytest.MonkeyPatch, method: str, written: int
) -> None:
    real, left = getattr(Path, method), [None] * written

    def until_the_disk_is_full(self: Path, *arguments: object) -> object:
        if not left:
            raise OSError(28, "No space left on device")
        left.pop()
        return real(self, *arguments)

    monkeypatch.setattr(Path, method, until_the_disk_is_full)
    run = capplan("init", "--yes")
    assert run.exit_code == 2
    assert "No space left on device" in run.stderr
    assert names(workplace) == []


def test_failure_to_replace_brings_back_what_was_there(
    capplan: Callable, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "plan.yaml").write_text("mine")
    real = Path.replace

    def only_the_plan(self: Path, target: Path) -> object:
        if target.name != "plan.yaml":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", only_the_plan)
    assert capplan("init", "--yes", "--force").exit_code == 2
    assert (names(workplace), (workplace / "plan.yaml").read_text()) == (["plan.yaml"], "mine")


# Answers at a terminal

ANSWERS = ("shop", "fargate", "us-east-1", "5k", "20", "80ms", "10ms", "2", "8")


@pytest.fixture
def answering(capplan: Callable, monkeypatch: pytest.MonkeyPatch, workplace: Path) -> Callable:
    """Return a function that runs `capplan init` for somebody at a terminal who gives these answers."""

    def run(*answers: str, arguments: tuple[str, ...] = ()) -> tuple[int, str, str]:
        # The real stdin is none: pytest closes it, and typer would not prompt there.
        waiting = list(answers)
        monkeypatch.setattr("capplan.cli.init.sys.stdin", _Terminal())
        monkeypatch.setattr(
            "capplan.cli.init.typer.prompt", lambda *_, default, **__: waiting.pop(0) or default
        )
        return capplan("init", *arguments)

    return run


class _Terminal:
    def isatty(self) -> bool:
        return True


def test_answers_are_in_the_plan(answering: Callable, capplan: Callable, workplace: Path) -> None:
    assert answering(*ANSWERS)[0] == 0
    plan = (workplace / "plan.yaml").read_text(encoding="utf-8")
    assert "name: shop" in plan
    assert "platform: fargate" in plan
    assert "{min: 2, max: 8}" in plan
    document = json.loads(capplan("estimate", ".", "--format", "json").stdout)
    assert document["demand"]["average_rps"] == pytest.approx(5000 * 20 / 86400)


def test_no_answer_takes_the_default(answering: Callable, capplan: Callable, workplace: Path) -> None:
    assert answering(*[""] * 9)[0] == 0
    asked = (workplace / "plan.yaml").read_text(encoding="utf-8")
    capplan("init", "--yes", "--force")
    assert (workplace / "plan.yaml").read_text(encoding="utf-8") == asked


def test_given_platform_is_not_asked_for(answering: Callable, workplace: Path) -> None:
    assert answering(*[""] * 8, arguments=("--platform", "aks"))[0] == 0
    assert "platform: aks" in (workplace / "plan.yaml").read_text(encoding="utf-8")


WRONG = [
    (0, "My Shop", "name: 'My Shop' is not a usable name"),
    (1, "fargat", "unknown platform 'fargat'. Did you mean 'fargate'?"),
    (2, "us-east-9", "aws has no region 'us-east-9'"),
    (3, "plenty", "demand.users_per_day: expected a number"),
    (3, "3}, services: {", "demand.users_per_day: expected a number"),
    (4, "-1", "demand.requests_per_user: must be at least 0"),
    (5, "fast", "services.api.service_time: expected a duration"),
    (6, "0.01", "services.api.cpu_time: expected a duration"),
    (7, "-3", "services.api.instances.min: must be a whole number"),
    (8, "1", "min 2 is above max 1"),
    (8, "0.5", "services.api.instances.max: must be a whole number"),
]


@pytest.mark.parametrize(("number", "answer", "says"), WRONG)
def test_wrong_answer_is_asked_for_again(
    answering: Callable, workplace: Path, number: int, answer: str, says: str
) -> None:
    exit_code, stdout, stderr = answering(*ANSWERS[:number], answer, *ANSWERS[number:])
    assert (exit_code, stdout) == (0, "")
    first, *rest = stderr.splitlines()
    assert says in first
    assert rest[0] == "wrote plan.yaml"
    asked = (workplace / "plan.yaml").read_text(encoding="utf-8")
    (workplace / "plan.yaml").unlink()
    (workplace / "plan.schema.json").unlink()
    assert answering(*ANSWERS)[0] == 0
    assert (workplace / "plan.yaml").read_text(encoding="utf-8") == asked


@pytest.mark.parametrize(("number", "answer", "says"), WRONG)
def test_wrong_answer_from_a_pipe_leaves_nothing_behind(
    capplan: Callable, workplace: Path, number: int, answer: str, says: str
) -> None:
    lines = [*ANSWERS[:number], answer, *ANSWERS[number + 1 :]]
    run = capplan("init", stdin="\n".join(lines).encode())
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith(f"capplan: stdin:{number + 1}: ")
    assert says in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert names(workplace) == []


def test_answers_from_a_pipe_are_those_of_a_terminal(
    answering: Callable, capplan: Callable, workplace: Path
) -> None:
    assert capplan("init", "piped", stdin="\n".join(ANSWERS).encode()).exit_code == 0
    assert answering(*ANSWERS, arguments=("typed",))[0] == 0
    piped, typed = (workplace / name / "plan.yaml" for name in ("piped", "typed"))
    assert piped.read_text(encoding="utf-8") == typed.read_text(encoding="utf-8")


# Answers as options


def test_what_options_say_is_not_asked(answering: Callable, workplace: Path) -> None:
    rest = ("20", "80ms", "10ms", "2", "8")
    given = ("--name", "shop", "--platform", "fargate", "--users", "5k")
    assert answering("us-west-2", *rest, arguments=given)[0] == 0
    plan = (workplace / "plan.yaml").read_text(encoding="utf-8")
    assert all(part in plan for part in ("name: shop", "aws: us-west-2", "users_per_day: 5k", "80ms"))


def test_nothing_is_asked_where_name_region_and_users_are_said(answering: Callable, workplace: Path) -> None:
    given = ("--name", "shop", "--region", "europe-west1", "--users", "5k")
    assert answering(arguments=given)[0] == 0
    plan = (workplace / "plan.yaml").read_text(encoding="utf-8")
    assert all(part in plan for part in ("name: shop", "gcp: europe-west1", "users_per_day: 5k"))


def test_region_is_checked_once_the_platform_is_known(answering: Callable, workplace: Path) -> None:
    answers = ("shop", "cloud-run", "fargate", *ANSWERS[3:])
    exit_code, _, stderr = answering(*answers, arguments=("--region", "us-east-1"))
    assert exit_code == 0
    assert "gcp has no region 'us-east-1'" in stderr
    assert "aws: us-east-1" in (workplace / "plan.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "My Shop"), "--name: 'My Shop' is not a usable name"),
        (("--users", "many"), "--users: expected a number"),
        (
            ("--platform", "eks", "--region", "us-est-1"),
            "--region: aws has no region 'us-est-1'. Did you mean",
        ),
        (("--region", "eu-west-1", "--yes"), "--region: gcp has no region 'eu-west-1'"),
        (("--region", "mars-1"), "--region: gcp has no region 'mars-1'"),
    ],
)
def test_wrong_answer_in_an_option_leaves_nothing_behind(
    capplan: Callable, workplace: Path, arguments: tuple[str, ...], says: str
) -> None:
    run = capplan("init", *arguments, stdin=b"")
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.startswith(f"capplan: {says}")
    assert names(workplace) == []
