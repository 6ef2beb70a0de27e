"""The rendered load tests on real programs: through an nginx with the rendered limits, to a small server."""

import json
import os
import re
import subprocess
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_connection, socket

import pytest
from rendering import rendered, tool

from capplan.errors import InputError

PLAN = """
name: kiosk
regions: {gcp: us-central1}
demand: {requests_per_second: 60, profile: flat, entry: {front: 1}}
services:
  front:
    platform: kubernetes
    cpu: 500m
    memory: 512Mi
    throughput: 30/s
    instances: {min: 3, max: 6}
    slo: {p95: 400ms}
    workload: {host: kiosk.example.com}
clusters:
  main: {platform: gke, pools: {default: {machine: e2-standard-4, nodes: {min: 1, max: 9}}}}
rate_limits:
  limits: {service: front, tiers: levqor-load, clients: 1000, endpoints: {all: {path: /, share: 100%}}}
manifests:
  load_test:
    clients: [127.0.0.0/8]
    ramp: 20s
    hold: 20s
    endpoints:
      - {path: /list, weight: 3}
      - {path: /order, method: POST, body: {lines: [{sku: a, count: 2}], express: true, note: null}}
"""
LIMITED = "manifests.load_test.clients=[]"
ORDER = {"lines": [{"sku": "a", "count": 2}], "express": True, "note": None}
SCALE = 0.05
STAGES = [(1, 15), (1, 15), (1, 30), (1, 30), (1, 60), (1, 60), (1, 0)]
"""Seconds and requests/s at their end, as the plan's stages are with SCALE."""


def due(moment):
    """Return the requests that are due after so many seconds: ramps are straight lines."""
    found, before = 0.0, 0
    for index, (seconds, rate) in enumerate(STAGES):
        passed = min(max(moment - index, 0), seconds)
        found += passed * (before + (before + (rate - before) * passed / seconds)) / 2
        before = rate
    return found


