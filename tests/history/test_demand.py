"""What a history says of a plan's demand, against what the history was made with."""

import numpy as np
import pytest
from history.recorded import history, weekly

from capplan.errors import InputError
from capplan.history.demand import changes, measured
from capplan.history.forecast import outlook
from capplan.history.levels import Quantiles, growth_of
from capplan.history.read import coarse
from capplan.plan.demand import Demand


def told(fine):
    whole = coarse(fine)
    return measured(fine, whole, outlook(whole, None), growth_of(whole, None))


def test_volume_shape_and_peak_of_a_week():
    found = told(history(weekly(8, noise=0.05)))
    plain = weekly(1, noise=0.0)
    assert found.requests_per_day.p5 <= plain.sum() / 7 <= found.requests_per_day.p95 * 1.01
    assert found.requests_per_day.p50 == pytest.approx(plain.sum() / 7, rel=0.03)
    assert found.profile == pytest.approx(plain / plain.mean(), abs=0.12)
    assert found.peak_to_average.p50 == pytest.approx(plain.max() / plain.mean(), rel=0.2)
    assert set(found.unknown) == {"ca2"}


def test_the_profile_begins_on_monday_whenever_the_history_does():
    thursday = history(weekly(8)[72 + 5 :])
    thursday = thursday._replace(begins_s=thursday.begins_s + 77 * 3600)
    assert told(thursday).profile == pytest.approx(told(history(weekly(8))).profile, abs=0.1)
    days = told(history(weekly(1)))
    assert len(days.profile) == 24
    assert int(np.argmax(days.profile)) in (14, 15, 16)


def test_bursts_are_those_of_the_counts():
    rng = np.random.default_rng(4)
    poisson = told(history(rng.poisson(np.repeat(weekly(1, noise=0) / 60 / 100, 60)), 60.0))
    assert poisson.ca2.p50 == pytest.approx(1, abs=0.15)
    batches = told(history(8 * rng.poisson(20, 60 * 24 * 7), 60.0))
    assert batches.ca2.p50 == pytest.approx(8, rel=0.15)


def test_what_a_history_cannot_tell_is_said():
    short = told(history(np.random.default_rng(0).poisson(50, 3600), 1.0))
    assert set(short.unknown) == {"requests_per_day", "growth_per_month", "profile", "peak_to_average"}
    assert short.requests_per_day is short.profile is short.growth_per_month is None
    unclocked = told(history(weekly(8))._replace(has_clock=False))
    assert unclocked.profile is None
    assert "at which hour" in unclocked.unknown["profile"]


@pytest.mark.parametrize(
    ("demand", "field", "scale"),
    [
        (Demand(requests_per_day=5), "requests_per_day", 1),
        (Demand(requests_per_second=5), "requests_per_second", 1 / 86_400),
        (Demand(requests_per_month=5), "requests_per_month", 730 / 24),
        (Demand(users_per_day=5, requests_per_user=4), "users_per_day", 1 / 4),
        (Demand(), "requests_per_day", 1),
    ],
)
def test_the_volume_keeps_the_unit_of_the_plan(demand, field, scale):
    whole = history(weekly(8))
    found = told(whole)
    fields = changes(found, demand, 730.0, whole)
    value = fields["demand", field]
    assert value["p50"] == pytest.approx(found.requests_per_day.p50 * scale, rel=1e-3)
    assert (value["source"], value["from"]) == ("measured", "load.csv, 2026-01-05 to 2026-03-02")
    assert fields["demand", "trace"] is None


def test_growth_above_a_doubling_is_written_as_a_plan_can_read_it():
    whole = history(weekly(8))
    found = told(whole)._replace(growth_per_month=Quantiles(-0.2, 0.5, 1.848))
    written = changes(found, Demand(), 730.0, whole)[("demand", "growth_per_month")]
    read = Demand.model_validate({"growth_per_month": {name: written[name] for name in ("p5", "p50", "p95")}})
    assert (read.growth_per_month.low, read.growth_per_month.high) == pytest.approx((-0.2, 1.848))


def test_a_history_that_tells_nothing_changes_nothing():
    whole = history(weekly(8))
    nothing = told(whole)._replace(
        requests_per_day=None, profile=None, peak_to_average=None, growth_per_month=None
    )
    with pytest.raises(InputError, match="tells nothing of a plan's demand"):
        changes(nothing, Demand(), 730.0, whole)
