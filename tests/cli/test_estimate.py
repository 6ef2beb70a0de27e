"""`capplan estimate`: what its JSON promises, and what its options mean."""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capplan.strictyaml import load

ROOT = Path(__file__).resolve().parents[2]
PLANS = Path(__file__).resolve().parent / "plans"
FROZEN = Path(__file__).resolve().parent / "frozen_catalogs"
SHOP = ("estimate", PLANS / "shop.yaml", "--catalogs", FROZEN)


def _estimates() -> Iterator[tuple[str, ...]]:
    """Yield each example in each of its alternatives, as arguments."""
    for name in ("afpi", "levqor"):
        directory = ROOT / "examples" / name
        plan = load((directory / "plan.yaml").read_text(encoding="utf-8"), name)
        yield (str(directory),)
        yield from ((str(directory), "--alternative", alternative) for alternative in plan["alternatives"])
    yield (str(ROOT / "examples" / "afpi"), "--book", "afpi")


@pytest.fixture(params=_estimates(), ids=lambda options: " ".join(map(_name, options)))
def options(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


def _name(option: str) -> str:
    return option.rpartition("/")[2]


@pytest.fixture
def document(capplan: Callable, options: tuple[str, ...], documents: dict) -> dict:
    """Return the JSON of the estimate, made once for all the tests that look at it."""
    if options not in documents:
        documents[options] = read(capplan("estimate", *options, "--format", "json"))
    return documents[options]


@pytest.fixture(scope="module")
def documents() -> dict:
    return {}


def read(run: tuple[int, str, str]) -> dict:
    """Return the JSON document of a run that must have succeeded, refusing NaN and Infinity."""
    exit_code, stdout, stderr = run
    assert exit_code == 0, stderr
    return json.loads(stdout, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def shop(capplan: Callable, *options: str) -> dict:
    return read(capplan(*SHOP, *options, "--format", "json"))


# The contract: the fields that others build on


def test_head(document: dict, options: tuple[str, ...]) -> None:
    assert document["schema_version"] == 1
    assert document["plan"] == Path(options[0]).name
    assert document["currency"] == "USD"
    assert document["hours_per_month"] in (720, 730)
    assert document["alternative"] == (options[-1] if "--alternative" in options else None)


def test_demand(document: dict) -> None:
    demand = document["demand"]
    assert 0 < demand["average_rps"] <= demand["peak_rps"]


def test_components_have_the_fields_of_the_contract(document: dict) -> None:
    for name, component in document["components"].items():
        assert component["kind"], name
        assert component["platform"], name
        assert set(component["latency_ms"]) >= {"p50", "p95", "p99"}
        _assert_costs_are_ordered(component["monthly_cost"])
        for key in ("peak_rps", "utilization", "binding_constraint", "constraints", "instances"):
            assert key in component, name


def test_sized_components_count_instances(document: dict) -> None:
    sized = [c for c in document["components"].values() if c["instances"] is not None]
    assert sized
    for component in sized:
        counts = component["instances"]
        assert counts["min"] <= counts["average"] <= counts["peak"]
        assert counts["max"] is None or counts["min"] <= counts["max"]
        assert component["binding_constraint"] in component["constraints"]


def test_services_say_how_full_they_are(document: dict) -> None:
    services = [c for c in document["components"].values() if c["kind"] == "service"]
    # A standby has no load until a site is lost.
    assert all((s["utilization"] > 0) == (s["peak_rps"] > 0) for s in services)
    assert all(s["utilization"] <= 1 for s in services)


def test_binding_constraint_asks_for_most_instances(document: dict) -> None:
    for component in document["components"].values():
        asked = {name: count for name, count in component["constraints"].items() if name != "max"}
        if asked:
            assert asked[component["binding_constraint"]] == max(asked.values())
            assert component["instances"]["peak"] == max(asked.values())


def test_cost_lines_have_the_fields_of_the_contract(document: dict) -> None:
    for line in document["cost_lines"]:
        assert line["component"] in document["components"]
        assert line["price_status"] in ("list", "book", "unpriced")
        assert line["sku"]
        assert line["provider"]
        assert line["region"]
        assert line["unit"]
        assert line["source"]
        assert line["as_of"] is None or len(line["as_of"]) == len("2026-01-31")


def test_cost_lines_multiply(document: dict) -> None:
    for line in document["cost_lines"]:
        assert line["monthly_cost"] == pytest.approx(line["quantity"] * line["unit_price"])


@pytest.mark.parametrize("bound", ["min", "expected", "max"])
def test_costs_of_components_add_up_to_the_total(document: dict, bound: str) -> None:
    costs = [component["monthly_cost"][bound] for component in document["components"].values()]
    assert math.fsum(costs) == pytest.approx(document["monthly_cost"][bound])


@pytest.mark.parametrize(("field", "bound"), [("", "expected"), ("_min", "min"), ("_max", "max")])
def test_cost_lines_add_up_to_the_total(document: dict, field: str, bound: str) -> None:
    costs = [line[f"monthly_cost{field}"] for line in document["cost_lines"]]
    assert math.fsum(costs) == pytest.approx(document["monthly_cost"][bound])


def test_total_is_ordered(document: dict) -> None:
    _assert_costs_are_ordered(document["monthly_cost"])


def _assert_costs_are_ordered(cost: dict) -> None:
    assert 0 <= cost["min"] <= cost["expected"] + 1e-9
    assert cost["max"] is None or cost["expected"] <= cost["max"] + 1e-9


def test_catalogs_are_the_files_that_were_used(document: dict, options: tuple[str, ...]) -> None:
    named = {c["name"]: c["sha256"] for c in document["catalogs"]}
    lines = {f"{line['provider']}/{line['service']}" for line in document["cost_lines"]}
    assert {name for name in lines if not name.startswith("external/")} <= set(named)
    for name, sha256 in named.items():
        file = f"{name.replace('book ', 'books/')}.yaml"
        # A plan may have price books of its own beside it.
        places = (ROOT / "catalogs" / file, Path(options[0]) / Path(file).name)
        used = next(place for place in places if place.is_file())
        # A table of prices beside the file counts with it.
        files = (used, used.with_suffix(".tsv"))
        content = b"".join(path.read_bytes() for path in files if path.is_file())
        assert hashlib.sha256(content).hexdigest() == sha256


def test_the_rest_of_the_contract_is_there(document: dict) -> None:
    assert isinstance(document["tiers"], dict)
    assert isinstance(document["warnings"], list)


def test_unpriced_is_null_and_never_zero(capplan: Callable) -> None:
    document = shop(capplan, "--alternative", "taiwan")
    unpriced = [line for line in document["cost_lines"] if line["price_status"] == "unpriced"]
    assert unpriced
    assert all(line["monthly_cost"] is None and line["unit_price"] is None for line in unpriced)
    warned = {w["component"] for w in document["warnings"] if w["code"] == "unpriced"}
    assert warned == {"web"}


def test_no_ceiling_is_null(capplan: Callable) -> None:
    document = shop(capplan, "--alternative", "vms", "--set", "services.web.instances.max=null")
    assert document["components"]["web"]["instances"]["max"] is None
    assert document["monthly_cost"]["max"] is None


def test_nothing_is_minus_zero(capplan: Callable) -> None:
    document = shop(capplan, "--set", "users_per_day=0")
    assert [number for number in _numbers(document) if number == 0 and math.copysign(1, number) < 0] == []


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, float):
        yield value


# Options mean what they say


def test_sweep_says_what_single_estimates_say(capplan: Callable) -> None:
    swept = shop(capplan, "--sweep", "users_per_day=1k,20k,300k")
    for scenario, users in zip(swept["scenarios"], ("1k", "20k", "300k"), strict=True):
        single = shop(capplan, "--set", f"users_per_day={users}")
        for part in ("demand", "components", "monthly_cost"):
            assert scenario[part] == single[part]


def test_sweep_in_two_parts_is_the_sweep(capplan: Callable) -> None:
    whole = shop(capplan, "--sweep", "users_per_day=1k,20k,300k")["scenarios"]
    parts = [shop(capplan, "--sweep", f"users_per_day={v}")["scenarios"] for v in ("1k,20k", "300k")]
    assert whole == [*parts[0], *parts[1]]


def test_sweep_may_have_as_many_values_as_it_likes(capplan: Callable) -> None:
    values = ",".join(map(str, range(1, 201)))
    assert len(shop(capplan, "--sweep", f"users_per_day={values}")["scenarios"]) == 200


def test_two_sweeps_make_a_grid(capplan: Callable) -> None:
    swept = shop(capplan, "--sweep", "users_per_day=1k,20k", "--sweep", "services.web.memory=1Gi,2Gi,4Gi")
    values = [tuple(scenario["values"].values()) for scenario in swept["scenarios"]]
    assert values == [(users, gib) for users in (1e3, 2e4) for gib in (1, 2, 4)]
    assert swept["axes"] == {
        "demand.users_per_day": ["1k", "20k"],
        "services.web.memory": ["1Gi", "2Gi", "4Gi"],
    }


def test_months_follow_growth(capplan: Callable) -> None:
    months = shop(capplan, "--months", "3")["scenarios"]
    rates = [month["demand"]["average_rps"] for month in months]
    assert len(rates) == 4
    assert rates == pytest.approx([rates[0] * 1.1**month for month in range(4)])


def test_all_alternatives_are_the_single_ones(capplan: Callable) -> None:
    together = shop(capplan, "--alternative", "all")["alternatives"]
    assert list(together) == ["plan", "vms", "pods", "taiwan"]
    assert together["plan"] == shop(capplan)
    assert together["pods"] == shop(capplan, "--alternative", "pods")


def test_set_applies_to_every_alternative(capplan: Callable) -> None:
    together = shop(capplan, "--alternative", "all", "--set", "users_per_day=30k")["alternatives"]
    assert len({alternative["demand"]["average_rps"] for alternative in together.values()}) == 1
    assert together["vms"]["demand"]["average_rps"] == pytest.approx(30_000 * 60 / 86_400)


def test_set_wins_over_the_alternative(capplan: Callable) -> None:
    document = shop(capplan, "--alternative", "vms", "--set", "services.web.instances.min=3")
    assert document["components"]["web"]["instances"]["min"] == 3


def test_last_set_wins(capplan: Callable) -> None:
    document = shop(capplan, "--set", "users_per_day=1", "--set", "users_per_day=30k")
    assert document["demand"]["average_rps"] == pytest.approx(30_000 * 60 / 86_400)


def test_book_replaces_list_prices(capplan: Callable) -> None:
    document = shop(capplan, "--book", "agreed")
    database = next(line for line in document["cost_lines"] if line["sku"] == "db-custom-2-7680")
    assert (database["monthly_cost"], database["price_status"]) == (pytest.approx(90), "book")
    assert document["hours_per_month"] == 720
    assert document["pricing"]["books"] == ["agreed"]


def test_book_may_be_a_file_beside_the_plan(capplan: Callable, tmp_path: Path) -> None:
    plan, book = tmp_path / "plan.yaml", tmp_path / "mine.yaml"
    plan.write_bytes((PLANS / "shop.yaml").read_bytes())
    book.write_bytes((FROZEN / "books" / "agreed.yaml").read_bytes())
    beside = capplan("estimate", plan, "--catalogs", FROZEN, "--book", "mine.yaml", "--format", "json")
    assert read(beside)["monthly_cost"] == shop(capplan, "--book", "agreed")["monthly_cost"]


def test_book_on_the_command_line_is_relative_to_the_working_directory(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plans").mkdir()
    plan, here = tmp_path / "plans" / "plan.yaml", tmp_path / "mine.yaml"
    plan.write_bytes((PLANS / "shop.yaml").read_bytes())
    here.write_bytes((FROZEN / "books" / "agreed.yaml").read_bytes())
    (tmp_path / "plans" / "mine.yaml").write_text("not: the one\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("mine.yaml", "./mine.yaml"):
        run = capplan("estimate", plan, "--catalogs", FROZEN, "--book", name, "--format", "json")
        assert read(run)["monthly_cost"] == shop(capplan, "--book", "agreed")["monthly_cost"]


def test_directory_stands_for_the_plan_in_it(capplan: Callable, example: Path) -> None:
    assert capplan("estimate", example) == capplan("estimate", example / "plan.yaml")


def test_plan_comes_from_stdin(capplan: Callable, example: Path) -> None:
    plan = (example / "plan.yaml").read_bytes()
    assert capplan("estimate", "-", stdin=plan) == capplan("estimate", example)


def test_plan_with_a_byte_order_mark_and_windows_lines_is_read(capplan: Callable) -> None:
    plan = (PLANS / "shop.yaml").read_text(encoding="utf-8").replace("\n", "\r\n")
    run = capplan("estimate", "-", "--catalogs", FROZEN, stdin=plan.encode("utf-8-sig"))
    assert run == capplan(*SHOP)


def test_terminal_for_stdin_is_explained(capplan: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Keyboard())
    assert "stdin" in capplan("estimate", "-", "--catalogs", FROZEN).stderr


class _Keyboard:
    """A terminal at which somebody types the shop."""

    def __init__(self) -> None:
        self.buffer = io.BytesIO((PLANS / "shop.yaml").read_bytes())

    def isatty(self) -> bool:
        return True


def test_format_comes_from_the_environment(capplan: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = capplan(*SHOP, "--format", "csv")
    monkeypatch.setenv("CAPPLAN_FORMAT", "csv")
    assert capplan(*SHOP) == expected
    assert capplan(*SHOP, "--format", "json").stdout.startswith("{")


def test_catalogs_come_from_the_environment(capplan: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPPLAN_CATALOGS", str(FROZEN))
    assert capplan("estimate", PLANS / "shop.yaml") == capplan(*SHOP)


def test_explain_keeps_to_the_format(capplan: Callable) -> None:
    run = capplan(*SHOP, "--explain", "--format", "json")
    assert run.exit_code == 2 or json.loads(run.stdout)


def test_explain_takes_its_component_or_none(capplan: Callable) -> None:
    everything = capplan(*SHOP, "--explain").stdout
    assert capplan("estimate", "--explain", *SHOP[1:]).stdout == everything
    assert capplan(*SHOP, "--explain", "web").stdout in everything


def test_explain_names_the_place_of_every_input(capplan: Callable) -> None:
    explained = capplan(*SHOP, "--explain", "web", "--set", "services.web.cpu=2").stdout
    assert f"time = 0.05 s ← services.web.cpu_time ({PLANS / 'shop.yaml'}:17:5)" in explained
    assert "cores = 2 vCPU ← services.web.cpu (--set services.web.cpu=2)" in explained
    assert "target = 0.7 ← services.web.target_utilization.cpu (default)" in explained


def test_findings_are_not_errors_of_the_command(capplan: Callable) -> None:
    run = capplan("estimate", PLANS / "crowded.yaml", "--catalogs", FROZEN)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.count("\nERROR  ") == 3


# Getting the result out


def test_output_is_what_stdout_would_be(capplan: Callable, tmp_path: Path) -> None:
    printed = capplan(*SHOP).stdout
    run = capplan(*SHOP, "-o", tmp_path / "out.txt")
    assert run == (0, "", f"wrote {tmp_path / 'out.txt'}\n")
    assert (tmp_path / "out.txt").read_bytes() == printed.encode()


def test_output_of_a_dash_is_stdout(capplan: Callable) -> None:
    assert capplan(*SHOP, "-o", "-") == capplan(*SHOP)


def test_output_replaces_with_force(capplan: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    assert capplan(*SHOP, "--format", "csv", "-o", out, "--force").exit_code == 0
    assert out.read_text().startswith("plan,alternative,component")


def test_output_makes_the_directories_it_needs(capplan: Callable, tmp_path: Path) -> None:
    assert capplan(*SHOP, "-o", tmp_path / "a" / "b" / "out").exit_code == 0
    assert (tmp_path / "a" / "b" / "out").is_file()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_output_that_fails_leaves_the_old_file(
    capplan: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    out = tmp_path / "out"
    out.write_text("old")
    monkeypatch.setattr(Path, "replace", _raising(error))
    assert capplan(*SHOP, "-o", out, "--force").exit_code == (2 if isinstance(error, OSError) else 130)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert out.read_text() == "old"


def _raising(error: BaseException) -> Callable:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


# How a run ends


def test_interrupted_run_exits_130(capplan: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capplan.estimate.estimate", _raising(KeyboardInterrupt()))
    run = capplan(*SHOP)
    assert run == (130, "", "capplan: interrupted\n")


def test_unexpected_error_is_one_message_and_exit_1(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("capplan.estimate.estimate", _raising(ZeroDivisionError("by nothing")))
    run = capplan(*SHOP)
    assert (run.exit_code, run.stdout) == (1, "")
    assert run.stderr.startswith("capplan: internal error: ZeroDivisionError: by nothing\n")
    assert "--debug" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("how", ["option", "environment"])
def test_unexpected_error_keeps_its_traceback_for_debugging(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("capplan.estimate.estimate", _raising(ZeroDivisionError("by nothing")))
    if how == "environment":
        monkeypatch.setenv("CAPPLAN_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        capplan(*SHOP, *(["--debug"] if how == "option" else []))
