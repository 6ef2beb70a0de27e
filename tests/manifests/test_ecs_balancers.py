"""ECS services with a load balancer of their own: bodies, script, bill, refusals."""

import subprocess

import pytest
from rendering import SHIPPED, plan_of, rendered, tool

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.engine import Templates
from capplan.manifests.reconcile import reconcile
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site

FRAMES = """
name: internal-frames
regions: {aws: us-east-1}
demand: {requests_per_day: 900000}
services:
  gallery-of-long-names:
    platform: fargate
    cpu: 0.5
    memory: 1Gi
    throughput: 20/s
    instances: {min: 2, max: 6}
    workload:
      port: 9000
      health_path: /ready
      aws:
        load_balancer:
          subnets: [subnet-0aaaaaaa1, subnet-0aaaaaaa2]
          certificate: arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d-0000-1111-2222-333344445555
resources:
  front: {provider: aws, service: elb, sku: alb-hour, quantity: 1}
manifests:
  aws:
    subnets: [subnet-0bbbbbbb1, subnet-0bbbbbbb2]
    security_groups: [sg-0123456789abcdef0]
    execution_role: arn:aws:iam::123456789012:role/tasks
"""
BALANCER = "services.gallery-of-long-names.workload.aws.load_balancer"
STEM = "aws/gallery-of-long-names"
GIVEN_BY_THE_SCRIPT = {
    f"{STEM}.create-listener.json": {
        "LoadBalancerArn": "arn:balancer",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": "arn:group"}],
    },
    f"{STEM}-redirect.create-listener.json": {"LoadBalancerArn": "arn:balancer"},
    f"{STEM}.create-target-group.json": {"VpcId": "vpc-0123"},
}
OPERATIONS = {
    "create-load-balancer": "CreateLoadBalancer",
    "create-target-group": "CreateTargetGroup",
    "create-listener": "CreateListener",
}


def test_botocore_accepts_the_bodies_with_what_the_script_adds():
    session = pytest.importorskip("botocore.session").Session()
    from botocore.validate import ParamValidator

    files, seen = rendered(FRAMES), []
    for path, item in files.items():
        operation = OPERATIONS.get(path.split(".")[-2]) if path.startswith("aws/") else None
        if operation is not None:
            shape = session.get_service_model("elbv2").operation_model(operation).input_shape
            body = item.value | GIVEN_BY_THE_SCRIPT.get(path, {})
            assert ParamValidator().validate(body, shape).generate_report() == "", path
            seen.append(path)
    assert len(seen) == 4
    # AWS refuses longer names, and those that begin with internal-.
    name = files[f"{STEM}.create-load-balancer.json"].value["Name"]
    assert (len(name), name) == (28, "frames-gallery-of-long-names")


def test_tasks_are_reached_through_their_balancer_alone():
    files = rendered(FRAMES)
    target = files[f"{STEM}.create-target-group.json"].value
    assert (target["TargetType"], target["Port"], target["HealthCheckPath"]) == ("ip", 9000, "/ready")
    [redirect] = files[f"{STEM}-redirect.create-listener.json"].value["DefaultActions"]
    assert redirect["RedirectConfig"]["Port"] == "443"
    assert files[f"{STEM}.create-service.json"].value["healthCheckGracePeriodSeconds"] == 60


def test_the_script_calls_aws_in_an_order_that_works(tmp_path):
    calls = called(rendered(FRAMES)["commands/aws.sh"].text, tmp_path)
    wanted = [
        "create-load-balancer",
        "create-target-group",
        "create-listener",
        "create-listener",
        "create-service",
    ]
    assert [call[1] for call in calls if call[1] in wanted] == wanted
    service = next(call for call in calls if call[1] == "create-service")
    balanced = service[service.index("--load-balancers") + 1]
    assert balanced == (
        "targetGroupArn=id-of-create-target-group,containerName=gallery-of-long-names,containerPort=9000"
    )
    network = service[service.index("--network-configuration") + 1]
    assert "securityGroups=[id-of-create-security-group,sg-0123456789abcdef0]" in network
    opened = [call for call in calls if call[1] == "authorize-security-group-ingress"]
    assert [call[call.index("--port") + 1] for call in opened] == ["80", "443", "9000"]
    assert ["--source-group" in call for call in opened] == [False, False, True]


