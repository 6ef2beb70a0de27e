"""What the API server refuses, case by case, and how findings word what is wrong."""

import pytest
import yaml
from objects import (
    BACKEND,
    HTTP,
    UTILIZATION,
    at,
    env,
    hpa,
    keda,
    metric,
    pdb,
    probe,
    service,
    thing,
    workload,
)

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify


def found(*objects):
    """Return the findings by code."""
    said = verify({"a.yaml": list(objects)}, {}, Facts())
    return {finding.code: finding for finding in said}


@pytest.mark.parametrize(("owner", "takes"), [("a", False), ("elsewhere", True)])
def test_what_a_controller_made_takes_no_pods_of_others(owner, takes):
    made = workload("ReplicaSet")
    owners = [{"kind": "Deployment", "name": owner}]
    made["metadata"] = {**made["metadata"], "name": "a-5f", "ownerReferences": owners}
    assert ("selector-takes-others" in found(workload(), made)) is takes


def test_a_budget_that_blocks_only_the_fewest_pods_is_a_risk():
    few = hpa(minReplicas=1, maxReplicas=5)
    assert found(workload(), few, pdb(minAvailable=1))["pdb-blocks-drain"].severity == "warning"
    assert found(workload(), few, pdb(minAvailable="100%"))["pdb-blocks-drain"].severity == "error"
    assert found(workload(replicas=1), pdb(minAvailable=1))["pdb-blocks-drain"].severity == "error"


def test_a_number_in_quotes_is_not_said_to_block_drains():
    said = found(workload(), pdb(maxUnavailable="1"))
    assert "pdb-blocks-drain" not in said
    assert "'1' is a text" in said["pdb-fields"].message
    assert "pdb-fields" not in found(workload(), pdb(maxUnavailable="50%"))


def test_a_target_in_another_namespace_is_named_with_it():
    remedy = found(at(workload(), "shop"), at(hpa(), "other"))["no-target"].remedy
    assert "namespace shop" in remedy


def test_a_probe_with_two_handlers_says_which():
    said = found(probe(exec={"command": ["a"]}, tcpSocket={"port": 80}))["probe-handler"].message
    assert [handler in said for handler in ("exec", "tcpSocket", "grpc")] == [True, True, False]


@pytest.mark.parametrize(("claim", "made"), [("data-a-0", True), ("data-a-2", True), ("data-a-3", False)])
def test_claims_of_templates_are_there_for_each_pod(claim, made):
    template = {"metadata": {"name": "data"}}
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
    both = (
        workload("StatefulSet", replicas=3, volumeClaimTemplates=[template]),
        workload(name="b", pod={"volumes": [volume]}),
    )
    assert ("no-reference" not in found(*both)) is made


def test_what_an_autoscaler_does_not_say_is_not_judged():
    bare = thing("HorizontalPodAutoscaler", "autoscaling/v2")
    assert not {"no-target", "no-room"} & set(found(bare))


@pytest.mark.parametrize(("options", "word"), [((), "PASS"), (("--strict",), "FAIL")])
def test_the_verdict_says_how_the_check_ends(capplan, tmp_path, options, word):
    few = yaml.safe_dump_all([workload(), hpa(minReplicas=1, maxReplicas=5), pdb(minAvailable=1)])
    (tmp_path / "a.yaml").write_text(few, encoding="utf-8")
    run = capplan("verify", str(tmp_path), *options)
    assert (run.stdout.split()[0], run.exit_code) == (word, 4 if options else 0)


def _probed(**probe_):
    return workload(container={"livenessProbe": {"tcpSocket": {"port": 80}, **probe_}})


def _in(part, value):
    return workload(container={part: value})


def _net(**rule):
    return thing("NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}, "ingress": [rule]})


def _field(path):
    return env({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}})


def _resource(name):
    return env({"name": "A", "valueFrom": {"resourceFieldRef": {"resource": name}}})


def _init(**more):
    return workload(inits=[{"name": "i", "image": "i", "readinessProbe": {"tcpSocket": {"port": 1}}, **more}])


def _hosted(port, host, **pod):
    return workload(container={"ports": [{"containerPort": port, "hostPort": host}]}, pod=pod)


def _twice(*hosts):
    return workload(
        container={"ports": [{"containerPort": n + 1, "hostPort": h} for n, h in enumerate(hosts)]}
    )


def _tolerates(**more):
    return workload(pod={"tolerations": [{"key": "gpu", **more}]})


