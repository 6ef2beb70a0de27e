"""What is paid is ordered by a file, and what files order is paid: over all examples, both ways."""

import json
import textwrap
from pathlib import Path

import pytest
import yaml
from helpers import ROOT, SHIPPED, plan_of
from rendering import rendered

from capplan.errors import InputError
from capplan.estimate import Estimate, estimate
from capplan.manifests.engine import Templates
from capplan.manifests.reconcile import SHARED, Reconciled, reconcile, reconciled_findings
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.plan.read import read_plan


def every_example():
    for path in sorted((ROOT / "examples").glob("*/plan.yaml")):
        alternatives = yaml.safe_load(path.read_text()).get("alternatives", {})
        yield from ((path.parent.name, alternative) for alternative in [None, *alternatives])


def files_of(site: Site):
    try:
        return render(site, Templates(), RenderOptions())
    except InputError:
        return None


NAMED = {*SHARED, "cluster", "disks of the image", "room on nodes"}
"""What an example may order without a line: findings name it."""


@pytest.mark.parametrize(("name", "alternative"), list(every_example()))
def test_every_line_has_its_artefact_and_every_artefact_its_line(name, alternative):
    site = Site(estimate(read_plan(ROOT / "examples" / name, (), alternative), SHIPPED))
    files = files_of(site)
    if files is None:
        pytest.skip("nothing is rendered of it")
    found = reconcile(site, files)
    resources = {line.meter.component for line in found.unrendered}
    assert resources <= set(site.plan.resources), "only what the plan buys besides is in no file"
    azure = {"boot disks"} if any(c.platform == "aks" for c in site.plan.clusters.values()) else set()
    assert {order.kind for _, order in found.unbilled} <= NAMED | azure, "AKS decides by the machine"
    assert set(found.lines) == {item.path for item in files}
    keys = {(line.meter.component, line.sku, line.meter.region) for line in site.estimate.lines}
    assert len(found.artefacts) == len(keys)
    said = {finding.subject for finding in reconciled_findings(found)}
    assert said == resources | {order.kind for _, order in found.unbilled}, "each is told"


MIXED = """
    name: mixed
    regions: {aws: us-east-1}
    demand: {requests_per_second: 50, profile: flat, entry: {web: 1}}
    services:
      web:
        platform: kubernetes
        cpu: 500m
        memory: 512Mi
        throughput: 20/s
        instances: {min: 2, max: 6}
        workload: {host: web.example.com}
        calls: {app: 1, sessions: 1}
      app:
        platform: vm-group
        provider: aws
        machine: m5.large
        throughput: 20/s
        instances: {min: 2, max: 6}
        disk: {type: gp3, size: 30Gi}
        calls: {db: 1}
    clusters:
      main: {platform: eks, pools: {default: {machine: m5.xlarge, nodes: {min: 2, max: 6}}}}
    databases:
      db:
        platform: rds
        engine: postgres
        machine: db.t3.large
        storage: 50Gi
        read_replicas: 1
        recovery: {standby_region: us-west-2}
    caches:
      sessions: {platform: kubernetes, cpu: 1, memory: 1Gi, storage: 10Gi}
    resources:
      balancer: {provider: aws, service: elb, sku: alb-hour, quantity: 1}
    manifests: {ingress_class: alb}
"""


def mixed(*sets: str) -> tuple[Site, list]:
    site = Site(estimate(plan_of(MIXED, *sets), SHIPPED))
    return site, render(site, Templates(), RenderOptions())


def kinds(found: Reconciled) -> set[str]:
    return {order.kind for _, order in found.unbilled}


def test_private_nodes_order_no_public_addresses():
    assert "public addresses" in kinds(reconcile(*mixed()))
    assert "public addresses" not in kinds(reconcile(*mixed("clusters.main.private_nodes=true")))


def test_lines_name_the_files_that_order_them():
    found = reconcile(*mixed())
    assert found.artefacts["db: db.t3.large"] == [
        "aws/db-replica-1.create-db-instance-read-replica.json",
        "aws/db.create-db-instance.json",
    ]
    assert found.artefacts["db: db.t3.large in us-west-2"] == [
        "aws/db-standby.create-db-instance-read-replica.json"
    ]
    assert found.artefacts["app: gp3"] == ["aws/app.create-launch-template.json"]
    assert found.artefacts["main/default: gp3"] == ["commands/aws.sh"]
    assert found.artefacts["sessions: gp3"] == ["kubernetes/base/sessions/statefulset-sessions.yaml"]
    assert found.artefacts["balancer: alb-hour"] == ["kubernetes/base/web/ingress-web.yaml"]
    document = found.document()
    assert document["artefacts"]["kubernetes/base/web/deployment-web.yaml"] == "free"
    assert json.loads(json.dumps(document)) == document
    assert kinds(found) == {"NAT gateway", "public addresses"}
    assert not found.unrendered


