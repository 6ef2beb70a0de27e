"""What the example runs say: wrk against a server of three places, whose requests took 16.2 ms on average."""

import pytest
from helpers import ROOT

from capplan.calibrate.learn import learned
from capplan.calibrate.reading import read_evidence

RUNS = ROOT / "examples/loadtests/wrk"


def test_the_server_is_found_again():
    found = learned(read_evidence([str(RUNS)])).figures
    assert found["service_time_s"].value == pytest.approx(0.0162, rel=0.05)
    assert found["cs2"].value == pytest.approx(0.3, rel=0.2)
    assert found["concurrency"].value == 3
    assert found["knee_rps"].value == pytest.approx(3 / 0.0162, rel=0.1)
    assert found["cpu_time_s"] is None


def test_one_level_tells_no_capacity():
    found = learned(read_evidence([str(RUNS / "01.txt")]))
    assert found.figures["knee_rps"] is None
    assert "not-saturated" in {finding.code for finding in found.warnings}
