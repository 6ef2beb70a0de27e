"""What the API server refuses, case by case, and how findings word what is wrong."""

import pytest
import yaml
from objects import BACKEND, HTTP, at, env, hpa, pdb, probe, service, thing, workload

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify


def found(*objects):
    """Return the findings by code."""
    said = verify({"a.yaml": list(objects)}, {}, Facts())
    return {finding.code: finding for finding in said}


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
    (_routed(path="a"), _routed(path="/a")),
    (workload(name="Web_1"), workload(name="web-1")),
    (service(HTTP, {"app": "a b/c"}), service(HTTP, {"app": "a_b.c"})),
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
