"""What single requests say of a service whose truth is known: a pool of places, simulated."""

from __future__ import annotations

import heapq
import random
from pathlib import Path

import pytest

from capplan.calibrate import reading
from capplan.calibrate.experiment import Calibration
from capplan.calibrate.learn import learned
from capplan.calibrate.reading import read_evidence
from capplan.calibrate.runs import LoadRun
from capplan.errors import InputError

PLACES, SERVICE_S = 3, 0.03
HEAD = "timeStamp,elapsed,responseCode,success,allThreads"


def loop(clients: int, seconds: float, errors: float = 0.0, most: float = 1e9) -> str:
    """Return a JTL of clients without pauses; errors: a share, answered at once; most: requests a second."""
    rng = random.Random(clients)
    free, due = [0.0] * PLACES, [(0.0, client) for client in range(clients)]
    rows, sent = [HEAD], 0.0
    while due[0][0] < seconds:
        now, client = heapq.heappop(due)
        now = max(now, sent)
        sent = now + 1 / most
        failed = rng.random() < errors
        end = now + 0.001
        if not failed:
            end = max(now, heapq.heappop(free)) + rng.gammavariate(8, SERVICE_S / 8)
            heapq.heappush(free, end)
        heapq.heappush(due, (end, client))
        code = "500,false" if failed else "200,true"
        rows.append(f"{1795230508000 + round(1000 * now)},{round(1000 * (end - now))},{code},{clients}")
    return "\n".join(rows) + "\n"


def logged(rows: list[tuple[float, float]]) -> str:
    """Return an access log of requests that start and end then."""
    lines = sorted((end, end - start) for start, end in rows)
    date = "10.0.0.1 - - [30/Nov/2026:10:%02d:%02d +0000]"
    return "".join(
        f'{date % divmod(int(end), 60)} "GET / HTTP/1.1" 200 2 "-" "curl" {took:.3f}\n' for end, took in lines
    )


def by_chance(most: float, seconds: float) -> list[tuple[float, float]]:
    """Return requests that come by chance, in minutes of ever more of them, up to so many a second."""
    rng = random.Random(7)
    free, now, rows = [0.0] * PLACES, 0.0, []
    while now < seconds:
        now += rng.expovariate(most * (0.2 + 0.8 * now / seconds))
        end = max(now, heapq.heappop(free)) + rng.gammavariate(2, SERVICE_S / 2)
        heapq.heappush(free, end)
        rows.append((now, end))
    return rows


def calibrated(folder: Path, levels: tuple[int, ...], seconds: float, **how: float) -> Calibration:
    for clients in levels:
        (folder / f"c{clients:02}.jtl").write_text(loop(clients, seconds, **how))
    return learned(read_evidence([str(folder)]))


def test_requests_in_progress_at_the_end_are_no_throughput(tmp_path: Path) -> None:
    found = calibrated(tmp_path, (2, 3, 6, 24), 1.5)
    assert len(found.runs) == 4
    assert max(run.rate for run in found.runs) < 1.03 * PLACES / SERVICE_S
    for name, truth in (("knee_rps", PLACES / SERVICE_S), ("service_time_s", SERVICE_S)):
        figure = found.figures[name]
        assert figure is not None
        assert figure.value == pytest.approx(truth, rel=0.06)


def test_a_directory_may_hold_more_than_results(tmp_path: Path) -> None:
    script = tmp_path / "closed.js"
    script.write_text("import http from 'k6/http';\nexport default () => http.get('http://shop/');\n")
    (tmp_path / "package.json").write_text('{"name": "tests"}')
    with pytest.raises(InputError, match="not a format that capplan knows"):
        read_evidence([str(tmp_path)])
    found = calibrated(tmp_path, (1, 3, 6), 5)
    assert len(found.runs) == 3
    notes = [one for one in found.warnings if one.code == "no-figures"]
    assert [Path(one.file).name for one in notes] == ["closed.js", "package.json"]
    with pytest.raises(InputError, match="not a format that capplan knows"):
        read_evidence([str(tmp_path), str(script)])


def test_a_generator_that_sends_no_more_is_refused_at_every_level(tmp_path: Path) -> None:
    found = calibrated(tmp_path, (1, 2, 3, 4, 6, 8, 16), 20, most=50)
    assert [run.clients for run in found.runs] == [1]
    assert {one.code for one in found.refused} == {"saturated-generator"}
    assert len(found.refused) == 6


def test_a_cpu_time_that_nobody_measured_is_unknown() -> None:
    """Requests that share cores: each takes as long as there are others, and varies as the service does."""
    runs = [
        LoadRun(
            f"{n}",
            "ab",
            min(n, 4) / 0.02,
            mean_s=max(n, 4) * 0.005,
            requests=20_000,
            duration_s=100.0,
            cs2=1.0,
            clients=float(n),
            think_s=0.0,
            arrivals="closed",
        )
        for n in (1, 2, 4, 8, 16, 32)
    ]
    found = learned(reading.TestEvidence(runs, (), ()))
    assert found.model == "PS"
    assert found.figures["cpu_time_s"] is None


def test_errors_that_are_answered_at_once_change_nothing(tmp_path: Path) -> None:
    found = calibrated(tmp_path, (1, 2, 3, 6, 12), 30, errors=0.08)
    assert {one.code for one in found.warnings} == {"failed-requests"}
    for name, truth in (("knee_rps", PLACES / SERVICE_S), ("service_time_s", SERVICE_S)):
        figure = found.figures[name]
        assert figure is not None
        assert figure.value == pytest.approx(truth, rel=0.02)


def test_an_access_log_of_visitors_who_come_by_chance(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(logged(by_chance(85, 600)))
    found = learned(read_evidence([str(tmp_path)]))
    assert {run.arrivals for run in found.runs} == {"random"}
    for name, truth in (("knee_rps", PLACES / SERVICE_S), ("service_time_s", SERVICE_S)):
        figure = found.figures[name]
        assert figure is not None
        assert figure.value == pytest.approx(truth, rel=0.05)


def test_an_access_log_of_a_loop_is_no_chance(tmp_path: Path) -> None:
    rows = (line.split(",") for line in loop(8, 100).splitlines()[1:])
    spans = [(int(row[0]) / 1000 - 1795230508, int(row[1]) / 1000) for row in rows]
    (tmp_path / "access.log").write_text(logged([(start, start + took) for start, took in spans]))
    assert {run.arrivals for run in read_evidence([str(tmp_path)]).runs} == {"closed"}
