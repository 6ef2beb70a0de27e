"""Sections whose models are imported only when a plan has them."""

import json
import subprocess
import sys

import pytest
from helpers import plan_of
from rendering import SERVICE

from capplan.errors import InputError
from capplan.plan.schema import schema_text


def test_a_plan_without_the_section_does_not_import_its_model():
    code = "import sys, capplan.plan.model; print('capplan.plan.workload' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("services.api.workload.prot=1", "services.api.workload.prot: unknown field. Did you mean 'port'?"),
        ("services.api.workload.autoscaler.kind=heda", "must be 'hpa', 'keda' or 'knative'"),
        ("services.api.workload.image=A B", "is not a container image"),
        ("services.api.workload.env.A-B=1", "not an environment variable's name"),
        ("services.api.workload.ports.http=80", "the main port is called http"),
        ("manifests.networks.sql=[10.1.2.3/8]", "has host bits set"),
        ("manifests.accepted.M99=why", "is not the code of a check"),
    ],
)
def test_complaints_are_those_of_the_model_with_their_place(change, complaint):
    with pytest.raises(InputError) as raised:
        plan_of(SERVICE, change)
    assert complaint in str(raised.value)


def test_the_schema_names_the_section_once_and_refers_to_it():
    schema = json.loads(schema_text())
    assert {"Workload", "Manifests", "Steps"} <= set(schema["$defs"])
    reference = {"$ref": "#/$defs/Workload"}
    assert reference in schema["$defs"]["Kubernetes"]["properties"]["workload"]["anyOf"]
