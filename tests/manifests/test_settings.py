"""Settings that follow from the plan: pools, Redis, PostgreSQL, health, secrets, nodes, checklist."""

import textwrap

import pytest
import yaml
from rendering import SERVICE, example, rendered

from capplan.errors import InputError

STORES = textwrap.dedent(SERVICE).replace(
    "throughput: 20/s", "throughput: 20/s\n    calls: {db: 1, redis: 1}"
) + textwrap.dedent("""
    databases:
      db: {platform: kubernetes, engine: postgres, memory: 4Gi, storage: 20Gi, max_connections: 120}
    caches:
      redis: {platform: kubernetes, memory: 2Gi, storage: 10Gi}
""")


def settings(files, name, file):
    """Return a store's configuration file as a map."""
    text = files[f"kubernetes/base/{name}/configmap-{name}-config.yaml"].value["data"][file]
    return dict(line.replace(" = ", " ", 1).split(" ", 1) for line in text.splitlines())


def pooler(files, database):
    path = f"kubernetes/base/{database}-pooler/configmap-{database}-pooler.yaml"
    return files[path].value["data"]["pgbouncer.ini"]


def test_redis_keeps_a_quarter_free_and_what_it_is_told_to():
    kept = settings(rendered(STORES), "redis", "redis.conf")
    assert kept["maxmemory"] == "1536mb"
    assert (kept["maxmemory-policy"], kept["appendonly"]) == ("allkeys-lru", "yes")
    lost = settings(
        rendered(STORES, "caches.redis.storage=0Gi", "caches.redis.eviction=noeviction"),
        "redis",
        "redis.conf",
    )
    assert (lost["maxmemory-policy"], lost["appendonly"]) == ("noeviction", "no")


def test_redis_reads_its_file_and_asks_for_the_password():
    spec = rendered(STORES)["kubernetes/base/redis/statefulset-redis.yaml"].value["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["args"] == ["/etc/redis/redis.conf", "--requirepass", "$(REDIS_PASSWORD)"]
    assert {"name": "config", "mountPath": "/etc/redis", "readOnly": True} in container["volumeMounts"]
    assert {"name": "config", "configMap": {"name": "redis-config"}} in spec["volumes"]


def test_postgres_is_set_to_its_pod():
    found = settings(rendered(STORES), "db", "postgresql.conf")
    assert found["max_connections"] == "120"
    assert (found["shared_buffers"], found["effective_cache_size"]) == ("1024MB", "3072MB")
    work = int(found["work_mem"].removesuffix("MB"))
    assert 1024 + 2 * 120 * work <= 4096, "buffers and all sorts at once fit the pod"


def test_instances_share_the_connections_that_a_database_accepts():
    data = rendered(STORES)["kubernetes/base/api/configmap-api.yaml"].value["data"]
    # 120 ÷ 10 instances at the ceiling.
    assert data["DB_POOL_MAX"] == "12"
    given = rendered(STORES, "services.api.calls.db.pool.max=7")
    assert given["kubernetes/base/api/configmap-api.yaml"].value["data"]["DB_POOL_MAX"] == "7"


def test_pools_are_told_by_the_names_that_the_plan_gives():
    names = "{max: PG_SIZE, min: PG_KEEP}"
    files = rendered(STORES, "services.api.calls.db.pool.max=9", f"services.api.calls.db.pool.env={names}")
    data = files["kubernetes/base/api/configmap-api.yaml"].value["data"]
    assert (data["PG_SIZE"], data["PG_KEEP"]) == ("9", "0")
    assert data["DB_POOL_ACQUIRE_TIMEOUT"] == "30"
    assert not data.keys() & {"DB_POOL_MAX", "DB_POOL_MIN"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", {}),
        (", idle_timeout: 90s", {"server_idle_timeout": "90"}),
        (", max_lifetime: 2h", {"server_lifetime": "7200"}),
    ],
)
def test_a_pooler_keeps_its_own_times_unless_the_plan_says_others(said, expected):
    text = pooler(rendered(STORES, f"services.api.calls.db.pool={{max: 40, hold_time: 10ms{said}}}"), "db")
    found = dict(line.split(" = ") for line in text.splitlines() if line.startswith("server_"))
    assert {name: value for name, value in found.items() if "tls" not in name} == expected


