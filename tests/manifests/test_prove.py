"""What the files of a plan lead to is what its estimate promises, and a file that is changed is found."""

import random
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml
from drawn import PLANS
from helpers import SHIPPED, estimate_of, plan_of
from hypothesis import HealthCheck, given, settings
from rendering import EXAMPLES, site_of

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.gate.capacity import capacity_findings
from capplan.gate.files import PlannedFiles
from capplan.manifests.proof.prove import prove, rendered
from capplan.manifests.site import Site
from capplan.plan.gates import CapacityGate

ZONES = """
    name: shop
    regions: {gcp: europe-west1}
    demand: {requests_per_second: 400, profile: office-hours}
    services:
      web:
        platform: kubernetes
        cpu: 1
        memory: 1Gi
        cpu_time: 12ms
        service_time: 12ms
        concurrency: 80
        instances: {min: 3, max: 60}
        redundancy: {zones: 3, survive_zones: 1}
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 3, max: 40}, zones: 3}}}
"""
HPA = "kubernetes/base/web/horizontalpodautoscaler-web.yaml"
Files = tuple[dict[str, list[Any]], dict[str, str]]


def codes(site: Site, files: Files) -> set[str]:
    return {finding.code for finding in prove(site, *files)}


@pytest.mark.parametrize(("name", "alternative", "sets"), EXAMPLES[:-1])
def test_the_files_of_examples_keep_what_their_estimates_promise(name, alternative, sets):
    site = site_of(name, alternative, sets)
    assert prove(site, *rendered(site)) == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(PLANS)
def test_the_files_of_any_plan_keep_what_its_estimate_promises(plan):
    """What the estimate finds itself, such as pods that fit no node, is found in the files too."""
    account = {"subnets": ["subnet-0123456789abcdef0"], "execution_role": "arn:aws:iam::123456789012:role/x"}
    found = estimate(plan_of(yaml.safe_dump({**plan, "manifests": {"aws": account}})), SHIPPED)
    site = Site(found)
    known = {finding.code for finding in found.findings} | {"store-in-one-zone", "network-apart"}
    assert codes(site, rendered(site)) <= known
    for each in found.components:
        if each.kind == "service" and each.control is not None:
            assert not each.control.short.any()


