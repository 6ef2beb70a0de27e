"""From a plan's numbers to a server, a Locust test on loopback, and back: the slow proof of the figures."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from capplan.calibrate.learn import learned
from capplan.calibrate.reading import read_evidence

pytestmark = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="locust is not installed")

PLACES, SERVICE_S = 3, 0.05
SERVER = f"""
import asyncio, random, time

spent = []
places = asyncio.Semaphore({PLACES})
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"

async def serve(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            async with places:
                began = time.perf_counter()
                await asyncio.sleep({SERVICE_S} * random.uniform(0.5, 1.5))
                spent.append(time.perf_counter() - began)
            writer.write(ANSWER)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(input)
    print(sum(spent) / len(spent), flush=True)

asyncio.run(main())
"""
LOCUST = """
from locust import FastHttpUser, LoadTestShape, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task
    def visit(self):
        self.client.get("/")

class Steps(LoadTestShape):
    def tick(self):
        step = int(self.get_run_time() // 4)
        return ([1, 2, 3, 6, 12][step], 100) if step < 5 else None
"""


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """Yield a server with the plan's places and service time; given a line, it says what requests took."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


def test_a_plans_numbers_come_back(
    tmp_path: Path, server: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine makes requests take longer than planned, so the server's own mean is the truth."""
    assert server.stdout is not None
    assert server.stdin is not None
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (tmp_path / "locustfile.py").write_text(LOCUST)
    address = f"http://127.0.0.1:{int(server.stdout.readline())}"
    options = ("--headless", "--host", address, "--csv", "run", "--only-summary")
    command = [sys.executable, "-m", "locust", "-f", "locustfile.py", *options]
    subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, timeout=60)
    server.stdin.write("\n")
    server.stdin.flush()
    service_s = float(server.stdout.readline())
    assert service_s > 0.9 * SERVICE_S
    files = sorted(str(path) for path in tmp_path.glob("run_stats*.csv"))
    found = learned(read_evidence(files)).figures
    for figure, truth in (
        ("concurrency", PLACES),
        ("service_time_s", service_s),
        ("knee_rps", PLACES / service_s),
    ):
        estimated = found[figure]
        assert estimated is not None
        assert estimated.value == pytest.approx(truth, rel=0.1)