def _near_nodes(**term):
    terms = [{"matchExpressions": [{"key": "zone", **term}]}]
    kind = "requiredDuringSchedulingIgnoredDuringExecution"
    return workload(pod={"affinity": {"nodeAffinity": {kind: {"nodeSelectorTerms": terms}}}})


def _daemon(**update):
    return workload("DaemonSet", updateStrategy={"type": "RollingUpdate", "rollingUpdate": update})


def _bound(**subject):
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subjects = [{"kind": "ServiceAccount", "name": "a", **subject}]
    return thing("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", roleRef=role, subjects=subjects)


def _routed(host="a.example", path="/"):
    rules = [{"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": BACKEND}]}}]
    return thing("Ingress", "networking.k8s.io/v1", spec={"rules": rules})


def _secret(kind="Opaque", **more):
    return thing("Secret", type=kind, **more)


def _mounted(**more):
    mounts = [{"name": "v", "mountPath": "/v", **more}]
    return workload(container={"volumeMounts": mounts}, pod={"volumes": [{"name": "v", "emptyDir": {}}]})


def _hooked(**handler):
    return _in("lifecycle", {"preStop": handler})


def _profiled(**profile):
    return _in("securityContext", {"seccompProfile": profile})


def _pod(cpu=None, **pod):
    return workload(container={"resources": {"requests": {"cpu": cpu}}} if cpu else {}, pod=pod)


def _served(**spec):
    return service(HTTP, **spec)


def _limited(ranges):
    return _served(type="LoadBalancer", loadBalancerSourceRanges=ranges)


def _claim(**spec):
    known = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return thing("PersistentVolumeClaim", spec={**known, **spec})


def _role(**rule):
    known = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    return thing("Role", "rbac.authorization.k8s.io/v1", rules=[{**known, **rule}])


def _bounds(**limit):
    return thing("LimitRange", spec={"limits": [{"type": "Container", **limit}]})


def _crd(name, schema=None, version="v1"):
    known = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema or {}}}
    spec = {"group": "example.com", "names": {"kind": "Shard", "plural": "shards"}, "versions": [known]}
    return thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", name, spec=spec)


def _rollout(**strategy):
    return {**workload("Rollout", strategy=strategy), "apiVersion": "argoproj.io/v1alpha1"}


def _canary(**canary):
    return _rollout(canary=canary)


def _redirected(**rule):
    filters = [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]
    return thing("HTTPRoute", "gateway.networking.k8s.io/v1", spec={"rules": [{"filters": filters, **rule}]})


_SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
_BLOCK = {"ipBlock": {"cidr": "10.0.0.0/8"}}
_GRACE = {"tcpSocket": {"port": 80}, "terminationGracePeriodSeconds": 5}
_ROLLING = {"rollingUpdate": {"maxSurge": 1}}
_HPA = hpa()
_NO_MOST = {**_HPA, "spec": {**_HPA["spec"], "maxReplicas": None}}
_NO_NAME = {**_HPA, "spec": {**_HPA["spec"], "scaleTargetRef": {"kind": "Deployment"}}}
REFUSED = [
    (_probed(periodSeconds=-1), _probed(periodSeconds=1)),
    (_in("readinessProbe", _GRACE), _in("livenessProbe", _GRACE)),
    (_init(), _init(restartPolicy="Always")),
    (env({"name": "", "value": "a"}), env({"name": "A", "value": ""})),
    (_field("metadata.labels"), _field("metadata.labels['app']")),
    (_field("spec.replicas"), _field("spec.nodeName")),
    (_resource("memory"), _resource("limits.memory")),
    (
        _in("securityContext", {"privileged": True, "allowPrivilegeEscalation": False}),
        _in("securityContext", {"privileged": True}),
    ),
    (
        _in("securityContext", {"runAsNonRoot": True, "runAsUser": 0}),
        _in("securityContext", {"runAsNonRoot": True, "runAsUser": 1}),
    ),
    (_twice(80, 80), _twice(80, 81)),
    (_hosted(80, 81, hostNetwork=True), _hosted(80, 81)),
    (_tolerates(operator="Exists", value="a"), _tolerates(operator="Exists")),
    (_near_nodes(operator="In"), _near_nodes(operator="In", values=["a"])),
    (_near_nodes(operator="Exists", values=["a"]), _near_nodes(operator="Exists")),
    (service({"port": 80, "targetPort": "8080"}), service({"port": 80, "targetPort": "p-8080"})),
    (_net(ports=[{"port": 100, "endPort": 90}]), _net(ports=[{"port": 90, "endPort": 90}])),
    (_net(ports=[{"port": "http", "endPort": 90}]), _net(ports=[{"port": "http"}])),
    (_net(**{"from": [{**_BLOCK, "podSelector": {}}]}), _net(**{"from": [_BLOCK, {"podSelector": {}}]})),
    (workload(strategy={"type": "Recreate", **_ROLLING}), workload(strategy=_ROLLING)),
    (workload(minReadySeconds=600), workload(minReadySeconds=600, progressDeadlineSeconds=601)),
    (_daemon(maxSurge=1), _daemon(maxSurge=1, maxUnavailable=0)),
    (_bound(), _bound(namespace="a")),
    (_NO_MOST, _HPA),
    (_NO_NAME, _HPA),
    (thing("ConfigMap", data={"a b": "c"}), thing("ConfigMap", data={"a_b.c": "d e"})),
    (_secret(data={"a": "not base64!"}), _secret(data={"a": "bm90\n"})),
    (_secret("kubernetes.io/tls", data={"tls.crt": ""}), _secret(data={"tls.crt": ""})),
    (_routed("*.a.*.example"), _routed("*.a.example")),
    (_routed("a..example"), _routed("")),
    (_routed(path="a"), _routed(path="/a")),
    (workload(name="Web_1"), workload(name="web-1")),
    (service(HTTP, {"app": "a b/c"}), service(HTTP, {"app": "a_b.c"})),
    (_in("ports", [{"containerPort": 0}]), _in("ports", [{"containerPort": 65535}])),
    (_in("name", "Main"), _in("name", "main-1")),
    (_in("image", "web:1:2"), _in("image", f"registry.example:5000/a/web:1@sha256:{'0' * 64}")),
    (_mounted(subPath="../x"), _mounted(subPath="a/b")),
    (_hooked(exec={"command": ["a"]}, sleep={"seconds": 1}), _hooked(sleep={"seconds": 1})),
    (env({"name": "a=b", "value": ""}), env({"name": "a.b-c", "value": ""})),
    (_in("resources", {"limits": {"memory": "-1Mi"}}), _in("resources", {"limits": {"memory": "64Mi"}})),
    (_profiled(type="Localhost"), _profiled(type="Localhost", localhostProfile="p")),
    (_pod(dnsPolicy="None"), _pod(dnsPolicy="None", dnsConfig={"nameservers": ["10.0.0.2"]})),
    (
        _pod(resources={"limits": {"cpu": "100m"}}, cpu="200m"),
        _pod(resources={"limits": {"cpu": "1"}}, cpu="1"),
    ),
    (
        _pod(volumes=[{"name": "v", "emptyDir": {}, "hostPath": {"path": "/a"}}]),
        _pod(volumes=[{"name": "v"}]),
    ),
    (_pod(topologySpreadConstraints=[_SPREAD, _SPREAD]), _pod(topologySpreadConstraints=[_SPREAD])),
    (_tolerates(key="", operator="Equal"), _tolerates(key="", operator="Exists")),
    (_tolerates(operator="Exists", tolerationSeconds=5), _tolerates(operator="Exists", effect="NoExecute")),
    (_probed(tcpSocket={"port": "80"}), _probed(tcpSocket={"port": "http"})),
    (_served(externalTrafficPolicy="Local"), _served(externalTrafficPolicy="Local", type="NodePort")),
    (_served(clusterIP="None", type="LoadBalancer"), _served(clusterIP="None")),
    (service({**HTTP, "nodePort": 30000}), service({**HTTP, "nodePort": 30000}, type="NodePort")),
    (service({**HTTP, "port": 0}), service({**HTTP, "targetPort": 0})),
    (
        _served(ports=[HTTP, {**HTTP, "name": "b"}]),
        _served(ports=[HTTP, {**HTTP, "name": "b", "protocol": "UDP"}]),
    ),
    (_limited(["10.0.0.1"]), _limited(["10.0.0.1/32"])),
    (_served(type="ExternalName"), _served(type="ExternalName", externalName="db.example.com.")),
    (
        workload(strategy={"rollingUpdate": {"maxSurge": "1"}}),
        workload(strategy={"rollingUpdate": {"maxSurge": "1%"}}),
    ),
    (pdb(maxUnavailable="120%"), pdb(maxUnavailable="20%")),
    (workload(replicas=-1), workload(replicas=0)),
    (_claim(resources={}), _claim()),
    (_claim(accessModes=[]), _claim()),
    (_role(verbs=[]), _role()),
    (_role(apiGroups=[]), _role(apiGroups=[""])),
    (thing("PriorityClass", "scheduling.k8s.io/v1", value=2 * 10**9), thing("PriorityClass", value=10**9)),
    (
        _bounds(min={"cpu": "2"}, max={"cpu": "1"}),
        _bounds(min={"cpu": "1"}, default={"cpu": "1"}, max={"cpu": "2"}),
    ),
    (thing("CronJob", "batch/v1", "n" * 53, spec={}), thing("CronJob", "batch/v1", "n" * 52, spec={})),
    (_crd("shard.example.com"), _crd("shards.example.com")),
    (_canary(steps=[{"setWeight": 1, "pause": {}}]), _canary(steps=[{"setWeight": 1}, {"pause": {}}])),
    (_canary(steps=[{"pause": {"duration": "1hh"}}]), _canary(steps=[{"pause": {"duration": "1h30m"}}])),
    (_canary(steps=[{"setWeight": 120}]), _canary(steps=[{"setWeight": 100}])),
    (_canary(steps=[{"setCanaryScale": {"replicas": 1}}]), _canary(steps=[{"analysis": {}}])),
    (
        _canary(trafficRouting={"nginx": {}}),
        _canary(trafficRouting={"istio": {"destinationRule": {"name": "a"}}}),
    ),
    (_rollout(), _rollout(canary={})),
    (_rollout(canary={}, blueGreen={}), _rollout(blueGreen={"activeService": "a", "previewService": "b"})),
    (
        _rollout(blueGreen={"activeService": "a", "previewService": "a"}),
        _rollout(blueGreen={"activeService": "a"}),
    ),
    (_redirected(backendRefs=[{"name": "a"}]), _redirected()),
    (thing("ConfigMap", name="${NAME}a b", data={"a/b": ""}), thing("ConfigMap", name="${NAME}", data={})),
]


