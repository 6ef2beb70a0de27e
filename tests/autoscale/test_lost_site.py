"""The loss of a site while autoscalers run."""

import json

import numpy as np
import pytest
from helpers import SHIPPED, plan_of

from capplan.autoscale.settings import LostSite, Settings
from capplan.autoscale.simulation import prepare, requests_of, run

PLAN = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 300, profile: %s}
sites: {us: {}, eu: {regions: {gcp: europe-west1}, share: 40%%, hours_ahead: 7%s}}
survive_sites: %d
services:
  web:
    platform: kubernetes
    cpu: 1
    memory: 1Gi
    cpu_time: 50ms
    service_time: 100ms
    concurrency: 20
    instances: {min: 2, max: 200}
    slo: {p95: 600ms}
clusters:
  k: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 100}}}}
"""


def prepared(lost, standby="", survive=0, profile="flat"):
    text = PLAN % (profile, standby, survive)
    if standby:
        text = text.replace("share: 40%, ", "")
    return prepare(plan_of(text), SHIPPED, Settings(days=0.5, random=False, lost=lost))


def requests(found):
    return {s.name: requests_of(s, found.settings) for s in found.subjects}


def test_the_requests_of_a_lost_site_go_to_the_other_and_come_back():
    lost = requests(prepared(LostSite("eu", 3600, 7200)))
    usual = requests(prepared(None))
    during = slice(240, 480)
    assert lost["web"][during] == pytest.approx(usual["web"][during] + usual["web-eu"][during])
    assert not lost["web-eu"][during].any()
    assert np.array_equal(lost["web"][:240], usual["web"][:240])
    assert np.array_equal(lost["web-eu"][480:], usual["web-eu"][480:])


@pytest.mark.parametrize("profile", ["flat", "consumer-diurnal"])
def test_no_request_is_lost_with_a_site(profile):
    lost, usual = (
        requests(prepared(LostSite("us"), profile=profile)),
        requests(prepared(None, profile=profile)),
    )
    assert sum(lost.values()) == pytest.approx(sum(usual.values()))


def test_a_warm_standby_starts_late_and_a_hot_one_serves_at_once():
    sheds = {}
    for standby in ("warm", "hot"):
        found = run(prepared(LostSite("us", 3600), f", standby: {standby}"))
        series = next(o.series for o in found.outcomes if o.subject.name == "web-eu")
        sheds[standby] = float(series.wanted[239])
        assert series.wanted[-1] >= 21
    assert sheds["warm"] <= 3 < sheds["hot"]


def test_the_command_says_which_site_is_lost(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN % ("flat", "", 0))
    asked = ("simulate", tmp_path, "--days", "0.2", "--steady")
    shown = capplan(*asked, "--outage", "eu@01:00-02:00")
    assert "eu is lost" in shown.stdout
    assert json.loads(capplan(*asked, "--outage", "eu", "--format", "json").stdout)["lost_site"] == "eu"
    late = capplan(*asked, "--outage", "eu@9000:00-9001:00")
    assert (late.exit_code, "begins after the" in late.stderr) == (2, True)
    wrong = capplan(*asked, "--outage", "europe")
    assert wrong.exit_code == 2
    assert "the plan has no active site 'europe'" in wrong.stderr


def test_a_pilot_light_serves_nothing(capplan, tmp_path):
    (tmp_path / "plan.yaml").write_text((PLAN % ("flat", ", standby: pilot", 0)).replace("share: 40%, ", ""))
    shown = capplan("simulate", tmp_path, "--outage", "us")
    assert shown.exit_code == 2
    assert "nothing serves while 'us' is lost" in shown.stderr


def test_who_plans_for_a_lost_site_keeps_the_slo_when_it_is_lost():
    late = {}
    for survive in (0, 1):
        found = run(prepared(LostSite("us", 6 * 3600), survive=survive))
        figures = next(o.figures for o in found.outcomes if o.subject.name == "web-eu")
        late[survive] = figures.late_s + figures.shed_share
    assert late[1] == 0 < late[0]


WORKERS = """
name: jobs
regions: {gcp: us-central1}
demand: {requests_per_second: 6, profile: flat}
sites: {us: {}, eu: {regions: {gcp: europe-west1}}}
services:
  web:
    {platform: kubernetes, cpu: 1, memory: 1Gi, cpu_time: 1s, service_time: 1s, concurrency: 1,
     instances: {min: %d, max: %d}%s}
clusters:
  k: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 100}}}}
"""
LOST_S, BACK_S, ENDS_S = 180, 480, 900


def request_by_request(servers, seed):
    """Return ciw's records of the site that is left: half of 6 requests/s, all while the other is lost."""
    ciw = pytest.importorskip("ciw")
    arrivals = ciw.dists.PoissonIntervals(
        rates=[3, 6, 3], endpoints=[LOST_S, BACK_S, ENDS_S], max_sample_date=ENDS_S
    )
    service = ciw.dists.Exponential(rate=1.0)
    network = ciw.create_network(
        arrival_distributions=[arrivals], service_distributions=[service], number_of_servers=[servers]
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(ENDS_S + 600)
    return [record for record in simulation.get_all_records() if record.record_type == "service"]


def ours(instances, more=""):
    text = WORKERS % (instances, instances, more)
    settings = Settings(days=ENDS_S / 86400, random=False, tick_s=15, lost=LostSite("us", LOST_S, BACK_S))
    found = run(prepare(plan_of(text), SHIPPED, settings))
    return next(o.series for o in found.outcomes if o.subject.name == "web-eu")


def within_three_errors(value, samples):
    mean, error = np.mean(samples), np.std(samples, ddof=1) / np.sqrt(len(samples))
    return abs(value - mean) <= 3 * error


def test_a_simulator_of_others_agrees_on_the_backlog_of_the_site_that_is_left():
    """Five servers of 1/s get 6/s for five minutes: a backlog of 300, which 2/s to spare work off."""
    series = ours(5, ", queue: {}")
    backlogs, cleared = [], []
    for seed in range(6):
        records = request_by_request(5, seed)
        backlogs.append(sum(r.arrival_date <= BACK_S < r.service_start_date for r in records))
        late = [
            r.service_start_date for r in records if r.waiting_time > 10 and r.arrival_date < BACK_S + 300
        ]
        cleared.append(max(late))
    assert within_three_errors(series.waiting[BACK_S // 15 - 1], backlogs)
    done = 15 * (int(np.flatnonzero(series.waiting > 20)[-1]) + 1)
    assert within_three_errors(done, cleared)


def test_a_simulator_of_others_agrees_on_a_site_that_was_planned_to_be_left():
    """Eleven servers carry both halves: nothing waits for long, and responses are those of M/M/11."""
    series = ours(11, ", slo: {p95: 5s}")
    during = slice(LOST_S // 15 + 4, BACK_S // 15)
    assert series.waiting[during].max() <= 1
    p95 = []
    for seed in range(5):
        records = request_by_request(11, seed)
        served = [r.exit_date - r.arrival_date for r in records if LOST_S + 60 < r.arrival_date < BACK_S]
        p95.append(np.quantile(served, 0.95))
    assert within_three_errors(np.median(series.p95_s[during]), p95)
