"""Networks: what calls a database or a cache is in its network, and is let in."""

import textwrap

import pytest
from helpers import SHIPPED, plan_of
from rendering import EVERY, PARCELS, example, rendered, site_of

from capplan.estimate import estimate
from capplan.manifests.proof.networks import apart
from capplan.manifests.proof.prove import as_read
from capplan.manifests.site import Site

AZURE = textwrap.dedent(PARCELS).replace("aws: us-east-1", "azure: eastus")
AZURE = AZURE.replace("platform: eks", "platform: aks").replace("m5.xlarge", "Standard_D4s_v3")
AZURE = AZURE.replace(
    "platform: rds, engine: postgres, machine: db.m6g.large", "platform: azure-postgresql, machine: auto"
)
AZURE = AZURE.replace(
    "platform: kubernetes, cpu: 1, memory: 1Gi}}\n", "platform: azure-redis, machine: balanced-B1}}\n"
)
AZURE = AZURE.replace("throughput: 40/s", "throughput: 40/s, workload: {secrets: {LEDGER_URL: ledger/url}}")
GOOGLE = textwrap.dedent(PARCELS).replace("aws: us-east-1", "gcp: us-central1")
GOOGLE = GOOGLE.replace("platform: eks", "platform: gke").replace("m5.xlarge", "e2-standard-4")
GOOGLE = GOOGLE.replace("platform: rds", "platform: cloud-sql").replace("db.m6g.large", "db-custom-2-7680")
AWS = textwrap.dedent(PARCELS).replace(
    "platform: kubernetes, cpu: 1, memory: 1Gi}}\n", "platform: elasticache, machine: cache.t4g.small}}\n"
)


def cut_off(plan: str, *sets: str, change: tuple[str, str] = ("", "")) -> list[str]:
    """Return which calls of a plan fail, with a change of the scripts, or without a field of the bodies."""
    documents, texts = as_read(list(rendered(plan, *sets).values()))
    texts = {path: text.replace(*change) if change[0] else text for path, text in texts.items()}
    for path, [tree] in documents.items():
        if change[0] in tree:
            documents[path] = [{key: value for key, value in tree.items() if key != change[0]}]
    site = Site(estimate(plan_of(plan, *sets), SHIPPED))
    return [finding.message for finding in apart(site, documents, texts)]


@pytest.mark.parametrize(("name", "alternative"), EVERY)
def test_no_call_of_an_example_leads_into_another_network(name, alternative):
    files = list(example(name, alternative).values())
    assert not list(apart(site_of(name, alternative), *as_read(files)))


@pytest.mark.parametrize(
    ("plan", "change", "said"),
    [
        (AWS, ("DBSubnetGroupName", ""), "it is in the default VPC"),
        (AWS, ("CacheSubnetGroupName", ""), "it is in the default VPC"),
        (AWS, ("--port 5432", "--port 3306"), "no security group opens port 5432"),
        (AWS, ('--vpc-security-group-ids "$group_us_east_1"', ""), "no security group opens port 5432"),
        (AWS, ("create-cache-subnet-group", "describe-cache-subnet-groups"), "it is in parcels"),
        (AZURE, ("--vnet parcels", "--vnet other"), "it is in other, and rates in parcels"),
        (AZURE, ("--password-auth Enabled", "--password-auth Disabled"), "it takes no password"),
        (AZURE, ("--subnet endpoints", "--subnet endpoints --vnet-name other"), "it is in other"),
        (
            GOOGLE,
            ("--no-assign-ip", "--no-assign-ip --network other"),
            "it is in other, and rates in default",
        ),
    ],
)
def test_a_store_is_where_its_callers_are(plan, change, said):
    assert not cut_off(plan)
    assert any(said in message for message in cut_off(plan, change=change)), change


def test_a_private_address_of_another_region_or_cluster_is_out_of_reach():
    [far] = cut_off(AWS, "databases.ledger.region=eu-west-1")
    assert (
        far == "rates cannot reach ledger: it has a private address in eu-west-1, and rates runs in us-east-1"
    )
    other = "{platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 1, max: 2}}}}"
    [apart_] = cut_off(
        AWS,
        f"clusters.other={other}",
        "services.shop.cluster=main",
        "services.rates.cluster=other",
        "databases.ledger=null",
        "services.rates.calls=null",
    )
    assert apart_ == "shop cannot reach rates: it runs in cluster other, in the network of cluster other"


def test_a_cluster_goes_into_the_subnets_of_the_plan():
    subnets = "[subnet-0123456789abcdef0, subnet-0123456789abcdef1]"
    assert not cut_off(AWS, f"manifests.aws.subnets={subnets}")
    script = rendered(AWS, f"manifests.aws.subnets={subnets}")["commands/aws.sh"].text
    assert "--vpc-private-subnets subnet-0123456789abcdef0,subnet-0123456789abcdef1" in script
    assert "describe-cluster" not in script


def test_machines_go_where_the_cluster_is():
    calls = "{ledger: 2, shop: 1}"
    group = f"{{platform: vm-group, provider: aws, machine: m6i.large, throughput: 9/s, calls: {calls}}}"
    said = (
        "services.rates=null",
        "services.shop.calls=null",
        "services.shop.workload.host=null",
        f"services.prices={group}",
    )
    assert not cut_off(AWS, *said)
    script = rendered(AWS, *said)["commands/aws.sh"].text
    assert "--zones us-east-1a,us-east-1b" in script
    stranded = cut_off(AWS, *said, change=('--vpc-zone-identifier "$zones_us_east_1"', ""))
    assert [message.partition(":")[0] for message in stranded] == [
        "prices cannot reach ledger",
        "prices cannot reach shop",
    ]


def test_azure_is_told_the_extensions_of_time_series():
    series = "{ticks: {rows_per_second: 10, row_size: 100B, retain: 30d}}"
    script = rendered(AZURE, f"databases.ledger.time_series={series}")["commands/az.sh"].text
    assert "--name azure.extensions --value timescaledb,pg_cron" in script
    assert "--name shared_preload_libraries --value pg_stat_statements,timescaledb,pg_cron" in script
    assert "azure.extensions" not in rendered(AZURE)["commands/az.sh"].text


def test_an_older_cache_of_azure_is_made_as_its_successor():
    files = rendered(AZURE, "caches.sessions.machine=premium-P2")
    assert "--sku Balanced_B20 " in files["commands/az.sh"].text
    policy = files["kubernetes/base/shop/networkpolicy-shop.yaml"].value["spec"]["egress"]
    assert [10000] in [[port["port"] for port in rule["ports"]] for rule in policy]
