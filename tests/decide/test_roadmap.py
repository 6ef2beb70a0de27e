"""Which phase of its roadmap a plan is in, what holds it back, and what the next one costs."""

import json

import pytest

from capplan.catalog.catalog import Catalog
from capplan.decide.roadmap import roadmap_of
from capplan.decide.world import Case, PlanWorld
from capplan.errors import InputError
from capplan.report.answers import ANSWERS
from capplan.report.json_format import estimate_document

SMALL_USD, LARGE_USD = 0.192 * 730, 0.384 * 730
PLAN = """
name: t
regions: {aws: us-east-1}
demand: {requests_per_second: 100, profile: flat}
services:
  api: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, instances: {max: 60}}
decisions:
  drivers:
    moved: {sets: {services.beside.throughput: 60 - 50 * x}}
  roadmap:
    launch:
      goal: be there
      timeline: week 1
      tasks: [build it, ship it]
      metrics: {scales to 60: components.api.instances.max >= 60, users told: facts.told}
    measure:
      entry: {launched: facts.launched}
      metrics: {few instances: components.api.instances.peak <= 8, cost tracked: facts.tracked}
    move:
      when: any
      entry: {dear: monthly_cost.expected > 1000000, wanted: facts.wanted}
      alternative: large
      traffic: {over: moved, steps: [0%, 50%, 100%]}
  facts: {told: true, launched: true, wanted: false, tracked: true}
alternatives:
  large:
    services:
      api: {machine: m5.2xlarge, throughput: 30/s}
      beside: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 10/s, instances: {max: 60}}
    demand: {entry: {api: 1, beside: 1}}
"""


def roadmap(tmp_path, *sets, text=PLAN):
    (tmp_path / "plan.yaml").write_text(text)
    world = PlanWorld(tmp_path, Catalog(None), estimate_document, ANSWERS)
    return roadmap_of(world, Case(sets=sets))


def test_the_plan_is_in_the_last_phase_whose_way_is_clear(tmp_path):
    found = roadmap(tmp_path)
    assert (found.phase, found.next_phase) == ("measure", "move")
    assert [phase.met for phase in found.phases] == [True, False, True]
    assert [phase.enters for phase in found.phases] == [True, True, False]


def test_what_holds_it_back_is_its_open_metrics_and_the_next_entry_with_figures(tmp_path):
    held = {criterion.text: criterion.evidence for criterion in roadmap(tmp_path).held_back}
    assert list(held) == ["few instances", "dear", "wanted"]
    assert [e.value for e in held["few instances"]] == [10]


def test_an_unmet_metric_holds_back_although_the_next_entry_holds(tmp_path):
    found = roadmap(tmp_path, "services.api.instances.max=40")
    assert (found.phase, found.next_phase) == ("launch", "measure")
    assert [criterion.text for criterion in found.held_back] == ["scales to 60"]


def test_one_of_any_is_enough_to_enter(tmp_path):
    found = roadmap(tmp_path, "decisions.facts.wanted=true", "services.api.throughput=20/s")
    assert (found.phase, found.next_phase, found.held_back, list(found.costs)) == ("move", None, [], ["move"])


def test_the_last_phase_is_held_back_by_its_own_metrics(tmp_path):
    text = PLAN.replace("    move:\n", "    move:\n      metrics: {done: facts.done}\n")
    found = roadmap(
        tmp_path,
        "decisions.facts.wanted=true",
        "decisions.facts.done=false",
        "services.api.throughput=20/s",
        text=text,
    )
    assert (found.phase, found.next_phase) == ("move", None)
    assert [criterion.text for criterion in found.held_back] == ["done"]


def test_a_criterion_without_a_value_holds_back_and_says_why(tmp_path):
    found = roadmap(tmp_path, text=PLAN.replace("launched: true, ", ""))
    assert (found.phase, found.phases[1].enters) == ("launch", None)
    (criterion,) = found.held_back
    assert criterion.fires is None
    assert "launched" in criterion.why_unknown


