"""Work in processes and on a Dask cluster gives the same bytes as in this process, whatever happens there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from capplan.errors import InputError
from capplan.executors import Executor, in_processes, using

distributed = pytest.importorskip("distributed")

PLAN = """
name: shop
regions: {gcp: us-central1}
demand: {requests_per_second: {p5: 10, p50: 20, p95: 50}, profile: office-hours}
services:
  api:
    platform: cloud-run
    service_time: {p5: 100ms, p50: 200ms, p95: 300ms}
    cpu_time: 50ms
    instances: {min: 1, max: 90}
alternatives:
  fixed: {services: {api: {instances: {min: 4}}}}
"""


SWEEP = "demand.requests_per_second=" + ",".join(map(str, range(10, 1110)))


class Machines(NamedTuple):
    """A scheduler and its worker processes, over TCP."""

    address: str
    workers: list[subprocess.Popen[bytes]]

    def start_worker(self) -> None:
        options = ("--no-dashboard", "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1")
        self.workers.append(started("worker", self.address, *options))


def started(*arguments: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, ("src", os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Yield a scheduler with two workers."""
    file = tmp_path_factory.mktemp("cluster") / "scheduler.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    scheduler = started("scheduler", *options)
    found = Machines(_address(file), [])
    try:
        found.start_worker()
        found.start_worker()
        with distributed.Client(found.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield found
    finally:
        for process in (*found.workers, scheduler):
            process.kill()
            process.wait()


def _address(file: Path) -> str:
    """Return where the scheduler listens, as soon as it says so."""
    import json

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.is_file() and file.read_text():
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.05)
    raise TimeoutError(file)


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.fixture(scope="session")
def here(plan: Path) -> str:
    """Return the answers of this process."""
    return answers(plan)


def answers(plan: Path) -> str:
    """Return everything that splits, as it is printed."""
    from datetime import date

    from capplan.ask.reports import breakeven_report
    from capplan.ask.results import EstimateOptions, result_of
    from capplan.catalog.catalog import Catalog
    from capplan.decide.questions import ComparisonOptions
    from capplan.fleet.members import FleetOptions
    from capplan.fleet.report import fleet_answer
    from capplan.report.json_format import dumps
    from capplan.report.render import report_of

    sampled = report_of(result_of(EstimateOptions(plan, samples=3300)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("capplan.uncertainty.sample.MAX_SAMPLES", 1000)
        patch.setattr("capplan.uncertainty.sample._BLOCK", 600)
        blocks = report_of(result_of(EstimateOptions(plan, samples=1500)))
    compared = breakeven_report(plan, ComparisonOptions(between=("plan", "fixed")), Catalog(), 30, 1)
    swept = report_of(result_of(EstimateOptions(plan, sweeps=[SWEEP])))
    fleet = fleet_answer(FleetOptions([str(plan)], None, (), None, date(2026, 9, 30)), None, "plan")
    rows = [list(row) for row in swept.sheets["csv"]().rows]
    documents = (sampled.document(), blocks.document(), compared.document(), fleet.document, {"rows": rows})
    return "\n".join(map(dumps, documents))


def answers_on(executor: Executor, plan: Path) -> str:
    with using(executor):
        return answers(plan)


def test_where_the_work_runs_changes_no_byte(
    plan: Path, here: str, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    from capplan.cluster import on_cluster

    for workers, chunks in ((1, 1), (4, 2)):
        monkeypatch.setattr("capplan.many._TASK_CHUNKS", chunks)
        with in_processes(workers) as run:
            assert answers_on(run, plan) == here
    with on_cluster(machines.address) as run:
        assert answers_on(run, plan) == here


def test_a_cluster_in_this_process_changes_no_byte(plan: Path, here: str) -> None:
    from capplan.cluster import on_cluster

    with (
        distributed.LocalCluster(
            n_workers=1,
            processes=False,
            protocol="tcp",
            threads_per_worker=2,
            dashboard_address=":0",
            host="127.0.0.1",
        ) as cluster,
        on_cluster(cluster.scheduler_address) as run,
    ):
        assert answers_on(run, plan) == here


def test_a_worker_that_dies_is_replaced(
    plan: Path, here: str, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    from capplan.cluster import on_cluster

    monkeypatch.setattr("capplan.many._TASK_CHUNKS", 1)
    killed = []

    def deadly(run: Executor, function: Callable[..., object], chunks: Sequence[object]) -> Iterator[object]:
        for done in run(function, chunks):
            if not killed and len(chunks) > 2:
                killed.append(machines.workers.pop(0))
                killed[0].send_signal(signal.SIGKILL)
                killed[0].wait()
                machines.start_worker()
            yield done

    with on_cluster(machines.address) as run:
        assert answers_on(partial(deadly, run), plan) == here
    assert killed


def test_an_error_comes_back_with_its_problems(machines: Machines) -> None:
    from capplan.cluster import on_cluster
    from capplan.plan.read import read_plan

    with on_cluster(machines.address) as run, pytest.raises(InputError) as caught:
        list(run(read_plan, [Path("none.yaml")]))
    assert [problem.where for problem in caught.value.problems] == ["none.yaml"]


def test_what_nobody_waits_for_is_cancelled(machines: Machines) -> None:
    from capplan.cluster import on_cluster

    with on_cluster(machines.address) as run, distributed.Client(machines.address) as client:
        work = run(time.sleep, [0.01] * 1000)
        next(work)
        assert any(client.processing().values())
        work.close()
        deadline = time.monotonic() + 30
        while any(client.processing().values()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_what_cannot_be_used_is_one_message(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    from capplan.cluster import on_cluster

    def refused(address: str) -> str:
        with pytest.raises(InputError) as caught, on_cluster(address):
            pass
        (problem,) = caught.value.problems
        return str(problem)

    assert "'shop:8786' is not an address" in refused("shop:8786")
    with dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}):
        assert "tcp://127.0.0.1:9 does not answer" in refused("tcp://127.0.0.1:9")
    monkeypatch.setattr("capplan.cluster.__version__", "0.0.1")
    assert "instead of 0.0.1" in refused(machines.address)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "Install capplan[cluster]" in refused(machines.address)
