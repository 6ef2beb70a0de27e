"""AWS request bodies, Cloud Run, Grafana, load tests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from posixpath import dirname, join, normpath
from typing import Any

from capplan.components.services.serverless import cloud_run_refuses
from capplan.findings import Finding
from capplan.manifests.verify.checks import clouds, observing
from capplan.manifests.verify.exposure import secrets_in
from capplan.manifests.verify.trees import Tree, amount, mapping, maps, text, whole, words
from capplan.manifests.verify.world import Item, World

_FARGATE_MIB: dict[int, tuple[int, int, int]] = {
    256: (512, 2048, 512),
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
"""CPU units: least and most MiB, and the step between (docs.aws.amazon.com, task CPU and memory)."""

_TARGET_GROUP = re.compile(
    r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[^/]+/[0-9a-f]{16}"
)


def aws(item: Item) -> Iterator[Finding]:
    """Bodies of AWS calls, told apart by the field that names what they make."""
    tree = item.tree
    if "AutoScalingGroupName" in tree and "MinSize" in tree:
        yield from _group(item)
    if "containerDefinitions" in tree:
        yield from _task(item)
    if "serviceName" in tree and "taskDefinition" in tree:
        yield from _ecs_service(item)
    for field in _unencrypted(tree):
        yield item.finding(clouds.STORAGE_NOT_ENCRYPTED, field, "the storage is not encrypted")
    yield from secrets_in(item)


def _unencrypted(tree: Tree) -> Iterator[str]:
    """Yield the fields that should say that storage is encrypted: of databases, caches and volumes."""
    cluster = "DBClusterIdentifier" in tree and "Engine" in tree and "DBInstanceIdentifier" not in tree
    instance = "DBInstanceIdentifier" in tree and "AllocatedStorage" in tree
    if (cluster or instance) and not tree.get("StorageEncrypted"):
        yield "StorageEncrypted"
    if "ReplicationGroupDescription" in tree and not tree.get("AtRestEncryptionEnabled"):
        yield "AtRestEncryptionEnabled"
    for index, device in enumerate(maps(tree, "LaunchTemplateData.BlockDeviceMappings")):
        if "Ebs" in device and not mapping(device, "Ebs").get("Encrypted"):
            yield f"LaunchTemplateData.BlockDeviceMappings[{index}].Ebs.Encrypted"


def _group(item: Item) -> Iterator[Finding]:
    tree = item.tree
    low, high = whole(tree, "MinSize", 0), whole(tree, "MaxSize", 0)
    wanted = whole(tree, "DesiredCapacity", low)
    if not low <= wanted <= high:
        what = f"MinSize {low}, DesiredCapacity {wanted}, MaxSize {high} are out of order"
        yield item.finding(clouds.ASG_SIZES, "DesiredCapacity", what)
    if "LaunchTemplate" not in tree and "MixedInstancesPolicy" not in tree:
        yield item.finding(clouds.ASG_WITHOUT_TEMPLATE, "LaunchTemplate", "names no launch template")
    if not tree.get("VPCZoneIdentifier") and not tree.get("AvailabilityZones"):
        yield item.finding(clouds.ASG_WITHOUT_SUBNETS, "VPCZoneIdentifier", "names neither subnets nor zones")
    said = tree.get("TargetGroupARNs")
    groups = said if isinstance(said, list) else []
    for group in groups:
        if not _TARGET_GROUP.fullmatch(str(group)):
            yield item.finding(clouds.ASG_TARGET_GROUP, "TargetGroupARNs", f"'{group}' is not a full ARN")
    others = tree.get("LoadBalancerNames") or tree.get("TrafficSources")
    if tree.get("HealthCheckType") == "ELB" and not groups and not others:
        what = "uses a load balancer's health check but names no target group"
        yield item.finding(clouds.ASG_HEALTH_CHECK, "HealthCheckType", what)


def _task(item: Item) -> Iterator[Finding]:
    units, mib = amount(item.tree.get("cpu")), amount(item.tree.get("memory"))
    allowed = _FARGATE_MIB.get(int(units or 0))
    fits = allowed is not None and mib is not None and mib in range(allowed[0], allowed[1] + 1, allowed[2])
    launched_on = item.tree.get("requiresCompatibilities")
    if isinstance(launched_on, list) and "FARGATE" in launched_on:
        if not fits:
            what = (
                f"Fargate has no task of {item.tree.get('cpu')} CPU units and {item.tree.get('memory')} MiB"
            )
            yield item.finding(clouds.FARGATE_SIZE, "cpu", what)
        if item.tree.get("networkMode") != "awsvpc":
            yield item.finding(clouds.FARGATE_NETWORK, "networkMode", "Fargate needs awsvpc")
        if not item.tree.get("executionRoleArn") and _needs_role(item.tree):
            what = "logs and secrets need an execution role, and none is named"
            yield item.finding(clouds.FARGATE_WITHOUT_ROLE, "executionRoleArn", what)
    total = sum(whole(container, "cpu", 0) for container in maps(item.tree, "containerDefinitions"))
    if units is not None and total > units:
        what = f"containers take {total} CPU units, but the task has {units:g}"
        yield item.finding(clouds.TASK_TOO_SMALL, "containerDefinitions", what)


def _needs_role(task: Tree) -> bool:
    """Say whether Fargate itself must log, or read secrets, for a container."""
    containers = maps(task, "containerDefinitions")
    return any(c.get("secrets") or text(c, "logConfiguration.logDriver") == "awslogs" for c in containers)


def _ecs_service(item: Item) -> Iterator[Finding]:
    network = mapping(item.tree, "networkConfiguration.awsvpcConfiguration")
    if (network or item.tree.get("launchType") == "FARGATE") and not network.get("subnets"):
        field = "networkConfiguration.awsvpcConfiguration.subnets"
        yield item.finding(clouds.ECS_WITHOUT_SUBNETS, field, "names no subnet for its tasks to run in")


_GOOGLE = "run.googleapis.com/"
_TARGETS = ("scaling-cpu-target", "scaling-concurrency-target")


def cloud_run(world: World) -> Iterator[Finding]:
    """Cloud Run services stay within the platform's limits."""
    for item in world.of("Service"):
        if item.group == "serving.knative.dev" and _is_on_cloud_run(item):
            yield from _cloud_run(item)


