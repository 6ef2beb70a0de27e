"""A directory of schemas of the user's: found by group and kind, never by a path."""

import json

import pytest
from objects import workload

from capplan.errors import InputError
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import VerifyOptions, verify


@pytest.fixture
def directory(tmp_path):
    """Return a directory of schemas: with the one of Deployments."""
    deployment = {
        "properties": {"spec": {"required": ["selector"]}, "kind": {"pattern": "^(?i)(deployment)$"}}
    }
    for name, value in {
        "k8s-1.36/apps/deployment_v1.json": deployment,
    }.items():
        (tmp_path / "schemas" / name).parent.mkdir(parents=True)
        (tmp_path / "schemas" / name).write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "secret_v1.json").write_text("no JSON", encoding="utf-8")
    return tmp_path / "schemas"


_OF_SCHEMAS = ("schema", "no-schema")


def findings(directory, *objects):
    """Return code and message of the findings about objects, by their schemas."""
    found = verify({"a.yaml": list(objects)}, {}, Facts(), VerifyOptions(directory))
    return {(finding.code, finding.message) for finding in found if finding.code in _OF_SCHEMAS}


def test_an_object_is_checked_by_the_schema_of_its_kind(directory):
    broken = workload()
    del broken["spec"]["selector"]
    assert findings(directory, workload()) == set()
    assert findings(directory, broken) == {("schema", "'selector' is a required property")}


@pytest.mark.parametrize(
    ("version", "kind"), [("v1", "../Secret"), ("../v1", "x"), ("..", ".."), ("v1", "*"), ("", "")]
)
def test_an_object_cannot_name_a_file_elsewhere(directory, version, kind):
    found = findings(directory, {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}})
    assert {id_ for id_, _ in found} == {"no-schema"}


def test_what_is_no_schema_is_said(directory):
    (directory / "k8s-1.36/apps/deployment_v1.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="is not a JSON Schema"):
        findings(directory, workload(name="b"))
