"""`capplan forecast`: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from history.recorded import csv, weekly

PLAN = """\
name: shop
regions: {gcp: us-central1}
demand:
  requests_per_day: 100   # a guess
  profile: flat
services:
  api: {platform: cloud-run, cpu_time: 20ms, service_time: 60ms, concurrency: 10, instances: {max: 40}}
gates:
  budgets: [{max: 400}]
"""


@pytest.fixture
def trace(tmp_path):
    load = weekly(12, growth=0.02)
    load[400] *= 3
    file = tmp_path / "load.csv"
    file.write_text(csv(load))
    return file


def test_scripts_read_the_forecast_its_backtest_and_the_demand(capplan, trace):
    found = json.loads(capplan("forecast", trace, "--format", "json").stdout)
    assert (found["column"], found["step_s"], found["season_s"]) == ("requests", 3600, 604_800)
    assert len(found["forecast"]) == found["horizon_s"] / 3600 == 168
    assert found["forecast"][0]["at"] == "2026-03-30T00:00:00Z"
    assert all(step["p5"] < step["p50"] < step["p95"] for step in found["forecast"])
    test = found["backtest"]
    assert test["mase"] < test["seasonal_naive_mase"]
    assert 0.8 < test["coverage"] < 0.98
    growth = found["demand"]["growth_per_month"]
    assert growth["p5"] < 0.0908 < growth["p95"]  # e^(0.02 · 30.4/7) − 1
    assert found["unknown"].keys() == {"ca2"}


def test_people_read_how_well_it_did(capplan, trace):
    said = " ".join(capplan("forecast", trace, "--horizon", "2d").stdout.split())
    assert "forecast for 2 days in steps of 1 hour" in said
    assert "24 forecasts of 2 days from earlier moments had a mean error (MASE) of" in said
    assert "and repeating the last 7 days" in said
    assert "ca2 is not known: bursts within an hour do not show in steps of 1 hour." in said
    rows = capplan("forecast", trace, "--format", "csv").stdout.splitlines()
    assert (rows[0], len(rows)) == ("at,at_s,p5,p50,p95", 169)


def test_apply_writes_the_demand_and_keeps_the_rest(capplan, trace, tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(PLAN)
    shown = capplan("forecast", trace, "--plan", plan).stdout
    assert "-  requests_per_day: 100   # a guess" in shown
    assert plan.read_text() == PLAN
    run = capplan("forecast", trace, "--plan", plan, "--apply")
    assert run.stderr.endswith(f"wrote {plan}\n")
    text = plan.read_text()
    assert "  # a guess" in text
    assert set(PLAN.splitlines()) - set(text.splitlines()) == {
        "  requests_per_day: 100   # a guess",
        "  profile: flat",
    }
    demand = yaml.safe_load(text)["demand"]
    assert demand["requests_per_day"]["source"] == "measured"
    assert (
        demand["requests_per_day"]["p5"]
        <= weekly(1, noise=0).sum() / 7 * 1.29
        <= demand["requests_per_day"]["p95"]
    )
    assert len(demand["profile"]) == 168
    months = json.loads(
        capplan("estimate", plan, "--months", "24", "--budget", "400", "--format", "json").stdout
    )
    assert "budget" in json.dumps(months)


@pytest.fixture
def server():
    """Yield the address of a Prometheus that knows four weeks of http_requests_total and nothing else."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = parse_qs(urlsplit(self.path).query)
            known = asked["query"][0].startswith('rate(http_requests_total{job="web"}')
            load = weekly(4) / 3600
            values = [[1_767_571_200 + 3600 * hour, str(each)] for hour, each in enumerate(load)]
            result = [{"metric": {}, "values": values}] if known else []
            body = json.dumps(
                {"status": "success", "data": {"resultType": "matrix", "result": result}}
            ).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


def test_a_server_is_asked_for_its_requests(capplan, server, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    run = capplan(
        "forecast", "--prometheus", server, "--labels", 'job="web"', "--hours", "672", "--format", "json"
    )
    assert run.exit_code == 0, run.stderr
    found = json.loads(run.stdout)
    assert (found["column"], found["unit_s"], found["season_s"]) == ("requests/s", 1, 604_800)
    assert found["demand"]["requests_per_day"]["p50"] == pytest.approx(weekly(1, noise=0).sum() / 7, rel=0.03)
    unknown = capplan("forecast", "--prometheus", server, "--labels", 'job="api"')
    assert unknown.exit_code == 2
    assert "no requests" in unknown.stderr
    both = capplan("forecast", "load.csv", "--prometheus", server)
    assert (both.exit_code, capplan("forecast").exit_code) == (2, 2)
    assert "TRACE: give either a file or --prometheus URL" in both.stderr


def test_what_is_not_installed_is_named(capplan, trace, monkeypatch):
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    run = capplan("forecast", trace, "--mstl")
    assert run.exit_code == 2
    assert "--mstl: needs statsforecast. pip install 'capplan[forecast]'" in run.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--apply"], "writes into the file of a plan, and none is named"),
        (["--trace-columns", "timestamp"], "expected TIME,VALUE"),
        (["--trace-columns", "timestamp,reqests"], "no column 'reqests'. Did you mean 'requests'"),
        (["--unit", "users"], "'users' is not a unit of load"),
        (["--horizon", "7"], "a duration with its unit"),
        (["--horizon", "0s"], "must be longer"),
        (["--horizon", "90d"], "too little to forecast 90 days"),
    ],
)
def test_what_cannot_be_done_is_refused(capplan, trace, words, message):
    run = capplan("forecast", trace, *words)
    assert run.exit_code == 2
    assert message in " ".join(run.stderr.split())
