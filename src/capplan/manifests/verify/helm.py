"""Helm charts: their objects, where the program `helm` is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from capplan.errors import InputError
from capplan.strictyaml import load_all

_PARTS = re.compile(r"^---\s*\n# Source: ([^\n]+)\n", re.MULTILINE)
_LONGEST_S = 60


def render_chart(chart: Path, place: str, documents: dict[str, list[Any]]) -> str:
    """Add the objects of a chart with its own values to ``documents``; return why there are none.

    place: where the chart is. Helm neither runs what a chart holds nor asks a cluster or a registry.
    """
    helm = shutil.which("helm")
    if helm is None:
        return "its templates are not manifests until Helm renders them, and helm is not installed"
    command = [helm, "template", chart.resolve().name, str(chart.resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return f"`helm template` gave no answer in {_LONGEST_S} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return f"`helm template` refuses it: {lines[-1][:200] if lines else done.returncode}"
    _, *parts = _PARTS.split(done.stdout)
    try:
        for source, text in zip(parts[::2], parts[1::2], strict=True):
            name = "/".join(filter(None, (place, source.partition("/")[2])))
            documents.setdefault(name, []).extend(d for d in load_all(text, name) if d is not None)
    except InputError as error:
        return f"what `helm template` prints cannot be read: {error}"
    return ""
