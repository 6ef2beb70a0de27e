"""The five systems: every artefact that a document shows has its counterpart, with the plan's figures."""

import os
import subprocess
import sys

import pytest
from helpers import ROOT
from rendering import EXAMPLES, example, site_of

from capplan.manifests.verify.run import verify_rendered

pytestmark = pytest.mark.filterwarnings("default")
every = pytest.mark.parametrize(("name", "alternative", "sets"), EXAMPLES)


@every
def test_no_rule_is_broken(name, alternative, sets):
    found = verify_rendered(site_of(name, alternative, sets), list(example(name, alternative, sets).values()))
    assert [str(finding) for finding in found if finding.severity == "error"] == []


def test_two_runs_write_the_same_bytes(tmp_path):
    for seed in ("1", "2"):
        command = [
            sys.executable,
            "-m",
            "capplan",
            "render-manifests",
            ROOT / "examples/amas",
            "-o",
            tmp_path / seed,
        ]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(command, env=environment, check=True, capture_output=True)
    first, second = (
        {p.relative_to(tmp_path / s): p.read_bytes() for p in (tmp_path / s).rglob("*") if p.is_file()}
        for s in "12"
    )
    assert first == second
    assert len(first) > 40


def test_levqor_auto_scaling_group_is_the_documents():
    files = example("levqor")
    body = files["aws/backend.create-auto-scaling-group.json"].value
    document = {
        "AutoScalingGroupName": "levqor-backend-asg",
        "MinSize": 2,
        "MaxSize": 10,
        "DesiredCapacity": 2,
        "DefaultCooldown": 300,
        "HealthCheckType": "ELB",
        "HealthCheckGracePeriod": 60,
    }
    assert {key: body[key] for key in document} == document
    policy = files["aws/backend.put-scaling-policy.json"].value
    assert policy["TargetTrackingConfiguration"]["TargetValue"] == 70


def test_levqor_hpa_and_thresholds_are_the_documents():
    spec = example("levqor", "eks")["kubernetes/base/backend/horizontalpodautoscaler-backend.yaml"].value[
        "spec"
    ]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert _targets(spec) == {"cpu": 70, "memory": 80}
    alerts = {
        a["alert"]: a for a in example("levqor")["prometheus/levqor.rules.yaml"].value["groups"][1]["rules"]
    }
    assert alerts["ScaleUpCpu"]["expr"].endswith("> 0.7")
    assert alerts["ScaleUpCpu"]["for"] == "5m"
    assert alerts["ScaleDownCpu"]["expr"].endswith("< 0.3")
    assert alerts["ScaleDownCpu"]["for"] == "10m"
    assert alerts["ScaleUpQueue"]["expr"].endswith("> 100")
    titles = {panel["title"] for panel in example("levqor")["grafana/capplan-levqor.json"].value["panels"]}
    assert {"Load level", "Active workflows", "Approval queue", "backend: request rate"} <= titles


def _targets(spec):
    return {
        m["resource"]["name"]: m["resource"]["target"]["averageUtilization"]
        for m in spec["metrics"]
        if m["type"] == "Resource"
    }


def test_amas_scaled_object_is_the_documents():
    spec = example("amas")["kubernetes/components/keda/scaledobject-orchestrator.yaml"].value["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 50)
    by_name = {trigger["name"]: trigger["metadata"] for trigger in spec["triggers"]}
    assert (by_name["requests"]["threshold"], by_name["requests"]["activationThreshold"]) == ("15", "5")
    assert (by_name["latency"]["threshold"], by_name["latency"]["activationThreshold"]) == ("1", "0.5")
    assert (by_name["cpu"], by_name["memory"]) == ({"value": "70"}, {"value": "80"})
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"] == {
        "stabilizationWindowSeconds": 60,
        "selectPolicy": "Min",
        "policies": [
            {"type": "Percent", "value": 100, "periodSeconds": 60},
            {"type": "Pods", "value": 5, "periodSeconds": 60},
        ],
    }
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300
    worker = example("amas")["kubernetes/components/keda/scaledobject-worker.yaml"].value["spec"]
    queue = next(trigger for trigger in worker["triggers"] if trigger["name"] == "queue")["metadata"]
    assert (queue["threshold"], queue["activationThreshold"]) == ("25", "10")
    kinds = {
        item.value["kind"]
        for item in example("amas").values()
        if isinstance(item.value, dict) and "kind" in item.value
    }
    assert {"VerticalPodAutoscaler", "PodDisruptionBudget"} <= kinds
    assert "HorizontalPodAutoscaler" not in kinds, "a backup HPA beside KEDA is refused"


