"""Beyond Kubernetes: AWS, dashboards, alerts, scripts, load tests."""

import pytest

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import VerifyOptions, verify


def rules_at(level):
    """Return alert rules of one query."""
    return {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": f"up{{}} > {level}"}]}]}


def dashboard(**panel):
    """Return a dashboard of one panel with a line at 5."""
    steps = {"defaults": {"thresholds": {"steps": [{"value": None}, {"value": 5}]}}}
    one = {"id": 1, "type": "timeseries", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, "fieldConfig": steps}
    return {
        "schemaVersion": 39,
        "uid": "a",
        "panels": [{**one, "targets": [{"expr": "up{}", "refId": "A"}], **panel}],
    }


def files(**found):
    """Return the ids of the findings about files, each of one document."""
    return {
        f.code
        for f in verify(
            {name.replace("_", "."): [tree] for name, tree in found.items()},
            {},
            Facts(),
            VerifyOptions(style=True),
        )
    }


@pytest.mark.parametrize(("level", "early"), [("4.9", True), ("5", False), ("7.5", False)])
def test_an_alert_does_not_fire_before_its_line(level, early):
    found = files(rules_yaml=rules_at(level), board_json=dashboard())
    assert ("alert-before-line" in found) is early


def test_a_load_test_goes_up_to_the_planned_peak():
    source = 'import http from "k6/http"; const plan = {"stages": [{"rps": 75}, {"rps": 150}]};'

    def of(peak):
        return {f.code for f in verify({}, {"a.js": source}, Facts(peak_rps=peak))}

    assert "figures-differ" not in of(149.5)
    assert "figures-differ" in of(160.0)
    assert "figures-differ" not in of(0.0), "no plan"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("aws rds create-db-instance --master-user-password hunter2", True),
        ('aws rds create-db-instance --master-user-password "$PASSWORD"', False),
        ("aws rds create-db-instance --manage-master-user-password --storage-encrypted", False),
        ("az postgres flexible-server create --admin-password=hunter2", True),
        ("az postgres flexible-server create --password-auth Disabled", False),
        ("psql postgres://u:p@h/d", True),
        ('psql "postgres://$USER:$PASSWORD@h/d"', False),
    ],
)
def test_scripts_give_no_password(line, found):
    texts = {"commands/a.sh": f"#!/bin/sh\n{line}\n"}
    assert bool(verify({}, texts, Facts())) is found


GROUP = {
    "AutoScalingGroupName": "a",
    "MinSize": 1,
    "MaxSize": 5,
    "DesiredCapacity": 5,
    "LaunchTemplate": {"LaunchTemplateName": "a"},
    "VPCZoneIdentifier": "subnet-1",
    "HealthCheckType": "ELB",
    "TargetGroupARNs": ["arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/0123456789abcdef"],
}
TASK = {
    "containerDefinitions": [{"cpu": 256}],
    "cpu": "256",
    "memory": "2048",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
}
LOGGED = {"cpu": 256, "logConfiguration": {"logDriver": "awslogs"}}
SERVICE = {
    "serviceName": "a",
    "taskDefinition": "a",
    "launchType": "FARGATE",
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
}
DATABASE = {"DBInstanceIdentifier": "a", "AllocatedStorage": 20, "StorageEncrypted": True}
VOLUME = {"LaunchTemplateData": {"BlockDeviceMappings": [{"Ebs": {"Encrypted": True}}]}}
BODIES = [
    ("asg-sizes", GROUP, {"DesiredCapacity": 0}),
    ("asg-target-group", GROUP, {"TargetGroupARNs": ["targetgroup/a/0123456789abcdef"]}),
    ("fargate-size", TASK, {"memory": "2049"}),
    ("fargate-size", TASK, {"memory": "3072"}),
    ("ecs-without-subnets", SERVICE, {"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
    ("storage-not-encrypted", VOLUME, {"LaunchTemplateData": {"BlockDeviceMappings": [{"Ebs": {}}]}}),
    ("literal-secret", DATABASE, {"MasterUserPassword": "x"}),
    ("dashboard-uid", dashboard(), {"uid": "a" * 41}),
    ("dashboard-grid", dashboard(), dashboard(gridPos={"x": 13, "y": 0, "w": 12, "h": 8})),
    ("rules-without-test", {"groups": [{"rules": [{"record": "a"}]}]}, rules_at(1)),
]


@pytest.mark.parametrize(("expected", "fine", "change"), BODIES)
def test_bodies_and_dashboards_break_a_rule_or_come_near(expected, fine, change):
    broken = {key: value for key, value in {**fine, **change}.items() if value is not None}
    assert expected not in files(a_json=fine)
    assert expected in files(a_json=broken)


def test_panels_side_by_side_in_rows_and_with_a_declared_source_are_in_order():
    inner = [
        {"id": i, "gridPos": {"x": 12 * i, "y": 1, "w": 12, "h": 8}, "datasource": {"uid": "${ds}"}}
        for i in (0, 1)
    ]
    row = {"id": 9, "type": "row", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}, "panels": inner}
    variables = {"templating": {"list": [{"name": "ds", "type": "datasource"}]}}
    without_ids = [{"gridPos": {"x": 0, "y": y, "w": 24, "h": 1}} for y in (1, 2)]
    assert files(a_json={"schemaVersion": 39, "panels": [row, *without_ids], **variables}) == set()


def test_alert_rules_have_a_test_that_names_them():
    found = {"rule_files": ["../rules/a.yaml"], "tests": []}
    names = {"rules/a.yaml": [rules_at(1)], "tests/a.yaml": [found]}
    assert verify(names, {}, Facts(), VerifyOptions(style=True)) == []
    assert [
        f.code
        for f in verify({**names, "rules/b.yaml": [rules_at(1)]}, {}, Facts(), VerifyOptions(style=True))
    ] == ["rules-without-test"]


K6 = "import http from 'k6/http'; export const options = {thresholds: {}}; http.get(__ENV.TARGET)"
LOCUST = (
    "from locust import HttpUser\nclass U(HttpUser):\n    weight = 1\nenvironment.process_exit_code = 1\n"
)
SCRIPTS = [
    ("load-test-hard-coded-host", "a.py", LOCUST, LOCUST.replace("weight = 1", "host = 'https://x'")),
    ("load-test-no-thresholds", "a.py", LOCUST, LOCUST.replace("environment.process_exit_code = 1", "")),
    ("load-test-unset-token", "a.py", LOCUST + "self.token = self.token or 1", LOCUST + "self.token"),
]


@pytest.mark.parametrize(("expected", "path", "fine", "broken"), SCRIPTS)
def test_load_tests_break_a_rule_or_come_near(expected, path, fine, broken):
    assert expected not in {f.code for f in verify({}, {path: fine}, Facts())}
    assert expected in {f.code for f in verify({}, {path: broken}, Facts())}
