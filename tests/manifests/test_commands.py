"""The scripts and bodies of API calls: what a cloud would refuse, miss or put in the wrong place."""

import textwrap

import pytest
from rendering import example, rendered

AWS = textwrap.dedent("""
    name: shop
    regions: {aws: eu-west-1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: fargate
        cpu: 1
        memory: 2Gi
        throughput: 20/s
        instances: {min: 2, max: 10}
        calls: {db: 1, redis: 1, pg: 1}
        workload: {secrets: {API_TOKEN: shop/token}}
    databases:
      db:
        platform: rds
        engine: postgres
        machine: db.t3.large
        storage: 20Gi
        read_replicas: 1
        region: us-east-1
      pg: {platform: aurora, machine: db.r6g.large, backup: {retention: 14d}}
    caches:
      redis: {platform: elasticache, machine: cache.r6g.large, shards: 2}
    manifests:
      aws:
        subnets: [subnet-0123456789abcdef0, subnet-0123456789abcdef1]
        execution_role: arn:aws-cn:iam::123456789012:role/tasks
""")


def test_a_task_asks_secrets_manager_and_not_parameter_store():
    task = rendered(AWS)["aws/api.register-task-definition.json"].value
    [container] = task["containerDefinitions"]
    arn = "arn:aws-cn:secretsmanager:eu-west-1:123456789012:secret:shop:token::"
    assert container["secrets"] == [{"name": "API_TOKEN", "valueFrom": arn}]


def test_every_call_goes_to_the_region_of_its_component():
    lines = rendered(AWS)["commands/aws.sh"].text.replace("\\\n  ", "").splitlines()
    regions = {
        line.partition("--region ")[2].split(" ")[0]: line for line in lines if line.startswith("aws ")
    }
    assert set(regions) == {"eu-west-1", "us-east-1"}
    moved = [line for line in lines if "us-east-1" in line]
    assert [line.split()[1:3] for line in moved] == [
        ["rds", "create-db-instance"],
        ["rds", "wait"],
        ["rds", "create-db-instance-read-replica"],
    ]


def test_stores_are_made_before_what_connects_to_them():
    lines = example("llm-observatory", "aws-ecs")["commands/aws.sh"].text
    assert lines.index("create-replication-group") < lines.index("ecs create-service")


def test_scripts_find_their_files_from_anywhere():
    for files, script in ((rendered(AWS), "aws"), (example("afpi"), "gcloud")):
        assert 'cd "$(dirname "$0")/.."' in files[f"commands/{script}.sh"].text


def test_no_database_is_public():
    files = rendered(AWS)
    for path, item in files.items():
        if ".create-db-instance" in path:
            assert item.value["PubliclyAccessible"] is False, path


def test_aurora_keeps_the_backups_of_the_plan():
    assert rendered(AWS)["aws/pg.create-db-cluster.json"].value["BackupRetentionPeriod"] == 14


def test_a_redis_cluster_of_shards_fails_over_as_it_must():
    body = rendered(AWS)["aws/redis.create-replication-group.json"].value
    assert (body["AutomaticFailoverEnabled"], body["MultiAZEnabled"]) == (True, False)


def test_cloud_sql_is_where_pods_and_cloud_run_can_reach_it():
    script = example("afpi", None, ("manifests.gcp.network=prod",))["commands/gcloud.sh"].text
    sql = script.split("gcloud sql instances create", 1)[1].split("\n\n")[0]
    assert "--network prod --no-assign-ip" in sql
    assert script.index("vpc-peerings connect") < script.index("sql instances create")
    assert "--network prod" in script.split("gcloud redis instances create", 1)[1]
    cluster = example("llm-observatory", "gcp")["commands/gcloud.sh"].text.split("clusters create", 1)[1]
    assert "--network default \\\n  --subnetwork default" in cluster


def test_cloud_sql_keeps_what_a_standby_and_the_plan_need():
    def options(alternative, *sets):
        script = example("afpi", alternative, sets)["commands/gcloud.sh"].text
        return script.split("gcloud sql instances create", 1)[1].split("\n\n")[0]

    assert "--enable-bin-log" in options(None), "no standby without binary logs"
    alone = options(None, "databases.sql.high_availability=false", "databases.sql.backup=null")
    assert "--enable-bin-log" not in alone
    standby = options("standby")
    assert "--retained-backups-count 30" in standby
    assert "--retained-transaction-log-days 7" in standby
    assert "--storage-size 100" in standby
    assert "--enable-point-in-time-recovery" in options(
        None, "databases.sql.engine=postgres", "databases.sql.machine=db-custom-2-7680"
    )