def test_a_target_that_loses_a_zone_is_found_and_one_that_costs_more_too():
    site = Site(estimate_of(ZONES))
    files = rendered(site)
    target = files[0][HPA][0]["spec"]["metrics"][0]["resource"]["target"]
    told = target["averageUtilization"]
    for percent, code in ((told, None), (70, "files-run-too-few"), (told // 2, "files-run-too-many")):
        target["averageUtilization"] = percent
        assert codes(site, files) == ({code} if code else set()), percent


def test_an_autoscaler_that_grows_too_late_is_found_although_the_planned_load_is_carried():
    site = Site(estimate_of(ZONES, "demand.requests_per_second=20", "services.web.redundancy=null"))
    files = rendered(site)
    files[0][HPA][0]["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] = 95
    (finding,) = prove(site, *files)
    assert finding.code == "files-run-too-few"
    assert "only above the load that the plan gives them" in finding.message


def test_what_no_file_orders_is_found():
    site = Site(estimate_of(ZONES))
    documents, texts = rendered(site)
    for path in (HPA, "kubernetes/base/web/service-web.yaml", "kubernetes/base/web/deployment-web.yaml"):
        left = {name: found for name, found in documents.items() if name != path}
        assert codes(site, (left, texts)), path
    script = {"commands/gcloud.sh": texts["commands/gcloud.sh"].replace("e2-standard-4", "e2-standard-8")}
    assert codes(site, (documents, texts | script)) == {"ordered-otherwise"}
    assert codes(site, (documents, {})) == {"not-ordered"}


def test_check_can_gate_on_it():
    """A target that the plan states is in its files, and loses more in a zone than the estimate promises."""
    short = estimate_of(ZONES, "services.web.workload={autoscaler: {triggers: {cpu: 70}}}")
    for answer, severity in (("allow", None), ("warn", "warning"), ("deny", "error")):
        gated = capacity_findings(CapacityGate(files=answer), PlannedFiles(short))
        found = [(one.finding.code, one.finding.severity) for one in gated if one.rule == "capacity/files"]
        assert found == ([("files-run-too-few", severity)] if severity else [])
    kept = capacity_findings(CapacityGate(files="deny"), PlannedFiles(estimate_of(ZONES)))
    assert not [one for one in kept if one.rule == "capacity/files"]


# Mutations ---------------------------------------------------------------------------------------------

ASIDE = re.compile(
    r"loadtest/|prometheus/|grafana|monitoring|CHECKLIST|health/|tfvars|overlays/dev|ratelimits|load-tier"
    r"|helm/|autopilot|limitrange|resourcequota|priorityclass|serviceaccount|namespace-|default-deny|indexes"
    r"|servicemonitor|podmonitoring|dashboard|vertical|sql/|pgbouncer|secret|ec2nodeclass"
)
"""Files that touch neither counts nor objectives, cost or reachability; or that hold no figure of them."""

FIGURE = re.compile(
    r"(replicas|minReplicas|maxReplicas|minReplicaCount|maxReplicaCount|averageUtilization|averageValue|value"
    r"|threshold|cpu|memory|minScale|maxScale|target|containerConcurrency|TargetValue|MinSize|MaxSize"
    r"|MinCapacity|MaxCapacity|desiredCount|maximumPercent|AllocatedStorage|clusterSize|storage|maxSurge"
    r"|maxUnavailable|port|targetPort|containerPort|concurrentRequests|NumNodeGroups|ReplicasPerNodeGroup"
    r"|stabilizationWindowSeconds|periodSeconds)$"
)
NOT_A_FIGURE = re.compile(
    r"probe|revisionHistory|ephemeral|grace|security|sizeLimit|activation", re.IGNORECASE
)
FLAG = re.compile(
    r"--(?:machine-type|node-type|nodes-min|nodes-max|total-min-nodes|total-max-nodes|node-vm-size|node-count"
    r"|min-num-replicas|max-num-replicas|storage-size|min-count|max-count|sku-name|vm-size|disk-size) (\S+)"
)


def figures(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from figures(value, (*path, key))
        return
    last = next(str(key) for key in reversed(path) if isinstance(key, str))
    name = last.rsplit("-", 1)[-1] if "scaling-" in last else last
    if FIGURE.search(name) and not NOT_A_FIGURE.search(".".join(map(str, path))):
        yield path, tree


def changed(value: Any) -> Any:
    """Return twice the figure and one, in the unit that it has; None for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 2 * value + 1
    match = re.fullmatch(r"([\d.]+)(m|Mi|Gi|%|)", value) if isinstance(value, str) else None
    return None if match is None else f"{2 * float(match[1]) + 1:g}{match[2]}"


def mutations(documents: dict[str, list[Any]], texts: dict[str, str]) -> Iterator[Files]:
    for path in [*documents, *texts]:
        if not ASIDE.search(path):
            without = {name: found for name, found in documents.items() if name != path}
            yield without, {name: text for name, text in texts.items() if name != path}
    for path, found in documents.items():
        for place, value in [] if ASIDE.search(path) or "kustomization" in path else figures(found[0]):
            if changed(value) is not None:
                tree = deepcopy(found[0])
                holder = tree
                for key in place[:-1]:
                    holder = holder[key]
                holder[place[-1]] = changed(value)
                yield documents | {path: [tree]}, texts
    for path, text in texts.items():
        for match in [] if ASIDE.search(path) else FLAG.finditer(text):
            start, end = match.span(1)
            yield documents, texts | {path: f"{text[:start]}17{text[end:]}"}


@pytest.mark.parametrize(("name", "alternative", "sets"), EXAMPLES[:-1])
def test_of_files_that_are_changed_nearly_all_are_found(name, alternative, sets):
    site = site_of(name, alternative, sets)
    every = list(mutations(*rendered(site)))
    tried = random.Random(11).sample(every, min(len(every), 14))
    missed = [files for files in tried if not prove(site, *files)]
    assert len(missed) <= 1, len(tried)


EVERYTHING = """
    name: orders
    regions: {gcp: europe-west1}
    demand: {requests_per_second: 90, entry: {web: 1}}
    services:
      web:
        platform: kubernetes
        cpu: 1
        memory: 1Gi
        cpu_time: 12ms
        service_time: 12ms
        instances: {min: 3, max: 20}
        redundancy: {zones: 3, survive_zones: 1}
        calls: {mailer: 0.1, store: 1, edge: 0.1}
      mailer:
        platform: kubernetes
        cpu: 250m
        memory: 256Mi
        cpu_time: 20ms
        service_time: 50ms
        concurrency: 4
        queue: {drain_time: 2m}
        instances: {min: 0, max: 12}
        workload: {autoscaler: {kind: keda, triggers: {queue: {threshold: 900, activation: 5}}}}
      edge: {platform: cloud-run, cpu: 1, memory: 512Mi, service_time: 30ms, instances: {max: 5}}
    databases:
      store:
        platform: cloud-sql
        engine: postgres
        machine: db-custom-2-7680
        storage: 50Gi
        high_availability: true
    clusters:
      main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 3, max: 40}, zones: 3}}}
