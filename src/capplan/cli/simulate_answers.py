"""What `capplan simulate` is asked for, and answers: a timeline, settings, or requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from capplan.autoscale.simulation import Prepared, Simulation
    from capplan.autoscale.tune import Tuning
    from capplan.report.blocks import Report


REPORTS = ("table", "json", "markdown", "html")
"""Formats of every answer; the others draw or list the timeline of one simulation."""


class SimulateOptions(NamedTuple):
    """The options that say which answer is wanted, and how; see the command."""

    fmt: str
    exact: bool
    tune: bool
    apply: bool
    tries: int | None
    services: Sequence[str]
    right_size: bool
    usage: Sequence[str]
    manifests: bool = False
    elsewhere: Mapping[str, object] = {}

    def check(self) -> None:
        """Raise :class:`InputError` for options that do not go together."""
        of_tuning = {"--apply": self.apply, "--tries": self.tries, **self.elsewhere}
        _check_together("--tune", self.tune, of_tuning)
        _check_together("--tune", self.tune or self.manifests, {"--service": self.services})
        _check_together("--right-size", self.right_size, {"--usage": self.usage})
        answers = {"--tune": self.tune, "--right-size": self.right_size, "--exact": self.exact}
        _check_answer(self.fmt, answers)


class Shown(NamedTuple):
    """What is shown; what to do once that is out."""

    report: Report
    then: Callable[[], None] = lambda: None


def answered(asked: SimulateOptions, prepared: Prepared, result: Simulation) -> Shown:
    """Return what is asked for."""
    if asked.tune:
        return _tuned(asked, prepared, result)
    return Shown(_right_sized(asked, result) if asked.right_size else _timeline(asked, result))


def _check_together(needed: str, there: bool, options: Mapping[str, object]) -> None:
    for option, given in options.items():
        if given and not there:
            raise InputError(Problem(option, "has no effect on its own", f"Give {needed} too."))


def _check_answer(fmt: str, answers: Mapping[str, bool]) -> None:
    """Refuse several answers at once, and those in a format that is the timeline of one simulation."""
    asked = [option for option, given in answers.items() if given]
    if len(asked) > 1:
        raise InputError(Problem(asked[1], f"cannot be combined with {asked[0]}", "Give only one of them."))
    if asked and fmt not in REPORTS:
        what = f"{fmt} shows the timeline of one simulation, so it cannot show {asked[0]}"
        raise InputError(Problem("--format", what, f"Use {', '.join(REPORTS)}."))


def _timeline(asked: SimulateOptions, result: Simulation) -> Report:
    from capplan.autoscale.exact import replay
    from capplan.report.simulation import report_of

    seed = result.settings.seed
    followed = [o for o in result.outcomes if asked.exact and not o.subject.is_model]
    return report_of(result, {o.subject.name: replay(o, seed) for o in followed})


def _tuned(asked: SimulateOptions, prepared: Prepared, result: Simulation) -> Shown:
    """Search, and return the report; then the best is written into the plan, if that is asked for."""
    from capplan.autoscale.tune import searches_of, tunable, tune
    from capplan.cli.progress import reporter
    from capplan.report.tuning import report_of

    searches = searches_of(prepared, tunable(prepared, asked.services), asked.tries)
    with reporter("tuning", sum(len(search.choices) for search in searches)) as progress:
        tuning = tune(prepared, result.outcomes, searches, progress)
    report = report_of(prepared.estimate.plan.name, tuning)
    return Shown(report, partial(_apply, prepared, tuning)) if asked.apply else Shown(report)


def _right_sized(asked: SimulateOptions, result: Simulation) -> Report:
    """Return recommended requests, from recorded or from simulated use."""
    from capplan.autoscale.rightsize.recorded import read_usage
    from capplan.autoscale.rightsize.usage import advice, simulated_usage
    from capplan.autoscale.signals import CPU
    from capplan.report.rightsize import Requested, report_of

    containers = [o for o in result.outcomes if not o.subject.is_model]
    simulated = {o.subject.name: {"": simulated_usage(o)} for o in containers}
    used = read_usage(asked.usage) if asked.usage else simulated
    advices = [advice(name, pods) for name, pods in used.items()]
    requested = {
        outcome.subject.name: Requested(
            outcome.subject.simulated.use.request_milli,
            outcome.subject.simulated.use.memory_request,
            outcome.subject.platform == "kubernetes"
            and CPU in outcome.subject.simulated.scaler.metrics.measures,
        )
        for outcome in containers
    }
    return report_of(advices, requested)


def _apply(prepared: Prepared, tuning: Tuning) -> None:
    from capplan.autoscale.apply import ALTERNATIVE, with_tuned
    from capplan.cli.output import note, write_files
    from capplan.strictyaml import read_text

    found = {t.subject.name: t.settings for t in tuning.services if t.settings is not None}
    file = prepared.estimate.file
    name = file.places.locator.name
    if not found or not Path(name).is_file():
        reason = "no setting meets the SLO" if not found else f"{name} is not a file"
        note(f"nothing applied: {reason}")
        return
    text = with_tuned(read_text(Path(name)), found, name, file.directory, file.places.alternative)
    write_files({Path(name): text}, force=True)
    note(f"wrote {name}; use it with --alternative {ALTERNATIVE}")
