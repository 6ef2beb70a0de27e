"""A real Locust against a local server: every endpoint is called, in its proportion, with its token."""

import subprocess
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers import ROOT
from rendering import example, rendered, tool

PLAN = (ROOT / "examples/llm-governance/plan.yaml").read_text(encoding="utf-8")


@pytest.fixture
def server():
    """Yield the address of a server that answers everything, and what it was asked."""
    seen: Counter[tuple[str, str, bool]] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen[self.command, self.path, "Authorization" in self.headers] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = answer  # noqa: N815 (the server's own names)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}", seen
        running.shutdown()


def test_locust_calls_what_the_plan_says(server, tmp_path):
    locust = tool("locust")
    host, seen = server
    files = rendered(PLAN, "demand.requests_per_second=4")
    script = tmp_path / "locustfile.py"
    script.write_text(files["loadtest/locust/locustfile.py"].text, encoding="utf-8")
    command = [locust, "--headless", "--host", host, "--exit-code-on-error", "1", "-f", script]
    environment = {"TOKEN": "t", "TIME_SCALE": "0.005", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert set(seen) == {
        ("GET", "/api/policies", True),
        ("GET", "/api/metrics", False),
        ("POST", "/api/audit/logs", False),
    }, done.stderr
    assert seen["GET", "/api/policies", True] > seen["POST", "/api/audit/logs", False]


def test_the_script_names_the_endpoints_of_the_guide():
    text = example("llm-governance")["loadtest/locust/locustfile.py"].text
    assert all(path in text for path in ("/api/policies", "/api/metrics", "/api/audit/logs"))