def test_before_its_first_phase_a_plan_is_in_none(tmp_path):
    text = PLAN.replace("      goal: be there\n", "      entry: {funded: facts.wanted}\n")
    found = roadmap(tmp_path, text=text)
    assert (found.phase, found.next_phase) == (None, "launch")
    assert [criterion.text for criterion in found.held_back] == ["funded"]


def test_the_next_phase_costs_what_its_alternative_costs_at_every_step(tmp_path):
    cost = roadmap(tmp_path).costs["move"]
    assert (cost.alternative, cost.complete, list(cost.errors)) == ("large", True, [])
    # Half of the load at thirty each, half at ten; today all of it at ten.
    assert cost.usd_per_month == pytest.approx(2 * LARGE_USD + 5 * SMALL_USD)
    assert cost.more_usd_per_month == pytest.approx(2 * LARGE_USD - 5 * SMALL_USD)
    steps = {step.share: step.usd_per_month for step in cost.steps}
    expected = {0.0: 1, 0.5: 2, 1.0: 5}
    assert steps == {x: pytest.approx(2 * LARGE_USD + n * SMALL_USD) for x, n in expected.items()}


def test_what_has_no_price_makes_a_cost_a_bound(tmp_path):
    unpriced = "    external_apis: {other: {}}\n    demand: {entry: {other: 2, "
    cost = roadmap(tmp_path, text=PLAN.replace("    demand: {entry: {", unpriced)).costs["move"]
    assert cost.usd_per_month == pytest.approx(LARGE_USD + 3 * SMALL_USD)
    assert (cost.complete, cost.more_usd_per_month) == (False, None)
    assert not any(step.complete for step in cost.steps)


def test_errors_of_the_next_phase_are_told(tmp_path):
    text = PLAN.replace("throughput: 30/s}", "throughput: 30/s, instances: {min: 1, max: 1}}")
    assert "max 1 carries" in roadmap(tmp_path, text=text).costs["move"].errors[0].message


def test_criteria_that_ask_for_another_case_keep_the_changes_of_the_command_line(tmp_path):
    text = PLAN.replace("facts.launched}", "\"estimated('large').demand.average_rps == 300\"}")
    assert roadmap(tmp_path, "requests_per_second=300", text=text).phases[1].enters is True
    assert roadmap(tmp_path, text=text).phases[1].enters is False


def test_criteria_ask_what_claims_ask(tmp_path):
    text = PLAN.replace("facts.launched}", "\"simulated(steady=True, days=1)['plan'] == 't'\"}")
    assert roadmap(tmp_path, text=text).phases[1].enters is True


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        ("alternative: large", "alternative: larg", "roadmap.move.alternative", "no alternative 'larg'"),
        ("facts.launched", "facts.launched +", "roadmap.measure.entry.launched", "cannot be read"),
        ("over: moved", "over: movd", "roadmap.move.traffic.over", "movd"),
        ("over: moved, steps: [0%, ", "over: requests_per_second, steps: [", "traffic.steps", "100 now"),
        ("alternative: large\n", "\n", "roadmap.move", "traffic needs an alternative"),
        ("[0%, 50%, 100%]", "[50%, 10%]", "roadmap.move.traffic", "must rise"),
        ("when: any", "when: some", "roadmap.move.when", "any"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, place, what):
    with pytest.raises(InputError) as caught:
        roadmap(tmp_path, text=PLAN.replace(old, new))
    assert place in str(caught.value)
    assert what in str(caught.value)


def test_recommend_shows_the_roadmap_to_people_and_scripts(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    shown = capplan("recommend", tmp_path).stdout
    assert "Roadmap: phase measure, 2 of 3; next is move" in shown
    assert "few instances (components.api.instances.peak is 10)" in shown
    roadmap = json.loads(capplan("recommend", tmp_path, "--format", "json").stdout)["roadmap"]
    assert (roadmap["phase"], roadmap["next_phase"]) == ("measure", "move")
    assert [step["share"] for step in roadmap["costs"]["move"]["steps"]] == [0, 0.5, 1]
    assert [criterion["text"] for criterion in roadmap["held_back"]] == ["few instances", "dear", "wanted"]


def test_a_plan_without_a_roadmap_has_none(tmp_path):
    assert roadmap(tmp_path, text=PLAN[: PLAN.index("decisions:")]) is None
