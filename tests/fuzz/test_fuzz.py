"""Damaged input of every kind ends with a message, in bounded time and memory: a search for what does not.

Ten seconds by default; longer by hand, with ``FUZZ_SECONDS=900 FUZZ_SEED=7 pytest tests/fuzz``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("worker.py")
SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))
SEED = os.environ.get("FUZZ_SEED", "1")


@pytest.mark.skipif(os.name != "posix", reason="its watchdog is a signal")
def test_damaged_input_is_told_and_never_a_crash(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(WORKER),
        "--seconds",
        str(SECONDS),
        "--seed",
        SEED,
        "--keep",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 240, check=False)
    *faults, last = done.stdout.splitlines() or [""]
    assert done.returncode == 0, done.stderr[-3000:]
    assert not faults, "\n".join(faults)
    assert json.loads(last)["runs"] >= SECONDS / 10
