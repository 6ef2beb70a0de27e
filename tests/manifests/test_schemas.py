"""A directory of schemas of the user's: found by group and kind, never by a path; KEDA's list of scalers."""

import json

import pytest
from objects import CPU, PROMETHEUS, keda, workload

from capplan.errors import InputError
from capplan.manifests.verify.facts import Facts
from capplan.manifests.verify.run import VerifyOptions, verify

SCALERS = {
    "scalers": [
        {"type": "kafka", "parameters": [{"name": "topic"}, {"name": "old", "deprecated": "Use topic."}]},
        {"type": "prometheus", "parameters": [{"name": n} for n in ("serverAddress", "query", "threshold")]},
    ]
}


@pytest.fixture
def directory(tmp_path):
    """Return a directory of schemas: of Deployments, and KEDA's list."""
    deployment = {
        "properties": {"spec": {"required": ["selector"]}, "kind": {"pattern": "^(?i)(deployment)$"}}
    }
    for name, value in {
        "k8s-1.36/apps/deployment_v1.json": deployment,
        "_keda/scalers-schema.json": SCALERS,
    }.items():
        (tmp_path / "schemas" / name).parent.mkdir(parents=True)
        (tmp_path / "schemas" / name).write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "secret_v1.json").write_text("no JSON", encoding="utf-8")
    return tmp_path / "schemas"


_OF_SCHEMAS = ("schema", "no-schema", "keda-unknown-metadata", "keda-deprecated-metadata")


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


def test_triggers_have_the_keys_that_keda_lists(directory):
    known = {"type": "kafka", "metadata": {"topicFromEnv": "T", "bootstrapServers": "", "consumerGroup": ""}}
    unknown = {**known, "metadata": {**known["metadata"], "topik": "t", "old": "x"}}
    messages = {
        message for id_, message in findings(directory, keda(unknown, PROMETHEUS, CPU)) if id_ != "no-schema"
    }
    assert "kafka does not know 'topik'" in messages
    assert "'old' of kafka is deprecated" in messages
    assert not any("topicFromEnv" in message or message.startswith("prometheus") for message in messages)
