"""Each rule finds what it is there for, and says nothing about what is in order."""

import copy
import json
from pathlib import PurePath
from xml.etree import ElementTree

import pytest
from rendering import SERVICE, example, rendered, site_of

from capplan.manifests.verify.checks import files
from capplan.manifests.verify.facts import Facts, facts_from
from capplan.manifests.verify.run import VerifyOptions, verify
from capplan.manifests.verify.world import Item
from capplan.report.blocks import Style
from capplan.report.formats import written
from capplan.report.verified import report_of

BASE = "kubernetes/base/backend"
HPA = f"{BASE}/horizontalpodautoscaler-backend.yaml"
PDB = f"{BASE}/poddisruptionbudget-backend.yaml"


def documents(name="levqor", alternative="eks"):
    """Return what an example's files hold, to be broken."""
    files = example(name, alternative)
    return copy.deepcopy({path: [item.value] for path, item in files.items() if item.value is not None})


NOTHING = Facts()


def ids(broken, facts=NOTHING):
    """Return the ids of the findings."""
    return {finding.code for finding in verify(broken, {}, facts, VerifyOptions(style=True))}


def at(tree, path):
    """Return the container that holds the last part of a dotted path, and that part."""
    *parents, last = path.split(".")
    for part in parents:
        tree = tree[int(part) if part.isdigit() else part]
    return tree, int(last) if last.isdigit() else last


def broken(path, field, value, name="levqor", alternative="eks"):
    """Return an example with one field set."""
    found = documents(name, alternative)
    tree, last = at(found[path][0], field)
    tree[last] = value
    return found


def test_two_autoscalers_on_one_workload_are_found():
    """AMAS asks for an HPA as a backup beside KEDA."""
    found = documents("amas", None)
    hpa = copy.deepcopy(documents()[HPA][0])
    hpa["metadata"] |= {"name": "backup", "namespace": "amas-prod"}
    hpa["spec"]["scaleTargetRef"]["name"] = "orchestrator"
    found["kubernetes/base/backup.yaml"] = [hpa]
    found["kubernetes/base/kustomization.yaml"][0]["resources"].append("backup.yaml")
    assert "two-autoscalers" in ids(found)


def test_a_vpa_that_fights_the_triggers_is_found():
    path = "kubernetes/components/vpa/verticalpodautoscaler-orchestrator.yaml"
    assert "vpa-fights-hpa" in ids(broken(path, "spec.updatePolicy.updateMode", "Recreate", "amas", None))
    bounds = {"minAllowed": {"cpu": "2"}, "maxAllowed": {"cpu": "1"}, "containerName": "*"}
    policies = broken(path, "spec.resourcePolicy.containerPolicies", [bounds], "amas", None)
    assert "vpa-bounds" in ids(policies)


@pytest.mark.parametrize(
    ("spec", "blocked"),
    [
        ({"minAvailable": "90%"}, True),  # of 2 pods: rounds up to 2
        ({"minAvailable": 1}, False),
        ({"minAvailable": 2}, True),
        ({"maxUnavailable": "10%"}, False),
        ({"maxUnavailable": "0%"}, True),
    ],
)
def test_percentages_of_a_disruption_budget_round_up(spec, blocked):
    found = documents()
    tree = found[PDB][0]["spec"]
    del tree["maxUnavailable"]
    tree |= spec
    # In the overlay for trying things out the minimum is 1, where minAvailable 1 blocks too.
    for path in [p for p in found if "/dev/" in p]:
        del found[path]
    assert ("pdb-blocks-drain" in ids(found)) is blocked


def test_afpi_pod_fits_no_node_as_the_document_has_it():
    site = site_of("afpi", "gke-gpu")
    from capplan.manifests.verify.facts import facts_of

    found = {
        path: [item.value] for path, item in example("afpi", "gke-gpu").items() if item.value is not None
    }
    assert "pod-fits-no-node" in ids(found, facts_of(site))


def test_facts_survive_the_lock_file():
    from capplan.manifests.verify.facts import facts_of

    facts = facts_of(site_of("amas"))
    assert facts_from(json.loads(json.dumps({"facts": facts._asdict()})), "lock") == facts._replace(
        external=list(facts.external)
    )


