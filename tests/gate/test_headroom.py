"""Headroom is one figure: that of recommend, of diff, of a gate, and what sizing allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import estimate_of

from capplan.report.json_format import estimate_document

BACKLOG = "    queue: {backlog: 1500, drain_time: 5m}\n"
PLAN = """\
name: worker
regions: {aws: us-east-1}
demand: {requests_per_second: 10, profile: flat}
services:
  w:
    platform: fargate
    cpu: 1
    memory: 2Gi
    service_time: 700ms
    cpu_time: 700ms
    concurrency: 1
    instances: {min: 2, max: 20}
"""
SPARE = "    redundancy: {spare: 2}\n"
POOL = """\
name: nodes
regions: {gcp: us-central1}
demand: {requests_per_second: 100, profile: flat}
services:
  w: {platform: kubernetes, cpu: 1, memory: 2Gi, throughput: 10/s, instances: {min: 2, max: 40}}
clusters:
  main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {max: 10}}}}
"""


@pytest.mark.parametrize("plan", [PLAN, PLAN + BACKLOG, PLAN + SPARE, PLAN + BACKLOG + SPARE])
def test_headroom_is_the_growth_that_the_maximum_still_carries(plan: str) -> None:
    (component,) = [c for c in estimate_of(plan).components if c.name == "w"]
    assert component.headroom is not None
    room = float(component.headroom.min())
    for share, fits in ((room - 0.001, True), (room + 0.001, False)):
        grown = estimate_of(plan, f"demand.requests_per_second={10 * (1 + share):.6f}")
        (sized,) = [c.sizing for c in grown.components if c.name == "w"]
        assert sized is not None
        assert bool(sized.peak.max() <= 20) is fits


def test_a_backlog_is_no_room_for_more() -> None:
    # 20 instances of 1/s; 5/s of them work off the backlog.
    document = estimate_document(estimate_of(PLAN + BACKLOG))
    assert document["components"]["w"]["headroom"] == pytest.approx(0.5)


@pytest.mark.parametrize(("plan", "name"), [(PLAN + BACKLOG, "w"), (POOL, "main/default")])
def test_recommend_and_diff_say_the_same(capplan, tmp_path: Path, plan: str, name: str) -> None:
    base, head = tmp_path / "base.yaml", tmp_path / "head.yaml"
    base.write_text(plan)
    head.write_text(plan.replace("max: 20", "max: 30").replace("max: 10", "max: 15"))
    said = json.loads(capplan("diff", base, head, "--format", "json").stdout)["components"][name]["headroom"]
    for path, side in ((base, "before"), (head, "after")):
        document = json.loads(capplan("recommend", path, "--format", "json").stdout)
        assert document["components"][name]["growth"] == pytest.approx(said[side])


@pytest.mark.parametrize(("asked", "code"), [("50%", 0), ("51%", 4), ("80%", 4)])
def test_a_gate_asks_for_the_same_figure(capplan, tmp_path: Path, asked: str, code: int) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN + BACKLOG)
    (tmp_path / "capplan.gates.yaml").write_text(f"capacity: {{headroom: {asked}}}\n")
    assert capplan("check", tmp_path, "--today", "2026-11-21").exit_code == code