def test_llm_governance_has_the_guides_artefacts():
    files = example("llm-governance")
    hpa = files["kubernetes/base/api-gateway/horizontalpodautoscaler-api-gateway.yaml"].value["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (3, 10)
    assert _targets(hpa) == {"cpu": 70, "memory": 80}
    pods = next(m["pods"] for m in hpa["metrics"] if m["type"] == "Pods")
    assert pods["metric"]["name"] == "http_requests_per_second"
    assert pods["target"]["averageValue"] == "1000"
    deployment = files["kubernetes/base/api-gateway/deployment-api-gateway.yaml"].value["spec"]
    resources = deployment["template"]["spec"]["containers"][0]["resources"]
    assert (resources["requests"]["cpu"], resources["requests"]["memory"]) == ("250m", "256Mi")
    assert (resources["limits"]["cpu"], resources["limits"]["memory"]) == ("1", "1Gi")
    assert "replicas" not in deployment
    environment = files["kubernetes/base/auth-service/configmap-auth-service.yaml"].value["data"]
    assert environment["DATABASE_MAX_CONNECTIONS"] == "50"
    assert environment["DATABASE_MIN_CONNECTIONS"] == "10"
    assert environment["DATABASE_ACQUIRE_TIMEOUT_SECONDS"] == "30"
    sql = files["sql/postgres-timeseries.sql"].text
    assert "add_compression_policy('metrics', INTERVAL '7 days'" in sql
    assert "add_retention_policy('metrics', INTERVAL '90 days'" in sql
    assert "compress_segmentby = 'service, metric_name'" in sql
    assert "idx_audit_logs_timestamp" in files["sql/postgres-indexes.sql"].text
    replica = files["aws/postgres-replica-1.create-db-instance-read-replica.json"].value
    assert replica["DBInstanceClass"] == "db.t3.large"
    cluster = example("llm-governance", "redis-cluster")[
        "kubernetes/components/redis/rediscluster-redis.yaml"
    ].value
    assert cluster["apiVersion"].endswith("/v1beta2"), "v1beta1 of the guide is no longer served"
    assert (cluster["spec"]["redisLeader"]["replicas"], cluster["spec"]["redisFollower"]["replicas"]) == (
        3,
        3,
    )
    assert "/api/policies" in files["loadtest/locust/locustfile.py"].text


def test_llm_observatory_has_the_guides_artefacts():
    files = example("llm-observatory")
    container = files["kubernetes/base/collector/deployment-collector.yaml"].value["spec"]["template"][
        "spec"
    ]["containers"][0]
    assert container["resources"]["requests"]["cpu"] == "500m"
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "1Gi"}
    assert {
        "name": "DATABASE_URL",
        "valueFrom": {"secretKeyRef": {"name": "database-credentials", "key": "url"}},
    } in container["env"]
    assert {port["containerPort"] for port in container["ports"]} == {4317, 4318}
    service = files["kubernetes/base/collector/service-collector.yaml"].value["spec"]
    assert service["type"] == "LoadBalancer", "as in the guide; the plan pays for it"
    database = files["aws/postgres.create-db-instance.json"].value
    assert database["EngineVersion"] == "16", "16.1 of the guide can no longer be created"
    assert "MasterUserPassword" not in database
    script = example("llm-observatory", "azure")["commands/az.sh"].text
    assert "postgres flexible-server create" in script
    assert "postgres server create" not in script


def test_afpi_cloud_run_and_vllm_are_the_documents():
    service = example("afpi")["cloudrun/frontend.service.yaml"].value["spec"]["template"]
    annotations = service["metadata"]["annotations"]
    assert annotations["run.googleapis.com/scaling-cpu-target"] == "0.8"
    assert annotations["run.googleapis.com/scaling-concurrency-target"] == "0.8"
    assert annotations["autoscaling.knative.dev/maxScale"] == "10"
    assert service["spec"]["containerConcurrency"] == 1000
    files = example("afpi", "gke-fits")
    pod = files["kubernetes/base/llm/deployment-llm.yaml"].value["spec"]["template"]["spec"]
    assert "--model=mistralai/Mistral-7B-Instruct-v0.2" in pod["containers"][0]["args"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]
    hpa = files["kubernetes/base/llm/horizontalpodautoscaler-llm.yaml"].value["spec"]
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (1, 5)
    assert hpa["metrics"][0]["type"] == "Pods", "CPU says nothing of a server that waits for its GPU"
    script = files["commands/gcloud.sh"].text
    assert "--accelerator type=nvidia-tesla-t4,count=1" in script
    assert "--total-max-nodes 5" in script
    rules = {a["alert"] for a in files["prometheus/afpi.rules.yaml"].value["groups"][1]["rules"]}
    assert {"HighLatency", "HighErrorRate", "GpuSaturation", "CostAnomaly"} <= rules


def test_no_alert_or_trigger_is_below_the_work_itself():
    """A latency that the work alone exceeds would page for ever, or keep an autoscaler at its maximum."""
    worker = example("amas")["kubernetes/components/keda/scaledobject-worker.yaml"].value["spec"]
    assert "latency" not in {trigger["name"] for trigger in worker["triggers"]}
    late = {("amas", None): {"orchestrator"}, ("afpi", "gke-fits"): {"frontend", "backend"}}
    late[("afpi", "l4")] = {"frontend", "backend"}
    for (name, alternative), services in late.items():
        groups = example(name, alternative)[f"prometheus/{name}.rules.yaml"].value["groups"]
        found = [rule for rule in groups[1]["rules"] if rule["alert"] == "HighLatency"]
        assert {rule["labels"]["component"] for rule in found} == services
