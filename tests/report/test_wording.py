"""How plain reports say figures: one of a thing in the singular, large ones without an exponent."""

from __future__ import annotations

import re

from helpers import SHIPPED, estimate_of, plan_of

from capplan.estimate import context_of
from capplan.plan.sweep import read_sweeps
from capplan.report.blocks import Report, Style
from capplan.report.explain import explain_blocks
from capplan.report.formats import written
from capplan.report.render import Swept
from capplan.report.sweep import sweep_blocks

ONE = """
    name: one
    regions: {gcp: us-central1}
    demand: {requests_per_second: 0.1, profile: flat}
    services:
      web:
        {platform: cloud-run, cpu: 1, memory: 1Gi, service_time: 30ms, cpu_time: 20ms, concurrency: 1,
         slo: {p95: 1s}, calls: {db: {per_request: 1, pool: {max: 1}}}}
    databases:
      db: {platform: cloud-sql, engine: postgres, machine: db-custom-1-3840, storage: 10Gi}
"""


def test_one_core_and_one_connection_are_no_plurals():
    found = estimate_of(ONE)
    said = written(Report(lambda: explain_blocks(found, "all")), "table", Style(120))
    assert "1 core an instance" in said
    assert re.findall(r"(?<![\d.,])1 [a-z]+s\b(?!/)", said) == []


def test_swept_values_are_written_in_their_units():
    file = plan_of(ONE)
    sweep = read_sweeps(file, ["services.web.cpu_time=0.0004s,1.5s", "services.web.memory=512Mi,2Gi"])
    swept = Swept(context_of(file, SHIPPED), sweep.scenarios, sweep.axes)
    said = written(Report(lambda: sweep_blocks(swept, 0)), "table", Style(120))
    for value in ("0.4 ms", "1.5 s", "512 MiB", "2 GiB"):
        assert value in said


def test_large_figures_are_written_out():
    large = "demand={requests_per_second: 2M, profile: flat}"
    found = estimate_of(ONE, large, "services.web.instances={max: 40000}", "services.web.slo={p95: 25s}")
    said = " ".join(f"{finding.message} {finding.remedy}" for finding in found.findings)
    assert "2,000,000" in said
    assert "40,000" in said
    assert re.findall(r"\d[eE][+-]?\d", said) == []
