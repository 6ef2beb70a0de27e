"""`capplan simulate`."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from capplan.cli.options import Books, Catalogs, Force, OutputFile, PlanFile, Sets
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from capplan.autoscale.simulation import Prepared, Simulation
    from capplan.autoscale.tune import Tuning
    from capplan.plan.demand import Trace


class SimulationFormat(StrEnum):
    """What a simulation can be printed as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    SVG = "svg"
    PNG = "png"
    HTML = "html"


_PICTURES = (SimulationFormat.SVG, SimulationFormat.PNG, SimulationFormat.HTML)

Days = Annotated[float | None, typer.Option("--days", min=0.001, help="How long; a week, or the trace.")]
Tick = Annotated[
    float | None,
    typer.Option("--tick", min=1, max=60, help="Seconds between two looks; 15, or 2 for Knative."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the arrivals.")]
Steady = Annotated[bool, typer.Option("--steady", help="Arrivals without chance.")]
TraceFile = Annotated[
    Path | None,
    typer.Option(
        "--trace", help="CSV file, or Prometheus' JSON, whose shape replaces the plan's; the volume stays."
    ),
]
TraceColumns = Annotated[
    str, typer.Option("--trace-columns", metavar="TIME,VALUE", help="Columns of the trace.")
]
Startup = Annotated[float | None, typer.Option("--startup", min=0, help="Seconds until an instance serves.")]
NodeStart = Annotated[
    float | None, typer.Option("--node-start", min=0, help="Seconds until a new node is ready.")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", min=0, help="Seconds that callers wait in a queue.")
]
MetricLag = Annotated[
    float, typer.Option("--metric-lag", min=0, max=3600, help="Age in seconds of what autoscalers see.")
]
Outage = Annotated[
    str | None,
    typer.Option(
        "--outage", metavar="HH:MM-HH:MM", help="While autoscalers get no measures; from the start."
    ),
]
Retries = Annotated[int, typer.Option("--retries", min=0, max=20, help="How often callers try again.")]
RateLimit = Annotated[
    float, typer.Option("--rate-limit", min=0, help="Requests/s let in at low load; fewer under more.")
]
Breaker = Annotated[
    float,
    typer.Option("--breaker", min=0, max=1, help="Share of failures that opens a circuit breaker."),
]
Exact = Annotated[bool, typer.Option("--exact", help="Also request by request, not only as a fluid.")]
Tune = Annotated[bool, typer.Option("--tune", help="Search settings that hold the SLO for less.")]
Apply = Annotated[
    bool, typer.Option("--apply", help="With --tune: write the best into the plan, as alternative 'tuned'.")
]
Budget = Annotated[
    int | None, typer.Option("--budget", min=2, help="With --tune: settings to try for a service.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="NAME", help="With --tune: only this service, not all. Repeatable."),
]
RightSize = Annotated[bool, typer.Option("--right-size", help="Recommend requests, as VPA and KRR would.")]
UsageFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--usage",
        metavar="FILE",
        help="With --right-size: recorded use, as CSV (timestamp, cpu_cores, memory_bytes, pod) or as "
        "Prometheus' answer to query_range, cpu=FILE or memory=FILE without names. Repeatable.",
    ),
]
KubernetesVersion = Annotated[
    str, typer.Option("--kubernetes", metavar="1.N", help="Version whose HPA is simulated.")
]


class Search(NamedTuple):
    """What --tune is asked for: these services, or all; settings to try; whether to write the best."""

    services: Sequence[str]
    budget: int | None
    apply: bool


def simulate(
    plan: PlanFile,
    fmt: Annotated[
        SimulationFormat,
        typer.Option("--format", envvar="CAPPLAN_FORMAT", help="csv, svg, png and html are timelines."),
    ] = SimulationFormat.TABLE,
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Annotated[
        str | None, typer.Option("--alternative", help="An alternative of the plan.")
    ] = None,
    books: Books = None,
    trace: TraceFile = None,
    trace_columns: TraceColumns = "timestamp,requests",
    days: Days = None,
    tick: Tick = None,
    seed: Seed = 1,
    steady: Steady = False,
    startup: Startup = None,
    node_start: NodeStart = None,
    timeout: Timeout = None,
    metric_lag: MetricLag = 15.0,
    outage: Outage = None,
    retries: Retries = 0,
    rate_limit: RateLimit = 0.0,
    breaker: Breaker = 0.0,
    exact: Exact = False,
    tune: Tune = False,
    apply: Apply = False,
    budget: Budget = None,
    service: Only = None,
    right_size: RightSize = False,
    usage: UsageFiles = None,
    kubernetes: KubernetesVersion = "1.36",
    catalogs: Catalogs = None,
) -> None:
    """Replay a week of load, or a trace, through the plan's autoscalers.

    Example: capplan simulate examples/amas --startup 60
    """
    from capplan.autoscale.scalers import usual_tick_s
    from capplan.autoscale.settings import Settings
    from capplan.autoscale.simulation import prepare, run
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import emit, emit_bytes
    from capplan.cli.progress import reporter
    from capplan.plan.read import read_plan

    searches = {"--apply": apply, "--budget": budget, "--service": service}
    _check_together("--tune", tune, searches)
    _check_together("--right-size", right_size, {"--usage": usage})
    _check_answer(fmt, {"--tune": tune, "--right-size": right_size, "--exact": exact})
    file = read_plan(plan, sets or (), alternative, books or ())
    settings = Settings(
        *(tick or usual_tick_s(file.plan.services.values()), days, seed, not steady),
        *(startup, node_start, timeout, metric_lag),
        retries=retries,
        limit_rps=rate_limit,
        breaker=breaker,
        kubernetes=_version(kubernetes),
        blind_s=_stretch(outage),
    )
    prepared = prepare(file, Catalog(catalogs), settings, _trace(trace, trace_columns))
    with reporter("simulating", len(prepared.subjects)) as progress:
        result = run(prepared, progress)
    if fmt in _PICTURES:
        from capplan.report.simulation_figure import simulation_figure

        emit_bytes(simulation_figure(result, fmt.value), output, force)
        return
    if tune:
        text = _tuned(prepared, result, Search(service or (), budget, apply), fmt)
    elif right_size:
        text = _right_sized(result, usage, fmt)
    else:
        text = _shown(result, fmt, exact)
    emit(text, output, force, painted=fmt is SimulationFormat.TABLE)


def _check_together(needed: str, there: bool, options: Mapping[str, object]) -> None:
    for option, given in options.items():
        if given and not there:
            raise InputError(Problem(option, "has no use alone", f"Give {needed} too."))


def _check_answer(fmt: SimulationFormat, answers: Mapping[str, bool]) -> None:
    """Refuse several answers at once, and those in a format that is the timeline of one simulation."""
    asked = [option for option, given in answers.items() if given]
    if len(asked) > 1:
        raise InputError(Problem(asked[1], f"is another answer than {asked[0]}", "Give one of them."))
    if asked and fmt not in (SimulationFormat.TABLE, SimulationFormat.JSON):
        what = f"{fmt.value} is the timeline of one simulation, and holds nothing of {asked[0]}"
        raise InputError(Problem("--format", what, "Use table or json."))


def _shown(result: Simulation, fmt: SimulationFormat, exact: bool) -> str:
    from capplan.autoscale.exact import replay
    from capplan.cli import terminal
    from capplan.report import json_format
    from capplan.report import simulation as report

    if fmt is SimulationFormat.CSV:
        return report.simulation_csv(result)
    seed = result.settings.seed
    followed = [o for o in result.outcomes if exact and not o.subject.is_model]
    one_by_one = {o.subject.name: replay(o, seed) for o in followed}
    if fmt is SimulationFormat.JSON:
        return json_format.dumps(report.simulation_document(result, one_by_one))
    text = report.simulation_text(result, terminal.width(), not terminal.can_draw())
    return text + report.exact_text(one_by_one) if exact else text


def _tuned(prepared: Prepared, result: Simulation, search: Search, fmt: SimulationFormat) -> str:
    """Search, write the best into the plan if asked to, and return the report."""
    from capplan.autoscale.tune import tunable, tune
    from capplan.cli import terminal
    from capplan.cli.progress import reporter
    from capplan.report import json_format
    from capplan.report import tuning as report

    subjects = tunable(prepared, search.services)
    with reporter("tuning", len(subjects)) as progress:
        tuning = tune(prepared, result.outcomes, subjects, search.budget, progress)
    if search.apply:
        _apply(prepared, tuning)
    if fmt is SimulationFormat.JSON:
        return json_format.dumps(report.tuning_document(prepared.estimate.plan.name, tuning))
    return report.tuning_text(tuning, terminal.width())


def _right_sized(result: Simulation, usage: Sequence[str] | None, fmt: SimulationFormat) -> str:
    """Return recommended requests, from recorded or from simulated use."""
    from capplan.autoscale.rightsize.recorded import read_usage
    from capplan.autoscale.rightsize.usage import advice, simulated_usage
    from capplan.autoscale.signals import CPU
    from capplan.cli import terminal
    from capplan.report import json_format
    from capplan.report import rightsize as report

    containers = [o for o in result.outcomes if not o.subject.is_model]
    simulated = {o.subject.name: {"": simulated_usage(o)} for o in containers}
    used = read_usage(usage) if usage else simulated
    advices = [advice(name, pods) for name, pods in used.items()]
    requested = {
        outcome.subject.name: report.Requested(
            outcome.subject.simulated.use.request_milli,
            outcome.subject.simulated.use.memory_request,
            outcome.subject.platform == "kubernetes"
            and CPU in outcome.subject.simulated.scaler.metrics.measures,
        )
        for outcome in containers
    }
    if fmt is SimulationFormat.JSON:
        return json_format.dumps(report.rightsize_document(advices, requested))
    return report.rightsize_text(advices, requested, terminal.width())


def _apply(prepared: Prepared, tuning: Tuning) -> None:
    from capplan.autoscale.apply import ALTERNATIVE, with_tuned
    from capplan.cli.output import note, write_file
    from capplan.strictyaml import read_text

    found = {t.subject.name: t.settings for t in tuning.services if t.settings is not None}
    file = prepared.estimate.file
    name = file.places.locator.name
    if not found or not Path(name).is_file():
        reason = "no setting holds the SLO" if not found else f"{name} is not a file"
        note(f"nothing applied: {reason}")
        return
    write_file(Path(name), with_tuned(read_text(Path(name)), found, name, file.directory), force=True)
    note(f"wrote {name}; use it with --alternative {ALTERNATIVE}")


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.removeprefix("v").partition(".")
    if major != "1" or not minor.isdecimal():
        raise InputError(Problem("--kubernetes", f"'{text}' is not a version of Kubernetes", "As in 1.36."))
    return 1, int(minor)


def _stretch(text: str | None) -> tuple[float, float]:
    """Return from when until when, in seconds since the start; both 0 without an outage."""
    if text is None:
        return 0.0, 0.0
    found = re.fullmatch(r"(\d{1,4}):([0-5]\d)-(\d{1,4}):([0-5]\d)", text)
    if found is None:
        raise InputError(Problem("--outage", f"'{text}' is not a stretch of time", "As in 10:00-10:20."))
    hours, minutes, until_hours, until_minutes = map(int, found.groups())
    begins_s, ends_s = 60.0 * (60 * hours + minutes), 60.0 * (60 * until_hours + until_minutes)
    if ends_s <= begins_s:
        raise InputError(Problem("--outage", f"'{text}' ends before it begins", "As in 10:00-10:20."))
    return begins_s, ends_s


def _trace(file: Path | None, columns: str) -> Trace | None:
    if file is None:
        return None
    from capplan.plan.demand import Trace

    time, comma, value = columns.partition(",")
    if not comma:
        raise InputError(Problem("--trace-columns", f"'{columns}' is not TIME,VALUE"))
    return Trace(file=str(file.absolute()), time=time, value=value, unit="requests")
