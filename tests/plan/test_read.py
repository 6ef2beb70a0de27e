"""From a file to a plan, and what is said when that fails."""

from pathlib import Path

import pytest
from helpers import FLAT_VM, ROOT, plan_of

from capplan.errors import InputError
from capplan.plan.read import alternatives_of, parse_plan, read_plan, scalar


def complaint(text: str, *sets: str, alternative: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        plan_of(text, *sets, alternative=alternative)
    return str(caught.value)


PLAN = """\
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 10}
services:
  api: {platform: vm-group, provider: aws, machine: m5.large, throughput: 5/s}
alternatives:
  big:
    services: {api: {machine: m5.xlarge, throughput: null, service_time: 1s}}
"""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the file is empty"),
        ("- a", "a plan is a mapping"),
        ("5", "a plan is a mapping"),
        ("name: t", "plan.yaml: demand: is required, but missing"),
        ("name: t\ndemand: {}", "plan.yaml:2:1: demand: has no volume"),
        ("name: t\ndemand: 5", "plan.yaml:2:1: demand: expected a mapping, got 5"),
        ("name: [a]\ndemand: {requests_per_second: 1}", "plan.yaml:1:1: name: expected text, got a list"),
    ],
)
def test_what_is_no_plan(text, what):
    assert what in complaint(text)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("demand.request_per_second=5", "unknown field. Did you mean 'requests_per_second'?"),
        ("services.api.machin=x", "unknown field. Did you mean 'machine'?"),
        ("services.api={platform: vmgroup}", "unknown platform 'vmgroup'. Did you mean 'vm-group'?"),
        ("services.web={}", "needs a 'platform'. Known: cloud-run, container-apps, fargate, vm-group"),
        ("services.api.calls=[a]", "expected a mapping, got a list"),
        ("services.api.slo={p42: 1s}", "unknown field"),
        ("pricing.books=afpi", "expected a list, got 'afpi'"),
        (
            "databases.d={platform: rds, engine: oracle, machine: x}",
            "must be 'postgres' or 'mysql', got 'oracle'",
        ),
    ],
)
def test_a_wrong_field_is_named_with_the_way_out(change, what):
    message = complaint(PLAN, change)
    assert what in message
    assert change.split("=")[0] in message


def test_every_problem_is_told_at_once():
    message = complaint(PLAN, "demand.requests_per_second=-1", "services.api.throughput=0/s", "regions.aws=5")
    assert len(message.splitlines()) == 3


def test_the_place_is_the_line_and_column_of_the_value():
    text = PLAN.replace("throughput: 5/s", "throughput: fast")
    assert "plan.yaml:5:63: services.api.throughput: expected a rate" in complaint(text)


def test_an_alternative_is_laid_over_the_plan():
    service = plan_of(PLAN, alternative="big").plan.services["api"]
    assert service.machine == "m5.xlarge"
    assert service.throughput is None
    assert service.service_time == 1


def test_a_set_wins_over_an_alternative():
    assert plan_of(PLAN, "machine=m5.2xlarge", alternative="big").plan.services["api"].machine == "m5.2xlarge"


def test_an_unknown_alternative_names_the_nearest():
    assert "no alternative 'bigg'. Did you mean 'big'?" in complaint(PLAN, alternative="bigg")


def test_an_alternative_must_be_a_mapping():
    assert "plan.yaml:9:3: alternatives.odd: expected a mapping, got 5" in complaint(PLAN + "  odd: 5\n")


def test_a_mistake_in_an_alternative_is_found_where_it_stands():
    text = PLAN + "  odd: {services: {api: {throughput: fast}}}\n"
    assert "plan.yaml:9:26: services.api.throughput: expected a rate" in complaint(text, alternative="odd")


def test_books_from_the_command_line_come_after_the_plans_own():
    file = parse_plan(FLAT_VM.replace("\n    ", "\n"), "f", Path(), ["pricing.books=[one]"], None, ["two"])
    assert file.plan.pricing.books == ["one", "two"]


def test_alternatives_are_listed_in_their_order():
    names = ["ram-2gb", "ram-4gb", "classes", "eks"]
    assert alternatives_of(read_plan(ROOT / "examples" / "levqor")) == names


def test_a_directory_stands_for_the_plan_in_it(tmp_path):
    with pytest.raises(InputError, match="no plan in this directory"):
        read_plan(tmp_path)
    rest = "demand: {requests_per_second: 1}\ncaches: {c: {platform: memorystore, size: 1Gi}}"
    (tmp_path / "capplan.yml").write_text(f"name: second\n{rest}")
    assert read_plan(tmp_path).plan.name == "second"
    (tmp_path / "plan.yaml").write_text(f"name: first\n{rest}")
    file = read_plan(tmp_path)
    assert file.plan.name == "first"
    assert file.directory == tmp_path


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("no", "no"), ("{a: 1}", {"a": 1}), ("null", None), ("10k", "10k")]
)
def test_scalar(text, value):
    assert scalar(text, "--set") == value


def test_where_a_value_comes_from():
    file = plan_of(PLAN, "services.api.region=us-west-2", alternative="big")
    where = file.places.where
    assert where(("services", "api", "region")) == "--set services.api.region=us-west-2"
    assert where(("services", "api", "machine")) == "plan.yaml:8:22"
    assert where(("demand", "requests_per_second")) == "plan.yaml:3:10"
    assert where(("services", "api", "concurrency")) == "default"


def test_what_a_set_breaks_in_its_section_names_the_set():
    broken = complaint(SHORT, "services.api.instances.max=0")
    assert broken.startswith("plan.yaml:5:48 with --set services.api.instances.max=0: services.api.instances")
    alien = complaint(SHORT.replace("name: t", "name: t\n    colour: red"), "demand.month=1")
    assert alien.startswith("plan.yaml:3:1: colour")


SHORT = """
    name: t
    demand: {requests_per_second: 1}
    services:
      api: {platform: cloud-run, service_time: 1s, instances: 3, calls: {x: 0.5}}
    external_apis: {x: {price_per_request: 1}}
"""


def test_a_change_inside_a_short_form_keeps_what_it_said():
    """`calls: {x: 0.5}` is `{per_request: 0.5}`: a sweep of cache_hit_rate keeps the 0.5, a set must too."""
    service = plan_of(
        SHORT, "services.api.calls.x.cache_hit_rate=10%", "services.api.instances.max=9"
    ).plan.services["api"]
    assert service.calls["x"].per_request == 0.5
    assert service.calls["x"].cache_hit_rate == 0.1
    assert (service.instances.min, service.instances.max) == (3, 9)
