"""Every text of a plan that reaches a file, with hostile words in it: refused, or no structure changes.

The structure of a file is what is left of it when its values are taken out: the shape of its tree, the tokens
of a script, the statements of SQL. A word in the place of a harmless one must leave that as it was.
"""

import ast
import copy
import json
import re
import shlex
from functools import cache
from pathlib import Path, PurePosixPath

import pytest
import yaml
from helpers import SHIPPED
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rendering import sql_of

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.plan.read import parse_plan

PLAN = """
name: shop
regions: {gcp: us-central1, aws: us-east-1, azure: eastus}
demand: {requests_per_second: 100, profile: flat, entry: {api: 1, front: 1, group: 1, task: 1, app: 1}}
services:
  api:
    platform: kubernetes
    cpu: 500m
    memory: 512Mi
    throughput: 20/s
    instances: {min: 2, max: 10}
    workload:
      image: registry.example.com/api:1
      command: [serve]
      args: [--verbose]
      ports: {grpc: 9000}
      health_path: /healthz
      live_path: /livez
      metrics_path: /metrics
      env: {GREETING: hello}
      secrets: {API_TOKEN: shop/token}
      writable: [/cache]
      host: shop.example.com
      node_selector: {disk: fast}
      service_account: robot
      autoscaler: {kind: keda, triggers: {requests: {query: up}}}
      vpa: {mode: "off"}
    calls: {sql: {per_request: 1, pool: {min: 1, max: 2}}}
  front:
    platform: cloud-run
    cpu: 1
    memory: 1Gi
    concurrency: 80
    service_time: 100ms
    instances: {min: 1, max: 10}
    workload: {image: registry.example.com/front:1, command: [serve], args: [-x], env: {GREETING: hello}}
  group: {platform: vm-group, provider: aws, machine: m5.xlarge, throughput: 50/s, instances: {min: 2}}
  task:
    platform: fargate
    cpu: 1
    memory: 2Gi
    throughput: 50/s
    instances: {min: 2, max: 10}
    workload: {command: [serve], args: [-x], env: {GREETING: hello}, health_path: /t}
  app:
    platform: container-apps
    cpu: 1
    memory: 2Gi
    service_time: 20ms
    concurrency: 10
    instances: {min: 2, max: 10}
    workload: {command: [serve], args: [-x], env: {GREETING: hello}, health_path: /h}
databases:
  sql:
    platform: rds
    engine: postgres
    machine: db.r6g.xlarge
    storage: 100Gi
    time_series:
      metrics: {rows_per_second: 50, row_size: 200B, retain: 90d, compress_after: 7d, segment_by: [service]}
clusters:
  main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9}}}}
manifests:
  namespace: shop
  prometheus: http://prometheus:9090
  ingress_class: traefik
  networks: {sql: [10.0.0.0/8]}
  metrics: {requests: http_requests_total, latency: seconds, service_label: service, status_label: status}
  panels: [{title: Load, query: up, dashboard: extra}, {title: More, query: up}]
  indexes: [{table: orders, columns: [created_at]}]
  load_test: {endpoints: [{path: /buy, method: POST, body: {item: book}, token: true}, {path: /list}]}
  aws:
    subnets: [subnet-0123456789abcdef0]
    security_groups: [sg-0123456789abcdef0]
    execution_role: arn:aws:iam::123456789012:role/tasks
  gcp: {network: default, subnetwork: default}
  accepted: {pod-fits-no-node: because}
"""
WORKLOAD = "services.api.workload"
VALUES = [
    *(f"{WORKLOAD}.{field}" for field in ("image", "health_path", "live_path", "metrics_path", "host")),
    *(f"{WORKLOAD}.{field}" for field in ("service_account", "command.0", "args.0", "writable.0")),
    *(f"{WORKLOAD}.{field}" for field in ("env.GREETING", "secrets.API_TOKEN", "node_selector.disk")),
    f"{WORKLOAD}.autoscaler.triggers.requests.query",
    *(
        f"services.{name}.workload.{f}"
        for name in ("front", "task", "app")
        for f in ("args.0", "env.GREETING")
    ),
    *(f"services.{name}.workload.command.0" for name in ("front", "task", "app")),
    "services.front.workload.image",
    "services.task.workload.health_path",
    "services.app.workload.health_path",
    *(f"manifests.{field}" for field in ("namespace", "prometheus", "ingress_class", "networks.sql.0")),
    *(f"manifests.metrics.{field}" for field in ("requests", "latency", "service_label", "status_label")),
    *(f"manifests.panels.0.{field}" for field in ("title", "query", "dashboard")),
    "manifests.indexes.0.table",
    "manifests.indexes.0.columns.0",
    "manifests.load_test.endpoints.0.path",
    "manifests.load_test.endpoints.1.path",
    "manifests.load_test.endpoints.0.body.item",
    *(f"manifests.aws.{field}" for field in ("subnets.0", "security_groups.0", "execution_role")),
    "manifests.gcp.network",
    "manifests.gcp.subnetwork",
    "manifests.accepted.pod-fits-no-node",
    "databases.sql.time_series.metrics.segment_by.0",
]
KEYS = [
    f"{WORKLOAD}.ports.grpc",
    f"{WORKLOAD}.env.GREETING",
    f"{WORKLOAD}.secrets.API_TOKEN",
    f"{WORKLOAD}.node_selector.disk",
    "services.front.workload.env.GREETING",
    "manifests.load_test.endpoints.0.body.item",
    "databases.sql.time_series.metrics",
    "clusters.main.pools.default",
]
"""Names of entries: what stands there becomes a key, and may become the name of a file."""