def test_cloud_run_has_a_service_account_that_can_exist():
    files = example("llm-serving")
    account = files["cloudrun/chat.service.yaml"].value["spec"]["template"]["spec"]["serviceAccountName"]
    assert 6 <= len(account) <= 30
    script = files["commands/gcloud.sh"].text
    made = script.index(f"gcloud iam service-accounts create {account}\n")
    assert made < script.index("gcloud run services replace")


def test_aks_is_of_the_tier_that_is_counted():
    assert "--tier standard" in example("llm-observatory", "azure")["commands/az.sh"].text


def test_machines_of_azure_are_also_taken_away():
    plan = textwrap.dedent("""
        name: shop
        regions: {azure: eastus}
        demand: {requests_per_second: 100, profile: flat}
        services:
          web:
            platform: vm-group
            provider: azure
            machine: Standard_D2s_v3
            throughput: 50/s
            instances: {min: 2, max: 9}
    """)
    script = rendered(plan, "services.web.target_utilization.cpu=0.75")["commands/az.sh"].text
    assert "'Percentage CPU > 75 avg 5m'" in script
    assert "'Percentage CPU < 50 avg 10m' \\\n  --scale in 1" in script


def test_stores_are_as_large_as_the_estimate_counts_them():
    body = example("llm-governance")["aws/postgres.create-db-instance.json"].value
    assert body["AllocatedStorage"] == 137, "100 GiB and the time series"
    files = example("amas")
    assert files["terraform/capplan.auto.tfvars.json"].value["caches"]["semantic-cache"]["size_gib"] == 14
    made = files["commands/gcloud.sh"].text.split("gcloud redis instances create amas-semantic-cache", 1)[1]
    assert made.split("\n")[1] == "  --size 14 \\"
    databases = example("llm-observatory")["terraform/capplan.auto.tfvars.json"].value["databases"]
    assert databases["postgres"]["storage_gib"] == 113
    assert (
        example("afpi")["terraform/capplan.auto.tfvars.json"].value["databases"]["sql"]["storage_gib"] == 10
    )


def test_azure_sells_storage_in_powers_of_two():
    assert "--storage-size 128 " in example("llm-observatory", "azure")["commands/az.sh"].text


def test_a_database_of_ones_own_has_room_for_its_time_series():
    plan = """
        name: shop
        regions: {gcp: us-central1}
        demand: {requests_per_second: 10, profile: flat}
        services:
          api: {platform: kubernetes, cpu: 500m, memory: 512Mi, throughput: 20/s, calls: {db: 1}}
        databases:
          db:
            platform: kubernetes
            engine: postgres
            memory: 4Gi
            storage: 20Gi
            time_series: {metrics: {rows_per_second: 1000, row_size: 200B, retain: 30d}}
        clusters:
          main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9}}}}
    """
    files = rendered(plan)
    spec = files["kubernetes/base/db/statefulset-db.yaml"].value["spec"]
    [claim] = spec["volumeClaimTemplates"]
    # 1000 rows of 200 B a second, 30 days long: 483 GiB.
    assert claim["spec"]["resources"]["requests"]["storage"] == "503Gi"
    assert files["helm/values.yaml"].value["stores"]["db"]["persistence"]["size"] == "503Gi"


def test_rules_ask_for_cpu_only_where_something_reports_it():
    scaling = "manifests.alerts.scaling={cpu: {up: 0.7}, latency: {up: 0.5}}"
    files = example("afpi", "l4", (scaling,))
    groups = files["prometheus/afpi.rules.yaml"].value["groups"]
    recorded = {r["labels"]["component"] for r in groups[0]["rules"] if r["record"] == "component:cpu:ratio"}
    asked = {r["labels"]["component"] for r in groups[1]["rules"] if r["alert"] == "ScaleUpCpu"}
    assert recorded == asked == {"model"}, "nothing reports the CPU of Cloud Run to Prometheus"
    text = example("levqor")["CHECKLIST.md"].text
    assert "node exporter on the machines of backend" in text
    assert "node exporter" not in example("amas")["CHECKLIST.md"].text


def test_a_pooler_listens_where_policies_let_it():
    files = example("llm-governance")
    rules = files["kubernetes/base/auth-service/networkpolicy-auth-service.yaml"].value["spec"]["egress"]
    ports = {port["port"] for rule in rules for port in rule["ports"]}
    config = files["kubernetes/base/postgres-pooler/configmap-postgres-pooler.yaml"].value["data"]
    assert "\nlisten_port = 5432\n" in config["pgbouncer.ini"]
    assert 5432 in ports