@pytest.mark.parametrize(("breaking", "near"), REFUSED)
def test_what_the_api_server_refuses_is_an_error(breaking, near):
    assert found(breaking)["refused"].severity == "error"
    assert "refused" not in found(near)


@pytest.mark.parametrize("shape", [None, 1, "a", [], [[]], {}, {"a": []}])
def test_another_shape_is_no_crash(shape):
    for path in ("spec", "data", "subjects", "metadata"):
        for kind in ("Secret", "NetworkPolicy", "DaemonSet", "ClusterRoleBinding", "Deployment"):
            assert isinstance(found({**thing(kind), path: shape}), dict)


@pytest.mark.parametrize(
    ("breaking", "near", "code"),
    [
        (
            _net(ports=[{"port": 1, "protocol": "tcp"}]),
            _net(ports=[{"port": 1, "protocol": "TCP"}]),
            "unknown-value",
        ),
        (
            thing("CronJob", "batch/v1", spec={"schedule": "TZ=UTC 0 2 * * *"}),
            thing("CronJob", "batch/v1", spec={"schedule": "0 2 * * *", "timeZone": "UTC"}),
            "schedule",
        ),
    ],
)
def test_words_that_other_fields_take_are_refused_here(breaking, near, code):
    assert code in found(breaking)
    assert code not in found(near)


def _composed(**more):
    files = {
        "kustomization.yaml": [{"resources": ["a.yaml", "b.yaml"], **more}],
        "a.yaml": [workload()],
        "b.yaml": [workload(name="b")],
    }
    return {one.code: one for one in verify(files, {}, Facts()) if one.code == "not-composed"}


def _patch(name):
    return [
        {"patch": yaml.safe_dump({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}})}
    ]


@pytest.mark.parametrize("wrong", [{"namspace": "x"}, {"patches": _patch("other")}])
def test_what_kustomize_refuses_is_an_error(wrong):
    assert _composed(**wrong)["not-composed"].severity == "error"
    assert not _composed(namespace="x", patches=_patch("b"))


def test_what_may_be_in_a_remote_base_is_a_risk():
    bases = ["https://example.com/base?ref=v1"]
    assert _composed(bases=bases, patches=_patch("other"))["not-composed"].severity == "warning"


