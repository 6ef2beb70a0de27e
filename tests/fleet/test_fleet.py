"""Fleets: what plans share counts once an account, shares add up, broken plans stop nobody."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, SHIPPED, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.cli.progress import reporter
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.executors import in_processes
from capplan.fleet.account import hourly_use
from capplan.fleet.document import fleet_document
from capplan.fleet.members import FleetOptions
from capplan.fleet.report import BY, FleetAnswer, document_of
from capplan.fleet.run import PlanFleet, fleet_of
from capplan.fleet.showback import divided, in_cents
from capplan.fleet.sources import sources_of
from capplan.gate.check import Checked
from capplan.report.json_format import estimate_document

EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/plan.yaml"))
WEB = "{platform: cloud-run, service_time: 200ms, cpu_time: 50ms, instances: {min: 0, max: 50}}"
GROUP = (
    "{platform: vm-group, provider: aws, machine: m5.large, throughput: 5/s, instances: {min: 1, max: 40}, "
    "purchase: {commit_1y: %s}}"
)


def plan(name: str, service: str = WEB, rps: float = 20, more: str = "") -> str:
    """Return a plan of one service, called as the plan is."""
    demand = f"{{requests_per_second: {rps}, profile: office-hours}}"
    regions = "{gcp: us-central1, aws: us-east-1}"
    return f"name: {name}\nregions: {regions}\ndemand: {demand}\nservices: {{{name}: {service}}}\n{more}"


def options(*plans: str) -> FleetOptions:
    return FleetOptions(plans, None, (), None, date(2026, 9, 30))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that writes plans here, each into a directory called as it is, and a fleet file."""
    monkeypatch.chdir(tmp_path)

    def written(*texts: str, file: str = "") -> None:
        for text in texts:
            directory = tmp_path / text.split("\n")[0].removeprefix("name: ")
            directory.mkdir(exist_ok=True)
            (directory / "plan.yaml").write_text(text)
        (tmp_path / "fleet.yaml").write_text(file or "name: shop\n")

    return written


@pytest.fixture
def fleet(write: Callable[..., None]) -> Callable[..., PlanFleet]:
    """Return a function that writes plans and returns their fleet."""

    def made(*texts: str, file: str = "") -> PlanFleet:
        write(*texts, file=file)
        return fleet_of(options("."))

    return made


def cost(found: PlanFleet, of: str | None = None) -> float:
    """Return what a fleet, or one plan of it, is expected to cost."""
    document = fleet_document(found)
    return float((document if of is None else document["components"][of])["monthly_cost"]["expected"])


def alone(*texts: str) -> float:
    """Return what plans cost together, each in an account of its own."""
    return sum(float(estimate(plan_of(text), SHIPPED).total.expected[0, 0]) for text in texts)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_a_fleet_of_one_plan_is_the_plan(example: Path) -> None:
    """Its tariffs in blocks are priced anew, from what the account uses."""
    found = fleet_of(options(str(example)))
    (member,) = found.members.values()
    document = estimate_document(
        estimate(plan_of((example / "plan.yaml").read_text(), directory=example), SHIPPED)
    )
    one = fleet_document(found)
    assert one["monthly_cost"] == document["monthly_cost"]
    lines = [{**line, "component": line["part"]} for line in one["cost_lines"]]
    assert [{key: line[key] for key in line if key != "part"} for line in lines] == document["cost_lines"]
    assert len(member.charges) <= len(document["cost_lines"])


def test_blocks_and_free_tiers_count_once_an_account(fleet: Callable[..., PlanFleet]) -> None:
    one, two = plan("one"), plan("two", rps=50)
    both = (
        plan("one", rps=70, more="")
        .replace("services: {", f"services: {{two: {WEB}, ")
        .replace("profile: office-hours", "profile: office-hours, entry: {one: 20, two: 50}")
    )
    assert cost(fleet(one, two)) == pytest.approx(alone(both), rel=1e-9)
    apart = fleet(one, two, file="accounts: {a: [one], b: [two]}")
    assert cost(apart) == pytest.approx(alone(one, two), rel=1e-12)
    assert cost(apart) < cost(fleet(one, two)) - 1
    said = fleet(one + "account: a\n", two + "account: b\n")
    assert cost(said) == cost(apart)


