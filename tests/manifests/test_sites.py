"""Plans in several regions: a kustomization for each site, and what sends requests to one or another."""

import json
import os
import re
import subprocess

import pytest
from rendering import SHIPPED, plan_of, rendered, tool

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.composing.compose import composed
from capplan.manifests.engine import Templates
from capplan.manifests.proof.networks import apart
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import VerifyOptions, verify

PODS = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: 100, profile: flat}
sites: {us: {}, eu: {regions: {gcp: europe-west1}}}
services:
  web: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 10/s, calls: {api: 1}, instances: {max: 20}}
  api: {platform: kubernetes, cpu: 1, memory: 1Gi, throughput: 10/s, instances: {min: 1, max: 20}}
clusters:
  k: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 20}}}}
"""
RUN = """
name: shop
regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
demand: {requests_per_second: 10, profile: flat}
sites: {us: {}, us-west: {regions: {gcp: us-west1, aws: us-west-2, azure: westus2}, standby: warm}}
services:
  web: {platform: %s, cpu: 1, memory: 2Gi, service_time: 100ms, concurrency: 10, response_size: 10Ki}
databases:
  db: {platform: cloud-sql, engine: postgres, machine: db-custom-2-8192, write_size: 1Ki}
manifests:
  aws:
    subnets: [subnet-0123abcd]
    execution_role: "arn:aws:iam::123456789012:role/run"
    regions: {us-west-2: {subnets: [subnet-0456abcd]}}
"""
PLATFORM = {"gcp": "cloud-run", "aws": "fargate", "azure": "container-apps"}


def routed(provider, by, *sets):
    said = f"site_routing={{by: {by}, provider: {provider}, host: a.example.com}}"
    return rendered(RUN % PLATFORM[provider], said, *sets)


def names(files, directory):
    documents = {path: [item.value] for path, item in files.items() if item.path.startswith("kubernetes/")}
    return {(tree["kind"], tree["metadata"]["name"]) for _, tree in composed(directory, documents)}


def test_every_site_has_a_kustomization_with_its_own_pods_and_what_all_share():
    files = rendered(PODS)
    for environment in ("dev", "prod"):
        us, eu = (names(files, f"kubernetes/overlays/{environment}/{site}") for site in ("us", "eu"))
        assert {name for kind, name in us if kind == "Deployment"} == {"web", "api"}
        assert {name for kind, name in eu if kind == "Deployment"} == {"web-eu", "api-eu"}
        assert ("Namespace", "shop") in us & eu
        assert {name for kind, name in us & eu} <= {"shop", "shop-service", "default-deny"}
    monitors = {
        name for kind, name in names(files, "kubernetes/overlays/prod/eu") if kind == "ServiceMonitor"
    }
    assert monitors == {"web-eu", "api-eu"}


def test_what_is_rendered_for_sites_passes_its_own_checks():
    files = rendered(PODS)
    documents = {path: [item.value] for path, item in files.items() if item.value is not None}
    texts = {path: item.text for path, item in files.items()}
    found = verify(documents, texts, Facts(), VerifyOptions())
    assert [finding for finding in found if finding.severity == "error"] == []


def test_pods_at_one_site_need_no_directory_of_their_own():
    files = rendered(PODS, "sites.eu.standby=pilot")
    assert not any(path.startswith("kubernetes/sites/") for path in files)
    assert "kubernetes/overlays/prod/kustomization.yaml" in files


@pytest.mark.parametrize("by", ["dns", "load-balancer"])
@pytest.mark.parametrize("provider", ["aws", "gcp", "azure"])
@pytest.mark.parametrize("standby", ["warm", "null"])
def test_the_scripts_are_sound_and_name_every_site(provider, by, standby, tmp_path):
    files = routed(provider, by, f"sites.us-west.standby={standby}")
    scripts = [path for path in files if path in ("commands/routing.sh", "commands/failover.sh")]
    assert "commands/routing.sh" in scripts
    for path in scripts:
        (tmp_path / path.split("/")[1]).write_text(files[path].text, encoding="utf-8")
    done = subprocess.run([tool("shellcheck"), *tmp_path.iterdir()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    script = files["commands/routing.sh"].text
    seen = {"gcp": ("web", "web-us-west")}.get(
        provider if by == "load-balancer" else "", ("TARGET_US", "TARGET_US_WEST")
    )
    assert all(re.search(rf"\b{name}\b", script) for name in seen)


STUB = """#!/bin/sh
echo "$@" >> "$LOG"
case "$*" in
  *create-health-check*us-west*) echo hc-west;;
  *create-health-check*) echo hc-us;;
  *create-hosted-zone*) echo /hostedzone/Z1;;
  *change-resource-record-sets*) for last; do :; done; cat "${last#file://}" > "$LOG.batch";;