def test_one_object_in_two_files_of_a_kustomization_is_an_error():
    files = {"kustomization.yaml": [{"resources": ["a.yaml", "b.yaml"]}], "a.yaml": [workload()]}
    said = verify({**files, "b.yaml": [workload()]}, {}, Facts())
    assert ("duplicate-object", "error") in {(one.code, one.severity) for one in said}
    assert "duplicate-object" not in {one.code for one in verify({**files, "b.yaml": [hpa()]}, {}, Facts())}


SHARD = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 5},
        "mode": {"type": "string", "enum": ["fast", "safe"], "pattern": "^[a-z]+$"},
        "port": {"x-kubernetes-int-or-string": True},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 2}},
        "more": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "source": {
            "type": "object",
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            "properties": {"a": {}, "b": {}},
        },
        "depth": {"type": "number", "default": 1},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {}, "value": {}}},
        },
    },
}


def _shard(_version="v1", **spec):
    return thing("Shard", f"example.com/{_version}", spec={"size": 3, **spec})


def _judged(*shards):
    crd = _crd("shards.example.com", {"type": "object", "properties": {"spec": SHARD}})
    return found(crd, *shards)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 7},
        {"size": "3"},
        {"size": None},
        {"size": 2.5},
        {"mode": "FAST"},
        {"port": True},
        {"tags": ["ab", "cd", "ef"]},
        {"tags": ["a"]},
        {"tags": "ab"},
        {"labels": {"a": 1}},
        {"source": {"a": 1, "b": 2}},
        {"depth": "deep"},
        {"parts": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]},
    ],
)
def test_a_custom_resource_is_held_to_its_schema(wrong):
    assert _judged(_shard(**wrong))["custom-resource"].severity == "error"


def test_a_custom_resource_within_its_schema_is_sound():
    full = {
        "mode": "fast",
        "parts": [{"name": "a"}, {"name": "b"}],
        "port": "http",
        "tags": ["ab"],
        "more": {"x": [1]},
        "labels": {"a": "b"},
    }
    assert not {"custom-resource", "unknown-field"} & set(_judged(_shard(**full, source={"a": 1}, depth=2)))
    assert not {"custom-resource", "unknown-field"} & set(_judged(_shard(mode="${MODE}")))
    assert "unknown-field" in _judged(_shard(szie=2))
    assert "custom-resource" in _judged(_shard("v2"))


def test_defaults_are_filled_in_before_a_custom_resource_is_judged():
    either = [{"properties": {"type": {"enum": ["IP"]}}}, {"properties": {"type": {"not": {"enum": ["IP"]}}}}]
    schema = {"oneOf": either, "properties": {"type": {"default": "IP"}, "depth": {"type": "integer"}}}
    crd = _crd("shards.example.com", {"properties": {"spec": schema}})
    assert "custom-resource" not in found(crd, thing("Shard", "example.com/v1", spec={}))
    assert "custom-resource" in found(crd, thing("Shard", "example.com/v1", spec={"depth": "x"}))


@pytest.mark.parametrize(
    ("hook", "filled"),
    [
        ({"name": "webhook.example.com"}, True),
        ({"name": "webhook.other.com"}, False),
        ({"name": "a.b", "rules": [{"apiGroups": ["example.com"]}]}, True),
        ({"name": "webhook.example.com", "rules": [{"apiGroups": ["apps"]}, {"apiGroups": 1}]}, False),
    ],
)
def test_a_webhook_may_fill_in_what_a_custom_resource_lacks(hook, filled):
    hooks = thing("MutatingWebhookConfiguration", "admissionregistration.k8s.io/v1", webhooks=[hook])
    crd = _crd("shards.example.com", {"properties": {"spec": SHARD}})
    for spec, wrong in (({}, not filled), ({"depth": "x"}, True)):
        judged = found(crd, hooks, thing("Shard", "example.com/v1", spec=spec))
        assert ("custom-resource" in judged) is wrong


def test_two_definitions_refuse_what_both_refuse():
    wide = {"properties": {"spec": {"properties": {"size": {"type": "integer", "maximum": 50}}}}}
    files = {
        "a.yaml": [_crd("shards.example.com", {"properties": {"spec": SHARD}})],
        "b/b.yaml": [_crd("shards.example.com", wide)],
    }
    codes = [
        {one.code for one in verify({**files, "c/c.yaml": [_shard(size=size)]}, {}, Facts())}
        for size in (7, "x")
    ]
    assert ["custom-resource" in found for found in codes] == [False, True]