def test_a_pooler_stands_where_pools_open_too_much():
    text = pooler(example("llm-governance"), "postgres")
    found = dict(
        line.split(" = ") for line in text.splitlines() if " = " in line and not line.startswith("*")
    )
    # Five services of ten instances, and three more in a rollout, with fifty each.
    # 18 server connections block 1 % of the calls.
    assert (found["max_client_conn"], found["default_pool_size"]) == ("3250", "18")
    assert found["query_wait_timeout"] == "30"
    assert not any("pgbouncer" in path or "pooler" in path for path in rendered(STORES))


def test_managed_redis_gives_way_as_the_plan_says():
    group = example("llm-observatory")["aws/redis.modify-cache-parameter-group.json"].value
    assert group["ParameterNameValues"] == [
        {"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lru"}
    ]
    body = example("llm-observatory")["aws/redis.create-replication-group.json"].value
    assert body["CacheParameterGroupName"] == group["CacheParameterGroupName"]
    assert (
        "--redis-config maxmemory-policy=allkeys-lru"
        in example("llm-observatory", "gcp")["commands/gcloud.sh"].text
    )


def test_probes_keep_the_contract_of_the_health_endpoints():
    files = example("levqor", "eks")
    contract = files["health/openapi.yaml"].value["paths"]
    assert set(contract) == {"/api/health/summary", "/api/health"}
    [container] = files["kubernetes/base/backend/deployment-backend.yaml"].value["spec"]["template"]["spec"][
        "containers"
    ]
    for path, endpoint in contract.items():
        for said in endpoint["get"]["x-probes"]:
            probe = container[f"{said['decides']}Probe"]
            assert probe["httpGet"]["path"] == path
            assert probe["periodSeconds"] == said["period_seconds"]
            assert probe["timeoutSeconds"] == said["timeout_seconds"]
            assert probe["failureThreshold"] == said["failures"]
    live = contract["/api/health"]["get"]["x-probes"]
    assert {probe["decides"] for probe in live} == {"liveness"}
    schema = files["health/openapi.yaml"].value["components"]["schemas"]["Health"]
    assert set(schema["properties"]) == {"status", "version", "uptime_seconds", "checks", "metrics"}


def test_a_load_balancer_keeps_the_contract():
    files = example("levqor")
    body = files["aws/backend.modify-target-group.json"].value
    endpoint = files["health/openapi.yaml"].value["paths"][body["HealthCheckPath"]]
    [probe] = endpoint["get"]["x-probes"]
    assert body["HealthCheckIntervalSeconds"] == probe["period_seconds"]
    assert body["HealthCheckTimeoutSeconds"] == probe["timeout_seconds"]
    assert body["UnhealthyThresholdCount"] == probe["failures"]
    assert "aws elbv2 modify-target-group" in files["commands/aws.sh"].text


