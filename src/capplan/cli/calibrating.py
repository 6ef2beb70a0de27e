"""What `capplan calibrate service` reads of a plan, and writes into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from capplan.errors import InputError, Problem, nearest

if TYPE_CHECKING:
    from capplan.calibrate.experiment import Calibration
    from capplan.calibrate.reading import TestEvidence
    from capplan.plan.read import PlanFile

_PART_BYTES = 8 * 2**20


class Tested(NamedTuple):
    """The service of a plan that was tested; cores of an instance, None where the plan does not say."""

    file: PlanFile
    path: Path
    name: str
    slo: Mapping[float, float]
    cores: float | None


def subject_of(plan: Path | None, name: str | None, apply: bool) -> Tested | None:
    """Return the service that is meant; raises :class:`InputError` where that is not clear."""
    if plan is None:
        if apply or name is not None:
            raise InputError(Problem("--apply" if apply else "--service", "needs --plan", "Give --plan too."))
        return None
    from capplan.plan.read import read_plan

    file = read_plan(plan)
    services = file.plan.services
    if name is None or name not in services:
        what = "which service was tested?" if name is None else f"the plan has no service '{name}'"
        raise InputError(Problem("--service", what, nearest(name or "", services)))
    service = services[name]
    shares = {0.5: service.slo.p50, 0.95: service.slo.p95, 0.99: service.slo.p99}
    slo = {share: float(target) for share, target in shares.items() if target is not None}
    cores = getattr(service, "cpu", None)
    path = Path(file.places.locator.name)
    if apply and not path.is_file():
        raise InputError(Problem("--apply", f"{path} is not a file", "Save the plan first."))
    return Tested(file, path, name, slo, None if cores is None else float(cores))


def promises(tested: Tested | None) -> Mapping[float, float]:
    """Return the response times that the plan promises, in seconds by share of requests."""
    return {} if tested is None else tested.slo


def read(files: Sequence[str], prometheus: str | None, labels: str | None, hours: float) -> TestEvidence:
    """Return what the files hold, and what a server of Prometheus says."""
    from capplan.calibrate.ask import ask
    from capplan.calibrate.reading import TestEvidence, read_evidence
    from capplan.cli.progress import reporter

    if not files and prometheus is None:
        raise InputError(Problem("RESULT...", "is missing", "Name files, or give --prometheus URL."))
    parts = sum(_size(file) // _PART_BYTES + 1 for file in files)
    with reporter("reading", parts) as begin:
        found = read_evidence(files, begin)
    if prometheus is None:
        return found
    return TestEvidence(found.runs, [*found.series, *ask(prometheus, labels or "", hours)], found.said)


def _size(file: str) -> int:
    path = Path(file.rpartition("=")[2])
    return path.stat().st_size if path.is_file() else 0


def applied(tested: Tested, found: Calibration) -> None:
    """Show what changes in the plan, and write it."""
    from capplan.calibrate.apply import with_measured
    from capplan.cli.output import write_edit
    from capplan.strictyaml import read_text

    figures = dict(found.figures)
    if not tested.slo:
        figures["throughput_rps"] = None
    before = read_text(tested.path)
    after = with_measured(
        before, tested.name, figures, _origin(found), str(tested.path), tested.file.directory
    )
    write_edit(tested.path, before, after)


def _origin(found: Calibration) -> str:
    """Return the tools of the runs that were used, and the day of the newest file."""
    from datetime import UTC, datetime

    files = {Path(run.file) for run in found.runs}
    newest = max((file.stat().st_mtime for file in files if file.is_file()), default=None)
    day = "" if newest is None else f" {datetime.fromtimestamp(newest, UTC):%Y-%m-%d}"
    return (", ".join(sorted({run.tool for run in found.runs})) or "monitoring") + day
