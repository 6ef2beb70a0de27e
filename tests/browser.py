"""A browser for tests: Chromium over WebDriver (W3C), which needs nothing but two programs of Debian's."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
]
_LOCAL = build_opener(ProxyHandler({}))


class Browser:
    """One session."""

    def __init__(self, address: str, program: str, profile: Path) -> None:
        options = {"binary": program, "args": [*_ARGUMENTS, f"--user-data-dir={profile}"]}
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self._address = address
        opened = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._address += f"/session/{opened['sessionId']}"

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._address + path, data, {"Content-Type": "application/json"}, method=method)
        with _LOCAL.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        self._call("POST", "/url", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a function body in JavaScript returns, or its promise brings."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wide(self, width: int, dark: bool = False) -> None:
        """Give the page a width in CSS pixels, and a theme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._tool("Emulation.setDeviceMetricsOverride", size)
        self._tool("Emulation.setEmulatedMedia", {"features": scheme})

    def _tool(self, command: str, parameters: Any) -> Any:
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def press(self, element: str, *keys: str) -> None:
        """Press keys in the element that a selector finds."""
        found = self._call("POST", "/element", {"using": "css selector", "value": element})
        identity = next(iter(found.values()))
        self._call("POST", f"/element/{identity}/value", {"text": "".join(keys)})

    def picture(self, **how: Any) -> bytes:
        """Return the page, the whole as a PNG unless ``how`` says otherwise as Chromium does."""
        whole = {"format": "png", "captureBeyondViewport": True}
        return b64decode(self._tool("Page.captureScreenshot", whole | how)["data"])

    def said(self) -> list[str]:
        """Return what the console got since it was last asked."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def requested(self) -> list[str]:
        """Return the addresses that were requested since it was last asked."""
        entries = self._call("POST", "/se/log", {"type": "performance"})
        messages = (json.loads(entry["message"])["message"] for entry in entries)
        sent = (one["params"] for one in messages if one["method"] == "Network.requestWillBeSent")
        return [one["request"]["url"] for one in sent]

    def close(self) -> None:
        """End the session, and with it the browser."""
        self._call("DELETE", "")


@contextmanager
def browsing(driver: str, program: str, directory: Path) -> Iterator[Browser]:
    """Return a browser that ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/status")
            browser = Browser(f"http://127.0.0.1:{port}", program, directory / "profile")
            yield browser
            browser.close()
        finally:
            process.terminate()


def _wait(address: str) -> None:
    for _ in range(200):
        try:
            with _LOCAL.open(address, timeout=5):
                return
        except URLError:
            time.sleep(0.05)
    raise TimeoutError(address)
