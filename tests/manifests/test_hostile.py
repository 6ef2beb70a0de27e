"""Hostile names and values: escaped or refused, never structure, never out of the directory."""

import textwrap
from pathlib import Path

import pytest
import yaml
from helpers import SHIPPED, moderate
from hypothesis import example, given
from hypothesis import strategies as st
from rendering import SERVICE, rendered

from capplan.errors import InputError
from capplan.estimate import estimate
from capplan.manifests.engine import Templates
from capplan.manifests.render import RenderOptions, render
from capplan.manifests.site import Site
from capplan.plan.overlay import merge
from capplan.plan.read import parse_plan

WORDS = [
    "yes",
    "1e3",
    "{{ x }}",
    "[[ x ]]",
    "a\nb: 1",
    "---",
    '"',
    "'",
    "$(id)",
    "`id`",
    "\\",
    "../x",
    "é",
    "a" * 300,
    "null",
]
hostile = st.one_of(st.sampled_from(WORDS), st.text(max_size=20))


def files_of(changes):
    """Return the rendered files of the small plan with changes that no shell or YAML has touched."""
    raw = merge(yaml.safe_load(textwrap.dedent(SERVICE)), changes)
    import json

    file = parse_plan(json.dumps(raw), "plan.yaml", Path())
    return {i.path: i for i in render(Site(estimate(file, SHIPPED)), Templates(), RenderOptions())}


def workload(**fields):
    """Return the change of the service's workload."""
    return {"services": {"api": {"workload": fields}}}


@moderate
@given(hostile, hostile)
@example("a\nhostNetwork: true", "x\n---\nkind: ClusterRoleBinding")
def test_values_of_the_environment_arrive_as_they_are(value, argument):
    try:
        files = files_of(workload(env={"A": value}, args=[argument]))
    except InputError:
        return
    assert files["kubernetes/base/api/configmap-api.yaml"].value["data"]["A"] == value
    pod = files["kubernetes/base/api/deployment-api.yaml"].value["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == [argument]
    assert "hostNetwork" not in pod
    assert yaml.safe_load(files["kubernetes/base/api/configmap-api.yaml"].text)["data"]["A"] == value


FIELDS = ["image", "health_path", "metrics_path", "host", "service_account"]


@moderate
@given(st.sampled_from(FIELDS), hostile)
def test_names_are_refused_or_plain(field, value):
    try:
        files = files_of(workload(**{field: value}))
    except InputError:
        return
    assert all(not path.startswith(("/", "..")) and ".." not in path.split("/") for path in files)
    pod = files["kubernetes/base/api/deployment-api.yaml"].value["spec"]["template"]["spec"]
    assert next(iter(pod["containers"][0])) == "name"
    assert not any(c in value for c in "\n\"' {}")


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "a" * 64, "", "a\n", "-a", "a.b", "yes please"])
def test_a_service_has_a_name_that_files_and_kubernetes_can_have(name):
    with pytest.raises(InputError):
        files_of({"services": {name: {"platform": "kubernetes", "throughput": "1/s"}}})


@pytest.mark.parametrize("name", ["on", "yes", "null", "n", "1e3", "0755", "true"])
def test_a_service_may_be_called_like_a_word_of_yaml(name):
    text = SERVICE.replace("      api:\n", f'      "{name}":\n')
    files = rendered(text)
    path = f"kubernetes/base/{name}/deployment-{name}.yaml"
    assert files[path].value["metadata"]["name"] == name
    assert yaml.safe_load(files[path].text)["metadata"]["labels"]["app.kubernetes.io/name"] == name


@moderate
@given(hostile)
def test_panels_and_queries_arrive_as_they_are(value):
    try:
        files = files_of({"manifests": {"panels": [{"title": value, "query": value}]}})
    except InputError:
        return
    last = files["grafana/capplan-shop.json"].value["panels"][-1]
    assert (last["title"], last["targets"][0]["expr"]) == (value, value)


@pytest.mark.parametrize(
    "index",
    [
        {"table": "a; drop table b", "columns": ["x"]},
        {"table": "a", "columns": ["x) --"]},
        {"table": "A", "columns": ["x"]},
    ],
)
def test_sql_names_are_refused(index):
    with pytest.raises(InputError, match="SQL identifier"):
        files_of({"manifests": {"indexes": [index]}})
