"""`capplan simulate`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.adopt import plan_or_adopted
from capplan.cli.options import (
    Alternative,
    Books,
    Catalogs,
    Force,
    KubernetesVersion,
    ManifestProvider,
    ManifestRegion,
    Manifests,
    NodeTypes,
    OutputFile,
    Overlay,
    PlanOrNone,
    Profiles,
    Seed,
    Sets,
    formats,
    printable,
    version_of,
)
from capplan.cli.simulate_answers import REPORTS, SimulateOptions, answered
from capplan.cli.workers import Cluster, Workers, work_in
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from capplan.autoscale.settings import LostSite
    from capplan.plan.demand import Trace
    from capplan.plan.read import PlanFile

Format = Annotated[str, formats("table", "json", "csv", "markdown", "html", "svg", "png")]
Days = Annotated[
    float | None,
    typer.Option("--days", min=0.001, help="How long to simulate; by default a week, or the trace."),
]
Tick = Annotated[
    float | None,
    typer.Option(
        "--tick", min=1, max=60, help="Length of a tick in seconds; by default 15, or 2 for Knative."
    ),
]
Steady = Annotated[bool, typer.Option("--steady", help="Steady arrivals instead of random ones.")]
TraceFile = Annotated[
    Path | None,
    typer.Option(
        "--trace", help="CSV file or Prometheus JSON whose shape replaces the plan's; the volume stays."
    ),
]
TraceColumns = Annotated[
    str, typer.Option("--trace-columns", metavar="TIME,VALUE", help="Columns of the trace to read.")
]
TraceGaps = Annotated[
    str,
    typer.Option("--trace-gaps", metavar="SHARE", help="Share of the trace's steps that may be missing."),
]
Startup = Annotated[
    float | None, typer.Option("--startup", min=0, help="Seconds until a new instance serves.")
]
NodeStart = Annotated[
    float | None, typer.Option("--node-start", min=0, help="Seconds until a new node is ready.")
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0, help="Seconds that callers wait in a queue before they give up."),
]
MetricLag = Annotated[
    float,
    typer.Option("--metric-lag", min=0, max=3600, help="Age in seconds of the metrics that autoscalers see."),
]
Outage = Annotated[
    str | None,
    typer.Option(
        "--outage",
        metavar="[SITE@]HH:MM-HH:MM",
        help="Time without metrics for autoscalers, from the start of the simulation; with the name of a "
        "site, time without that site. A site alone is lost at the busiest moment.",
    ),
]
Retries = Annotated[
    int | None,
    typer.Option("--retries", min=0, max=20, help="How often callers retry; by default, as the plan says."),
]
RateLimit = Annotated[
    float,
    typer.Option(
        "--rate-limit", min=0, help="Requests/s admitted in the lowest load tier; fewer in the plan's others."
    ),
]
Breaker = Annotated[
    float | None,
    typer.Option(
        "--breaker",
        min=0,
        max=1,
        help="Share of failures that opens a circuit breaker; by default, the plan's.",
    ),
]
Exact = Annotated[
    bool, typer.Option("--exact", help="Also simulate request by request, not only as a fluid.")
]
Tune = Annotated[bool, typer.Option("--tune", help="Search for settings that meet the SLO at a lower cost.")]
Apply = Annotated[
    bool,
    typer.Option(
        "--apply", help="With --tune, write the best settings into the plan as alternative 'tuned'."
    ),
]
Tries = Annotated[
    int | None,
    typer.Option(
        "--tries", metavar="N", min=2, help="With --tune, number of settings to try for each service."
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        metavar="NAME",
        help="With --tune, tune only this service; with --manifests, whose load it is. Repeatable.",
    ),
]
RightSize = Annotated[
    bool, typer.Option("--right-size", help="Recommend resource requests, as VPA and KRR would.")
]
UsageFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--usage",
        metavar="FILE",
        help="With --right-size, recorded usage as CSV (timestamp, cpu_cores, memory_bytes, pod) or as a "
        "query_range response of Prometheus; use cpu=FILE or memory=FILE if its series have no names. "
        "Repeatable.",
    ),
]
KedaVersion = Annotated[
    str, typer.Option("--keda", metavar="2.N", help="KEDA version whose operator is simulated.")
]


def simulate(
    context: typer.Context,
    plan: PlanOrNone = None,
    fmt: Format = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Alternative = None,
    books: Books = None,
    trace: TraceFile = None,
    trace_columns: TraceColumns = "timestamp,requests",
    trace_gaps: TraceGaps = "20%",
    days: Days = None,
    tick: Tick = None,
    seed: Seed = 1,
    steady: Steady = False,
    startup: Startup = None,
    node_start: NodeStart = None,
    timeout: Timeout = None,
    metric_lag: MetricLag = 15.0,
    outage: Outage = None,
    retries: Retries = None,
    rate_limit: RateLimit = 0.0,
    breaker: Breaker = None,
    exact: Exact = False,
    tune: Tune = False,
    apply: Apply = False,
    tries: Tries = None,
    service: Only = None,
    right_size: RightSize = False,
    usage: UsageFiles = None,
    workers: Workers = None,
    cluster: Cluster = None,
    kubernetes: KubernetesVersion = "1.36",
    keda: KedaVersion = "2.20",
    catalogs: Catalogs = None,
    manifests: Manifests = None,
    provider: ManifestProvider = None,
    region: ManifestRegion = None,
    node_types: NodeTypes = None,
    overlay: Overlay = None,
    profiles: Profiles = None,
) -> None:
    """Replay load through the plan's autoscalers.

    The load is a week of the plan's, or a trace. --manifests simulates what is deployed; its load is a
    trace, and --set says what a request costs.

    The formats csv, svg and png are timelines; html is the report with that picture.

    Example: capplan simulate examples/amas --startup 60
    """
    from capplan.autoscale.scalers import usual_tick_s
    from capplan.autoscale.settings import Settings, Versions
    from capplan.autoscale.simulation import prepare, run
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import note, show
    from capplan.cli.progress import reporter
    from capplan.plan.read import read_plan

    if exact or tune or right_size:
        fmt = printable(context, fmt, *REPORTS)
    _check_apply(apply, plan)
    asked = SimulateOptions(
        fmt=fmt,
        exact=exact,
        tune=tune,
        apply=apply,
        tries=tries,
        services=service or (),
        right_size=right_size,
        usage=usage or (),
        manifests=manifests is not None,
        elsewhere={"--workers": workers, "--cluster": cluster},
    )
    asked.check()
    work_in(context, workers, cluster)
    recorded = _trace(trace, trace_columns, trace_gaps)
    said = (provider, region, node_types or (), overlay, catalogs, profiles)
    source = plan_or_adopted(context, plan, manifests, said)
    if isinstance(source, Path):
        file = read_plan(source, sets or (), alternative, books or ())
    else:
        file = _deployed(source.file(sets or (), books or (), alternative), recorded, service or ())
        recorded = None
    lost = _lost(outage)
    settings = Settings(
        tick_s=tick or usual_tick_s(file.plan.services.values()),
        days=days,
        seed=seed,
        random=not steady,
        startup_s=startup,
        node_start_s=node_start,
        timeout_s=timeout,
        metric_lag_s=metric_lag,
        retries=retries,
        limit_rps=rate_limit,
        breaker=breaker,
        versions=Versions(version_of("--kubernetes", 1, kubernetes), version_of("--keda", 2, keda)),
        blind_s=(0.0, 0.0) if lost else _stretch(outage),
        lost=lost,
    )
    prepared = prepare(file, Catalog(catalogs), settings, recorded)
    for line in prepared.notes:
        note(line)
    with reporter("simulating", len(prepared.subjects)) as progress:
        result = run(prepared, progress)
    answer = answered(asked, prepared, result)
    show(answer.report, fmt, output, force)
    answer.then()


def _check_apply(apply: bool, plan: Path | None) -> None:
    """Refuse to write into a plan that is no file."""
    from capplan.stdin import is_stdin

    if apply and (plan is None or is_stdin(plan)):
        source = "manifests" if plan is None else "stdin"
        what = f"writes into the plan's file, but this plan comes from {source}"
        raise InputError(Problem("--apply", what))


def _deployed(file: PlanFile, trace: Trace | None, services: Sequence[str]) -> PlanFile:
    """Return the plan of manifests under its load, and say on stderr what the simulation leaves out."""
    from capplan.autoscale.deployed import not_modelled, under_load
    from capplan.cli.output import note

    loaded = under_load(file, trace, services)
    for line in not_modelled(loaded):
        note(f"not simulated: {line}")
    return loaded


def _lost(text: str | None) -> LostSite | None:
    """Return the site that an outage names; None where it is one of the metrics."""
    from capplan.autoscale.settings import LostSite

    if text is None or ("@" not in text and not text[:1].isalpha()):
        return None
    site, at, when = text.partition("@")
    return LostSite(site, *_stretch(when)) if at else LostSite(site)


def _stretch(text: str | None) -> tuple[float, float]:
    """Return from when until when, in seconds since the start; both 0 without an outage."""
    if text is None:
        return 0.0, 0.0
    found = re.fullmatch(r"(\d{1,4}):([0-5]\d)-(\d{1,4}):([0-5]\d)", text)
    if found is None:
        raise InputError(Problem("--outage", f"'{text}' is not a time range", "Example: 10:00-10:20."))
    hours, minutes, until_hours, until_minutes = map(int, found.groups())
    begins_s, ends_s = 60.0 * (60 * hours + minutes), 60.0 * (60 * until_hours + until_minutes)
    if ends_s <= begins_s:
        raise InputError(Problem("--outage", f"'{text}' ends before it begins", "Example: 10:00-10:20."))
    return begins_s, ends_s


def _trace(file: Path | None, columns: str, gaps: str) -> Trace | None:
    if file is None:
        return None
    from capplan.plan.demand import Trace
    from capplan.quantities import parse_share
    from capplan.stdin import is_stdin

    time, comma, value = columns.partition(",")
    if not comma:
        raise InputError(Problem("--trace-columns", f"'{columns}' is not TIME,VALUE"))
    try:
        most = parse_share(gaps)
        path = file if is_stdin(file) else file.absolute()
        rate = "requests_per_second"
        said = {"file": str(path), "time": time, "value": value, "max_gaps": most}
        return Trace.model_validate({**said, "unit": rate if value == rate else "requests"})
    except ValueError:
        raise InputError(Problem("--trace-gaps", f"'{gaps}' is not a share", "Example: 20%.")) from None
