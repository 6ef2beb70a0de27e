"""What a plan says of an HPA or a ScaledObject is what is written, and what is simulated."""

import textwrap

import pytest
from helpers import SHIPPED, component, estimate_of, plan_of
from rendering import rendered, write

from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import adopt
from capplan.autoscale.hpa.rules import DISABLED, MAX, PERCENT, PODS
from capplan.autoscale.keda import HIGHER
from capplan.autoscale.settings import Settings
from capplan.autoscale.signals import SCHEDULED
from capplan.autoscale.simulation import prepare
from capplan.errors import InputError

SHOP = textwrap.dedent("""
    name: shop
    regions: {gcp: us-central1}
    demand: {requests_per_second: 60, profile: office-hours}
    services:
      web:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        service_time: 40ms
        cpu_time: 20ms
        concurrency: 20
        instances: {min: 2, max: 20}
        workload: {autoscaler: AUTOSCALER}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 30}}}}
""")
KEDA = SHOP.replace(
    "AUTOSCALER",
    "{kind: keda, triggers: {requests: 30}, idle: 0, fallback: {replicas: 6, behavior: current-if-higher},"
    " cron: [{start: 0 8 * * 1-5, end: 0 18 * * 1-5, timezone: Europe/Berlin, replicas: 8}],"
    " behavior: {up: {select: max, policies: [{pods: 4, period: 15s}, {percent: 50}], tolerance: 5%},"
    " down: {select: disabled}}}",
)
BEHAVIOR = {
    "scaleUp": {
        "selectPolicy": "Max",
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 50, "periodSeconds": 60},
        ],
        "tolerance": "0.05",
    },
    "scaleDown": {"selectPolicy": "Disabled"},
}


def scaled_object(text):
    return rendered(text)["kubernetes/components/keda/scaledobject-web.yaml"].value["spec"]


def hpa(text):
    return rendered(text)["kubernetes/base/web/horizontalpodautoscaler-web.yaml"].value["spec"]


def scaler(text, **settings):
    return prepare(plan_of(text), SHIPPED, Settings(days=1.0, **settings)).subjects[0].simulated.scaler


def test_a_scaled_object_says_all_of_it():
    spec = scaled_object(KEDA)
    assert (spec["minReplicaCount"], spec["idleReplicaCount"]) == (2, 0)
    assert (spec["pollingInterval"], spec["cooldownPeriod"]) == (30, 300)
    assert spec["triggers"][-1] == {
        "type": "cron",
        "metadata": {
            "timezone": "Europe/Berlin",
            "start": "0 8 * * 1-5",
            "end": "0 18 * * 1-5",
            "desiredReplicas": "8",
        },
    }
    assert spec["fallback"] == {"failureThreshold": 3, "replicas": 6, "behavior": "currentReplicasIfHigher"}
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == BEHAVIOR


def test_the_simulation_does_all_of_it():
    found = scaler(KEDA)
    assert (found.keda.idle, found.keda.fallback, found.keda.falls_to) == (0, 6, HIGHER)
    assert (found.hpa.up.select, found.hpa.down.select) == (MAX, DISABLED)
    assert list(zip(found.hpa.up.kinds, found.hpa.up.amounts, found.hpa.up.periods_s, strict=True)) == [
        (PODS, 4, 15.0),
        (PERCENT, 50, 60.0),
    ]
    assert (found.hpa.tolerance.up, found.hpa.tolerance.down) == (0.05, 0.1)
    assert found.metrics.measures[0] == SCHEDULED
    # Monday 08:00 in Berlin is 07:00 UTC in winter.
    assert [found.metrics.scheduled[int(hour * 240)] for hour in (6.9, 7.1, 16.9, 17.1)] == [0, 8, 8, 0]


def test_an_hpa_says_its_behavior():
    text = SHOP.replace("AUTOSCALER", "{behavior: {down: {window: 10m, tolerance: 2.5%}}}")
    assert hpa(text)["behavior"] == {
        "scaleDown": {"stabilizationWindowSeconds": 600, "tolerance": "0.025"},
    }
    found = scaler(text).hpa
    assert (found.down.window_s, found.up.window_s, found.tolerance.down) == (600, 0, 0.025)
    assert (list(found.down.kinds), list(found.down.amounts), found.down.select) == ([PERCENT], [100], MAX)


def test_a_schedule_alone_is_enough():
    text = SHOP.replace(
        "AUTOSCALER", "{kind: keda, cron: [{start: 0 8 * * *, end: 0 18 * * *, replicas: 8}]}"
    )
    assert [trigger["type"] for trigger in scaled_object(text)["triggers"]] == ["cron"]
    assert list(scaler(text).metrics.measures) == [SCHEDULED]


