"""Intervals of 90 % hold the truth in about nine of ten experiments: few of `benchmarks/calibration.py`."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest
from helpers import ROOT


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    pytest.importorskip("ciw")
    spec = importlib.util.spec_from_file_location("calibration", ROOT / "benchmarks/calibration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("kind", "experiments", "requests"), [("loop", 16, 400), ("ciw", 4, 150)])
def test_intervals_hold_the_truth(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, kind: str, experiments: int, requests: int
) -> None:
    monkeypatch.setattr(benchmark, "REQUESTS", requests)
    held = benchmark.held(experiments, kind)
    assert len(held["service_time_s"]) == experiments
    for figure, hits in held.items():
        assert not hits or float(np.mean(hits)) >= 0.7, figure
