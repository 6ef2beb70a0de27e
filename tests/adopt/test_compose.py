"""Compose files as input."""

from __future__ import annotations

from pathlib import Path

from capplan.adopt.document import note_line
from capplan.adopt.draft import AdoptOptions
from capplan.adopt.run import adopt

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