AZURE = textwrap.dedent("""
    name: shop
    regions: {azure: eastus}
    demand: {requests_per_second: 20, profile: flat}
    services:
      web: {platform: container-apps, service_time: 100ms, cpu_time: 10ms, concurrency: 10, calls: {db: 1}}
    databases:
      db:
        platform: azure-postgresql
        machine: B1MS
        storage: 40Gi
        read_replicas: 2
        backup: {retention: 14d}
""")


def test_azure_databases_are_called_as_az_calls_them():
    script = rendered(AZURE)["commands/az.sh"].text
    assert "--tier Burstable \\\n  --sku-name Standard_B1ms " in script
    script = rendered(AZURE, "databases.db.machine=GP_Standard_D4ds_v4")["commands/az.sh"].text
    assert "--tier GeneralPurpose \\\n  --sku-name Standard_D4ds_v4 " in script


def test_azure_databases_have_the_replicas_and_backups_of_the_plan():
    script = rendered(AZURE)["commands/az.sh"].text
    assert script.count("flexible-server replica create") == 2
    assert "--backup-retention 14 " in script
    shortest = rendered(AZURE, "databases.db.backup.retention=0s")["commands/az.sh"].text
    assert "--backup-retention 7 " in shortest, "the least that Azure keeps"


def test_a_chunk_is_no_longer_than_the_memory_of_the_plan_allows():
    text = example("llm-governance")["sql/postgres-timeseries.sql"].text
    assert "chunk_time_interval => INTERVAL '12 hours'" in text, "what the estimate says"
    text = example("llm-observatory")["sql/postgres-timeseries.sql"].text
    assert "chunk_time_interval => INTERVAL '3 days'" in text, "two chunks until rows are compressed"


def test_a_pooler_may_serve_callers_without_a_pool():
    sets = ("services.frontend.calls={postgres: 0}",)
    files = example("llm-governance", None, sets)
    config = files["kubernetes/base/postgres-pooler/configmap-postgres-pooler.yaml"].value["data"]
    assert "query_wait_timeout = 30" in config["pgbouncer.ini"]


GROUP = textwrap.dedent("""
    name: vms
    regions: {aws: eu-west-1, gcp: us-central1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      app:
        {platform: vm-group, provider: aws, machine: m5.large, throughput: 5/s, instances: {min: 2, max: 4}}
""")