def test_what_one_plan_has_committed_to_covers_what_another_runs(fleet: Callable[..., PlanFleet]) -> None:
    found = fleet(plan("one", GROUP % "100%", 60), plan("two", GROUP % "0%", 30))
    ((key, pool),) = hourly_use(list(found.members.values())).items()
    assert key == ("", "aws", "ec2", "m5.large", "us-east-1", "168")
    uncovered = 730 * float(np.maximum(pool.machines.running - pool.committed, 0).mean())
    lines = [line for member in found.members.values() for line in member.lines]
    on_demand = [line for line in lines if line.rate == "on_demand" and line.service == "ec2"]
    assert sum(line.quantity for line in on_demand) == pytest.approx(uncovered)
    apart = fleet(file="accounts: {a: [one], b: [two]}")
    assert cost(found) < cost(apart) - 1
    assert cost(found) + sum(share.shared for share in found.shares) == pytest.approx(
        cost(apart) + sum(share.shared for share in apart.shares)
    )


@pytest.mark.parametrize("apart", ["x y z", "xy z", "x yz", "xyz"])
def test_services_cost_the_same_however_they_are_spread_over_plans(
    fleet: Callable[..., PlanFleet], apart: str
) -> None:
    """Commitments are the account's, so those of a service cover the others of its plan too."""
    use = {"x": ("100%", 30), "y": ("0%", 40), "z": ("20%", 10)}
    texts = []
    for names in apart.split():
        services = ", ".join(f"{name}: {GROUP % use[name][0]}" for name in names)
        total = sum(use[name][1] for name in names)
        entry = json.dumps({name: use[name][1] / total for name in names})
        text = plan(names, rps=total).replace("office-hours", f"office-hours, entry: {entry}")
        texts.append(text.replace(f"{{{names}: {WEB}}}", f"{{{services}}}"))
    found = fleet(*texts)
    ((_, pool),) = hourly_use(list(found.members.values())).items()
    hours = [line.quantity for _, _, line in found.lines() if line.rate == "on_demand"]
    assert sum(hours) == pytest.approx(730 * float(pool.uncovered()[0].expected[0, 0]))


@pytest.mark.parametrize("rule", ["use", "list-cost", "equal"])
def test_shares_add_up_to_the_total_to_the_cent(fleet: Callable[..., PlanFleet], rule: str) -> None:
    plans = [
        plan("one"),
        plan("two", rps=3),
        plan("three", GROUP % "60%", 60),
        plan("four", GROUP % "0%", 31),
    ]
    found = fleet(
        *(f"{text}team: {team}\n" for text, team in zip(plans, "abcb", strict=True)), file=f"showback: {rule}"
    )
    assert f"{sum(share.cost for share in found.shares):.2f}" == f"{cost(found):.2f}"
    assert all(0 <= share.cost <= share.alone + 0.01 for share in found.shares)
    saved = {share.team: share.shared for share in found.shares}
    if rule == "equal":
        assert saved["b"] == pytest.approx(saved["a"] + saved["c"])


def test_by_use_is_as_it_is_billed(fleet: Callable[..., PlanFleet]) -> None:
    found = fleet(plan("one", more="team: a\n"), plan("two", rps=3, more="team: b\n"))
    billed = [cost(found, name) for name in ("one", "two")]
    assert [share.cost for share in found.shares] == pytest.approx(billed, abs=0.0101)


@moderate
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8))
def test_cents_add_up(amounts: list[float]) -> None:
    cents = in_cents(amounts)
    assert round(100 * sum(cents)) == round(100 * sum(amounts))
    assert all(abs(one - other) < 0.0101 for one, other in zip(cents, amounts, strict=True))