"""
WEB, SCRIPT = "kubernetes/base/web/deployment-web.yaml", "commands/gcloud.sh"
SCALED = "kubernetes/components/keda/scaledobject-mailer.yaml"
POLICY = "kubernetes/base/web/networkpolicy-web.yaml"
RUN = "cloudrun/edge.service.yaml"
CHANGES = [
    # What a queue is measured by, how often, and what stops it.
    (SCALED, "sum(", "0 * sum("),
    (SCALED, "prometheus-operated", "nowhere"),
    (SCALED, "activationThreshold: '5'", "activationThreshold: '90000'"),
    (SCALED, "metricType: AverageValue", "metricType: Value"),
    (SCALED, "pollingInterval: 30", "pollingInterval: 3600"),
    (SCALED, "cooldownPeriod: 300", "cooldownPeriod: 86400"),
    (SCALED, "annotations:", "annotations:\n    autoscaling.keda.sh/paused: 'true'"),
    (SCALED, "spec:", "spec:\n  fallback: {failureThreshold: 3, replicas: 12}"),
    # Where pods run, whether they start, and what reaches them.
    (WEB, "topology.kubernetes.io/zone", "kubernetes.io/hostname"),
    (WEB, "path: /health", "path: /other"),
    (WEB, "failureThreshold: 12", "failureThreshold: 12\n          initialDelaySeconds: 1200"),
    (WEB, "serviceAccountName: web", "serviceAccountName: other"),
    (WEB, "serviceAccountName: web", "serviceAccountName: web\n      nodeSelector: {pool: nowhere}"),
    (WEB, "priorityClassName: ", "priorityClassName: no-"),
    (WEB, "revisionHistoryLimit: 5", "revisionHistoryLimit: 5\n  paused: true"),
    (WEB, "revisionHistoryLimit: 5", "revisionHistoryLimit: 5\n  replicas: 1"),
    ("kubernetes/base/web/service-web.yaml", "targetPort: http", "targetPort: 9999"),
    ("kubernetes/base/web/service-web.yaml", "type: ClusterIP", "type: LoadBalancer"),
    (POLICY, "namespaceSelector: {}", "namespaceSelector: {matchLabels: {team: other}}"),
    ("kubernetes/base/resourcequota-orders.yaml", "requests.cpu: ", "requests.cpu: 2 #"),
    ("kubernetes/base/resourcequota-orders.yaml", "pods: ", "pods: 5 #"),
    (RUN, "path: /health", "path: /other"),
    # What is paid.
    (SCRIPT, "--disk-type pd-balanced", "--disk-type pd-ssd"),
    (SCRIPT, "--region europe-west1 \\\n  --machine", "--region asia-east1 \\\n  --machine"),
    (SCRIPT, "--enable-autorepair", "--spot --enable-autorepair"),
    (SCRIPT, "--enable-autorepair", "--node-locations europe-west1-b --enable-autorepair"),
    (SCRIPT, "--enable-autorepair", "--accelerator type=nvidia-l4,count=1 --enable-autorepair"),
    (SCRIPT, "--retained-backups-count 1", "--retained-backups-count 365"),
    (SCRIPT, "--no-assign-ip", "--assign-ip"),
    (SCRIPT, "replace - --region europe-west1", "replace - --region asia-east1"),
    ("terraform/capplan.auto.tfvars.json", "e2-standard-4", "e2-standard-16"),
]


def test_what_decides_placement_reachability_measures_and_money_is_found():
    site = Site(estimate_of(EVERYTHING))
    documents, texts = rendered(site)
    assert prove(site, documents, texts) == []
    for path, found, put in CHANGES:
        text = texts[path] if path in texts else yaml.safe_dump(documents[path][0], width=1000)
        assert found in text, (path, found)
        other = text.replace(found, put, 1)
        if path in texts:
            files = documents, texts | {path: other}
        else:
            files = documents | {path: [yaml.safe_load(other)]}, texts
        assert any(one.severity == "error" for one in prove(site, *files)), (path, put)


AMAZON = """
    name: post
    regions: {aws: eu-west-1}
    demand: {requests_per_second: 60, entry: {web: 1, tasks: 1}}
    services:
      web:
        platform: kubernetes
        cpu: 1
        memory: 1Gi
        cpu_time: 12ms
        service_time: 12ms
        instances: {min: 3, max: 20}
      tasks: {platform: fargate, cpu: 1, memory: 2Gi, cpu_time: 10ms, service_time: 30ms, instances: {max: 9}}
    clusters:
      main: {platform: eks, pools: {default: {machine: m6i.xlarge, nodes: {min: 2, max: 30}}}}
    manifests:
      aws: {subnets: [subnet-0123456789abcdef0], execution_role: "arn:aws:iam::123456789012:role/x"}