OFFICE = "{kind: keda, cron: [{start: 0 8 * * 1-5, end: 0 18 * * 1-5, replicas: 8}], triggers: {cpu: 70}}"


def test_the_estimate_bills_what_the_schedule_keeps():
    found = component(
        estimate_of(SHOP.replace("AUTOSCALER", OFFICE), "demand.requests_per_second=20"), "web"
    ).sizing
    by_day = found.running[0].reshape(7, 24)
    assert by_day[:5, 8:18].min() == 8
    assert by_day[5:].max() == found.required[0].reshape(7, 24)[5:].max()
    assert found.required.max() < 8


def test_a_flat_load_has_the_mean_of_a_week():
    """Two instances, and eight in 50 of 168 hours."""
    flat = SHOP.replace("AUTOSCALER", OFFICE).replace("office-hours", "flat")
    found = component(estimate_of(flat, "demand.requests_per_second=1"), "web").sizing
    assert found.running.tolist() == [[pytest.approx((50 * 8 + 118 * 2) / 168)]]


def test_a_schedule_goes_no_higher_than_the_maximum():
    low = SHOP.replace("AUTOSCALER", OFFICE).replace("max: 20", "max: 5")
    assert component(estimate_of(low), "web").sizing.running.max() == 5


@pytest.mark.parametrize(
    ("autoscaler", "said"),
    [
        ("{idle: 0}", "idle needs kind: keda"),
        ("{triggers: {requests: {threshold: 9, query: 'rate(x_total[1m])'}}}", "query needs kind: keda"),
        ("{cron: [{start: 0 8 * * *, end: 0 18 * * *, replicas: 8}]}", "cron needs kind: keda"),
        ("{behavior: {up: {period: 30s}}}", "needs window"),
        ("{behavior: {up: {policies: [{pods: 2, percent: 10}]}}}", "needs percent or pods"),
        ("{behavior: {up: {policies: [{pods: 2, period: 1h}]}}}", "a period is 1s to 30m"),
        ("{kind: keda, cron: [{start: 0 25 * * *, end: 0 18 * * *, replicas: 8}]}", "'25' is not an hour"),
        ("{kind: keda, cron: [{start: 0 8 * * *, end: 0 9 * * *, replicas: 0}]}", "1 or more"),
    ],
)
def test_what_no_autoscaler_takes_is_refused_with_its_place(autoscaler, said):
    with pytest.raises(InputError) as caught:
        plan_of(SHOP.replace("AUTOSCALER", autoscaler))
    assert said in str(caught.value)
    assert "workload.autoscaler" in str(caught.value)


def test_an_idle_count_is_below_the_minimum():
    with pytest.raises(InputError, match=r"autoscaler\.idle: must be below instances\.min, 2"):
        rendered(SHOP.replace("AUTOSCALER", "{kind: keda, triggers: {requests: 30}, idle: 2}"))


@pytest.mark.parametrize(
    "autoscaler",
    [
        KEDA,
        SHOP.replace("AUTOSCALER", OFFICE),
        SHOP.replace(
            "AUTOSCALER", "{triggers: {cpu: 150, memory: 80}, behavior: {down: {select: disabled}}}"
        ),
        SHOP.replace("AUTOSCALER", "{kind: keda, triggers: {requests: 9, latency: 0.3, cpu: 70}}"),
    ],
)
def test_what_is_written_is_adopted_and_simulated_as_it_was(tmp_path, autoscaler):
    """From a plan to files and back: the same autoscaler, decision by decision."""
    text = autoscaler.replace("cpu: 500m", "cpu: 500m\n    cpu_limit: 1")
    write(rendered(text), tmp_path)
    back = adopt(tmp_path, AdoptOptions.of("gcp", "us-central1", ["e2-standard-4"], "prod", None)).file(
        ["demand.requests_per_second=60", "services.web.cpu_time=20ms", "services.web.concurrency=20"]
    )
    planned, adopted = (
        prepare(file, SHIPPED, Settings(days=1.0)).subjects[0].simulated.scaler
        for file in (plan_of(text), back)
    )
    assert (adopted.low, adopted.high, adopted.kind) == (planned.low, planned.high, planned.kind)
    assert adopted.keda == planned.keda
    assert adopted.hpa == planned.hpa
    for column in ("measures", "asked", "targets", "windows_s", "quantiles"):
        assert list(getattr(adopted.metrics, column)) == list(getattr(planned.metrics, column))