@moderate
@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 100)), min_size=1, max_size=6), st.floats(0, 1))
def test_nobody_gets_more_than_he_would_pay(parts: list[tuple[float, float]], share: float) -> None:
    weights, most = zip(*parts, strict=True)
    amount = share * sum(most)
    found = divided(amount, weights, most)
    assert sum(found) == pytest.approx(amount, abs=1e-6)
    assert all(one <= limit + 1e-9 for one, limit in zip(found, most, strict=True))


def test_broken_plans_are_named_and_the_others_summed(write: Callable[..., None], capplan: Callable) -> None:
    write(plan("one"), plan("two"), "name: three\nservices: {web: {platform: none}}\n")
    table, found = capplan("fleet", "."), capplan("fleet", ".", "--format", "json")
    assert (table.exit_code, found.exit_code) == (2, 2)
    assert "Broken: three/plan.yaml" in table.stdout
    assert "demand" in table.stdout
    document = json.loads(found.stdout)
    assert document["monthly_cost"]["bound"] == "lower"
    assert document["components"]["three/plan.yaml"]["monthly_cost"]["expected"] is None
    assert document["monthly_cost"]["expected"] == pytest.approx(
        sum(document["components"][name]["monthly_cost"]["expected"] for name in ("one", "two"))
    )


@pytest.mark.parametrize(
    ("file", "code", "said"),
    [
        ("gates: {budgets: [{expected: 1}]}", 3, "budget/total-expected"),
        ("gates: {budgets: [{component: one, expected: 1}]}", 3, "budget/one-expected"),
        ("teams: {core: ['o*']}\ngates: {budgets: [{tag: core, expected: 1}]}", 3, "budget/core-expected"),
        ("gates: {budgets: [{expected: 1e6}]}", 0, "total"),
        ("gates: {budgets: [{tag: core, expected: 1}]}", 2, "the fleet has no 'core'"),
        ("gates: {budgets: [{per: requests, expected: 1}]}", 2, "the fleet has no 'requests'"),
        ("teams: {a: ['*'], b: [two]}", 2, "'two' is two/plan.yaml, which a has already"),
        ("accounts: {a: [three]}", 2, "no plan of the fleet is called 'three'"),
        ("teams: {x: [one]}\naccounts: {x: [two]}\n", 2, "'x' is a team and an account"),
        ("showback: all", 2, "fleet.yaml:1:1: showback: must be"),
    ],
)
def test_a_fleet_file_says_who_shares_and_what_may_be_spent(
    write: Callable[..., None], capplan: Callable, file: str, code: int, said: str
) -> None:
    write(plan("one"), plan("two"), file=file)
    done = capplan("fleet", ".")
    assert (done.exit_code, said in done.stdout + done.stderr) == (code, True), done


def test_each_plan_is_judged_by_its_own_gates(write: Callable[..., None], capplan: Callable) -> None:
    write(plan("one", more="gates: {budgets: [{expected: 1}]}\n"), plan("two"))
    done = capplan("fleet", ".", "--format", "json")
    (violation,) = json.loads(done.stdout)["violations"]
    assert (done.exit_code, violation["component"], violation["fingerprint"]) == (
        3,
        "one",
        "one:budget/total-expected:",
    )


def test_groups_add_up_whatever_they_are(fleet: Callable[..., PlanFleet]) -> None:
    tags = "tags: {front: [one], all: [one]}\nteam: core\naccount: a\n"
    found = fleet(plan("one", more=tags), plan("two", GROUP % "20%"))
    answers = {by: document_of(FleetAnswer(found, {}, Checked({}, (), 0), None, by)) for by in BY}
    whole = fleet_document(found)["monthly_cost"]
    for by, answer in answers.items():
        rows = answer["by"]["monthly_cost"]
        assert len(rows) == 2
        assert ("front, all" in rows) == (by == "tag")
        for figure in ("min", "expected", "max"):
            assert sum(row[figure] for row in rows.values()) == pytest.approx(whole[figure])