"""


@pytest.mark.parametrize(
    ("path", "found", "put"),
    [
        ("karpenter/main/nodepool-default.yaml", "- on-demand", "- spot"),
        ("karpenter/main/ec2nodeclass-default.yaml", "volumeType: gp3", "volumeType: io2"),
        ("karpenter/main/ec2nodeclass-default.yaml", "volumeSize: ", "volumeSize: 1"),
        ("kubernetes/base/web/service-web.yaml", "  name: web", "  name: website"),
        ("commands/aws.sh", "create-service --region eu-west-1", "create-service --region us-east-1"),
        ("commands/aws.sh", "--node-volume-type gp3", "--node-volume-type io2"),
    ],
)
def test_what_decides_money_and_names_on_aws_is_found(path, found, put):
    site = Site(estimate_of(AMAZON))
    documents, texts = rendered(site)
    assert prove(site, documents, texts) == []
    text = texts[path] if path in texts else yaml.safe_dump(documents[path][0], width=1000)
    other = text.replace(found, put, 1)
    assert other != text
    if path in texts:
        files = documents, texts | {path: other}
    else:
        files = documents | {path: [yaml.safe_load(other)]}, texts
    assert any(one.severity == "error" for one in prove(site, *files))


def test_a_queue_that_overshoots_is_told_by_the_estimate_and_found_in_its_files():
    loaded = (
        "services.web.calls.mailer=1",
        "services.mailer.workload.autoscaler.triggers.queue.threshold=10",
        "services.mailer.instances.max=60",
    )
    site = Site(estimate_of(EVERYTHING, *loaded))
    told = [one for one in site.estimate.findings if one.subject == "mailer"]
    assert [one.code for one in told] == ["autoscaler-runs-more"]
    assert codes(site, rendered(site)) == {"files-run-too-many"}
    raised = told[0].remedy.split("about ")[1].split(",")[0]
    calm = Site(estimate_of(EVERYTHING, *loaded, f"{loaded[1].split('=')[0]}={raised}"))
    assert prove(calm, *rendered(calm)) == []


def test_a_database_that_is_gone_with_its_zone_is_named():
    site = Site(estimate_of(EVERYTHING, "databases.store.high_availability=false"))
    (found,) = prove(site, *rendered(site))
    assert (found.code, found.severity, found.subject) == ("store-in-one-zone", "warning", "web")
    assert "store" in found.message


def test_a_response_time_that_the_estimate_does_not_reach_is_not_proved():
    site = Site(estimate_of(EVERYTHING, "services.web.slo={p95: 30ms}"))
    assert codes(site, rendered(site)) == {"slo-below-service-time"}


def test_a_plan_that_cannot_be_rendered_is_no_proof():
    knative = "services.web.workload={autoscaler: {kind: knative}}"
    with pytest.raises(InputError, match="does not render Knative"):
        rendered(Site(estimate_of(ZONES, knative)))