def called(script, tmp_path):
    """Return the words of each command that a script gives `aws`, which answers with an id."""
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands/aws.sh").write_text(script)
    aws = tmp_path / "aws"
    aws.write_text('#!/bin/sh\nprintf "%s\\037" "$@" >> "$LOG"\nprintf "\\n" >> "$LOG"\necho "id-of-$2"\n')
    aws.chmod(0o755)
    log = tmp_path / "log"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log)}
    subprocess.run([tool("sh"), str(tmp_path / "commands/aws.sh")], env=environment, check=True)
    return [line.split("\037")[:-1] for line in log.read_text().splitlines()]


@pytest.mark.parametrize(
    ("sets", "missing"),
    [
        ((), {"logs", "public addresses"}),
        ((f"{BALANCER}.internal=true",), {"logs"}),
        (("resources.front.sku=nlb-hour",), {"logs", "public addresses", "application load balancer"}),
    ],
)
def test_a_balancer_is_ordered_and_paid(sets, missing):
    site = Site(estimate(plan_of(FRAMES, *sets), SHIPPED))
    found = reconcile(site, render(site, Templates(), RenderOptions()))
    assert {order.kind for _, order in found.unbilled} == missing


TWO_SITES = "sites={us: {}, eu: {regions: {aws: eu-west-1}}}"
SUBNETS = "manifests.aws.regions.eu-west-1.subnets=[subnet-0ccccccc1]"
PLACED = (
    "manifests.aws.regions.eu-west-1.services.gallery-of-long-names.load_balancer="
    "{internal: true, subnets: [subnet-0ddddddd1, subnet-0ddddddd2]}"
)


def test_a_service_of_another_site_has_the_subnets_and_the_balancer_of_its_region():
    files = rendered(FRAMES, TWO_SITES, SUBNETS, PLACED)
    network = files[f"{STEM}-eu.create-service.json"].value["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {"subnets": ["subnet-0ccccccc1"], "assignPublicIp": "DISABLED"}
    assert files[f"{STEM}-eu.create-load-balancer.json"].value["Scheme"] == "internal"
    assert files[f"{STEM}.create-load-balancer.json"].value["Scheme"] == "internet-facing"
    for path, item in files.items():
        if path.startswith(f"{STEM}-eu"):
            assert not {"subnet-0bbbbbbb1", "subnet-0aaaaaaa1", "acm:us-east-1"} & set(item.text.split('"'))
    assert "--region eu-west-1 --subnet-ids subnet-0ccccccc1" in files["commands/aws.sh"].text


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ([], "eu-west-1.services.gallery-of-long-names"),
        ([SUBNETS], "eu-west-1.services.gallery-of-long-names"),
        ([PLACED], "eu-west-1.subnets"),
    ],
)
def test_what_is_of_one_region_is_not_written_for_another(said, missing):
    with pytest.raises(InputError, match=missing):
        rendered(FRAMES, TWO_SITES, *said)


def test_without_a_certificate_requests_come_in_by_http():
    files = rendered(FRAMES, f"{BALANCER}.certificate=null", f"{BALANCER}.internal=true")
    assert files[f"{STEM}.create-listener.json"].value == {"Protocol": "HTTP", "Port": 80}
    assert f"{STEM}-redirect.create-listener.json" not in files
    assert "0.0.0.0/0" not in files["commands/aws.sh"].text


TARGET_GROUPS = "[arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/0123456789abcdef]"
MACHINES = FRAMES.replace(
    "fargate\n    cpu: 0.5\n    memory: 1Gi", "vm-group\n    provider: aws\n    machine: m5.large"
)


@pytest.mark.parametrize(
    ("text", "change", "message"),
    [
        (FRAMES, f"{BALANCER}.subnets=[subnet-0aaaaaaa1, subnet-0aaaaaaa1]", "two zones at least"),
        (FRAMES, f"{BALANCER.rpartition('.')[0]}.target_groups={TARGET_GROUPS}", "both target_groups and"),
        (MACHINES, f"{BALANCER}.internal=false", "made for Fargate services only"),
    ],
)
def test_what_aws_would_not_make_is_refused(text, change, message):
    with pytest.raises(InputError, match=message):
        rendered(text, change)
