"""Compose files as input."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from capplan.adopt.document import note_line
from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import Adopted, adopt

COMPOSE = """
services:
  web:
    image: nginx:1.27
    deploy:
      replicas: 3
      resources: {reservations: {cpus: "0.5", memory: 512M}}
  db: {image: postgres:16, mem_limit: 2g, cpus: 1.5}
  bare: {image: busybox}
volumes: {data: {}}
"""


def test_reservations_are_requests(tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(COMPOSE)
    found = adopt(path, AdoptOptions("aws", "us-east-1"))
    services = found.file().plan.services
    assert {n: (s.cpu, s.memory, s.instances.max) for n, s in services.items()} == {
        "web": (0.5, 0.5, 3),
        "db": (1.5, 2.0, 1),
        "bare": (0.1, 200 / 1024, 1),
    }
    said = "\n".join(map(note_line, found.notes))
    assert "service bare: reserves no cpus" in said
    assert "volume data" in said


def adopted(directory: Path, text: str, *profiles: str) -> Adopted:
    path = directory / "compose.yaml"
    path.write_text(textwrap.dedent(text))
    return adopt(path, AdoptOptions("aws", "us-east-1", profiles=profiles))


STACK = """
    services:
      web:
        image: web:1
        ports: ["127.0.0.1:8080:3000/tcp"]
        depends_on:
          db: {condition: service_healthy}
          migrate: {condition: service_completed_successfully}
          seed: {condition: service_started}
        healthcheck:
          test: ["CMD", "curl", "-f", "http://localhost:3000/ready?x=1"]
          start_period: 20s
        deploy:
          replicas: ${REPLICAS:-2}
          resources:
            reservations: {cpus: "0.5", memory: 256M}
            limits: {cpus: "1.5", memory: 1G}
      db: {image: "postgres:16", mem_limit: 2g, cpus: 1, secrets: [password]}
      migrate: {image: "web:1", depends_on: [db]}
      seed: {image: "seed:1", profiles: [seed, demo]}
      model:
        image: model:1
        deploy:
          resources: {reservations: {cpus: "4", memory: 8G, devices: [{capabilities: [gpu], count: 1}]}}
    secrets: {password: {file: ./password}}
"""


def test_limits_health_checks_and_ports_are_kept(tmp_path: Path) -> None:
    found = adopted(tmp_path, STACK)
    plan = found.file().plan
    web, db = plan.services["web"], plan.services["db"]
    assert (web.cpu, web.memory, web.cpu_limit, web.memory_limit) == (0.5, 0.25, 1.5, 1)
    assert (db.cpu, db.memory, db.cpu_limit, db.memory_limit) == (1, 2, 1, 2)
    assert web.instances.max == 2
    assert (web.workload.port, web.workload.startup) == (3000, 20)
    assert web.workload.health_path == "/ready"
    assert plan.demand.entry == {"web": 1}
    assert plan.services["model"].gpu == 1


def test_dependencies_are_calls_but_for_what_runs_once(tmp_path: Path) -> None:
    found = adopted(tmp_path, STACK)
    services = found.file().plan.services
    assert list(services["web"].calls) == ["db"]
    migrate = services["migrate"].instances
    assert (migrate.min, migrate.max) == (0, 1)
    assert {"assumed-value", "assumed-run-time"} <= {note.code for note in found.notes}


@pytest.mark.parametrize(
    ("profiles", "runs"), [((), False), (("demo",), True), (("*",), True), (("x",), False)]
)
def test_profiles_run_only_when_asked_for(tmp_path: Path, profiles: tuple[str, ...], runs: bool) -> None:
    found = adopted(tmp_path, STACK, *profiles)
    plan = found.file().plan
    assert ("seed" in plan.services) == runs
    assert ("left-out" in {note.code for note in found.notes}) != runs
    # What does not run is no gap.
    assert plan.adopted.not_covered == []


@pytest.mark.parametrize(
    ("port", "expected"),
    [("80", 80), ("8080:80", 80), ("{target: 9000, published: 1}", 9000), ("'3000-3005'", 3000), ("x", 8080)],
)
def test_ports_in_every_form(tmp_path: Path, port: str, expected: int) -> None:
    found = adopted(tmp_path, f"services: {{web: {{image: 'web:1', ports: [{port}]}}}}")
    workload = found.file().plan.services["web"].workload
    assert workload.port == expected


def test_variables_come_from_the_env_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("N=5  # many\nexport MEMORY='3 GiB'\nLOOP=${LOOP}${LOOP}\nEMPTY=\n")
    service = "cpus: '${A:-${B:-2}}', mem_limit: '${MEMORY?}', deploy: {replicas: '${N}'}, command: '${LOOP}'"
    (tmp_path / "compose.override.yaml").write_text("services: {}")
    (tmp_path / "notes.yaml").write_text("no: object")
    path = adopted(tmp_path, f"services: {{web: {{{service}, image: 'web:${{EMPTY:-1}}'}}}}")
    for found in (path, adopt(tmp_path, AdoptOptions("aws", "us-east-1"))):
        web = found.file().plan.services["web"]
        assert (web.cpu, web.memory, web.instances.max, web.workload.image) == (2, 3, 5, "web:1")
        assert [note.subject for note in found.notes if note.severity == "warning"] == [
            "compose.override.yaml"
        ]


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("gpus: all", 1),
        ("gpus: [{count: 4}]", 4),
        (
            "deploy: {resources: {reservations: {devices: [{device_ids: ['0', '3'], capabilities: [gpu]}]}}}",
            2,
        ),
    ],
)
def test_gpus_are_counted_however_they_are_asked_for(tmp_path: Path, said: str, count: int) -> None:
    found = adopted(tmp_path, f"services: {{llm: {{image: 'l:1', {said}}}}}")
    assert found.file().plan.services["llm"].gpu == count


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("include: [more.yaml]\nservices: {web: {image: 'web:1'}}", "include"),
        ("models: {llm: {model: ai/smollm2}}\nservices: {web: {image: 'web:1'}}", "models"),
        ("services: {web: {extends: {file: base.yaml, service: web}}}", "service web"),
        ("services: {web: {image: 'web:1', models: [llm]}}", "service web"),
    ],
)
def test_what_stands_elsewhere_is_named(tmp_path: Path, text: str, where: str) -> None:
    notes = [note for note in adopted(tmp_path, text).notes if note.severity == "warning"]
    assert [(note.subject, note.code) for note in notes] == [(where, "left-out")]


def test_a_global_service_is_said_to_be_more(tmp_path: Path) -> None:
    found = adopted(tmp_path, "services: {agent: {image: 'a:1', deploy: {mode: global}}}")
    assert any("one a node" in note.message for note in found.notes)
