"""Sources of numbers: what may have one, what a wrong one is told, and what keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from helpers import FLAT_VM, ROOT, moderate, plan_of
from hypothesis import given
from hypothesis import strategies as st

from capplan.catalog.catalog import Catalog
from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.bind import at
from capplan.plan.intervals import SOURCES, Interval
from capplan.plan.read import PlanFile, parse_plan
from capplan.plan.schema import schema_text
from capplan.plan.sources import Mark
from capplan.plan.sweep import read_sweeps
from capplan.strictyaml import load

TEXT = """\
name: shop
regions: {aws: eu-west-1}
demand: {requests_per_second: 40, peak_to_average: 2}
service_templates:
  pod: {platform: vm-group, provider: aws, machine: t3.small, service_time: {value: 90ms, source: vendor}}
services:
  web:
    extends: pod
    cpu_time: 30ms
    concurrency: 20
    instances: {min: 2, max: 20}
    calls: {mail: 0.1}
external_apis:
  mail: {price_per_request: $0.001}
alternatives:
  busy: {demand: {requests_per_second: {value: 90, source: measured, from: access log of May}}}
"""


def read(*sets: str, alternative: str | None = None, text: str = TEXT) -> PlanFile:
    return parse_plan(text, "shop.yaml", Path(), sets, alternative)


def source_at(file: PlanFile, path: str) -> Mark | None:
    return file.sources.get(tuple(path.split(".")))


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ("services.web.cpu_time={value: 30ms, source: measured, from: k6}", ["services.web.cpu_time"]),
        ("services.web.instances={value: 3, source: measured, from: k6}", ["services.web.instances.min"]),
        (
            "services.web.instances={max: {value: 9, source: measured, from: k6}}",
            ["services.web.instances.max"],
        ),
        (
            "services.web.calls.mail={value: 1, source: measured, from: k6}",
            ["services.web.calls.mail.per_request"],
        ),
        ("demand.entry={web: {value: 1, source: measured, from: k6}}", ["demand.entry.web"]),
        ("survive_sites={value: 0, source: measured, from: k6}", ["survive_sites"]),
    ],
)
def test_any_number_may_say_where_it_comes_from(change, paths):
    file = read(change)
    assert [source_at(file, path) for path in paths] == [Mark("measured", "k6")] * len(paths)
    assert type(at(file.plan, paths[0].split("."))) in (int, float)


@pytest.mark.parametrize(
    ("bounds", "middle"),
    [
        ("p5: 30, p50: 40, p95: 50", 40),
        ("p5: 30, value: 41, p95: 50", 41),
        ("low: 30, value: 42, high: 50", 42),
        ("low: 30, high: 50", 40),
    ],
)
def test_an_interval_may_too(bounds, middle):
    file = read(f"demand.requests_per_second={{{bounds}, source: assumed}}")
    found = file.plan.demand.requests_per_second
    assert isinstance(found, Interval)
    assert (found, found.low, found.high) == (middle, 30, 50)
    assert source_at(file, "demand.requests_per_second") == Mark("assumed")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("{value: {min: 3}, source: assumed}", "demand.requests_per_second.value: expected one number"),
        ("{value: 3, source: guessed}", "demand.requests_per_second.source: must be assumed, documented, "),
        ("{value: 3, source: mesured}", "Did you mean 'measured'?"),
        ("{value: 3, source: null}", "got nothing"),
        ("{value: 3, source: [vendor]}", "got a list"),
        (
            "{value: 3, source: vendor, form: x}",
            "demand.requests_per_second.form: a number with a source has",
        ),
        ("{value: 3, source: vendor, from: [x]}", "expected text such as"),
        ("{value: 3}", "the source being assumed, documented, measured, vendor"),
        ("{source: vendor}", "the source being assumed, documented, measured, vendor"),
        ("{value: 3 parsecs, source: vendor}", "demand.requests_per_second: expected a number"),
        ("{value: 3, p50: 4, p5: 1, p95: 9, source: vendor}", "is the middle"),
    ],
)
def test_a_wrong_source_is_told_with_line_and_what_is_allowed(value, said):
    text = TEXT.replace("requests_per_second: 40", f"requests_per_second: {value}")
    with pytest.raises(InputError) as caught:
        read(text=text)
    (message,) = map(str, caught.value.problems)
    assert message.startswith("shop.yaml:3:")
    assert said in message


@pytest.mark.parametrize("value", ["t3.micro", "true"])
def test_only_numbers_have_sources(value):
    with pytest.raises(InputError, match="only a number can have a source"):
        read(f"services.web.machine={{value: {value!r}, source: assumed}}".replace("'", '"'))


def test_services_may_be_called_value_and_source():
    text = TEXT.replace("calls: {mail: 0.1}", "calls: {value: 1, source: 2}")
    text = text.replace("external_apis:\n", "external_apis:\n  value: {}\n  source: {}\n")
    assert set(read(text=text).plan.services["web"].calls) == {"value", "source"}


def test_templates_and_alternatives_bring_theirs():
    assert source_at(read(), "services.web.service_time") == Mark("vendor")
    assert source_at(read(), "demand.requests_per_second") is None
    assert source_at(read(alternative="busy"), "demand.requests_per_second").detail == "access log of May"


@pytest.mark.parametrize(
    ("sets", "found"),
    [
        (
            ["services.web.service_time=100ms"],
            None,
        ),  # another number, of which nobody said where it comes from
        (["services.web.service_time.value=100ms"], Mark("vendor")),
        (["services.web.service_time.source=measured"], Mark("measured")),
        (["services.web.service_time={value: 1s, source: assumed}"], Mark("assumed")),
    ],
)
def test_set_replaces_the_number_or_a_part_of_what_is_said(sets, found):
    assert source_at(read(*sets), "services.web.service_time") == found


def test_one_of_two_numbers_that_stood_for_both_may_change():
    both = "services.web.instances={value: 3, source: assumed}"
    file = read(both, "services.web.instances.max=8")
    assert source_at(file, "services.web.instances.min") == Mark("assumed")
    assert source_at(file, "services.web.instances.max") is None


def test_a_sweep_over_a_number_with_a_source():
    sweep = read_sweeps(
        read("demand.requests_per_second={value: 4, source: assumed}"), ["requests_per_second=1,2"]
    )
    assert sweep.scenarios.values["demand", "requests_per_second"].tolist() == [1, 2]


def test_a_second_site_does_not_lose_them():
    sites = "sites={one: {}, two: {regions: {aws: us-east-1}, standby: warm}}"
    file = read(sites, "services.web.instances={value: 2, source: assumed}")
    assert source_at(file, "services.web.instances.min") == Mark("assumed")
    assert file.plan.services["web-two"].instances.min == 2


NUMBERS = (
    "demand.requests_per_second=50",
    "services.web.service_time=80ms",
    "cpu_time=25ms",
    "instances.max=12",
    "services.web.calls.mail=0.2",
)


@moderate
@given(st.lists(st.sampled_from([None, *SOURCES]), min_size=len(NUMBERS), max_size=len(NUMBERS)))
def test_a_source_never_changes_a_figure(sources):
    marked = [
        f"{path}={{value: {value}, source: {source}}}" if source else f"{path}={value}"
        for (path, value), source in zip((n.split("=") for n in NUMBERS), sources, strict=True)
    ]
    plain, told = (estimate(read(*sets), Catalog()) for sets in (NUMBERS, marked))
    assert told.total.expected == plain.total.expected
    assert [c.sizing and c.sizing.peak for c in told.components] == [
        c.sizing and c.sizing.peak for c in plain.components
    ]
    assert told.findings == plain.findings


VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema_text()))


@pytest.mark.parametrize(
    ("number", "holds"),
    [
        ("{value: 40, source: assumed, from: the tutorial}", True),
        ("{p5: 40, value: 45, p95: 50, source: measured}", True),
        ("{value: 40, source: guessed}", False),
        ("{value: 40}", False),
        ("{value: 40, source: assumed, form: x}", False),
    ],
)
@pytest.mark.parametrize(
    "field", ["requests_per_second: 40", "survive_sites: 0", "price_per_request: $0.001"]
)
def test_the_schema_knows_it(number, holds, field):
    text = f"survive_sites: 0\n{TEXT}".replace(field, f"{field.split(':')[0]}: {number}")
    if "survive" in field and "p5" in number:
        holds = False
    assert VALIDATOR.is_valid(load(text, "f")) == holds


def test_the_examples_are_valid():
    for path in ROOT.glob("examples/*/plan.yaml"):
        VALIDATOR.validate(load(path.read_text(), str(path)))


def test_a_colon_without_a_space_is_no_change_in_silence():
    """YAML reads `{value:100ms}` as a key, which would remove nothing."""
    with pytest.raises(InputError, match=r"'value:9/s' has no value.*space after the colon"):
        plan_of(FLAT_VM, "services.api.throughput={value:9/s,source:vendor}")
