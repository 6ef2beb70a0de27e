"""Judges that others wrote: each accepts every rendered file, and refuses a broken one."""

import copy
import json
import subprocess
from functools import cache

import pytest
import yaml
from objects import identity
from rendering import EXAMPLES, example, schemas, site_of, sql_of, tool, write

from capplan.manifests.composing.compose import composed
from capplan.manifests.verify.run import verify_rendered

pytestmark = pytest.mark.filterwarnings("default")
every = pytest.mark.parametrize(("name", "alternative", "sets"), EXAMPLES)
HPA = "kubernetes/base/backend/horizontalpodautoscaler-backend.yaml"


def run(*command):
    """Return how a program ended, with what it said."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def objects(*of):
    """Yield the Kubernetes objects of an example with their paths: no patch, nothing of Kustomize."""
    for path, item in example(*of).items():
        tree = item.value
        whole = isinstance(tree, dict) and "kind" in tree and "/overlays/" not in path
        if whole and not path.endswith("kustomization.yaml"):
            yield path, tree


def misspelt():
    """Return Levqor's HPA with a letter missing in a field's name."""
    broken = copy.deepcopy(example("levqor", "eks")[HPA].value)
    broken["spec"]["maxReplica"] = broken["spec"].pop("maxReplicas")
    return broken


@every
def test_schemas_of_kubernetes_and_of_operators_accept_every_object(name, alternative, sets):
    files = list(example(name, alternative, sets).values())
    found = verify_rendered(site_of(name, alternative, sets), files, schemas())
    assert [finding for finding in found if finding.code in ("schema", "no-schema")] == []


def test_a_schema_refuses_a_typo():
    files = dict(example("levqor", "eks"))
    files[HPA] = files[HPA]._replace(value=misspelt())
    found = verify_rendered(site_of("levqor", "eks"), list(files.values()), schemas())
    assert "schema" in {finding.code for finding in found}


OPERATORS = {
    "autoscaling.k8s.io/v1",
    "external-secrets.io/v1",
    "gateway.networking.k8s.io/v1",
    "karpenter.k8s.aws/v1",
    "karpenter.sh/v1",
    "keda.sh/v1alpha1",
    "monitoring.coreos.com/v1",
    "monitoring.googleapis.com/v1",
    "redis.redis.opstreelabs.in/v1beta2",
    "serving.knative.dev/v1",
}
"""API versions that Kubernetes itself does not serve."""


@cache
def kubernetes_validate():
    """Return the package of that name, made to read each of its schemas once."""
    package = pytest.importorskip("kubernetes_validate")
    package.utils.schema_contents = cache(package.utils.schema_contents)
    return package


@every
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_kubernetes_knows_every_field(version, name, alternative, sets):
    """The version that the lock file names, and the newest that there are schemas of."""
    kubernetes = kubernetes_validate()
    for path, tree in objects(name, alternative, sets):
        if tree["apiVersion"] in OPERATORS:
            continue
        try:
            kubernetes.validate(tree, version, strict=True)
        except (kubernetes.ValidationError, kubernetes.SchemaNotFoundError) as error:
            pytest.fail(f"{path}: {error.message}")


def test_kubernetes_refuses_a_typo():
    kubernetes = kubernetes_validate()
    with pytest.raises(kubernetes.ValidationError, match="maxReplica"):
        kubernetes.validate(misspelt(), "1.30", strict=True)


@every
def test_kustomize_composes_what_the_checks_see(name, alternative, sets, tmp_path):
    files = example(name, alternative, sets)
    overlays = [path for path in files if path.endswith("kustomization.yaml") and "/overlays/" in path]
    if not overlays:
        return
    kubectl = tool("kubectl")
    write(files, tmp_path)
    documents = {path: [item.value] for path, item in files.items() if item.value is not None}
    for path in overlays:
        directory = path.rpartition("/")[0]
        done = run(kubectl, "kustomize", tmp_path / directory)
        assert done.returncode == 0, done.stderr
        theirs = {identity(item): item for item in yaml.safe_load_all(done.stdout)}
        ours = {identity(item): item for _, item in composed(directory, documents)}
        assert theirs == ours


@pytest.mark.parametrize(("name", "alternative", "sets"), [e for e in EXAMPLES if e[1] != "redis-cluster"])
def test_promtool_accepts_rules_and_their_tests(name, alternative, sets, tmp_path):
    files = example(name, alternative, sets)
    promtool = tool("promtool")
    write(files, tmp_path)
    (rules,) = (path for path in files if path.endswith(".rules.yaml"))
    test = rules.replace(".rules.yaml", ".rules_test.yaml")
    for command in (["check", "rules", "--lint=all", "--lint-fatal", rules], ["test", "rules", test]):
        done = run(promtool, *command[:-1], tmp_path / command[-1])
        assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_refuses_an_alert_at_another_level(tmp_path):
    promtool = tool("promtool")
    files = example("levqor", "eks")
    write(files, tmp_path)
    rules = tmp_path / "prometheus/levqor.rules.yaml"
    text = rules.read_text(encoding="utf-8")
    assert "> 0.7" in text
    rules.write_text(text.replace("> 0.7", "> 0.99"), encoding="utf-8")
    assert run(promtool, "test", "rules", tmp_path / "prometheus/levqor.rules_test.yaml").returncode == 1
    rules.write_text(text.replace("> 0.7", "> > 0.7"), encoding="utf-8")
    assert run(promtool, "check", "rules", rules).returncode == 1


def queries(tree):
    """Yield every PromQL expression in a rendered tree: of rules, dashboards and KEDA's triggers."""
    if isinstance(tree, dict):
        if tree.get("type") == "prometheus" and "metadata" in tree:
            yield tree["metadata"]["query"]
        if isinstance(tree.get("expr"), str):
            yield tree["expr"]
        for value in tree.values():
            yield from queries(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from queries(value)


@every
def test_every_query_is_promql(name, alternative, sets):
    promql = pytest.importorskip("promql_parser")
    found = [query for item in example(name, alternative, sets).values() for query in queries(item.value)]
    assert len(found) > 5
    for query in found:
        promql.parse(query)


def test_what_is_no_promql_is_refused():
    promql = pytest.importorskip("promql_parser")
    (query, *_) = queries(example("amas")["grafana/capplan-amas.json"].value)
    with pytest.raises(ValueError, match="parenthesis"):
        promql.parse(query[:-1])


@every
def test_yamllint_has_nothing_to_say(name, alternative, sets):
    for path, item in example(name, alternative, sets).items():
        if path.endswith(".yaml"):
            assert list(yamllint(item.text)) == [], path


def yamllint(text):
    """Yield what yamllint minds: all of its defaults but the length of lines, which values may have."""
    lint = pytest.importorskip("yamllint.linter")
    from yamllint.config import YamlLintConfig

    rules = "{line-length: disable, document-start: disable, comments: disable}"
    return lint.run(text, YamlLintConfig(f"extends: default\nrules: {rules}"))


def test_yamllint_minds_a_key_given_twice():
    assert {problem.rule for problem in yamllint("a: 1\na: 2\n")} == {"key-duplicates"}


_MODELS = {
    "create-launch-template": ("ec2", "CreateLaunchTemplate"),
    "modify-target-group": ("elbv2", "ModifyTargetGroup"),
    "create-load-balancer": ("elbv2", "CreateLoadBalancer"),
    "create-target-group": ("elbv2", "CreateTargetGroup"),
    "create-listener": ("elbv2", "CreateListener"),
    "create-auto-scaling-group": ("autoscaling", "CreateAutoScalingGroup"),
    "put-scaling-policy": ("autoscaling", "PutScalingPolicy"),
    "register-task-definition": ("ecs", "RegisterTaskDefinition"),
    "create-service": ("ecs", "CreateService"),
    "register-scalable-target": ("application-autoscaling", "RegisterScalableTarget"),
    "create-db-instance": ("rds", "CreateDBInstance"),
    "create-db-instance-read-replica": ("rds", "CreateDBInstanceReadReplica"),
    "create-cache-parameter-group": ("elasticache", "CreateCacheParameterGroup"),
    "modify-cache-parameter-group": ("elasticache", "ModifyCacheParameterGroup"),
    "create-replication-group": ("elasticache", "CreateReplicationGroup"),
}
_BY_THE_SCRIPT = {
    "create-listener": {
        "LoadBalancerArn": "arn:balancer",
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": "arn:group"}],
    }
}
"""What only AWS knows, and the script adds to a call as options."""


@every
def test_botocore_accepts_the_bodies_of_calls(name, alternative, sets):
    for path, item in example(name, alternative, sets).items():
        if item.part == "aws" and path.endswith(".json"):
            assert botocore_report(path, item.value) == [], path


def botocore_report(path, body):
    """Return what botocore refuses in the body of an API call, words that no enum has among it."""
    session = pytest.importorskip("botocore.session").Session()
    from botocore.validate import ParamValidator

    called = path.split(".")[-2]
    service, operation = _MODELS[called]
    body = _BY_THE_SCRIPT.get(called, {}) | body
    if "ServiceNamespace" in body:
        service = "application-autoscaling"
    shape = session.get_service_model(service).operation_model(operation).input_shape
    report = ParamValidator().validate(body, shape).generate_report().splitlines()
    return report + list(_unknown_words(body, shape))


def _unknown_words(value, shape):
    """Yield what botocore's own validator ignores: words that a field's enum does not have."""
    if shape.type_name == "structure":
        for member, inner in shape.members.items():
            if member in value:
                yield from _unknown_words(value[member], inner)
    elif shape.type_name == "list":
        for entry in value:
            yield from _unknown_words(entry, shape.member)
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{shape.name}: {value!r}"


@pytest.mark.parametrize(
    "change", [{"MaxSize": "10"}, {"MinimumSize": 2}, {"Tags": [{"Value": "a"}]}, {"MaxSize": None}]
)
def test_botocore_refuses_a_broken_body(change):
    path = "aws/backend.create-auto-scaling-group.json"
    assert botocore_report(path, example("levqor")[path].value | change) != []


def test_a_word_that_aws_does_not_know_is_refused():
    path = "aws/backend.put-scaling-policy.json"
    body = copy.deepcopy(example("levqor")[path].value)
    specification = body["TargetTrackingConfiguration"]["PredefinedMetricSpecification"]
    specification["PredefinedMetricType"] = "ASGAverageCPU"
    assert botocore_report(path, body) == ["MetricType: 'ASGAverageCPU'"]


@every
def test_postgresql_parses_the_sql(name, alternative, sets):
    pglast = pytest.importorskip("pglast")
    for path, item in example(name, alternative, sets).items():
        if path.endswith(".sql"):
            assert pglast.parse_sql(sql_of(item.text)), path


def test_postgresql_refuses_broken_sql():
    pglast = pytest.importorskip("pglast")
    text = sql_of(example("llm-governance")["sql/postgres-indexes.sql"].text)
    with pytest.raises(pglast.parser.ParseError):
        pglast.parse_sql(text.replace(" ON ", " ONTO "))


@every
def test_scripts_parse(name, alternative, sets, tmp_path):
    files = example(name, alternative, sets)
    write(files, tmp_path)
    for path, item in files.items():
        if path.endswith(".sh"):
            assert run(tool("bash"), "-n", tmp_path / path).returncode == 0, path
        if path.endswith(".py"):
            compile(item.text, path, "exec")
        if path.endswith(".js"):
            assert node_check(tmp_path, item.text).returncode == 0, path


def node_check(directory, text):
    """Return how node takes the text of a module; k6's are modules."""
    module = directory / "test.mjs"
    module.write_text(text, encoding="utf-8")
    return run(tool("node"), "--check", module)


def test_node_refuses_a_broken_module(tmp_path):
    assert node_check(tmp_path, "export default function () { return ]").returncode == 1


@every
def test_shellcheck_has_nothing_to_say(name, alternative, sets, tmp_path):
    files = example(name, alternative, sets)
    write(files, tmp_path)
    scripts = [tmp_path / path for path in files if path.endswith(".sh")]
    done = run(tool("shellcheck"), *scripts)
    assert done.returncode == 0, done.stdout


def test_shellcheck_minds_a_value_without_quotes(tmp_path):
    script = tmp_path / "a.sh"
    script.write_text("#!/bin/sh\necho $1\n", encoding="utf-8")
    assert "SC2086" in run(tool("shellcheck"), script).stdout


KNOWN = {
    "CKV_K8S_35": "most images read their secrets from the environment",
    "CKV_K8S_43": "the images of own stores have tags; their digests are the user's to choose",
    "CKV_K8S_21": "a Cloud Run service has no namespace",
}
"""Policies of checkov that a rendered object may fail, with the reason."""


def checkov(directory):
    """Return the policies that fail, with their objects; nothing is asked over the network."""
    done = run(
        tool("checkov"),
        *("--skip-download", "--framework", "kubernetes", "--quiet", "--output", "json"),
        *("--directory", directory),
    )
    report = json.loads(done.stdout)
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] > 0
    return {(failed["check_id"], failed["resource"]) for failed in report["results"]["failed_checks"]}


def test_checkov_finds_what_is_known_and_nothing_else(tmp_path):
    for name, alternative, sets in EXAMPLES:
        write(example(name, alternative, sets), tmp_path / f"{name}-{alternative}")
    # A patch is a part of an object, and says only what it changes.
    for patch in tmp_path.rglob("patch-*.yaml"):
        patch.unlink()
    failed = checkov(tmp_path)
    assert {check for check, _ in failed} == set(KNOWN)
    services = {resource for check, resource in failed if check == "CKV_K8S_21"}
    assert all(resource.startswith("Service.default.") for resource in services)


def test_checkov_finds_a_container_that_may_gain_privileges(tmp_path):
    text = example("levqor", "eks")["kubernetes/base/backend/deployment-backend.yaml"].text
    broken = text.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    assert broken != text
    (tmp_path / "deployment.yaml").write_text(broken, encoding="utf-8")
    assert "CKV_K8S_20" in {check for check, _ in checkov(tmp_path)}