esac
"""


def test_route_53_gets_a_primary_and_a_secondary_with_the_addresses_of_the_sites(tmp_path):
    files = routed("aws", "dns", "site_routing.ttl=30s")
    for path in ("commands/routing.sh", "routing/change-resource-record-sets.json"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(files[path].text, encoding="utf-8")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/aws").write_text(STUB, encoding="utf-8")
    (tmp_path / "bin/aws").chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}
    script = ["/bin/sh", str(tmp_path / "commands/routing.sh")]
    refused = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "TARGET_US" in refused.stderr
    assert not (tmp_path / "log").exists()
    targets = {"TARGET_US": "lb1.example.net", "TARGET_US_WEST": "lb2.example.net"}
    subprocess.run(script, env=environment | targets, check=True)
    batch = json.loads((tmp_path / "log.batch").read_text())
    records = [change["ResourceRecordSet"] for change in batch["Changes"]]
    assert [
        (r["Name"], r["Failover"], r["HealthCheckId"], r["ResourceRecords"][0]["Value"], r["TTL"])
        for r in records
    ] == [
        ("a.example.com", "PRIMARY", "hc-us", "lb1.example.net", 30),
        ("a.example.com", "SECONDARY", "hc-west", "lb2.example.net", 30),
    ]
    assert "--name example.com" in (tmp_path / "log").read_text()


def test_botocore_knows_the_fields_of_the_records():
    session = pytest.importorskip("botocore.session").Session()
    from botocore.validate import ParamValidator

    operation = session.get_service_model("route53").operation_model("ChangeResourceRecordSets")
    for standby in ("warm", "null"):
        files = routed("aws", "dns", f"sites.us-west.standby={standby}")
        body = {"HostedZoneId": "Z", "ChangeBatch": files["routing/change-resource-record-sets.json"].value}
        report = ParamValidator().validate(body, operation.input_shape)
        assert not report.has_errors(), report.generate_report()


def test_front_door_leaves_a_site_after_as_many_failures_as_the_plan_says():
    script = routed("azure", "load-balancer", "site_routing.failures=4")["commands/routing.sh"].text
    size, needed = (
        int(re.search(rf"--{o} (\d+)", script)[1]) for o in ("sample-size", "successful-samples-required")
    )
    assert size - needed + 1 == 4


def test_active_sites_are_weighted_by_their_shares():
    files = routed("aws", "dns", "sites.us-west.standby=null", "sites.us-west.share=30%")
    changes = files["routing/change-resource-record-sets.json"].value["Changes"]
    assert [change["ResourceRecordSet"]["Weight"] for change in changes] == [70, 30]


def test_a_failover_promotes_the_databases_and_moves_cloud_run_behind_the_load_balancer():
    script = routed("gcp", "load-balancer")["commands/failover.sh"].text
    assert "gcloud sql instances promote-replica shop-db-standby" in script
    assert "set-default-service shop --default-service shop-us-west" in script
    assert "url-maps" not in routed("aws", "dns")["commands/failover.sh"].text


def test_what_routing_orders_is_what_is_billed():
    from helpers import SHIPPED, plan_of

    from capplan.estimate import estimate
    from capplan.manifests.reconcile import reconcile
    from capplan.manifests.site import Site

    for provider in PLATFORM:
        for by in ("dns", "load-balancer"):
            said = f"site_routing={{by: {by}, provider: {provider}, queries_per_request: 0.1}}"
            site = Site(estimate(plan_of(RUN % PLATFORM[provider], said), SHIPPED))
            found = reconcile(site, rendered(RUN % PLATFORM[provider], said).values())
            assert not [line.sku for line in found.unrendered if line.meter.component == "sites"], (
                provider,
                by,
            )
            assert not [order for _, order in found.unbilled if order.kind == "routing"], (provider, by)


@pytest.mark.parametrize(
    ("provider", "sets", "said"),
    [
        (
            "azure",
            ["sites.us-west.standby=warm", "sites.eu={regions: {azure: westeurope, gcp: europe-west1}}"],
            "not both",
        ),
        ("gcp", ["site_routing.interval=10s"], "come every 30 s to 5 min"),
        ("aws", ["site_routing.interval=20s"], "come every 10 or 30 s"),
    ],
)
def test_what_a_provider_cannot_do_is_refused(provider, sets, said):
    with pytest.raises(InputError) as error:
        routed(provider, "dns", *sets)
    assert said in str(error.value)


PAIR = """
name: pair
regions: {aws: us-east-1}
demand: {requests_per_second: 30, profile: flat}
sites: {us: {}, eu: {regions: {aws: eu-west-1}, standby: %s}}
services:
  web: {platform: fargate, cpu: 1, memory: 2Gi, throughput: 10/s, instances: {max: 9}, calls: {db: 1}}
databases:
  db: {platform: %s, machine: db.r5.large, write_size: 1Ki}
manifests:
  aws:
    subnets: [subnet-0123abcd]
    execution_role: "arn:aws:iam::123456789012:role/run"
    regions: {eu-west-1: {subnets: [subnet-0456abcd]}}
"""


@pytest.mark.parametrize(
    ("platform", "operation"),
    [("rds, engine: postgres", "create-db-instance-read-replica"), ("aurora", "create-db-cluster")],
)
def test_the_standby_of_a_database_is_in_the_network_of_the_services_there(platform, operation):
    site = Site(estimate(plan_of(PAIR % ("hot", platform)), SHIPPED))
    files = {item.path: item for item in render(site, Templates(), RenderOptions())}
    path = f"aws/db-standby.{operation}.json"
    assert files[path].value["DBSubnetGroupName"] == "pair"
    script = files["commands/aws.sh"].text
    assert '--vpc-security-group-ids "$group_eu_west_1" \\\n  --cli-input-json file://' + path in script
    texts = {name: item.text for name, item in files.items()}
    documents = {name: [item.value] for name, item in files.items() if item.value is not None}
    assert list(apart(site, documents, texts)) == []
    del documents[path][0]["DBSubnetGroupName"]
    [found] = apart(site, documents, texts)
    assert "it is in the default VPC, and web-eu in subnet-0456abcd" in found.message
