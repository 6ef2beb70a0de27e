"""`capplan mcp`: what an agent gets, through the official client, and what it cannot reach."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers import ROOT

import capplan

pytest.importorskip("mcp", reason="the package mcp is not installed")

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from capplan.agents.server import MOST_FIGURES, MOST_TEXT, bounded

PLAN = """\
name: shop
regions: {aws: us-east-1}
demand: {requests_per_second: 40}
services:
  web: {platform: vm-group, provider: aws, machine: m5.large, service_time: 50ms, throughput: 30/s}
alternatives:
  arm: {services: {web: {machine: m6g.large, throughput: 25/s}}}
gates: {budgets: [{name: total, expected: 1}]}
"""
CALLS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "estimate": ("estimate", {"plan": "shop.yaml"}),
    "changed": ("estimate", {"plan": "shop.yaml", "set": {"services.web.instances": {"min": 9}}}),
    "alternative": ("estimate", {"plan": "shop.yaml", "alternative": "arm"}),
    "breakeven": (
        "breakeven",
        {"plan": "shop.yaml", "between": ["plan", "arm"], "over": "demand.requests_per_second"},
    ),
    "explain": ("explain", {"plan": "shop.yaml", "component": "web"}),
    "finding": ("explain", {"finding": "unpriced"}),
    "check": ("check", {"plan": "shop.yaml", "base": "shop.yaml"}),
    "catalog": ("catalog", {"provider": "aws", "service": "ec2", "region": "us-east-1"}),
    "diff": ("diff", {"base": "shop.yaml", "head": "more.yaml"}),
    "mistake": ("estimate", {"plan": "bad.yaml"}),
    "nothing": ("estimate", {"plan": "none.yaml"}),
    "outside": ("estimate", {"plan": "../outside.yaml"}),
    "linked": ("estimate", {"plan": "linked.yaml"}),
    "trace": ("estimate", {"plan": "shop.yaml", "set": {"demand": {"trace": {"file": "../secret.csv"}}}}),
    "book": ("estimate", {"plan": "shop.yaml", "set": {"pricing.books": ["../secret.csv"]}}),
    "stdin": ("estimate", {"plan": "shop.yaml", "set": {"pricing.books": ["-"]}}),
    "no name": ("estimate", {"plan": "\0"}),
    "long name": ("estimate", {"plan": "a" * 5000}),
    "again": ("estimate", {"plan": "shop.yaml"}),
}


class Session(NamedTuple):
    """What one session with the server gave."""

    root: Path
    version: str
    tools: Mapping[str, Any]
    answers: Mapping[str, Any]
    stderr: str
    before: Mapping[Path, int]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    place = tmp_path_factory.mktemp("mcp")
    root = place / "plans"
    root.mkdir()
    (root / "shop.yaml").write_text(PLAN)
    (root / "more.yaml").write_text(PLAN.replace("second: 40", "second: 400"))
    (root / "bad.yaml").write_text(PLAN.replace("service_time: 50ms", "servicetime: 50ms"))
    (place / "outside.yaml").write_text(PLAN)
    (root / "linked.yaml").symlink_to(place / "outside.yaml")
    (place / "secret.csv").write_text("root:password\n")
    return asyncio.run(asked(root, place / "stderr"))


async def asked(root: Path, log: Path) -> Session:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "capplan", "mcp", str(root)], env=environment, cwd=root
    )
    before = files(root)
    with log.open("w") as stderr:
        async with stdio_client(server, stderr) as streams, ClientSession(*streams) as client:
            version = (await client.initialize()).serverInfo.version
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            answers = {name: await client.call_tool(*call) for name, call in CALLS.items()}
    return Session(root, version, tools, answers, log.read_text(), before)


def files(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.parent.rglob("*") if path.name != "stderr"}


def text(answer: Any) -> str:
    (content,) = answer.content
    return content.text


def test_the_tools_say_what_they_do_and_only_read(session: Session) -> None:
    assert session.version == capplan.__version__
    assert set(session.tools) == {"estimate", "breakeven", "explain", "check", "catalog", "diff"}
    for tool in session.tools.values():
        assert tool.description
        assert tool.annotations.readOnlyHint
        assert all(field.get("description") for field in tool.inputSchema["properties"].values())


def test_the_figures_are_those_of_the_commands(session: Session) -> None:
    plan = capplan.load(session.root / "shop.yaml")
    estimate = plan.estimate()
    given = session.answers["estimate"].structuredContent
    assert given["monthly_cost"] == estimate.document["monthly_cost"]
    assert given["components"]["web"]["instances"] == estimate.document["components"]["web"]["instances"]
    assert text(session.answers["estimate"]) == str(estimate)
    assert session.answers["again"].structuredContent == given
    assert session.answers["changed"].structuredContent["components"]["web"]["instances"]["min"] == 9
    assert session.answers["alternative"].structuredContent["alternative"] == "arm"
    assert text(session.answers["explain"]) == str(estimate.explain("web"))
    assert session.answers["check"].structuredContent["exit_code"] == plan.check(base=plan).exit_code != 0
    more = capplan.load(session.root / "more.yaml")
    assert session.answers["diff"].structuredContent == plan.diff(more).document
    assert session.answers["finding"].structuredContent == capplan.explain("unpriced").document
    (comparison,) = session.answers["breakeven"].structuredContent["comparisons"]
    assert [one["name"] for one in comparison["alternatives"]] == ["plan", "arm"]


def test_answers_are_short_and_say_what_they_leave_out(session: Session) -> None:
    for answer in session.answers.values():
        assert len(text(answer)) < MOST_TEXT + 100
        assert len(json.dumps(answer.structuredContent)) < MOST_FIGURES + 1000
    catalog = session.answers["catalog"]
    everything = capplan.prices(provider="aws", service="ec2", region="us-east-1").document
    shown = catalog.structuredContent
    assert shown["rows"] == everything[: len(shown["rows"])]
    assert len(shown["rows"]) + shown["rows_left_out"] == len(everything)
    assert "more lines" in text(catalog)
    left = session.answers["breakeven"].structuredContent["left_out"]
    series = ("x", "monthly_cost.plan", "monthly_cost.arm")
    assert left == [f"comparisons.curves.{one}" for one in series]


def test_mistakes_are_errors_with_the_message_of_the_command(session: Session, capplan: Callable) -> None:
    said = capplan("estimate", session.root / "bad.yaml").stderr.removeprefix("capplan: ").strip()
    assert ":5:" in said
    mistake = session.answers["mistake"]
    assert mistake.isError
    assert [line.split() for line in text(mistake).splitlines()] == [
        line.split() for line in said.splitlines()
    ]
    assert all(session.answers[name].isError for name in ("nothing", "stdin", "no name", "long name"))
    assert not any("Error executing" in text(answer) for answer in session.answers.values())
    assert "none.yaml" in text(session.answers["nothing"])


@pytest.mark.parametrize("name", ["outside", "linked", "trace", "book"])
def test_nothing_outside_is_read(session: Session, name: str) -> None:
    answer = session.answers[name]
    assert answer.isError
    assert "outside the directories of this server" in text(answer)
    assert "password" not in text(answer)


def test_the_server_writes_nothing_and_ends_in_silence(session: Session) -> None:
    assert files(session.root) == session.before
    assert session.stderr == ""


def test_large_parts_are_left_out_by_name() -> None:
    document = {"plan": "shop", "week": [1.0] * 168, "lines": ["x" * 100] * 1000, "few": [1, None]}
    assert bounded(document) == {"plan": "shop", "few": [1, None], "left_out": ["week", "lines"]}
    assert bounded({"plan": "shop"}) == {"plan": "shop"}


def test_without_the_package_the_command_says_what_to_install(
    capplan: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    run = capplan("mcp")
    assert run.exit_code == 2
    assert "pip install 'capplan[mcp]'" in run.stderr


def test_a_directory_that_is_none_is_an_error(capplan: Callable, tmp_path: Path) -> None:
    run = capplan("mcp", tmp_path / "none")
    assert (run.exit_code, run.stdout) == (2, "")
    assert "none: is no directory" in run.stderr
