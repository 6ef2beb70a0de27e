"""A real Prometheus on loopback that scrapes a little server, and what `--prometheus URL` learns from it."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")

IDLE_CORES, CPU_S, RESPONSE_S, BASE_BYTES, REQUEST_BYTES = 0.2, 0.004, 0.03, 2e8, 4e6
METRICS = """\
http_requests_total{{code="200"}} {requests:.6f}
http_request_duration_seconds_sum {busy:.6f}
http_request_duration_seconds_count {requests:.6f}
process_cpu_seconds_total {cpu:.6f}
process_resident_memory_bytes {memory:.0f}
"""


class Shop(BaseHTTPRequestHandler):
    """Metrics of a service that gets forty more requests a second each second."""

    began = 0.0

    def do_GET(self) -> None:
        passed_s = time.time() - self.began
        rate = 20 + 40 * passed_s
        requests = 20 * passed_s + 20 * passed_s**2
        text = METRICS.format(
            requests=requests,
            busy=RESPONSE_S * requests,
            cpu=IDLE_CORES * passed_s + CPU_S * requests,
            memory=BASE_BYTES + REQUEST_BYTES * RESPONSE_S * rate,
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the address of a Prometheus that has scraped the shop for some seconds."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Shop.began = time.time()
    shop = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms}\n"
        "scrape_configs:\n"
        f"- {{job_name: shop, static_configs: [{{targets: ['127.0.0.1:{shop.server_port}']}}]}}\n"
    )
    port = free_port()
    flags = (
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    server = subprocess.Popen(["prometheus", *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield wait_for(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(10)
        shop.shutdown()
        shop.server_close()


def wait_for(url: str) -> str:
    """Return the address once it has samples of some seconds."""
    query = f"{url}/api/v1/query?query=count_over_time(http_requests_total[1m])"
    for _ in range(200):
        time.sleep(0.2)
        try:
            with urllib.request.urlopen(query, timeout=2) as answer:
                result = json.load(answer)["data"]["result"]
        except OSError:
            continue
        if result and float(result[0]["value"][1]) >= 48:
            return url
    raise AssertionError("Prometheus has no samples")


def test_cpu_memory_and_load_of_a_service(capplan: Callable, prometheus: str) -> None:
    run = capplan(
        "calibrate",
        "service",
        "--prometheus",
        prometheus,
        "--labels",
        'job="shop"',
        "--hours",
        "0.01",
        "--format",
        "json",
    )
    assert run.exit_code == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["cpu_time_s"]["value"] == pytest.approx(CPU_S, rel=0.1)
    assert found["memory_base_gib"]["value"] == pytest.approx(BASE_BYTES / 2**30, rel=0.1)
    assert found["used"][0]["code"] == "monitoring"
    refused = capplan("calibrate", "service", "--prometheus", prometheus, "--labels", 'job="none"')
    assert refused.exit_code == 2
    assert "the server has no requests, CPU or memory" in refused.stderr
    wrong = capplan("calibrate", "service", "--prometheus", prometheus, "--labels", "job=")
    assert wrong.exit_code == 2
    assert "Prometheus refused the query" in wrong.stderr