def test_more_connections_than_the_database_accepts_are_found():
    facts = Facts(connections={"sql": {"accepted": 100, "pools": {"backend": [10, 20]}}})
    assert "too-many-connections" in ids(documents(), facts)
    excused = facts._replace(accepted={"too-many-connections": "a pooler"})
    (finding,) = [f for f in verify(documents(), {}, excused) if f.code == "too-many-connections"]
    assert finding.severity == "info"
    assert "a pooler" in finding.remedy


LEVQOR_ASG = {
    "AutoScalingGroupName": "a",
    "MinSize": 2,
    "MaxSize": 10,
    "DesiredCapacity": 2,
    "HealthCheckType": "ELB",
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (LEVQOR_ASG, {"asg-without-template", "asg-without-subnets", "asg-health-check"}),
        (LEVQOR_ASG | {"DesiredCapacity": 11}, {"asg-sizes"}),
        (LEVQOR_ASG | {"TargetGroupARNs": ["arn:aws:elasticloadbalancing:..."]}, {"asg-target-group"}),
        (
            {"DBInstanceIdentifier": "a", "AllocatedStorage": 100, "MasterUserPassword": "x"},
            {"storage-not-encrypted", "literal-secret"},
        ),
        (
            {
                "containerDefinitions": [{"cpu": 512}],
                "cpu": "256",
                "memory": "4096",
                "requiresCompatibilities": ["FARGATE"],
            },
            {"fargate-size", "fargate-network", "task-too-small"},
        ),
        (
            {
                "schemaVersion": 39,
                "id": 1,
                "panels": [
                    {"id": 1, "type": "graph", "gridPos": {"x": 20, "w": 8, "h": 4}},
                    {"id": 1, "gridPos": {"x": 22, "w": 2, "h": 4}, "datasource": {"uid": "${ds}"}},
                ],
            },
            {
                "dashboard-uid",
                "dashboard-panel-id",
                "dashboard-panel-type",
                "dashboard-grid",
                "dashboard-overlap",
                "dashboard-datasource",
            },
        ),
    ],
)
def test_bodies_and_dashboards_are_checked(value, expected):
    assert expected <= ids({"aws/a.json": [value]})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"containerConcurrency": 2000}, "cloud-run-limits"),
        (
            {"containers": [{"image": "a:1", "resources": {"limits": {"cpu": "1", "memory": "8Gi"}}}]},
            "cloud-run-cpu-memory",
        ),
        (
            {"containers": [{"image": "a:1", "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}}}]},
            "cloud-run-cpu-memory",
        ),
        ({"containers": [{"image": "app"}]}, "cloud-run-image"),
    ],
)
def test_cloud_run_limits_are_checked(change, expected):
    path = "cloudrun/frontend.service.yaml"
    found = copy.deepcopy({path: [example("afpi")[path].value]})
    assert ids(found) == set()
    found[path][0]["spec"]["template"]["spec"] |= change
    assert expected in ids(found)


def test_load_tests_of_the_guide_are_found_wanting():
    k6 = "import http from 'k6/http'; export default () => http.get('https://api.example.com/health');"
    locust = "from locust import HttpUser\nclass U(HttpUser):\n    x = lambda self: self.token\n"
    found = {f.code for f in verify({}, {"a.js": k6, "b.py": locust}, Facts())}
    assert found == {"load-test-hard-coded-host", "load-test-no-thresholds", "load-test-unset-token"}
    assert ids({"a.rules.yaml": [{"groups": []}]}) == {"rules-without-test"}


def test_what_is_no_kubernetes_object_never_breaks_the_checks():
    odd = [
        None,
        1,
        "x",
        [],
        {},
        {"kind": "Deployment"},
        {"kind": "Service", "spec": []},
        {"kind": "List", "items": None},
    ]
    odd += [
        {"kind": k, "metadata": 5, "spec": {"rules": "x", "metrics": [1], "triggers": {}}}
        for k in (
            "Deployment",
            "StatefulSet",
            "HorizontalPodAutoscaler",
            "ScaledObject",
            "Ingress",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "VerticalPodAutoscaler",
            "ResourceQuota",
            "Namespace",
        )
    ]
    verify({f"{index}.yaml": [value] for index, value in enumerate(odd)}, {}, Facts())


def test_hidden_quotas_and_defaults_of_a_plain_service():
    files = rendered(SERVICE)
    found = {path: [item.value] for path, item in files.items() if item.value is not None}
    facts = Facts(external=["Secret/shop"])
    assert ids(found, facts) == set()


def shown(findings, fmt, directory):
    """Return the findings in one format."""
    return written(report_of(findings, (), directory), fmt, Style(500))


@pytest.mark.parametrize("fmt", ["table", "json", "markdown", "html", "csv", "junit", "sarif", "github"])
def test_findings_in_every_format_name_check_file_and_object(fmt, tmp_path):
    findings = verify(broken(PDB, "spec.maxUnavailable", 0), {}, Facts())
    text = shown(findings, fmt, tmp_path)
    assert "pdb-blocks-drain" in text
    assert "poddisruptionbudget-backend.yaml" in text
    assert "PodDisruptionBudget/backend" in text
    if fmt in ("json", "sarif"):
        json.loads(text)


def sarif_of(findings, directory):
    """Return the results of a SARIF log, with what the standard asks of it."""
    log = json.loads(shown(findings, "sarif", directory))
    assert (log["version"], set(log)) == ("2.1.0", {"$schema", "version", "runs"})
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["level"] in ("error", "warning", "note", "none")
        assert result["message"]["text"]
    return run["results"]


def test_places_in_sarif_are_uris(tmp_path, monkeypatch):
    """RFC 3986: no space, nothing beyond ASCII; relative to where the command runs."""
    name = "a b/é%.yaml"
    item = Item(name, {"kind": "Pod", "metadata": {"name": "p"}})
    finding = item.finding(files.UNREADABLE, "", "broken", line=3, column=7)

    def location(directory):
        (result,) = sarif_of([finding], directory)
        return result["locations"][0]["physicalLocation"]

    assert location(PurePath())["artifactLocation"] == {"uri": "a%20b/%C3%A9%25.yaml"}
    assert location(PurePath())["region"] == {"startLine": 3, "startColumn": 7}
    assert location(tmp_path)["artifactLocation"]["uri"] == f"{tmp_path}/a%20b/%C3%A9%25.yaml"
    monkeypatch.chdir(tmp_path.parent)
    assert location(tmp_path)["artifactLocation"]["uri"] == f"{tmp_path.name}/a%20b/%C3%A9%25.yaml"
    assert sarif_of([], tmp_path) == []


def test_annotations_of_github_escape_what_ends_them(tmp_path, monkeypatch):
    found = Item("a,b:c.yaml", {"kind": "Pod", "metadata": {"name": "p\n::error::"}})
    monkeypatch.chdir(tmp_path)
    finding = found.finding(files.UNREADABLE, "", "100%\r\nbroken", "", "info", line=4)
    text = shown([finding], "github", tmp_path)
    expected = (
        "::notice file=a%2Cb%3Ac.yaml,line=4,title=unreadable::Pod/p%0A::error::: 100%25%0D%0Abroken.\n"
    )
    assert text == expected


def test_junit_has_a_suite_for_each_file_and_a_case_where_nothing_is_wrong(tmp_path):
    finding = Item("a.yaml", {"kind": "Pod", "metadata": {"name": "p"}}).finding(
        files.UNREADABLE, "", "broken"
    )
    report = report_of([finding], ["a.yaml", "b.yaml"], PurePath("k8s"))
    root = ElementTree.fromstring(written(report, "junit", Style(80)))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert [suite.get("name") for suite in root] == ["k8s/a.yaml", "k8s/b.yaml"]
    assert [len(suite.findall("testcase/failure")) for suite in root] == [1, 0]


def test_annotations_beyond_what_github_shows_are_counted(tmp_path):
    item = Item("a.yaml", {"kind": "Pod", "metadata": {"name": "p"}})
    found = [item.finding(files.UNREADABLE, f"spec.{i}", "broken", severity="error") for i in range(25)]
    lines = shown(found, "github", tmp_path).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "::error title=capplan::16 more in the step summary"
