"""The plan that `init` writes must be one that estimates."""

import pytest
from helpers import SHIPPED, monthly, plan_of

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.plan.starter import PLATFORMS, Answers, platform_named, starter_plan


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_makes_a_plan_that_estimates(platform):
    result = estimate(plan_of(starter_plan(Answers(platform=platform))), SHIPPED)
    assert monthly(result) > 0
    assert not [f for f in result.findings if f.severity in ("error", "warning")], (
        "a first plan has no complaints"
    )


def test_an_unknown_platform_names_the_nearest():
    with pytest.raises(InputError, match=r"unknown platform 'cloudrun'\. Did you mean 'cloud-run'"):
        platform_named("cloudrun")


@pytest.mark.parametrize("name", ["no", "1e3", "null", "a: b", "x\ny", "{}", "'", "# c", "true"])
def test_an_answer_never_becomes_structure(name):
    """Whatever is answered is the value of that field, or refused; it adds no field and runs nothing."""
    text = starter_plan(Answers(name=name, users_per_day=name))
    with pytest.raises(InputError) as caught:
        plan_of(text)
    for problem in caught.value.problems:
        assert "users_per_day" in problem.where or "name" in problem.where