def test_part_of_a_custom_resource_is_a_patch():
    part = thing("Shard", "example.com/v1", spec={"mode": "safe"})
    files = {
        "a.yaml": [_crd("shards.example.com", {"properties": {"spec": SHARD}}), _shard()],
        "b.yaml": [part],
    }
    assert "custom-resource" not in {one.code for one in verify(files, {}, Facts())}


@pytest.mark.parametrize(
    ("kind", "metadata", "code"),
    [
        ("kafka", {"bootstrapServers": "k", "consumerGroup": "g", "lagThreshold": "0"}, "keda-value"),
        (
            "kafka",
            {"bootstrapServers": "k", "consumerGroup": "g", "offsetResetPolicy": "newest"},
            "keda-value",
        ),
        ("rabbitmq", {"queueName": "q", "host": "amqp://r", "mode": "QueueLen", "value": "1"}, "keda-value"),
        ("rabbitmq", {"queueName": "q", "mode": "QueueLength", "value": "1"}, "keda-missing-metadata"),
        ("rabbitmq", {"queueName": "q", "host": "amqp://r", "value": "1"}, "keda-missing-metadata"),
        ("rabbitmq", {"queueName": "q", "hostFromEnv": "AMQP"}, "keda-missing-metadata"),
        ("postgresql", {"query": "select 1", "targetQueryVaule": "5"}, "keda-unknown-metadata"),
        ("loki", {"serverAddress": "http://l", "query": "a", "threshold": "1.5x"}, "keda-value"),
        ("prometheus", {"serverAddress": "http://p", "query": "sum(up", "threshold": "1"}, "query"),
        ("prometheus", {"serverAddress": "http://p", "query": "up", "threshold": "1", "timeout": "5"}, ""),
        ("rabbitmq", {"queueName": "q", "hostFromEnv": "HOST", "mode": "QueueLength", "value": "0.5"}, ""),
        ("azure-servicebus", {"queueName": "q", "connectionFromEnv": "ELSEWHERE"}, ""),
        ("postgresql", {"query": "select count(*) from a where b = ')'", "targetQueryValue": "1"}, ""),
    ],
)
def test_a_trigger_is_what_its_scaler_parses(kind, metadata, code):
    said = found(env({"name": "HOST", "value": "amqp://r"}), keda({"type": kind, "metadata": metadata}))
    assert {one for one in said if one.startswith(("keda-", "query"))} == ({code} if code else set())


def test_a_host_may_come_from_authentication():
    metadata = {"queueName": "q", "mode": "QueueLength", "value": "1"}
    trigger = {"type": "rabbitmq", "metadata": metadata, "authenticationRef": {"name": "r"}}
    assert "keda-missing-metadata" not in found(workload(), keda(trigger))


@pytest.mark.parametrize(
    ("version", "kind", "wrong"),
    [
        ("v1", "pod", True),
        ("apps/v1", "Deployement", True),
        ("app/v1", "Deployment", True),
        ("apps/v2", "Deployment", True),
        ("v1", "Config", False),
        ("serving.example.com/v1", "Service", False),
        ("batch/v1", "Job", False),
    ],
)
def test_a_kind_is_one_of_its_version(version, kind, wrong):
    assert ("unknown-kind" in found(thing(kind, version))) is wrong


@pytest.mark.parametrize(
    ("limit", "resources", "wrong"),
    [
        ({"max": {"memory": "32Mi"}}, {"limits": {"memory": "64Mi"}}, True),
        ({"min": {"cpu": "200m"}}, {"requests": {"cpu": "100m"}}, True),
        (
            {"min": {"cpu": "100m"}, "max": {"cpu": "1"}},
            {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}},
            False,
        ),
        ({"max": {"cpu": "1"}}, {}, False),
    ],
)
def test_a_limit_range_is_kept(limit, resources, wrong):
    assert ("limit-range" in found(_bounds(**limit), _in("resources", resources))) is wrong


def _rule(**rule):
    return thing(
        "PrometheusRule", "monitoring.coreos.com/v1", spec={"groups": [{"name": "g", "rules": [rule]}]}
    )


def test_queries_can_be_read_and_name_what_is_there():
    assert "query" in found(_rule(alert="A", expr="sum(up{job='a'} > 1"))
    assert "query" not in found(_rule(alert="A", expr="sum(up{job=~'(a|b'}) # ("))
    frontend = workload(name="frontend")
    assert "empty-query" in found(frontend, _rule(alert="A", expr='kube_x{deployment="frontnd"} == 0'))
    assert "empty-query" not in found(frontend, _rule(alert="A", expr='kube_x{deployment="frontend"} == 0'))