def _is_on_cloud_run(item: Item) -> bool:
    """Say whether a service is Google's, rather than Knative's in a cluster, which has a namespace."""
    annotated = (mapping(item.tree, f"{place}metadata.annotations") for place in ("", "spec.template."))
    return not item.namespace or any(str(key).startswith(_GOOGLE) for keys in annotated for key in keys)


def _cloud_run(item: Item) -> Iterator[Finding]:
    template = mapping(item.tree, "spec.template")
    spec, annotations = mapping(template, "spec"), mapping(template, "metadata.annotations")
    least, most = (amount(annotations.get(f"autoscaling.knative.dev/{b}Scale")) for b in ("min", "max"))
    if most is None:
        yield item.finding(
            clouds.CLOUD_RUN_NO_MAX_SCALE, "spec.template", "has no maximum number of instances"
        )
    elif least is not None and least > most:
        yield item.finding(
            clouds.CLOUD_RUN_SCALE_ORDER, "spec.template", f"minScale {least:g} is above maxScale {most:g}"
        )
    for key, value in annotations.items():
        if not isinstance(value, str):
            what = f"{value!r} is not text"
            yield item.finding(
                clouds.CLOUD_RUN_ANNOTATION_TEXT,
                f"spec.template.metadata.annotations.{key}",
                what,
                "Quote it.",
            )
    for key in _TARGETS:
        share = amount(annotations.get(_GOOGLE + key))
        if share is not None and not 0.1 <= share <= 0.95:
            field = f"spec.template.metadata.annotations.{_GOOGLE}{key}"
            yield item.finding(
                clouds.CLOUD_RUN_SCALING_TARGET, field, f"{share:g} is not between 0.1 and 0.95"
            )
    concurrency = whole(spec, "containerConcurrency", 80)
    if not 1 <= concurrency <= 1000 or whole(spec, "timeoutSeconds", 300) > 3600:
        what = "concurrency must be 1 to 1000, and the timeout at most 3600 s"
        yield item.finding(clouds.CLOUD_RUN_LIMITS, "spec.template.spec", what)
    for container in maps(spec, "containers"):
        yield from _cloud_run_container(item, container, concurrency)
    traffic = maps(item.tree, "spec.traffic")
    if traffic and sum(whole(entry, "percent", 0) for entry in traffic) != 100:
        yield item.finding(clouds.CLOUD_RUN_TRAFFIC, "spec.traffic", "does not add up to 100 %")


def _cloud_run_container(item: Item, container: Tree, concurrency: int) -> Iterator[Finding]:
    limits = mapping(container, "resources.limits")
    cores, memory = amount(limits.get("cpu", "1")), amount(limits.get("memory", "512Mi"))
    if cores is None or memory is None:
        yield item.finding(
            clouds.CLOUD_RUN_QUANTITY, "spec.template.spec.containers", "cpu or memory is not a quantity"
        )
        return
    gib = memory / 2**30
    field = "spec.template.spec.containers"
    refused = cloud_run_refuses(cores, gib, concurrency)
    if refused:
        yield item.finding(clouds.CLOUD_RUN_CPU_MEMORY, field, refused)
    if not _is_pinned(text(container, "image")):
        yield item.finding(clouds.CLOUD_RUN_IMAGE, field, "the image is not pinned by tag or digest")