def test_csv_and_focus_say_whose_each_line_is(write: Callable[..., None], capplan: Callable) -> None:
    write(plan("one", more="tags: {front: [one]}\nteam: core\naccount: a\n"), plan("two"))
    total = json.loads(capplan("fleet", ".", "--format", "json").stdout)["monthly_cost"]["expected"]
    rows = {
        fmt: list(csv.DictReader(io.StringIO(capplan("fleet", ".", "--format", fmt).stdout)))
        for fmt in ("csv", "focus")
    }
    assert sum(float(row["monthly_cost"]) for row in rows["csv"]) == pytest.approx(total)
    assert {(row["plan"], row["team"], row["account"], row["tags"]) for row in rows["csv"]} == {
        ("one", "core", "a", "front"),
        ("two", "", "", ""),
    }
    assert sum(float(row["EffectiveCost"]) for row in rows["focus"]) == pytest.approx(total)
    tagged = [json.loads(row["Tags"]) for row in rows["focus"] if row["BillingAccountId"] == "a"]
    assert tagged[0] == {"front": "true", "plan": "one", "component": "one", "team": "core"}


def _committed() -> None:
    """Make what is here the only commit of a repository."""
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    for command in (("init", "-q"), ("add", "."), ("commit", "-qm", "One")):
        subprocess.run([*git, *command], check=True, capture_output=True)


def test_changes_are_counted_from_a_saved_fleet_and_from_a_revision(
    write: Callable[..., None], capplan: Callable, tmp_path: Path
) -> None:
    write(plan("one"), plan("two"), file="gates: {increases: [{percent: 5%}]}")
    _committed()
    capplan("fleet", ".", "--format", "json", "-o", "saved.json")
    write(plan("one", rps=60), file="gates: {increases: [{percent: 5%}]}")
    runs = [capplan("fleet", ".", "--base", base, "--format", "json") for base in ("saved.json", "HEAD:.")]
    changes = [json.loads(run.stdout)["changes"]["components"] for run in runs]
    assert [run.exit_code for run in runs] == [3, 3]
    assert [change["one"]["status"] for change in changes] == ["changed", "changed"]
    assert changes[0]["one"]["by_design"] == pytest.approx(changes[1]["one"]["by_design"])
    assert "fleet: 3 plans\n" in capplan("fleet", "HEAD:one", ".").stdout
    assert "fleet: 2 plans\n" in capplan("fleet", "HEAD:").stdout
    assert "HEAD:nowhere: there is no plan here" in capplan("fleet", "HEAD:nowhere").stderr
    now = tmp_path / "now.json"
    capplan("fleet", ".", "--format", "json", "-o", str(now))
    assert "one" in capplan("diff", "saved.json", str(now)).stdout


def test_each_plan_is_judged_by_its_own_increases_as_check_judges_it(
    write: Callable[..., None], capplan: Callable
) -> None:
    """A plan that the base lacks, or has only within a fleet, is named."""
    gates = "increases: [{percent: 5%}]\n"
    inside = f"gates: {{{gates.strip()}}}\n"
    write(plan("one"), plan("two", more=inside), plan("three", more=inside))
    Path("one/capplan.gates.yaml").write_text(gates)
    _committed()
    assert capplan("fleet", ".", "--format", "json", "-o", "saved.json").exit_code == 0
    write(plan("one", rps=60), plan("two", rps=60, more=inside), plan("new", more=inside))
    (alone,) = json.loads(capplan("check", "one", "--base", "HEAD:one", "--format", "json").stdout)[
        "violations"
    ]
    found = capplan("fleet", ".", "--base", "HEAD:.", "--format", "json")
    said = {each["component"]: each for each in json.loads(found.stdout)["violations"]}
    assert (found.exit_code, {name: each["severity"] for name, each in said.items()}) == (
        3,
        {"one": "deny", "two": "deny", "new": "warn"},
    )
    assert said["one"]["message"] == alone["message"]
    assert "not judged" in said["new"]["message"]
    saved = capplan("fleet", ".", "--base", "saved.json", "--format", "json")
    messages = {each["component"]: each["message"] for each in json.loads(saved.stdout)["violations"]}
    assert saved.exit_code == 0
    assert messages == dict.fromkeys(("one", "two", "three", "new"), said["new"]["message"])