class System:
    """A small server behind an nginx that has the limits of the rendered Ingresses."""

    def __init__(self, directory, files):
        self.asked = []
        system = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                system.asked.append((time.monotonic(), self.command, self.path, body))
                time.sleep(0.005)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer  # noqa: N815 (the server's own names)

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        ingresses = [item.value for path, item in files.items() if "base/front/ingress-" in path]
        status = files["helm/ingress-nginx.values.yaml"].value["controller"]["config"][
            "limit-req-status-code"
        ]
        path = directory / "nginx.conf"
        path.write_text(configuration(ingresses, status, self.port, self.server.server_address[1], directory))
        self.nginx = subprocess.Popen([tool("nginx"), "-c", path, "-p", directory, "-e", directory / "log"])
        for _ in range(100):
            try:
                create_connection(("127.0.0.1", self.port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)

    def stop(self):
        """End both."""
        self.nginx.terminate()
        self.nginx.wait()
        self.server.shutdown()
        self.server.server_close()


def configuration(ingresses, status, port, behind, directory):
    """Return nginx's configuration as its Ingress controller writes it from the annotations of limits."""
    http, locations = [], []
    for index, ingress in enumerate(ingresses):
        said = {k.rpartition("/")[2]: v for k, v in ingress["metadata"]["annotations"].items()}
        free = "".join(f"{cidr} 0;" for cidr in said.get("limit-whitelist", "").split(",") if cidr)
        rate = int(said["limit-rpm"])
        burst = rate * int(said["limit-burst-multiplier"])
        (path,) = [p["path"] for rule in ingress["spec"]["rules"] for p in rule["http"]["paths"]]
        http.append(f"geo $counts{index} {{ default 1; {free} }}")
        http.append(f'map $counts{index} $client{index} {{ 1 $binary_remote_addr; default ""; }}')
        http.append(f"limit_req_zone $client{index} zone=limit{index}:5m rate={rate}r/m;")
        limit = f"limit_req zone=limit{index} burst={burst} nodelay;"
        locations.append(f"location {path} {{ {limit} proxy_pass http://upstream; }}")
    paths = " ".join(
        f"{kind}_temp_path {directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    return textwrap.dedent(f"""
        daemon off; error_log {directory}/log crit; pid {directory}/pid; worker_processes 1; {user}
        events {{ worker_connections 512; }}
        http {{
          access_log off; {paths}
          upstream upstream {{ server 127.0.0.1:{behind}; keepalive 64; }}
          proxy_http_version 1.1; proxy_set_header Connection "";
          limit_req_status {status};
          {" ".join(http)}
          server {{ listen 127.0.0.1:{port}; {" ".join(locations)} }}
        }}
        """)


@pytest.fixture
def through(tmp_path):
    """Return a function that runs a rendered test through an nginx of its plan."""
    started = []

    def run(file, program, *sets, **environment):
        files = rendered(PLAN, *sets)
        script = tmp_path / file.rpartition("/")[2]
        script.write_text(files[file].text, encoding="utf-8")
        system = System(tmp_path, files)
        started.append(system)
        address = f"http://127.0.0.1:{system.port}"
        command = [tool(program[0]), *(part.format(file=script, host=address) for part in program[1:])]
        own = {"TARGET": address, "TIME_SCALE": str(SCALE)} | environment
        done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False)
        return done, system.asked

    yield run
    for system in started:
        system.stop()


LOCUST = ("loadtest/locust/locustfile.py", ("locust", "--headless", "--host", "{host}", "-f", "{file}"))
K6 = ("loadtest/k6/kiosk.js", ("k6", "run", "--no-usage-report", "-e", "TARGET={host}", "{file}"))
AB = ("loadtest/ab.sh", ("sh", "{file}"))


@pytest.mark.parametrize("test", [LOCUST, K6], ids=["locust", "k6"])
def test_the_planned_rates_are_kept_and_ramps_are_straight(test, through):
    done, asked = through(*test)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(asked) == pytest.approx(due(7), rel=0.05)
    moments = sorted(moment for moment, *_ in asked)
    began = moments[round(due(4))] - 4
    for after in (1, 1.5, 2, 2.5, 3, 3.5, 4.5, 5, 5.5, 6):
        made = sum(moment - began <= after for moment in moments)
        assert made == pytest.approx(due(after), abs=0.02 * due(7)), after
    at_peak = sum(5 < moment - began <= 6 for moment in moments)
    assert at_peak == pytest.approx(60, rel=0.05)
    bodies = {method: {body for _, m, _, body in asked if m == method} for method in ("GET", "POST")}
    assert bodies["GET"] == {b""}
    assert [json.loads(body) for body in bodies["POST"]] == [ORDER]
    assert 0.6 < sum(path == "/list" for _, _, path, _ in asked) / len(asked) < 0.9


@pytest.mark.parametrize("test", [LOCUST, K6], ids=["locust", "k6"])
def test_one_address_that_is_limited_misses_the_slo_and_is_told(test, through):
    done, _ = through(*test, LIMITED, TIME_SCALE="0.02")
    assert done.returncode == 99, done.stdout + done.stderr
    assert "limits each address" in done.stdout + done.stderr


def test_ab_finds_the_knee(through):
    done, asked = through(*AB, SECONDS_EACH="1")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [line.split() for line in done.stdout.splitlines() if line.split()[0].isdigit()]
    assert float(steps[1][1]) > 1.5 * float(steps[0][1]), "two at once bring twice as much"
    assert {path for _, _, path, _ in asked} == {"/list", "/order"}
    assert [json.loads(body) for body in {body for _, method, _, body in asked if method == "POST"}] == [
        ORDER
    ]


def test_ab_fails_above_a_share_of_errors(through):
    done, _ = through(*AB, LIMITED, SECONDS_EACH="1")
    assert done.returncode == 99, done.stdout + done.stderr
    assert "/list carries 0 requests/s within the thresholds, and the plan needs 45" in done.stderr


def test_a_rate_below_one_a_second_is_no_higher_in_the_test():
    files = rendered(PLAN, "demand.requests_per_second=0.36")
    text = files["loadtest/locust/locustfile.py"].text
    assert max(float(rate) for rate in re.findall(r"'rps': ([0-9.]+)", text)) == 0.36
    assert "knee 0.27 /list" in files["loadtest/ab.sh"].text


@pytest.mark.parametrize("test", [LOCUST, K6, AB], ids=["locust", "k6", "ab"])
def test_without_endpoints_only_health_is_asked_for_and_that_is_said(test):
    text = rendered(PLAN, "manifests.load_test.endpoints=[]")[test[0]].text
    assert "This only asks for /healthz" in text.replace("/health:", "/healthz")
    assert "/list" not in text


@pytest.mark.parametrize("test", [LOCUST, K6, AB], ids=["locust", "k6", "ab"])
def test_a_token_that_is_missing_is_asked_for(test, through):
    done, asked = through(
        *test, "manifests.load_test.endpoints=[{path: /list, token: true}]", SECONDS_EACH="1"
    )
    assert done.returncode not in (0, 99)
    assert "Set TOKEN" in done.stdout + done.stderr
    assert not asked


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            "endpoints=[{path: /a, method: POST, body: {x: .nan}}]",
            "endpoints.0.body: holds a number that JSON",
        ),
        ("hold=0s", "hold: must be above 0"),
        ("clients=[10.0.0.1/8]", "clients.0: 10.0.0.1/8 has host bits set"),
    ],
)
def test_what_no_load_test_can_do_is_refused(changes, said):
    with pytest.raises(InputError, match=re.escape(said)):
        rendered(PLAN, f"manifests.load_test.{changes}")