def _is_pinned(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@sha256:" in image or tag not in ("", "latest")


def grafana(item: Item) -> Iterator[Finding]:
    """A dashboard that Grafana imports as it is."""
    tree = item.tree
    if "panels" not in tree or "schemaVersion" not in tree:
        return
    if len(text(tree, "uid")) > 40 or tree.get("id") is not None:
        yield item.finding(
            observing.DASHBOARD_UID, "uid", "a uid may have at most 40 characters, and id must be empty"
        )
    panels = maps(tree, "panels")
    inside = [panel for row in panels for panel in maps(row, "panels")]
    ids = Counter(str(panel["id"]) for panel in [*panels, *inside] if panel.get("id") is not None)
    if any(count > 1 for count in ids.values()):
        yield item.finding(observing.DASHBOARD_PANEL_ID, "panels", "two panels have one id")
    for panel in [*panels, *inside]:
        yield from _panel(item, panel)
    for together in (panels, *(maps(row, "panels") for row in panels)):
        yield from _overlaps(item, together)
    variables = words(maps(tree, "templating.list"), "name") | words(maps(tree, "__inputs"), "name")
    for source in sorted({source for panel in [*panels, *inside] for source in _sources(panel)}):
        if source.startswith("$") and source.strip("${}") not in variables:
            yield item.finding(
                observing.DASHBOARD_DATASOURCE, "templating", f"variable {source} is not declared"
            )


def _sources(panel: Tree) -> Iterator[str]:
    """Yield the data sources of a panel and its queries: by uid, or by name as dashboards once had it."""
    for holder in (panel, *maps(panel, "targets")):
        yield text(holder, "datasource.uid") or text(holder, "datasource")


def _panel(item: Item, panel: Tree) -> Iterator[Finding]:
    place = mapping(panel, "gridPos")
    if whole(place, "x", 0) + whole(place, "w", 0) > 24:
        yield item.finding(
            observing.DASHBOARD_GRID, "panels", f"'{panel.get('title')}' is beyond the 24 columns"
        )
    if panel.get("type") in ("graph", "singlestat"):
        yield item.finding(
            observing.DASHBOARD_PANEL_TYPE,
            "panels",
            f"{panel['type']} panels no longer exist in Grafana",
            "Use timeseries or stat.",
        )
    references = Counter(str(target["refId"]) for target in maps(panel, "targets") if "refId" in target)
    if any(count > 1 for count in references.values()):
        yield item.finding(
            observing.DASHBOARD_REF_ID, "panels", f"'{panel.get('title')}' uses one refId twice"
        )


def _overlaps(item: Item, panels: list[Tree]) -> Iterator[Finding]:
    """Yield a finding for each panel on a cell of the grid that another one has."""
    taken: dict[tuple[int, int], object] = {}
    for panel in panels:
        place = mapping(panel, "gridPos")
        x, y, w, h = (whole(place, key, 0) for key in "xywh")
        cells = list(product(range(x, x + min(w, 24)), range(y, y + min(h, 100))))
        under = next((taken[cell] for cell in cells if cell in taken), None)
        if under is not None:
            what = f"'{panel.get('title')}' overlaps '{under}'"
            yield item.finding(observing.DASHBOARD_OVERLAP, "panels", what)
        taken.update(dict.fromkeys(cells, str(panel.get("title"))))


_HARD_CODED = re.compile(r"^\s+host\s*=\s*[\"']https?://", re.MULTILINE)


def load_test(path: str, source: str) -> Iterator[Finding]:
    """A load test that can be pointed elsewhere, and that fails when the SLO does."""
    item = Item(path, {"kind": "LoadTest", "metadata": {"name": path}})
    k6 = path.endswith(".js") and "k6/http" in source
    locust = path.endswith(".py") and "HttpUser" in source
    if (k6 and "__ENV" not in source) or (locust and _HARD_CODED.search(source)):
        yield item.finding(
            observing.LOAD_TEST_HARD_CODED_HOST, "", "the host does not come from the environment"
        )
    if (k6 and "thresholds" not in source) or (locust and "process_exit_code" not in source):
        yield item.finding(observing.LOAD_TEST_NO_THRESHOLDS, "", "has no thresholds, so it cannot fail")
    if locust and re.search(r"self\.token\b", source) and not re.search(r"self\.token\s*=", source):
        yield item.finding(observing.LOAD_TEST_UNSET_TOKEN, "", "reads self.token, which nothing sets")


def alerts_tested(paths: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    """Alert rules come with a unit test that names their file."""
    values = [(path, value) for path, found in paths.items() for value in found if isinstance(value, dict)]
    tested = {
        normpath(join(dirname(path), str(name)))
        for path, value in values
        if isinstance(value.get("rule_files"), list) and "tests" in value
        for name in value["rule_files"]
    }
    for path, value in values:
        alerts = [rule for group in maps(value, "groups") for rule in maps(group, "rules") if "alert" in rule]
        rules = "kind" not in value and (alerts or path.endswith(".rules.yaml"))
        if rules and path not in tested:
            item = Item(path, {"kind": "Rules", "metadata": {"name": path}})
            yield item.finding(observing.RULES_WITHOUT_TEST, "", "no unit test names them")


def documents(item: Item) -> Iterator[Finding]:
    """Yield the findings of files that are no Kubernetes objects."""
    yield from aws(item)
    yield from grafana(item)


RULES = (cloud_run,)
