"""What belongs together is found: directories, alternatives, references, namespaces."""

import pytest
from objects import HTTP, UTILIZATION, at, hpa, metric, service, thing, workload

from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import verify


def found(files, **facts):
    """Return code, severity and file of what is found in files of objects."""
    return [(f.code, f.severity, f.file) for f in verify(files, {}, Facts(**facts)) if f.severity != "info"]


def test_two_files_with_one_object_are_alternatives_and_each_is_judged_alone():
    other = workload(container={"image": "a:2"})
    assert found({"d/a.yaml": [workload()], "d/b.yaml": [other], "d/service.yaml": [service(HTTP)]}) == [
        ("alternatives", "warning", "d/b.yaml")
    ]


def test_an_alternative_that_lacks_what_the_other_has_is_found():
    without = workload(container={"ports": [{"containerPort": 80, "name": "web"}]})
    files = {"d/a.yaml": [workload()], "d/b.yaml": [without], "d/s.yaml": [service(HTTP)]}
    assert ("unknown-target-port", "error", "d/s.yaml") in found(files)


def test_directories_are_judged_apart():
    """Two applications may use one label in directories of their own."""
    assert not found({"x/a.yaml": [workload()], "y/b.yaml": [workload(name="b")]})


def test_directories_that_refer_to_each_other_are_judged_together():
    files = {"deploy/a.yaml": [workload()], "scale/a.yaml": [hpa([metric(UTILIZATION)])]}
    assert ("no-request", "error", "scale/a.yaml") in found(files)


def test_an_autoscaler_in_another_directory_that_scales_the_wrong_workload_is_found():
    front = {"front/hpa.yaml": [hpa(name="front")]}
    files = {"back/a.yaml": [workload()], "back/hpa.yaml": [hpa()], **front}
    assert "two-autoscalers" in {code for code, _, _ in found(files)}


def test_no_namespace_is_any_namespace():
    assert not found(
        {"a.yaml": [at(workload(), "default"), at(service(HTTP), "default"), at(hpa(), "default")]}
    )
    files = {"a.yaml": [workload(), service(HTTP), at(hpa(), "default")]}
    assert found(files) == [("unnamed-namespace", "warning", "a.yaml")]


def test_what_is_in_another_namespace_is_not_meant():
    assert ("service-without-pods", "warning", "a.yaml") in found(
        {
            "a.yaml": [
                at(workload(), "a"),
                at(service(HTTP), "b"),
                thing("Namespace", name="a"),
                thing("Namespace", name="b"),
            ]
        }
    )


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"app": "frontend"}, set()),
        ({"app": "frontends"}, {("service-without-pods", "error", "a.yaml")}),
        ({"app": "backend"}, {("service-without-pods", "warning", "a.yaml")}),
    ],
)
def test_a_misspelt_label_is_an_error_and_an_unknown_one_a_warning(selector, expected):
    web = workload(name="frontend")
    assert set(found({"a.yaml": [web, service(HTTP, selector)]})) == expected


def test_every_fault_is_a_finding_of_its_own():
    container = {
        "env": [{"name": "DB_PASSWORD", "value": "x"}, {"name": "API_KEY", "value": "y"}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/b"}],
    }
    codes = [code for code, _, _ in found({"a.yaml": [workload(container=container)]})]
    assert sorted(codes) == ["literal-secret", "literal-secret", "no-volume", "no-volume"]


def test_what_something_else_fills_in_is_no_fault():
    filled = workload(
        container={"resources": {"requests": {"memory": "${MEMORY}"}}, "imagePullPolicy": "{{ pull }}"}
    )
    assert not found({"a.yaml": [filled]})


def test_keys_in_files_of_variables_are_not_missed():
    kustomization = {"resources": ["web.yaml"], "configMapGenerator": [{"name": "c", "envs": ["c.env"]}]}
    reference = {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "A"}}}
    web = workload(container={"env": [reference]})
    assert not found({"kustomization.yaml": [kustomization], "web.yaml": [web]})
    kustomization["configMapGenerator"] = [{"name": "c", "literals": ["B=1"]}]
    assert found({"kustomization.yaml": [kustomization], "web.yaml": [web]}) == [
        ("no-key", "error", "web.yaml")
    ]


def test_many_alternatives_stay_cheap():
    files = {f"d/{n}.yaml": [workload(container={"image": f"a:{n}"})] for n in range(300)}
    assert len(found(files)) == 299


def test_plain_files_and_a_kustomization_have_the_same_findings():
    broken = workload(container={"volumeMounts": [{"name": "x", "mountPath": "/x"}]})
    objects = {"web.yaml": [broken], "service.yaml": [service(HTTP, {"app": "b"})]}
    kustomization = {"kustomization.yaml": [{"resources": list(objects)}]}
    assert found(objects) == found({**objects, **kustomization})
