"""Jobs: when they run, what they need then, and the CronJob that is rendered."""

import numpy as np
import pytest
from helpers import SHIPPED, plan_of
from rendering import rendered

from capplan.demand.load import Pattern
from capplan.demand.schedule import runs
from capplan.errors import InputError
from capplan.estimate import estimate

WEEK = Pattern(0.0, np.ones(168), "week")
PLAN = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 50, profile: %s}
services: {web: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 50/s, instances: {max: 10}}}
clusters: {main: {platform: gke, %s}}
jobs: {report: {schedule: "%s", duration: %s, pods: 8, cpu: 1, memory: 2Gi%s}}
"""
POOLS = "pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9}}}"


def of(schedule="0 2 * * *", duration="90m", profile="flat", cluster=POOLS, more=""):
    return estimate(plan_of(PLAN % (profile, cluster, schedule, duration, more)), SHIPPED)


@pytest.mark.parametrize(
    ("schedule", "zone", "duration_s", "hours"),
    [
        ("0 2 * * *", "UTC", 5400, {24 * day + h: s for day in range(7) for h, s in ((2, 1), (3, 0.5))}),
        ("30 23 * * 0", "UTC", 3600, {167: 0.5, 0: 0.5}),
        ("0 9 * * 1", "America/Phoenix", 3600, {16: 1}),
        ("*/30 * * * *", "UTC", 600, dict.fromkeys(range(168), 1 / 3)),
        ("*/30 * * * *", "UTC", 3600, dict.fromkeys(range(168), 1.0)),
    ],
)
def test_a_job_runs_at_its_times(schedule, zone, duration_s, hours):
    found = runs(schedule, zone, duration_s, WEEK)
    assert found[0] == pytest.approx([hours.get(hour, 0.0) for hour in range(168)], abs=0.01)


def test_a_monthly_run_takes_its_share_of_a_year():
    found = runs("0 4 15 * *", "UTC", 3600, WEEK)
    assert found.sum() * 52 == pytest.approx(12)
    assert set(np.flatnonzero(found) % 24) == {4}


def test_every_scenario_has_its_own_duration():
    found = runs("0 2 * * *", "UTC", np.array([[3600.0], [10_800.0], [3600.0]]), WEEK)
    assert found.sum(axis=1) == pytest.approx([7, 21, 7])


def test_a_trace_with_steps_of_its_own_counts_what_runs_in_them():
    trace = Pattern(1.0, np.ones(8), "trace", step_s=450.0, begins_s=0.0)
    assert runs("15 * * * *", "UTC", 600, trace)[0] == pytest.approx([0, 0, 1, 1 / 3, 0, 0, 0, 0])


def test_nodes_have_room_for_a_job_only_while_it_runs():
    with_job, without = of(), of(schedule="0 2 30 2 *")
    pool = next(c for c in with_job.components if c.name == "main/default")
    busy = np.flatnonzero(pool.sizing.running[0] > 1)
    assert set(busy % 24) == {2, 3}
    assert pool.sizing.running.max() >= 3
    extra = with_job.cost_of("main/default").expected - without.cost_of("main/default").expected
    always = (pool.sizing.running.max() - 1) * without.cost_of("main/default").expected
    assert float(extra[0, 0]) == pytest.approx(float(always[0, 0]) * 2 / 24, rel=0.01)


def test_the_busiest_hour_carries_the_load_and_the_job():
    found = of(schedule="0 20 * * *", profile="consumer-diurnal")
    pool = next(c for c in found.components if c.name == "main/default")
    web = next(c for c in found.components if c.name == "web")
    hour = int(np.argmax(pool.sizing.running[0]))
    assert hour % 24 in (20, 21)
    assert pool.sizing.running[0, hour] * 3.9 >= web.sizing.running[0, hour] + 8


def test_autopilot_bills_a_job_by_the_minute():
    found = of(cluster="mode: autopilot")
    vcpu = next(line for line in found.lines_of("report") if line.sku == "autopilot-vcpu")
    assert float(vcpu.quantity.expected[0, 0]) == pytest.approx(8 * 730 * 1.5 / 24)


@pytest.mark.parametrize(
    ("schedule", "duration", "code"),
    [
        ("0 2 30 2 *", "1h", "job-schedule"),
        ("0 * * * *", "2h", "job-schedule"),
        ("0 2 * * *", "2h", None),
    ],
)
def test_a_schedule_that_cannot_work_is_told(schedule, duration, code):
    codes = {finding.code for finding in of(schedule, duration).findings if finding.code.startswith("job-")}
    assert codes == ({code} if code else set())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schedule": "0 25 * * *"}, "jobs.report.schedule"),
        ({"more": ", timezone: Mars/Phobos"}, "Mars/Phobos"),
        ({"duration": "0s"}, "a run takes longer than 0s"),
        ({"more": ", pool: gpu"}, "unknown pool 'gpu'"),
        ({"more": ", cluster: other"}, "unknown cluster 'other'"),
    ],
)
def test_a_job_that_cannot_be_is_refused(change, said):
    with pytest.raises(InputError) as error:
        of(**change)
    assert said in str(error.value)


def test_the_cronjob_runs_what_was_counted():
    files = rendered(PLAN % ("flat", POOLS, "0 2 * * *", "90m", ", timezone: Europe/Berlin"))
    spec = files["kubernetes/base/report/cronjob-report.yaml"].value["spec"]
    job = spec["jobTemplate"]["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == (
        "0 2 * * *",
        "Europe/Berlin",
        "Forbid",
    )
    assert (job["parallelism"], job["completions"], job["activeDeadlineSeconds"]) == (8, 8, 10800)
    [container] = job["template"]["spec"]["containers"]
    assert container["resources"]["requests"] == {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "1Gi"}
    quota = files["kubernetes/base/resourcequota-shop.yaml"].value["spec"]["hard"]
    assert float(quota["requests.cpu"]) >= 8 + 10


def test_every_site_has_the_job_in_its_own_cluster():
    text = PLAN % ("flat", POOLS, "0 2 * * *", "90m", "")
    text += "sites: {us: {}, eu: {regions: {gcp: europe-west1}}}\n"
    files = rendered(text)
    assert "kubernetes/sites/eu/report-eu/cronjob-report-eu.yaml" in files
    assert "kubernetes/sites/us/report/cronjob-report.yaml" in files


def test_a_plan_of_jobs_alone_is_rendered_with_the_secrets_that_it_needs(tmp_path, capplan):
    text = """
name: nightly
regions: {aws: us-east-1}
demand: {requests_per_second: 0, profile: flat}
clusters: {k: {platform: eks, pools: {default: {machine: m5.large, nodes: {min: 0, max: 9}}}}}
jobs:
  a: {schedule: "*/15 * * * *", duration: 5m, cpu: 1, memory: 1Gi, workload: {secrets: {KEY: store/key}}}
"""
    (tmp_path / "plan.yaml").write_text(text)
    capplan("render-manifests", tmp_path, "-o", tmp_path / "out")
    verified = capplan("verify", tmp_path / "out")
    assert (verified.exit_code, "store" in verified.stdout) == (0, False), verified.stderr
