"""`capplan simulate --manifests`: what is deployed, under a load that was recorded."""

import itertools
import json
import textwrap

import pytest

DEPLOYED = textwrap.dedent("""
    apiVersion: argoproj.io/v1alpha1
    kind: Rollout
    metadata: {name: shop, namespace: prod}
    spec:
      selector: {matchLabels: {app: shop}}
      template:
        metadata: {labels: {app: shop}}
        spec:
          containers:
            - name: shop
              image: registry.example/shop:1
              resources: {requests: {cpu: 400m, memory: 512Mi}, limits: {cpu: 1200m, memory: 1Gi}}
    ---
    apiVersion: autoscaling/v2
    kind: HorizontalPodAutoscaler
    metadata: {name: shop, namespace: prod}
    spec:
      scaleTargetRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: shop}
      minReplicas: 2
      maxReplicas: 24
      metrics:
        - type: ContainerResource
          containerResource:
            {name: cpu, container: shop, target: {type: Utilization, averageUtilization: 150}}
      behavior:
        scaleUp: {policies: [{type: Pods, value: 2, periodSeconds: 60}]}
        scaleDown: {selectPolicy: Disabled}
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: mail, namespace: prod}
    spec:
      selector: {matchLabels: {app: mail}}
      template:
        metadata: {labels: {app: mail}}
        spec:
          containers:
            - name: mail
              image: registry.example/mail:1
              resources: {requests: {cpu: 250m, memory: 256Mi}}
    ---
    apiVersion: keda.sh/v1alpha1
    kind: ScaledObject
    metadata: {name: mail, namespace: prod}
    spec:
      scaleTargetRef: {name: mail}
      minReplicaCount: 2
      maxReplicaCount: 30
      idleReplicaCount: 0
      cooldownPeriod: 60
      triggers:
        - {type: cron, metadata: {timezone: UTC, start: 0 2 * * *, end: 0 3 * * *, desiredReplicas: "7"}}
        - type: prometheus
          metadata:
            serverAddress: http://prometheus:9090
            query: sum(rate(mails_requests_total[1m]))
            threshold: "20"
""")
COST = "services.shop.cpu_time=20ms"


@pytest.fixture
def deployed(tmp_path):
    """Return the arguments that simulate the files, with a load of four hours in steps of a minute."""
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod" / "all.yaml").write_text(DEPLOYED)
    load = [6000 if 60 <= minute < 90 else 600 * (minute < 200) for minute in range(240)]
    rows = [f"2026-03-02T{minute // 60:02}:{minute % 60:02}:00Z,{load[minute]}" for minute in range(240)]
    (tmp_path / "load.csv").write_text("\n".join(["timestamp,requests", *rows, ""]))
    where = ("--provider", "gcp", "--region", "us-central1", "--node-type", "e2-standard-4")
    return (
        "simulate",
        "--manifests",
        tmp_path / "prod",
        *where,
        "--trace",
        tmp_path / "load.csv",
        "--steady",
    )


def wanted(capplan, *arguments):
    """Return the minutes and counts of every change."""
    done = capplan(*arguments, "--format", "csv")
    assert done.exit_code == 0, done.stderr
    header, *lines = (line.split(",") for line in done.stdout.splitlines())
    at, count = header.index("time_s"), header.index("wanted")
    found = [(int(line[at]) / 60, int(line[count])) for line in lines]
    changed = [now for before, now in itertools.pairwise(found) if now[1] != before[1]]
    return [found[0], *changed], done.stderr


def test_a_rollout_with_an_hpa(capplan, deployed):
    """100 requests/s × 20 ms are 2 cores: 4 pods at 150 % of 400m, two more a minute, none given up."""
    changes, _ = wanted(capplan, *deployed, "--service", "shop", "--set", COST)
    assert changes[0][1] == 2
    assert changes[-1][1] == 4
    assert all(60 <= minute < 66 for minute, _ in changes[1:])


def test_limits_are_what_pods_can_use(capplan, deployed):
    """A target of 150 % of the request is never reached by pods that are limited to it."""
    tight = ("--service", "shop", "--set", COST, "--set", "services.shop.cpu_limit=400m")
    assert wanted(capplan, *deployed, *tight)[0] == [(0.0, 2)]


def test_a_scaled_object_with_cron_and_idle_count(capplan, deployed):
    """Idle after the load ends at 03:20; seven at least from 02:00 to 03:00; no CPU limit, which is said."""
    cost = "services.mail.cpu_time=10ms"
    changes, said = wanted(capplan, *deployed, "--service", "mail", "--set", cost)
    at_two = [count for minute, count in changes if 119 <= minute <= 122]
    assert max(at_two) == 7
    assert changes[-1][1] == 0
    assert 200 < changes[-1][0] < 204
    assert "not simulated: mail: has no CPU limit" in said


def test_what_would_hold_it_for_less(capplan, deployed):
    slo = ("--set", COST, "--set", "services.shop.slo.p95=1s")
    done = capplan(*deployed, "--service", "shop", *slo, "--tune", "--tries", "6", "--format", "json")
    assert done.exit_code == 0, done.stderr
    tuned = json.loads(done.stdout)
    assert tuned["services"]["shop"]["tried"] == 7


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--set", COST), "--manifests: holds 2 workloads, and does not say whose load it is"),
        (("--service", "shpo", "--set", COST), "did you mean 'shop'"),
        (("--service", "shop"), "no service of the plan can be simulated"),
        (("--service", "shop", "--set", COST, "--tune", "--apply"), "this plan comes from manifests"),
    ],
)
def test_what_nobody_says_is_asked_for(capplan, deployed, more, said):
    done = capplan(*deployed, *more)
    assert done.exit_code == 2
    assert said in done.stderr.lower() or said in done.stderr


def test_a_load_is_needed(capplan, deployed):
    without = [word for word in deployed if word not in ("--trace", deployed[-2])]
    done = capplan(*without, "--service", "shop", "--set", COST)
    assert (done.exit_code, "does not say how much load there is" in done.stderr) == (2, True)


def test_options_of_manifests_need_manifests(capplan, root):
    done = capplan("simulate", root / "examples" / "amas", "--node-type", "e2-standard-4")
    assert (done.exit_code, "--manifests: is missing" in done.stderr) == (2, True)
    both = capplan("simulate", root / "examples" / "amas", "--manifests", root / "examples" / "manifests")
    assert (both.exit_code, "cannot be combined with a plan" in both.stderr) == (2, True)