WORDS = [
    *("yes", "off", "null", "select", "~", "1e3", "0755", "0x1f", "12:30", "1_000", "2024-01-01", "=", "<<"),
    *(
        "{{ x }}",
        "{% x %}",
        "[[ x ]]",
        "[% x %]",
        "${x}",
        "$(id)",
        "`id`",
        "%s",
        "\\",
        "\\n",
        "*a",
        "&a",
        "!!x",
    ),
    *('"', "'", '"""', "'''", "*/", "//", "--", "#", "# x", "a: b", "- a", "? a", "|", ">", "@", "%", ","),
    *(
        "a\nb: 1",
        "a\n---\nb",
        "a\r\nb",
        "\n",
        "\t",
        " a",
        "a ",
        "",
        "../x",
        "/../x",
        "a/../../b",
        "/etc/passwd",
    ),
    *(
        "a\x00b",
        "a\x1bb",
        "a\x7fb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "\ufeffa",
        "\ud800",
        "\ue0000\ue001",
        "é",
    ),
    *("a" * 300, "-rf", "--x=1", "; rm -rf /", "x'); DROP TABLE a; --", "</script>", "😀", "\u202ea", "١٢"),
]
few = settings(max_examples=30, deadline=None)
"""Each example renders a whole plan."""

hostile = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=12),
    st.builds("".join, st.tuples(st.sampled_from(["/", "a", "http://a", ""]), st.sampled_from(WORDS))),
)


def rendered(raw):
    """Return the files of a plan by path."""
    file = parse_plan(json.dumps(raw), "plan.yaml", Path())
    return {item.path: item for item in render(Site(estimate(file, SHIPPED)), Templates(), RenderOptions())}


@cache
def harmless():
    """Return the plan as it is, and the structure of each of its files, by the order of paths."""
    raw = yaml.safe_load(PLAN)
    return raw, [structure(item) for item in rendered(raw).values()]


def shape(tree):
    """Return a tree without its values and names: how many of what stand where."""
    if isinstance(tree, dict):
        return {index: shape(value) for index, value in enumerate(tree.values())}
    return [shape(value) for value in tree] if isinstance(tree, list) else type(tree).__name__


def structure(item):
    """Return what a file is when its values are taken out of it."""
    suffix = PurePosixPath(item.path).suffix
    if item.value is not None:
        (again,) = [json.loads(item.text)] if suffix == ".json" else yaml.safe_load_all(item.text)
        assert again == item.value, "PyYAML, which follows YAML 1.1, reads the same"
        return shape(item.value)
    if suffix == ".sh":
        return len(shlex.split(item.text, comments=True))
    if suffix == ".py":
        return [type(node).__name__ for node in ast.walk(ast.parse(item.text))]
    if suffix == ".js":
        before, plan, after = re.split(
            r"(?<=const plan = )(\{\n.*?^\})(?=;$)", item.text, flags=re.MULTILINE | re.DOTALL
        )
        return before.count("\n"), shape(json.loads(plan)), after
    if suffix == ".sql":
        pglast = pytest.importorskip("pglast")
        return [type(statement.stmt).__name__ for statement in pglast.parse_sql(sql_of(item.text))]
    return item.text.count("\n")


def place(raw, path):
    """Return the container that holds the last part of a dotted path, and that part."""
    *parents, last = path.split(".")
    for part in parents:
        raw = raw[int(part) if part.isdigit() else part]
    return raw, int(last) if last.isdigit() else last


def check(raw):
    """Render a plan that may be refused, and compare the structure of its files."""
    try:
        files = rendered(raw)
    except InputError:
        return
    _, expected = harmless()
    assert [structure(item) for item in files.values()] == expected
    for path in files:
        assert re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", path)
        assert ".." not in path.split("/")


@pytest.mark.parametrize("path", [*VALUES, *KEYS])
def test_the_plan_has_what_is_tested(path):
    tree, key = place(harmless()[0], path)
    assert tree[key] is not None


@few
@given(st.sampled_from(VALUES), hostile)
@example("manifests.indexes.0.table", "order")
@example("manifests.load_test.endpoints.0.path", "/$(id)")
@example("services.task.workload.health_path", "/../x")
@example("services.app.workload.health_path", "/../x")
@example(f"{WORKLOAD}.args.0", "{{ x }}\n---\nkind: Pod")
def test_a_value_is_refused_or_changes_nothing_but_itself(path, word):
    raw = copy.deepcopy(harmless()[0])
    tree, key = place(raw, path)
    tree[key] = word
    check(raw)


@few
@given(st.sampled_from(KEYS), hostile)
def test_a_name_is_refused_or_changes_nothing_but_itself(path, word):
    raw = copy.deepcopy(harmless()[0])
    tree, key = place(raw, path)
    changed = {word if name == key else name: value for name, value in tree.items()}
    tree.clear()
    tree.update(changed)
    check(raw)


@few
@given(st.sampled_from(["name", "services", "clusters", "databases"]), hostile)
def test_the_name_of_a_plan_or_of_a_part_of_it_is_refused_or_plain(section, word):
    raw = copy.deepcopy(harmless()[0])
    if section == "name":
        raw["name"] = word
    else:
        raw[section][word] = next(iter(raw[section].values()))
    try:
        files = rendered(raw)
    except InputError:
        return
    assert all(structure(item) is not None for item in files.values())
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", path) for path in files)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", word)
