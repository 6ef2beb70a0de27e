"""From an empty account to a running system: the commands, and what the checklist ticks."""

import re
from pathlib import Path

import pytest
from rendering import PARCELS, example, rendered, site_of

from capplan.errors import ExitCode
from capplan.manifests.steps import steps_of

WAYS = [
    ("levqor", "eks", "eks"),
    ("llm-governance", None, "eks"),
    ("llm-governance", "redis-cluster", "eks"),
    ("afpi", "gke-web", "gke"),
    ("amas", None, "gke"),
    ("llm-observatory", "azure", "aks"),
]


@pytest.mark.parametrize(("name", "alternative", "platform"), WAYS)
def test_commands_name_files_that_are_there_and_come_in_order(name, alternative, platform):
    files = example(name, alternative)
    steps = list(steps_of(site_of(name, alternative), platform, set(files), "out"))
    commands = [step.command for step in steps]
    assert 6 <= len(commands) <= 15
    for command in commands:
        for path in re.findall(r"\bout/(\S+)", command):
            assert path in files or f"{path}/kustomization.yaml" in files, command
    first = [
        next(i for i, c in enumerate(commands) if word in c) for word in ("commands/", "apply -f", "apply -k")
    ]
    assert first == sorted(first), "the cluster, its namespace, and what is in it"
    [objects] = [i for i, command in enumerate(commands) if "apply -k" in command]
    assert all(i < objects for i, command in enumerate(commands) if command.startswith("helm "))
    operators = {"keda.sh": "keda", "redis.redis.opstreelabs.in": "redis-operator"}
    for group, chart in operators.items():
        used = any(group in item.text for path, item in files.items() if "kubernetes/" in path)
        assert used == any(f"--install {chart} " in command for command in commands), chart
    text = files["CHECKLIST.md"].text
    places = [text.index(step.command.replace("out/", "./")) for step in steps]
    assert places == sorted(places), "the checklist has the same steps"


def test_the_commands_are_printed_and_nothing_is_written(capplan, tmp_path):
    run = capplan(
        "render-manifests",
        "examples/levqor",
        "--for",
        "eks",
        "--alternative",
        "eks",
        "-o",
        str(tmp_path / "x"),
    )
    assert run.exit_code == 0, run.stderr
    first = run.stdout.splitlines()[0]
    assert first == f"capplan render-manifests examples/levqor -o {tmp_path}/x --alternative eks"
    assert f"sh {tmp_path}/x/commands/aws.sh\n" in run.stdout
    assert not Path(tmp_path / "x").exists()
    refused = capplan("render-manifests", "examples/levqor", "--for", "gke")
    assert refused.exit_code == ExitCode.INPUT
    assert "no cluster on gke" in refused.stderr


def test_only_what_works_once_it_is_applied_is_ticked():
    text = rendered(PARCELS)["CHECKLIST.md"].text
    ticked = re.findall(r"- \[x\] ([^:]+)", text)
    assert {"Autoscalers", "Databases and read replicas"} <= set(ticked)
    assert not {"Load tests", "Health endpoints", "Metrics, alerts and dashboards"} & set(ticked)
    text = rendered(PARCELS, "manifests.indexes=[{table: parcels, columns: [sender]}]")["CHECKLIST.md"].text
    assert "- [ ] Indexes: sql/ledger-indexes.sql; run sql/apply.sh" in text


def test_limits_by_address_see_the_addresses_of_clients():
    values = rendered(PARCELS)["helm/ingress-nginx.values.yaml"].value["controller"]["service"]
    assert values["externalTrafficPolicy"] == "Local"
    assert values["annotations"] == {"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"}
