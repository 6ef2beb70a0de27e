"""HPAs, ScaledObjects and VPAs as the plan says them; what it cannot say is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from manifested import adopted, codes, pod, tree_of

from capplan.adopt.run import Adopted


def hpa(**spec: Any) -> str:
    body = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 2, "maxReplicas": 9}
    tree = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {**body, **spec},
    }
    return yaml.safe_dump(tree)


def keda(*triggers: dict[str, Any], **spec: Any) -> str:
    tree = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": list(triggers), **spec},
    }
    return yaml.safe_dump(tree)


def resource(name: str, kind: str = "Resource", **target: Any) -> dict[str, Any]:
    field = kind[0].lower() + kind[1:]
    more = {"container": "c"} if kind == "ContainerResource" else {}
    return {"type": kind, field: {"name": name, "target": target, **more}}


def named(kind: str, name: str, **target: Any) -> dict[str, Any]:
    return {"type": kind, kind.lower(): {"metric": {"name": name}, "target": target}}


def read(directory: Path, scaler: str) -> tuple[dict[str, Any], Adopted]:
    found = adopted(directory, pod("{cpu: 500m, memory: 1Gi}"), scaler)
    found.file()
    service: dict[str, Any] = tree_of(found)["services"]["web"]
    return service, found


def autoscaler(service: dict[str, Any]) -> dict[str, Any]:
    return service["workload"].get("autoscaler", {})


UTILIZATION = {"type": "Utilization"}


@pytest.mark.parametrize(
    ("metric", "target", "triggers"),
    [
        (resource("cpu", averageUtilization=70), None, None),
        (resource("cpu", averageUtilization=55), {"cpu": "55%"}, None),
        (resource("cpu", averageUtilization=300), {"cpu": "100%"}, {"cpu": 300}),
        (resource("cpu", averageValue="250m"), {"cpu": "50%"}, None),
        (resource("cpu", "ContainerResource", averageUtilization=60), {"cpu": "60%"}, None),
        (resource("memory", averageUtilization=75), {"memory": "75%"}, {"memory": 75}),
        (named("Pods", "http_requests_per_second", averageValue="1500m"), None, {"requests": 1.5}),
        (named("External", "orders_backlog", averageValue="30"), None, {"queue": 30}),
        (named("Object", "request_latency", value="250m"), None, {"latency": 0.25}),
    ],
)
def test_a_metric_becomes_a_target_or_a_trigger(
    tmp_path: Path, metric: dict[str, Any], target: object, triggers: object
) -> None:
    service, found = read(tmp_path, hpa(metrics=[metric]))
    assert service.get("target_utilization") == target
    assert autoscaler(service).get("triggers") == triggers
    assert "scaling-not-kept" not in codes(found)


def test_cpu_beside_another_metric_is_a_trigger_too(tmp_path: Path) -> None:
    metrics = [resource("cpu", averageUtilization=60), named("External", "lag_total", averageValue="5")]
    service, _ = read(tmp_path, hpa(metrics=metrics))
    assert autoscaler(service)["triggers"] == {"cpu": 60, "queue": 5}


def test_old_autoscalers_name_their_target_directly(tmp_path: Path) -> None:
    service, _ = read(tmp_path, hpa(targetCPUUtilizationPercentage=45))
    assert service["target_utilization"] == {"cpu": "45%"}


@pytest.mark.parametrize(
    "metric",
    [
        named("External", "moon_phase", averageValue="3"),
        named("Pods", "http_requests_per_second", averageValue="none"),
        named("Object", "http_requests_per_second", type="Value", value="2k"),
        named("External", "orders_backlog", value="500"),
        resource("gpu", averageUtilization=5),
    ],
)
def test_a_metric_that_a_plan_cannot_say_is_named(tmp_path: Path, metric: dict[str, Any]) -> None:
    _, found = read(tmp_path, hpa(metrics=[metric]))
    assert "scaling-not-kept" in codes(found)


@pytest.mark.parametrize(
    "more",
    [
        {"initialCooldownPeriod": 300},
        {"advanced": {"restoreToOriginalReplicaCount": True}},
        {"advanced": {"scalingModifiers": {"formula": "a + b"}}},
    ],
)
def test_settings_of_keda_that_a_plan_cannot_say_are_named(tmp_path: Path, more: dict[str, Any]) -> None:
    trigger = {"type": "cpu", "metadata": {"value": "60"}}
    assert "scaling-not-kept" in codes(read(tmp_path, keda(trigger, **more))[1])
    assert "scaling-not-kept" not in codes(read(tmp_path, keda(trigger))[1])


@pytest.mark.parametrize("kind", ["kafka", "prometheus"])
@pytest.mark.parametrize(("by", "kept"), [("AverageValue", True), ("Value", False)])
def test_a_trigger_for_all_pods_together_is_named(tmp_path: Path, kind: str, by: str, kept: bool) -> None:
    metadata = {"query": "sum(kafka_lag)", "threshold": "20", "lagThreshold": "20"}
    service, found = read(tmp_path, keda({"type": kind, "metricType": by, "metadata": metadata}))
    assert ("queue" in autoscaler(service).get("triggers", {})) == kept
    assert ("scaling-not-kept" in codes(found)) == (not kept)


def test_a_metric_without_a_name_is_told_by_its_query(tmp_path: Path) -> None:
    metadata = {"query": "sum(kafka_lag)", "threshold": "20"}
    _, found = read(tmp_path, keda({"type": "prometheus", "metadata": metadata}))
    assert any("metric sum(kafka_lag) is taken" in note.message for note in found.notes)


def test_two_metrics_of_one_kind_keep_the_first(tmp_path: Path) -> None:
    metrics = [named("External", f"queue_{name}", averageValue=value) for name, value in (("a", 3), ("b", 9))]
    service, found = read(tmp_path, hpa(metrics=metrics))
    assert autoscaler(service)["triggers"] == {"queue": 3}
    assert any("second trigger for queue" in note.message for note in found.notes)


def test_behavior_keeps_every_policy(tmp_path: Path) -> None:
    up = {
        "stabilizationWindowSeconds": 0,
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 15},
            {"type": "Pods", "value": 4, "periodSeconds": 30},
        ],
    }
    down = {"selectPolicy": "Disabled", "tolerance": "0.05"}
    service, found = read(tmp_path, hpa(behavior={"scaleUp": up, "scaleDown": down}))
    assert autoscaler(service)["behavior"] == {
        "up": {
            "window": "0s",
            "policies": [{"percent": 100, "period": "15s"}, {"pods": 4, "period": "30s"}],
            # The API's default; a plan's own would be the smaller change.
            "select": "max",
        },
        "down": {"select": "disabled", "tolerance": "5%"},
    }
    kept = found.file().plan.services["web"].workload.autoscaler.behavior
    assert [limit.period for limit in kept.up.limits()] == [15, 30]


def test_a_behavior_that_nothing_can_hold_is_named(tmp_path: Path) -> None:
    service, found = read(tmp_path, hpa(behavior={"scaleUp": {"stabilizationWindowSeconds": 99999}}))
    assert "behavior" not in autoscaler(service)
    assert "scaling-not-kept" in codes(found)


CRON = {"timezone": "Europe/Berlin", "start": "0 8 * * 1-5", "end": "0 18 * * 1-5", "desiredReplicas": "6"}


def test_a_scaled_object_is_kept_whole(tmp_path: Path) -> None:
    service, found = read(
        tmp_path,
        keda(
            {"type": "cron", "metadata": CRON},
            {"type": "aws-sqs-queue", "metadata": {"queueLength": "7", "activationQueueLength": "2"}},
            {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "80"}},
            minReplicaCount=2,
            maxReplicaCount=12,
            idleReplicaCount=0,
            pollingInterval=15,
            cooldownPeriod=120,
            fallback={"failureThreshold": 4, "replicas": 5, "behavior": "currentReplicasIfHigher"},
        ),
    )
    assert service["instances"] == {"min": 2, "max": 12}
    assert service["target_utilization"] == {"cpu": "80%"}
    assert autoscaler(service) == {
        "kind": "keda",
        "polling": "15s",
        "cooldown": "120s",
        "idle": 0,
        "cron": [{"start": CRON["start"], "end": CRON["end"], "timezone": "Europe/Berlin", "replicas": 6}],
        "fallback": {"replicas": 5, "failures": 4, "behavior": "current-if-higher"},
        "triggers": {"queue": {"threshold": 7, "activation": 2}, "cpu": 80},
    }
    assert "scaling-not-kept" not in codes(found)


def test_a_query_is_kept_as_it_is(tmp_path: Path) -> None:
    query = 'sum(rate(http_requests_total{app="web"}[1m]))'
    trigger = {"type": "prometheus", "metadata": {"query": query, "threshold": "20"}}
    service, _ = read(tmp_path, keda(trigger))
    assert autoscaler(service)["triggers"] == {"requests": {"threshold": 20, "query": query}}


def test_other_triggers_wake_what_sleeps(tmp_path: Path) -> None:
    service, found = read(tmp_path, keda({"type": "github-runner", "metadata": {"owner": "me"}}))
    assert autoscaler(service)["triggers"] == {"queue": 1}
    assert service["instances"] == {"min": 0, "max": 100}
    assert "assumed-value" in codes(found)


def test_a_bad_schedule_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    bad = {**CRON, "start": "0 25 * * *"}
    service, found = read(tmp_path, keda({"type": "cron", "metadata": bad}, pollingInterval=15))
    assert autoscaler(service) == {"kind": "keda", "polling": "15s"}
    assert "scaling-not-kept" in codes(found)


def vpa(mode: str, **policy: Any) -> str:
    spec: dict[str, Any] = {"targetRef": {"kind": "Deployment", "name": "web"}}
    spec["updatePolicy"] = {"updateMode": mode}
    if policy:
        spec["resourcePolicy"] = {"containerPolicies": [policy]}
    return yaml.safe_dump(
        {
            "apiVersion": "autoscaling.k8s.io/v1",
            "kind": "VerticalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": spec,
        }
    )


def test_a_vertical_autoscaler_is_kept_and_its_effect_is_said(tmp_path: Path) -> None:
    service, found = read(tmp_path, vpa("Auto", minAllowed={"cpu": "100m"}, maxAllowed={"memory": "4Gi"}))
    assert service["workload"]["vpa"] == {"mode": "recreate", "min_cpu": "100m", "max_memory": "4Gi"}
    assert any("may change" in note.message for note in found.notes)
    off, quiet = read(tmp_path, vpa("Off"))
    assert off["workload"]["vpa"] == {"mode": "off"}
    assert not any("may change" in note.message for note in quiet.notes)
