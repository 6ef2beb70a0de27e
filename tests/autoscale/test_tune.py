"""Tuning: what it finds holds, and what it writes is a plan."""

import pytest
from autoscale.test_simulation import PODS
from helpers import SHIPPED, plan_of

from capplan.autoscale.apply import with_tuned
from capplan.autoscale.settings import Settings
from capplan.autoscale.simulation import prepare, run
from capplan.autoscale.tune import ALLOWED_LATE, settings_of, tune
from capplan.errors import InputError
from capplan.plan.read import parse_plan


@pytest.fixture(scope="module")
def tuned():
    prepared = prepare(plan_of(PODS), SHIPPED, Settings(days=1.0))
    return tune(prepared, run(prepared).outcomes, budget=12)[0]


def test_the_front_holds_only_compromises(tuned):
    for cheaper, dearer in zip(tuned.front, tuned.front[1:], strict=False):
        assert cheaper.instances <= dearer.instances
        assert cheaper.late > dearer.late


def test_the_best_holds_the_slo_also_where_it_was_not_searched(tuned):
    assert tuned.best is not None
    assert max(tuned.best.late, tuned.best.late_elsewhere) <= ALLOWED_LATE
    holding = [candidate.usd_per_month for candidate in tuned.front if candidate.holds]
    assert tuned.best.usd_per_month == min(holding)


def test_two_instances_are_not_given_up_for_one(tuned):
    assert min(candidate.choice.low for candidate in tuned.front) >= 2


@pytest.mark.parametrize("alternatives", ["", "{small: {services: {api: {cpu: 500m}}}}", "block"])
def test_what_it_writes_is_what_it_simulated(tuned, alternatives, tmp_path):
    text = parse_text(alternatives)
    written = with_tuned(text, {"api": settings_of(tuned)}, "plan.yaml", tmp_path)
    again = with_tuned(written, {"api": settings_of(tuned)}, "plan.yaml", tmp_path)
    assert again == written
    assert set(text.splitlines()) - set(written.splitlines()) <= {f"alternatives: {alternatives}"}
    file = parse_plan(written, "plan.yaml", tmp_path, alternative="tuned")
    scaler = prepare(file, SHIPPED, Settings(days=1.0)).subjects[0].simulated.scaler
    choice = tuned.best.choice
    assert (scaler.low, scaler.high) == (choice.low, choice.high)
    assert scaler.metrics.targets[1] == round(70 * choice.factor)


def parse_text(alternatives):
    import textwrap

    text = textwrap.dedent(PODS).lstrip()
    if alternatives == "block":
        return text + "alternatives:\n  # smaller pods\n  small: {services: {api: {cpu: 500m}}}\n"
    return text + (f"alternatives: {alternatives}\n" if alternatives else "")


def test_what_is_no_plan_is_not_written(tmp_path):
    with pytest.raises(InputError, match="unknown"):
        with_tuned(parse_text(""), {"api": {"colour": "red"}}, "plan.yaml", tmp_path)