def test_gates_are_not_asked_of_the_plans_of_a_base(write: Callable[..., None], capplan: Callable) -> None:
    """What is new in a plan can have a gate of its own at once."""
    write(plan("one"))
    _committed()
    write(plan("one", rps=60, more="tags: {web: [one]}\n"))
    Path("one/capplan.gates.yaml").write_text("budgets: [{tag: web, expected: 1M}]\n")
    found = capplan("fleet", ".", "--base", "HEAD:.", "--format", "json")
    (change,) = json.loads(found.stdout)["changes"]["components"].values()
    assert (found.exit_code, change["status"]) == (0, "changed")


def test_plans_of_a_revision_are_priced_with_the_files_of_its_time(
    write: Callable[..., None], capplan: Callable
) -> None:
    inside = "pricing: {books: [ours.yaml]}\ngates: {increases: [{percent: 50%}]}\n"
    write(plan("one", GROUP % "0%", more=inside))
    book, row = Path("one/ours.yaml"), "aws/ec2/m5.large: {unit: hour, usd: 0.05, note: x}"
    book.write_text(f"{{schema: 1, name: ours, source: {{as_of: unknown, text: ours}}, prices: {{{row}}}}}")
    _committed()
    before = json.loads(capplan("fleet", "one", "--format", "json").stdout)["monthly_cost"]
    book.write_text(book.read_text().replace("0.05", "0.09"))
    found = capplan("fleet", "one", "--base", "HEAD:one", "--format", "json")
    of_fleet = json.loads(found.stdout)
    of_plan = json.loads(capplan("diff", "HEAD:one", "one", "--format", "json").stdout)
    assert of_fleet["changes"]["by_price"] == pytest.approx(of_plan["by_price"])
    assert (found.exit_code, [each["component"] for each in of_fleet["violations"]]) == (3, ["one"])
    book.unlink()
    then = capplan("fleet", "HEAD:one", "--format", "json")
    assert (then.exit_code, json.loads(then.stdout)["monthly_cost"]) == (0, before)


def test_plans_of_a_revision_are_judged_by_the_gates_of_its_time(
    write: Callable[..., None], capplan: Callable
) -> None:
    write(plan("one"), plan("two"))
    gates = [Path(name, "capplan.gates.yaml") for name in ("one", "two")]
    gates[0].write_text("budgets: [{expected: 1}]\n")
    _committed()
    gates[0].rename(gates[1])
    _committed()
    for argument, code in {"HEAD~1:one": 3, "HEAD~1:two": 0, "one": 0, "two": 3}.items():
        assert capplan("fleet", argument).exit_code == code, argument


def test_the_fleet_file_of_a_revision_holds_for_its_plans(
    write: Callable[..., None], capplan: Callable
) -> None:
    write(plan("one"), plan("two"), file="name: before\n")
    Path("one/fleet.yaml").write_text("showback: all\n")
    _committed()
    write(file="name: now\n")
    Path("one/fleet.yaml").unlink()
    titles = {
        "HEAD:": "before: 2 plans",
        "HEAD:./": "before: 2 plans",
        ".": "now: 2 plans",
        "HEAD:two/plan.yaml": "fleet: 1 plan",
    }
    for argument, title in titles.items():
        assert capplan("fleet", argument).stdout.startswith(f"{title}\n"), argument
    broken = capplan("fleet", "HEAD:one/")
    assert (broken.exit_code, "HEAD:one/fleet.yaml:1:1: showback: must be" in broken.stderr) == (2, True)
    both = capplan("fleet", ".", "HEAD:")
    assert "fleet.yaml: is one of several fleet files, besides HEAD:./fleet.yaml" in both.stderr


