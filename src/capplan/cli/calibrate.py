"""`capplan calibrate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from capplan.cli.command import Command
from capplan.cli.options import (
    ENGINE,
    GPU,
    PRECISION,
    TENSOR_PARALLEL,
    Architectures,
    Catalogs,
    Force,
    Hours,
    Labels,
    OutputFile,
    Prometheus,
    formats,
)
from capplan.errors import ExitCode, InputError, Problem
from capplan.stdin import name_of

if TYPE_CHECKING:
    from capplan.llm.benchmark import Given
    from capplan.llm.facts import LlmFacts
    from capplan.llm.measured import MeasuredRow
    from capplan.llm.startup import StartupLog

calibrate = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Fit the model's constants to measurements.\n\n"
    "Example: capplan calibrate llm examples/llm-serving/bench.csv",
)


@calibrate.callback()
def _group() -> None:
    """Fit the model's constants to measurements."""


@calibrate.command(cls=Command)
def service(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RESULT...",
            help="Results of load tests, access logs, responses of monitoring, or directories of them; "
            "requests=FILE, cpu=FILE or memory=FILE where a response does not name its metric.",
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="Plan whose SLO counts, and that --apply changes.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--service", metavar="NAME", help="Service of the plan that was tested.")
    ] = None,
    instances: Annotated[
        float, typer.Option("--instances", metavar="N", min=1, help="Instances that shared the tested load.")
    ] = 1.0,
    prometheus: Prometheus = None,
    select: Labels = None,
    hours: Hours = 24.0,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the figures into the plan, after showing the difference.")
    ] = False,
    fmt: Annotated[str, formats("table", "json", "markdown", "html", "svg", "png")] = "table",
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Learn service time, CPU time, concurrency and capacity from load tests and monitoring.

    The format of each file is found by its content: k6, Locust, ab, wrk, wrk2, hey, oha, vegeta, JMeter,
    siege, autocannon, artillery, access logs, Prometheus, CloudWatch, Cloud Monitoring. Runs at several
    levels of load are one experiment. Runs that mislead are refused, with the reason.

    Example: capplan calibrate service examples/loadtests/wrk
    """
    from capplan.calibrate.learn import learned
    from capplan.calibrate.reading import TestEvidence
    from capplan.cli.calibrating import applied, promises, read, subject_of
    from capplan.cli.output import show
    from capplan.report.calibration import report_of

    tested = subject_of(plan, name, apply)
    evidence: TestEvidence = read(files or [], prometheus, select, hours)
    found = learned(evidence, promises(tested), tested.cores if tested else None, instances)
    show(report_of(found, name or "service"), fmt, output, force)
    if apply and tested is not None:
        applied(tested, found)


@calibrate.command(cls=Command)
def llm(
    files: Annotated[list[Path], typer.Argument(metavar="BENCH...", help="Measurements as CSV or JSON.")],
    gpu: Annotated[str | None, typer.Option("--gpu", help=GPU)] = None,
    precision: Annotated[str | None, typer.Option("--precision", help=PRECISION)] = None,
    tensor_parallel: Annotated[int | None, typer.Option("--tp", min=1, help=TENSOR_PARALLEL)] = None,
    engine: Annotated[str | None, typer.Option("--engine", help=ENGINE)] = None,
    architectures: Architectures = None,
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Fit the speed constants to benchmarks of your own, and write them for `calibration:` in a plan.

    Reads the JSON of `vllm bench serve --save-result` and of genai-perf, and CSV. --gpu, --precision,
    --tp and --engine say what the results do not. A log of vLLM's start is compared with the estimate of its
    memory instead: exit code 4 if the room for the KV cache is off by more than 15 %, or one of them starts.

    Example: capplan calibrate llm examples/llm-serving/bench.csv
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import emit, note
    from capplan.components.llm.facts import facts_of
    from capplan.llm.benchmark import Given, precision_name, read_results
    from capplan.llm.calibrate import calibrate as fit
    from capplan.llm.calibrate import overlay, paths_for
    from capplan.llm.facts import find_gpu, find_precision
    from capplan.llm.measured import sample_of
    from capplan.llm.own import apart, measured_yaml
    from capplan.llm.startup import read_startup

    facts = facts_of(Catalog(catalogs), architectures)
    if gpu is not None:
        find_gpu(gpu, facts, "--gpu")
    if precision is not None:
        find_precision(precision_name(precision), "--precision")
    given = Given(gpu, precision, tensor_parallel, engine)
    log = read_startup(files[0]) if len(files) == 1 else None
    if log is not None:
        _compare(log, given, facts, output, force)
        return
    rows = [row for file in files for row in read_results(file, given, facts)]
    sample = sample_of(_usable(rows, files, facts), facts)
    facts["speed"] = apart(facts["speed"], {c.gpu.family for c in sample.configurations})
    found = fit(sample, facts, paths_for(sample, facts))
    note(
        f"{len(sample.rows)} of {len(rows)} rows, mean error {found.error_before:.1%} before, "
        f"{found.error_after:.1%} after"
    )
    names = ", ".join(name_of(file.name) for file in files)
    constants = overlay(found, names, len(sample.rows))
    emit(constants + measured_yaml(sample.configurations), output, force)


def _compare(log: StartupLog, given: Given, facts: LlmFacts, output: Path | None, force: bool) -> None:
    """Show what an engine said of its memory when it started, beside the estimate; exit where they differ."""
    from capplan.cli.output import show
    from capplan.llm.startup import configuration_of
    from capplan.report.startup import agrees, startup_report

    one = configuration_of(log, given, facts)
    show(startup_report(log, one), "table", output, force)
    if not agrees(log, one):
        raise typer.Exit(ExitCode.CAPACITY)


def _usable(rows: Sequence[MeasuredRow], files: Sequence[Path], facts: LlmFacts) -> list[MeasuredRow]:
    """Return the rows that constants can be fitted to, and say why not to others."""
    from capplan.cli.output import note
    from capplan.llm.benchmark import unusable

    reasons = unusable(rows, facts)
    kept = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    why = "; ".join(dict.fromkeys(filter(None, reasons)))
    if len(kept) < _LEAST:
        what = f"{len(kept)} usable rows of {len(rows)}; at least {_LEAST} are needed"
        raise InputError(Problem(", ".join(map(name_of, files)), what, why and f"Left out: {why}."))
    if why:
        note(f"left out {len(rows) - len(kept)} rows: {why}")
    return kept


_LEAST = 3
"""Fewer rows are not enough to fit the constants."""