def test_disks_of_machines_are_ordered_as_they_are_paid():
    template = rendered(
        GROUP, "services.app.disk={type: gp3, size: 64Gi}", "services.app.workload.aws.root_device=/dev/sda1"
    )["aws/app.create-launch-template.json"].value["LaunchTemplateData"]
    [mapping] = template["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/sda1"
    assert (mapping["Ebs"]["VolumeSize"], mapping["Ebs"]["VolumeType"]) == (64, "gp3")
    google = ("services.app.provider=gcp", "services.app.machine=e2-standard-2")
    script = rendered(GROUP, *google, "services.app.disk={type: pd-ssd, size: 64Gi}")[
        "commands/gcloud.sh"
    ].text
    assert "--boot-disk-type pd-ssd --boot-disk-size 64GB" in script
    azure = ("services.app.provider=azure", "services.app.machine=Standard_D2s_v5")
    script = rendered(GROUP, *azure, "services.app.disk={type: P6-LRS-64GiB, size: 64Gi}")[
        "commands/az.sh"
    ].text
    assert "--os-disk-size-gb 64 --storage-sku Premium_LRS" in script


@pytest.mark.parametrize("provider", ["aws", "gcp", "azure"])
def test_without_a_disk_the_image_decides(provider):
    machine = {"aws": "m5.large", "gcp": "e2-standard-2", "azure": "Standard_D2s_v5"}[provider]
    files = rendered(GROUP, f"services.app.provider={provider}", f"services.app.machine={machine}")
    assert not any(
        "disk" in item.text or "BlockDevice" in item.text
        for path, item in files.items()
        if path[:3] in ("aws", "com")
    )


def test_databases_have_the_iops_that_are_paid():
    plan = """
        name: io
        regions: {aws: us-east-1}
        demand: {requests_per_second: 100, profile: flat}
        services: {web: {platform: cloud-run, region: us-central1, service_time: 10ms, calls: {db: 1}}}
        databases:
          db: {platform: rds, engine: postgres, machine: db.r6g.xlarge, storage: 450Gi, io_per_request: 150}
    """
    body = rendered(textwrap.dedent(plan))["aws/db.create-db-instance.json"].value
    assert body["Iops"] == 15000
    fewer = rendered(textwrap.dedent(plan), "databases.db.io_per_request=110")
    assert "Iops" not in fewer["aws/db.create-db-instance.json"].value


NODES = """
    name: nodes
    regions: {aws: us-east-1, gcp: us-central1, azure: eastus}
    demand: {requests_per_second: 10, profile: flat}
    services:
      web: {platform: kubernetes, cpu: 500m, memory: 512Mi, cpu_time: 10ms, instances: {min: 2, max: 6}}
    clusters:
      k: {platform: gke, pools: {p: {machine: e2-standard-4, nodes: 3}}}
"""


@pytest.mark.parametrize(
    ("platform", "machine", "script", "ordered"),
    [
        ("gke", "e2-standard-4", "gcloud", "--disk-type pd-balanced --disk-size 100"),
        ("eks", "m5.large", "aws", "--node-volume-type gp3 --node-volume-size 80"),
    ],
)
def test_nodes_are_ordered_with_the_disks_that_are_paid(platform, machine, script, ordered):
    sets = (f"clusters.k.platform={platform}", f"clusters.k.pools.p.machine={machine}")
    files = rendered(textwrap.dedent(NODES), *sets)
    assert ordered in files[f"commands/{script}.sh"].text
    if platform == "eks":
        [volume] = files["karpenter/k/ec2nodeclass-p.yaml"].value["spec"]["blockDeviceMappings"]
        assert (volume["ebs"]["volumeType"], volume["ebs"]["volumeSize"]) == ("gp3", "80Gi")


STANDBYS = {
    "rds": ("{platform: rds, engine: mysql, machine: db.m5.large}", "eu-west-1", "aws"),
    "aurora": ("{platform: aurora, machine: db.r6g.large}", "eu-west-1", "aws"),
    "cloud-sql": ("{platform: cloud-sql, engine: postgres, machine: db-f1-micro}", "europe-west1", "gcloud"),
    "azure": ("{platform: azure-postgresql, machine: B1MS}", "westeurope", "az"),
}


@pytest.mark.parametrize("platform", STANDBYS)
def test_a_standby_that_is_paid_is_ordered_in_its_region(platform):
    database, away, script = STANDBYS[platform]
    plan = """
        name: far
        regions: {aws: us-east-1, gcp: us-central1, azure: eastus}
        demand: {requests_per_second: 1, profile: flat}
        services: {web: {platform: cloud-run, service_time: 10ms, calls: {store: 1}}}
    """
    sets = (f"databases.store={database}", "databases.store.storage=50Gi")
    far = f"databases.store.recovery.standby_region={away}"
    alone = rendered(textwrap.dedent(plan), *sets)[f"commands/{script}.sh"].text
    assert away not in alone
    files = rendered(textwrap.dedent(plan), *sets, far)
    text = files[f"commands/{script}.sh"].text
    assert away in text
    assert text.index("store-standby") > text.index("store")
    copies = [item.value for path, item in files.items() if path.startswith("aws/store-standby.")]
    assert (len(copies) > 0) == (script == "aws")
    assert all(
        copy.get("KmsKeyId") for copy in copies if copy.get("SourceRegion") or copy.get("StorageEncrypted")
    )
    if platform == "rds":
        assert '"$account":db:far-store' in text


def test_backups_are_kept_as_long_as_they_are_paid():
    longer = ("databases.db.backup.retention=3d", "databases.db.backup.point_in_time=9d")
    assert "--backup-retention 9 " in rendered(AZURE, *longer)["commands/az.sh"].text


def test_aks_is_told_the_disk_of_the_plan_and_decides_otherwise():
    sets = ("clusters.k.platform=aks", "clusters.k.pools.p.machine=Standard_D8s_v5")
    assert "osdisk" not in rendered(textwrap.dedent(NODES), *sets)["commands/az.sh"].text
    disk = "clusters.k.pools.p.disk={type: P15-LRS-256GiB, size: 256Gi}"
    script = rendered(textwrap.dedent(NODES), *sets, disk)["commands/az.sh"].text
    assert "--node-osdisk-type Managed --node-osdisk-size 256" in script


GUARDED = textwrap.dedent("""
    name: vault
    regions: {gcp: europe-west1, aws: eu-west-1}
    demand: {requests_per_second: 100, profile: flat}
    services:
      api:
        platform: kubernetes
        cluster: main
        cpu: 1
        memory: 2Gi
        throughput: 20/s
        instances: {min: 2, max: 10}
        calls: {db: 1, redis: 1, queue: 1, pg: 1, back: 1}
      back: {platform: kubernetes, cluster: other, cpu: 1, memory: 2Gi, throughput: 20/s}
    clusters:
      main:
        platform: gke
        private_nodes: true
        pools: {default: {machine: e2-standard-4, nodes: {min: 2, max: 6}}}
      other: {platform: eks, private_nodes: true, pools: {default: {machine: m5.large, nodes: 2}}}
    databases:
      db:
        platform: cloud-sql
        engine: postgres
        machine: db-custom-2-7680
        storage: 20Gi
        read_replicas: 1
        recovery: {standby_region: europe-west4}
      pg:
        platform: rds
        engine: postgres
        machine: db.t3.large
        storage: 20Gi
        recovery: {standby_region: eu-central-1}
    caches:
      redis: {platform: memorystore, tier: standard, size: 1Gi}
      queue: {platform: elasticache, machine: cache.r6g.large}
    manifests:
      gcp: {kms_key: projects/p/locations/europe-west1/keyRings/ring/cryptoKeys/data}
      aws: {kms_key: alias/vault}
""")
KEY = "projects/p/locations/{}/keyRings/ring/cryptoKeys/data"


def commands(files, script):
    """Return the commands of a script, each on one line."""
    return files[f"commands/{script}.sh"].text.replace("\\\n  ", "").splitlines()


def starting(lines, start):
    [found] = [line for line in lines if line.startswith(start)]
    return found


def test_private_nodes_have_no_public_address_and_a_way_out():
    files = rendered(GUARDED)
    gcloud, aws = commands(files, "gcloud"), commands(files, "aws")
    for command in ("clusters create main", "node-pools create default"):
        assert "--enable-private-nodes" in starting(gcloud, f"gcloud container {command}")
    router = starting(gcloud, "gcloud compute routers create").split()[4]
    assert f"--router {router} --region europe-west1" in starting(
        gcloud, "gcloud compute routers nats create"
    )
    assert "--node-private-networking" in starting(aws, "eksctl create nodegroup")
    public = rendered(GUARDED, "clusters.main.private_nodes=false", "clusters.other.private_nodes=false")
    text = "".join(public[f"commands/{script}.sh"].text for script in ("gcloud", "aws"))
    assert not [word for word in ("private-n", "routers") if word in text]


def test_a_key_of_ones_own_encrypts_everything_that_the_region_keeps():
    files = rendered(GUARDED)
    gcloud = commands(files, "gcloud")
    here, away = KEY.format("europe-west1"), KEY.format("europe-west4")
    assert f"--database-encryption-key {here}" in starting(gcloud, "gcloud container clusters create")
    assert f"--boot-disk-kms-key {here}" in starting(gcloud, "gcloud container node-pools create")
    sql = {line.split()[4]: line for line in gcloud if line.startswith("gcloud sql instances create")}
    keys = {name: line.partition("--disk-encryption-key ")[2].split()[0] for name, line in sql.items()}
    assert keys == {"vault-db": here, "vault-db-replica-1": here, "vault-db-standby": away}
    assert f"--customer-managed-key {here}" in starting(gcloud, "gcloud redis instances create")
    bodies = {path: item.value for path, item in files.items() if path.startswith("aws/")}
    keyed = {path.split("/")[1] for path, body in bodies.items() if body.get("KmsKeyId") == "alias/vault"}
    assert keyed == {
        "pg.create-db-instance.json",
        "pg-standby.create-db-instance-read-replica.json",
        "queue.create-replication-group.json",
    }


def test_the_checklist_names_what_no_key_of_ones_own_encrypts():
    checklist = rendered(GUARDED)["CHECKLIST.md"].text
    assert "Cloud KMS for: disks of nodes\n" in checklist, "eksctl create nodegroup takes no key"
    alone = rendered(GUARDED, "manifests.gcp=null")["CHECKLIST.md"].text
    assert "Cloud KMS for: db, redis, disks of nodes\n" in alone


def test_the_checklist_names_the_secrets_of_services_without_pods():
    text = example("afpi", None, ("services.backend.workload.secrets={KEY: vendor/token}",))[
        "CHECKLIST.md"
    ].text
    assert "Secret Manager: llm-api (key), vendor (token)" in text