@pytest.mark.parametrize("argument", ["nowhere", "*.yml", "empty"])
def test_what_stands_for_no_plan_is_refused(
    write: Callable[..., None], capplan: Callable, argument: str
) -> None:
    write(plan("one"))
    Path("empty").mkdir()
    done = capplan("fleet", ".", argument)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{argument}: there is no plan here" in done.stderr


def test_patterns_take_plans_of_any_name_and_no_gates(write: Callable[..., None]) -> None:
    write(plan("one"))
    Path("one/second.yaml").write_text(plan("one", rps=3))
    Path("one/capplan.gates.yaml").write_text("budgets: []\n")
    found = fleet_of(options("one/*.yaml", "one"))
    assert list(found.members) == ["one/plan.yaml", "one/second.yaml"]


def test_a_pipe_among_the_plans_is_left_alone_and_a_broken_link_is_named(write: Callable[..., None]) -> None:
    write(plan("one"))
    for name in ("pipe", "link"):
        Path(name).mkdir()
    os.mkfifo("pipe/plan.yaml")
    Path("link/plan.yaml").symlink_to("nowhere.yaml")
    assert sources_of(["."]) == ["link/plan.yaml", "one/plan.yaml"]


def test_each_plan_counts_once_however_often_it_is_named(write: Callable[..., None]) -> None:
    write(plan("one"), plan("two"))
    Path("one/capplan.yaml").write_text(plan("other"))
    Path(".hidden").mkdir()
    Path(".hidden/plan.yaml").write_text(plan("hidden"))
    found = fleet_of(options(".", "./one/plan.yaml", str(Path("two").absolute()), "t*"))
    assert list(found.members) == ["one", "two"]


def test_processes_return_results_in_order_and_say_nothing_of_ctrl_c() -> None:
    """Not even while they begin: the signal is blocked in them from the start."""
    chunks = range(12)
    blocked = partial(signal.pthread_sigmask, signal.SIG_BLOCK)
    with in_processes(2) as run:
        assert list(run(math.factorial, chunks)) == list(map(math.factorial, chunks))
        assert signal.SIGINT in next(run(blocked, [()]))
    assert signal.SIGINT not in blocked(())


def test_chunks_change_no_digit(fleet: Callable[..., PlanFleet], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fleet(*(plan(f"p{index}", rps=index + 1) for index in range(5)))
    monkeypatch.setattr("capplan.fleet.run._PER_CHUNK", 2)
    assert fleet_document(fleet_of(options("."))) == fleet_document(whole)


def test_progress_of_a_long_fleet_is_shown_on_a_terminal_only(
    write: Callable[..., None], capplan: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plans that the executor leaves here are shown as well."""
    monkeypatch.setattr("capplan.fleet.run._FEW", 1)
    monkeypatch.setattr("capplan.fleet.run._PER_CHUNK", 1)
    monkeypatch.setattr("capplan.executors.os.sched_getaffinity", lambda _: {0})
    write(plan("one"), plan("two"))
    quiet = capplan("fleet", ".")
    began: list[tuple[str, int]] = []
    real = reporter

    def spied(task: str, total: int) -> AbstractContextManager[Callable[[str], None]]:
        began.append((task, total))
        return real(task, total)

    monkeypatch.setattr("capplan.cli.progress.reporter", spied)
    assert capplan("fleet", ".") == quiet
    Path("two/capplan.gates.yaml").write_text("budgets: []\n")
    assert capplan("fleet", ".", "--workers", "1").stdout == quiet.stdout
    assert (began, quiet.stderr) == ([("working", 2), ("working", 1), ("working", 1)], "")


def test_a_lost_process_is_one_message() -> None:
    with in_processes(2) as run, pytest.raises(InputError, match="ended 4 times over the same work"):
        list(run(partial(os._exit), [1]))