ORDERED_BY = {
    "aws/app.create-auto-scaling-group.json": "app",
    "aws/app.create-launch-template.json": "app",
    "aws/db-standby.create-db-instance-read-replica.json": "db",
    "commands/aws.sh": "main",
    "kubernetes/base/sessions/statefulset-sessions.yaml": "sessions",
    "kubernetes/base/web/ingress-web.yaml": "balancer",
}


@pytest.mark.parametrize("path", ORDERED_BY)
def test_a_file_that_is_missing_leaves_its_lines_without_an_artefact(path):
    site, files = mixed()
    found = reconcile(site, [item for item in files if item.path != path])
    assert ORDERED_BY[path] in {line.meter.component for line in found.unrendered}


UNPAID = {
    "app: gp3": "boot disks",
    "app: m5.large": "machines",
    "main/default: gp3": "boot disks",
    "main: cluster": "cluster",
    "sessions: gp3": "volumes",
    "balancer: alb-hour": "application load balancer",
}


@pytest.mark.parametrize("line", UNPAID)
def test_a_line_that_is_missing_leaves_its_files_unpaid(line):
    site, files = mixed()
    before = site.estimate
    lines = [one for one in before.lines if f"{one.meter.component}: {one.sku}" != line]
    assert len(lines) < len(before.lines)
    site.estimate = Estimate(before.context, before.components, lines, before.findings)
    assert UNPAID[line] in kinds(reconcile(site, files))


def test_an_ingress_of_nginx_is_no_application_load_balancer():
    site, files = mixed("manifests.ingress_class=nginx")
    found = reconcile(site, files)
    assert "network load balancer" in kinds(found)
    assert [line.meter.component for line in found.unrendered] == ["balancer"]
    paid = reconcile(*mixed("manifests.ingress_class=nginx", "resources.balancer.sku=nlb-hour"))
    assert "network load balancer" not in kinds(paid)
    assert not paid.unrendered


def test_a_disk_that_the_image_decides_is_told():
    found = reconciled_findings(reconcile(*mixed("services.app.disk=null")))
    (finding,) = [one for one in found if "image" in one.subject]
    assert finding.code == "rendered-not-billed"
    assert "create-launch-template" in finding.message


def test_the_lock_file_and_the_terminal_say_what_each_file_costs(capplan, tmp_path: Path):
    (tmp_path / "plan.yaml").write_text(textwrap.dedent(MIXED))
    done = capplan("render-manifests", tmp_path / "plan.yaml", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "rendered-not-billed" in done.stderr
    costs = json.loads((tmp_path / "out" / "capplan.lock.json").read_text())["costs"]
    assert costs["artefacts"]["aws/app.create-auto-scaling-group.json"] == ["app: m5.large"]
    assert costs["lines"]["db: db.t3.large"]
    before = costs
    done = capplan("render-manifests", tmp_path / "plan.yaml", "-o", tmp_path / "out", "--only", "sql")
    assert json.loads((tmp_path / "out" / "capplan.lock.json").read_text())["costs"] == before


def test_a_check_tells_it_and_a_gate_can_forbid_or_a_plan_accept_it(capplan, tmp_path: Path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(textwrap.dedent(MIXED))
    gates = tmp_path / "capplan.gates.yaml"
    gates.write_text("coverage: {undated: allow}\n")
    done = capplan("check", plan, "--gates", gates, "--format", "json")
    assert done.exit_code == 0, done.stdout
    found = [one for one in json.loads(done.stdout)["violations"] if one["gate"] == "coverage/artefacts"]
    assert {one["component"] for one in found} == {"NAT gateway", "public addresses"}
    gates.write_text("coverage: {artefacts: deny}\n")
    assert capplan("check", plan, "--gates", gates).exit_code == 6
    plan.write_text(textwrap.dedent(MIXED).replace("ingress_class: alb", ACCEPTED))
    assert capplan("check", plan, "--gates", gates).exit_code == 0


ACCEPTED = "ingress_class: alb, accepted: {rendered-not-billed: the network is another plan's}"


def test_what_cannot_be_rendered_is_told(capplan, tmp_path: Path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(textwrap.dedent(FARGATE))
    done = capplan("check", plan, "--format", "json")
    assert done.exit_code == 0, done.stdout
    (found,) = [one for one in json.loads(done.stdout)["violations"] if one["gate"] == "coverage/artefacts"]
    assert "cannot" not in found["remedy"]
    assert "can be rendered: manifests.aws.subnets is missing" in found["message"]
    with pytest.raises(InputError):
        rendered(textwrap.dedent(FARGATE))


FARGATE = """
    name: tasks
    regions: {aws: us-east-1}
    demand: {requests_per_second: 5, profile: flat}
    services: {web: {platform: fargate, throughput: 10/s, instances: 2}}
"""