def test_generated_secrets_are_encoded():
    generated = [{"secretGenerator": [{"name": "s", "literals": ["key=not base64!"]}]}]
    assert "refused" not in {one.code for one in verify({"kustomization.yaml": generated}, {}, Facts())}


def test_what_a_test_expects_is_no_manifest():
    part = thing("StatefulSet", "apps/v1", spec={"replicas": 1})
    steps = [{"try": [{"assert": {"file": "ready.yaml"}}]}]
    test = thing("Test", "chainsaw.kyverno.io/v1alpha1", spec={"steps": steps})
    for files in ({"ready.yaml": [part], "chainsaw-test.yaml": [test]}, {"01-assert.yaml": [part]}):
        assert not verify(files, {}, Facts())


def _meshed(where, **labels):
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": where}}
    pods = at(workload(container={"resources": {"requests": {"cpu": "1"}}}), "shop")
    pods["spec"]["template"]["metadata"]["labels"].update(labels)
    measured = metric(UTILIZATION, "ContainerResource", container="istio-proxy")
    return space, pods, at(hpa([measured]), "shop")


@pytest.mark.parametrize(
    ("namespace", "pod", "there"),
    [
        ({"istio-injection": "enabled"}, {}, True),
        ({"istio.io/rev": "default"}, {}, True),
        ({}, {"sidecar.istio.io/inject": "true"}, True),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, False),
        ({}, {}, False),
    ],
)
def test_a_mesh_adds_its_proxy(namespace, pod, there):
    assert ("no-request" not in found(*_meshed(namespace, **pod))) is there


def test_linkerd_adds_ports_by_annotation():
    pods = workload()
    pods["spec"]["template"]["metadata"]["annotations"] = {"linkerd.io/inject": "enabled"}
    port = {"name": "m", "port": 4191, "targetPort": "linkerd-admin"}
    assert "unknown-target-port" not in found(pods, service(port))
    assert "unknown-target-port" in found(workload(), service(port))


def _spread(**more):
    term = {
        **_SPREAD,
        "topologyKey": "topology.kubernetes.io/zone",
        "labelSelector": {"matchLabels": {"app": "a"}},
    }
    return {"topologySpreadConstraints": [{**term, **more}]}


@pytest.mark.parametrize(
    ("pod", "replicas", "wrong"),
    [
        ({"nodeSelector": {"topology.kubernetes.io/zone": "a"}, **_spread(minDomains=2)}, 3, True),
        ({"nodeSelector": {"topology.kubernetes.io/zone": "a"}, **_spread(minDomains=2)}, 1, False),
        ({"nodeSelector": {"topology.kubernetes.io/zone": "a"}, **_spread()}, 3, False),
        (
            {
                "nodeSelector": {"topology.kubernetes.io/zone": "a"},
                **_spread(minDomains=2, nodeAffinityPolicy="Ignore"),
            },
            3,
            False,
        ),
        (_spread(topologyKey="topology.kubernetes.io/zones"), 1, True),
        (_spread(topologyKey="example.com/rack"), 1, False),
    ],
)
def test_a_spread_can_be_met(pod, replicas, wrong):
    assert ("spread" in found(workload(replicas=replicas, pod=pod))) is wrong


def _limited_cpu(*metrics):
    container = {
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "2Gi"}}
    }
    return found(workload(container=container), hpa(list(metrics)))["never-scales"].severity


def test_a_metric_out_of_reach_beside_one_that_is_not_is_a_risk():
    high = metric({"type": "Utilization", "averageUtilization": 120})
    memory = {"type": "Resource", "resource": {"name": "memory", "target": UTILIZATION}}
    assert _limited_cpu(high) == "error"
    assert _limited_cpu(high, memory) == "warning"


def test_what_a_rollout_refers_to_exists():
    analysis = {"analysis": {"templates": [{"templateName": "smoke-test"}]}}
    rollout = _canary(canaryService="a", steps=[analysis])
    near = thing("AnalysisTemplate", "argoproj.io/v1alpha1", "smoke-tests")
    assert found(rollout, near, service(HTTP))["no-reference"].severity == "error"
    exact = thing("AnalysisTemplate", "argoproj.io/v1alpha1", "smoke-test")
    assert "no-reference" not in found(rollout, exact, service(HTTP))


