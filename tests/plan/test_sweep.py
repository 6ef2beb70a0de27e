"""`--sweep`: values are read as the plan would read them there."""

import pytest
from helpers import FLAT_VM, plan_of

from capplan.errors import InputError
from capplan.plan.sweep import month_sweep, read_sweeps


def test_units_are_the_plans():
    sweep = read_sweeps(plan_of(FLAT_VM), ["requests_per_second=1, 10k ,1.5M"])
    (path,) = sweep.axes
    assert path == ("demand", "requests_per_second")
    assert sweep.axes[path] == ("1", "10k", "1.5M")
    assert sweep.scenarios.values[path].tolist() == [1, 10_000, 1_500_000]


def test_several_make_a_grid():
    sweep = read_sweeps(plan_of(FLAT_VM), ["requests_per_second=1,2", "services.api.redundancy.spare=0,1,2"])
    assert sweep.scenarios.count == 6


def test_a_field_that_the_plan_leaves_to_its_default_can_be_swept():
    assert read_sweeps(plan_of(FLAT_VM), ["demand.month=0,6"]).scenarios.count == 2


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (["throughput=fast"], "expected a rate"),
        (["throughput=1/s,0/s"], "must be above 0"),
        (["throughput=1/s,,2/s"], "a value is missing"),
        (["machine=m5.large,m5.xlarge"], "only numbers can be swept. Use --set, or an alternative"),
        (["instances=1,2"], "the plan has no 'instances'"),
        (["services.api.instances=1,2"], "only numbers can be swept"),
        (["throughput=1/s", "services.api.throughput=2/s"], "is swept twice"),
        (["thruput=1"], "the plan has no 'thruput'. Did you mean 'throughput'?"),
        (["throughput"], "expected PATH=VALUE"),
        (["services.nope.throughput=1"], "needs a 'platform'"),
        (
            ["demand.month=" + ",".join(["1"] * 1500), "demand.peak_to_average=" + ",".join(["1"] * 1500)],
            "too many",
        ),
    ],
)
def test_refused(texts, what):
    with pytest.raises(InputError) as caught:
        read_sweeps(plan_of(FLAT_VM), texts)
    assert what in str(caught.value)


def test_a_bad_value_is_blamed_on_the_sweep():
    with pytest.raises(
        InputError, match=r"--sweep services\.api\.throughput=0/s: services\.api\.throughput: must be above 0"
    ):
        read_sweeps(plan_of(FLAT_VM), ["throughput=1/s,0/s"])


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (
            "instances={min: 1, max: 10}",
            ["services.api.instances.min=1,8", "services.api.instances.max=5,20"],
        ),
        (
            "redundancy={zones: 3, survive_zones: 1}",
            ["services.api.redundancy.zones=2,4", "services.api.redundancy.survive_zones=1,2"],
        ),
        (
            "purchase={commit_1y: 10%, commit_3y: 10%}",
            ["services.api.purchase.commit_1y=60%,20%", "services.api.purchase.commit_3y=20%,60%"],
        ),
    ],
)
def test_a_combination_that_no_plan_could_say_is_refused(change, texts):
    with pytest.raises(InputError):
        read_sweeps(plan_of(FLAT_VM, f"services.api.{change}"), texts)


def test_months_start_now():
    assert month_sweep("3", plan_of(FLAT_VM).plan) == ["demand.month=0,1,2,3"]
    assert month_sweep(None, plan_of(FLAT_VM).plan) == []
    assert month_sweep("horizon", plan_of(FLAT_VM, "demand.horizon_months=2").plan) == ["demand.month=0,1,2"]


@pytest.mark.parametrize("months", ["0", "-1", "601", "x", "1.5", "²"])
def test_months_out_of_bounds_are_refused(months):
    with pytest.raises(InputError, match="expected 1 to 600 months"):
        month_sweep(months, plan_of(FLAT_VM).plan)


def test_a_bare_months_needs_a_horizon():
    with pytest.raises(InputError, match=r"no demand\.horizon_months"):
        month_sweep("horizon", plan_of(FLAT_VM).plan)