def test_a_dead_database_restarts_nothing():
    [container] = rendered(SERVICE)["kubernetes/base/api/deployment-api.yaml"].value["spec"]["template"][
        "spec"
    ]["containers"]
    assert container["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert container["readinessProbe"]["httpGet"]["path"] == "/health"


def test_secrets_come_from_a_store_and_hold_no_value():
    files = rendered(STORES, "manifests.secret_store=vault")
    found = {
        item.value["metadata"]["name"]: item.value["spec"]
        for path, item in files.items()
        if "/externalsecret-" in path
    }
    assert set(found) == {"shop", "db", "redis"}
    assert found["shop"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert found["shop"]["data"] == [
        {"secretKey": "token", "remoteRef": {"key": "shop", "property": "token"}}
    ]
    assert not any("/externalsecret-" in path for path in rendered(STORES))


def test_karpenters_nodes_have_a_class_of_their_own():
    files = example("levqor", "eks")
    pool = files["karpenter/main/nodepool-default.yaml"].value["spec"]
    node_class = files["karpenter/main/ec2nodeclass-default.yaml"].value
    assert pool["template"]["spec"]["nodeClassRef"]["name"] == node_class["metadata"]["name"]
    spec = node_class["spec"]
    assert spec["metadataOptions"]["httpTokens"] == "required"
    assert spec["blockDeviceMappings"][0]["ebs"]["encrypted"] is True
    assert spec["subnetSelectorTerms"] == [{"tags": {"karpenter.sh/discovery": "main"}}]


def test_google_can_scrape_instead():
    files = rendered(SERVICE, "manifests.monitoring=managed-prometheus")
    kinds = {
        item.value["kind"] for item in files.values() if isinstance(item.value, dict) and "kind" in item.value
    }
    assert {"PodMonitoring", "Rules"} <= kinds
    assert not kinds & {"ServiceMonitor", "PrometheusRule"}
    rules = rendered(SERVICE)["kubernetes/components/monitoring/prometheusrule-shop.yaml"].value["spec"]
    assert files["kubernetes/components/monitoring/rules-shop.yaml"].value["spec"] == rules
    policy = files["kubernetes/base/api/networkpolicy-api.yaml"].value["spec"]["ingress"][0]["from"]
    assert policy == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gmp-system"}}}]


def test_metrics_of_hpas_are_made_by_the_adapter():
    files = example("llm-governance")
    metrics = files["kubernetes/base/api-gateway/horizontalpodautoscaler-api-gateway.yaml"].value["spec"][
        "metrics"
    ]
    asked = {metric["pods"]["metric"]["name"] for metric in metrics if metric["type"] == "Pods"}
    rules = files["helm/prometheus-adapter.values.yaml"].value["rules"]
    assert {rule["name"]["as"] for rule in rules["custom"]} == asked == {"http_requests_per_second"}
    assert "helm/prometheus-adapter.values.yaml" not in example("amas"), "KEDA asks Prometheus itself"


@pytest.mark.parametrize("missing", ["subnets", "execution_role"])
def test_fargate_needs_what_aws_refuses_to_do_without(missing):
    with pytest.raises(InputError, match=f"manifests.aws.{missing}: is missing"):
        example("llm-observatory", "aws-ecs", (f"manifests.aws.{missing}=null",))


def test_the_checklist_says_what_is_rendered_and_what_is_not():
    text = example("llm-governance")["CHECKLIST.md"].text
    assert "- [ ] Indexes: sql/postgres-indexes.sql" in text
    assert "- [ ] Rate limits: the plan does not ask for it" in text
    assert "auth-service most, 450 times a second" in text
    assert "AWS WAF" in text
    assert "DCGM exporter" not in text
    assert "DCGM exporter" in example("afpi", "l4")["CHECKLIST.md"].text
    assert "Binary Authorization" in example("afpi")["CHECKLIST.md"].text
    ticked = [line for line in text.splitlines() if line.startswith("- [x]")]
    paths = {line.split(": ", 1)[1].split(" and ")[0] for line in ticked}
    assert paths <= set(example("llm-governance"))


def test_a_zonal_pool_counts_its_nodes_once():
    script = example("llm-observatory", "gcp")["commands/gcloud.sh"].text
    pool = script.split("node-pools create", 1)[1].split("\n\n")[0]
    assert "--num-nodes 3" in pool


def test_autopilot_selects_no_pool():
    script = example("amas")["commands/gke-autopilot.sh"].text
    assert "create-auto amas-prod --region us-central1" in script
    assert '{"cloud.google.com/gke-spot": "true"}' in script
    assert "gke-nodepool" not in script


def test_helm_values_say_where_stores_are():
    stores = rendered(STORES)["helm/values.yaml"].value["stores"]
    assert stores["redis"]["persistence"] == {"enabled": True, "size": "10Gi"}
    assert stores["redis"]["resources"]["limits"]["memory"] == "2Gi"
    assert (
        example("llm-observatory")["helm/values.yaml"].value["stores"]["postgres"]["host"]
        == "postgres.invalid"
    )


def test_helm_values_scale_a_service_by_one_autoscaler():
    """A chart with both makes an HPA beside KEDA's own, and the two undo each other."""
    files = example("amas")
    values = files["helm/values.yaml"].value["services"]["orchestrator"]
    spec = files["kubernetes/components/keda/scaledobject-orchestrator.yaml"].value["spec"]
    assert values["autoscaling"] == {"enabled": False, "minReplicas": 2, "maxReplicas": 50}
    keda = values["keda"]
    assert keda["enabled"]
    assert keda["triggers"] == spec["triggers"]
    assert keda["behavior"] == spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert "keda" not in example("llm-governance")["helm/values.yaml"].value["services"]["frontend"]


def test_a_pod_may_use_no_more_cores_than_its_node_has():
    def limit(cores):
        files = rendered(SERVICE, f"services.api.cpu={cores}")
        pod = files["kubernetes/base/api/deployment-api.yaml"].value["spec"]["template"]["spec"]
        return pod["containers"][0]["resources"]["limits"]["cpu"]

    # Four times the request, on an e2-standard-4 that leaves 3.9 vCPU or less.
    assert (limit("500m"), limit("2"), limit("3500m")) == ("2", "3", "3500m")


def test_terraform_gets_the_caches():
    def caches(*sets):
        return example("llm-observatory", *sets)["terraform/capplan.auto.tfvars.json"].value["caches"]

    assert caches()["redis"]["machine"] == "cache.r6g.large"
    assert caches("gcp")["redis"]["size_gib"] == 5


def test_a_task_starts_and_writes_as_a_pod_does():
    sets = ("services.api.workload.command=[run]", "services.api.workload.args=[--fast]")
    body = example("llm-observatory", "aws-ecs", sets)["aws/api.register-task-definition.json"].value
    [container] = body["containerDefinitions"]
    assert (container["entryPoint"], container["command"]) == (["run"], ["--fast"])
    assert container["readonlyRootFilesystem"] is True
    [mount] = container["mountPoints"]
    assert mount["containerPath"] == "/tmp"
    assert {"name": mount["sourceVolume"]} in body["volumes"]


APP = """
    name: shop
    regions: {azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      api:
        platform: container-apps
        service_time: 100ms
        workload: {startup: 2m, args: [--fast], secrets: {API_TOKEN: shop/api_token}}
"""


def test_a_container_app_has_its_secrets_and_time_to_start():
    app = rendered(APP)["azure/api.containerapp.yaml"].value["properties"]
    [container] = app["template"]["containers"]
    assert container["args"] == ["--fast"]
    assert container["env"] == [{"name": "API_TOKEN", "secretRef": "shop-api-token"}]
    assert [secret["name"] for secret in app["configuration"]["secrets"]] == ["shop-api-token"]
    assert container["resources"]["memory"] == "1Gi"
    start = next(probe for probe in container["probes"] if probe["type"] == "Startup")
    assert start["failureThreshold"] <= 10
    assert start["failureThreshold"] * start["periodSeconds"] == 120


def test_a_log_group_is_there_before_its_tasks():
    script = example("llm-observatory", "aws-ecs")["commands/aws.sh"].text
    body = example("llm-observatory", "aws-ecs")["aws/api.register-task-definition.json"].value
    group = body["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"]
    assert script.index(f"create-log-group --log-group-name {group}") < script.index(
        "register-task-definition"
    )


def test_openapi_is_yaml_that_anybody_reads():
    assert yaml.safe_load(example("levqor")["health/openapi.yaml"].text)["openapi"] == "3.1.0"