def _edge(hostname, **parent):
    listener = {
        "name": "https",
        "port": 443,
        "protocol": "HTTPS",
        **({"hostname": hostname} if hostname else {}),
    }
    gateway = thing("Gateway", "gateway.networking.k8s.io/v1", "edge", spec={"listeners": [listener]})
    spec = {"parentRefs": [{"name": "edge", **parent}], "hostnames": ["shop.example.com"]}
    return at(gateway, "infra"), thing("HTTPRoute", "gateway.networking.k8s.io/v1", spec=spec)


@pytest.mark.parametrize(
    ("hostname", "section", "wrong"),
    [
        ("*.example.com", "https", False),
        ("", "https", False),
        ("shop.example.com", "https", False),
        ("*.example.org", "https", True),
        ("*.example.com", "htps", True),
    ],
)
def test_a_route_meets_a_listener(hostname, section, wrong):
    objects = _edge(hostname, namespace="infra", sectionName=section)
    assert ("no-listener" in found(*objects)) is wrong


def test_a_variable_uses_those_before_it():
    url, host = {"name": "URL", "value": "pg://$(HOST)"}, {"name": "HOST", "value": "h"}
    assert found(env(url, host))["no-value"].severity == "warning"
    assert "no-value" not in found(env(host, url))
    assert "no-value" not in found(env({**url, "value": "$$(HOST)"}, host))


def test_a_port_of_nodes_is_in_their_range():
    assert found(service({**HTTP, "nodePort": 8080}, type="NodePort"))["service-ports"].severity == "warning"
    assert "service-ports" not in found(service({**HTTP, "nodePort": 30080}, type="NodePort"))


def test_metrics_of_hpas_have_a_source():
    rules = {"rules": {"custom": [{"metricsQuery": "up", "name": {"as": "requests_per_second"}}]}}
    files = {"values.yaml": [rules], "a.yaml": [workload(), hpa()]}
    assert [one.severity for one in verify(files, {}, Facts()) if one.code == "metric-source"] == ["warning"]
    rules["rules"]["custom"][0]["name"]["as"] = "m"
    assert "metric-source" not in {one.code for one in verify(files, {}, Facts())}


def test_a_cron_trigger_above_the_maximum_is_a_risk():
    hours = {"timezone": "Etc/UTC", "start": "0 8 * * *", "end": "0 18 * * *", "desiredReplicas": "40"}
    said = found(workload(), keda({"type": "cron", "metadata": hours}, maxReplicaCount=5))
    assert said["keda-cron"].severity == "warning"


def test_a_kustomization_of_another_kind_is_refused():
    assert _composed(kind="Kustomizaton")["not-composed"].severity == "error"
    assert not _composed(kind="Kustomization")


def test_accepting_what_is_not_found_is_said(capplan, tmp_path):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(workload()), encoding="utf-8")
    entry = {"check": "no-target", "reason": "later", "expires": "2099-01-01"}
    (tmp_path / "capplan.verify.yaml").write_text(yaml.safe_dump({"accept": [entry]}), encoding="utf-8")
    run = capplan("verify", str(tmp_path))
    assert "no-target of * is accepted, but not found" in run.stderr
    assert run.exit_code == 0


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("plan.yaml", "name: shop\ndemand: {requests_per_second: 1}\n", 2),
        ("values.yaml", "replicas: 2\n---\nimage: web\n", 2),
        ("kindless.yaml", "apiVersion: v1\nmetadata: {name: a}\n", 0),
        ("rules.yaml", "groups: []\n", 0),
        ("kustomization.yaml", "namePrefix: a-\n", 0),
        ("body.json", '{"Name": "a"}', 0),
    ],
)
def test_a_file_without_anything_to_verify_does_not_pass(capplan, tmp_path, name, text, code):
    (tmp_path / name).write_text(text, encoding="utf-8")
    run = capplan("verify", str(tmp_path / name))
    assert (run.exit_code, "holds no manifests" in run.stderr) == (code, code == 2)


def test_a_directory_without_manifests_does_not_pass(capplan, tmp_path):
    (tmp_path / "empty").mkdir()
    for name, word in (("empty", "holds no manifests"), ("nowhere", "does not exist")):
        run = capplan("verify", str(tmp_path / name))
        assert (run.exit_code, word in run.stderr) == (2, True)
