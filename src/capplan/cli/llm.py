"""`capplan llm`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from capplan.cli.command import was_said
from capplan.cli.options import (
    ENGINE,
    GPU,
    PRECISION,
    TENSOR_PARALLEL,
    Alternative,
    Architectures,
    Books,
    Catalogs,
    Force,
    OutputFile,
    Sets,
    formats,
    parsed,
)
from capplan.errors import InputError, Problem

if TYPE_CHECKING:
    from capplan.llm.capacity import TokenPromise
    from capplan.llm.facts import LlmFacts
    from capplan.llm.lengths import RequestLengths
    from capplan.llm.settings import Told
    from capplan.llm.spread import Parallelism
    from capplan.report.blocks import Report
    from capplan.report.llm import Priced

Seconds = str | None


def llm(
    context: typer.Context,
    plan: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", help="Plan with the llm components to rank.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Model to look at, without a plan.")] = None,
    gpu: Annotated[list[str] | None, typer.Option("--gpu", help=GPU)] = None,
    precision: Annotated[list[str] | None, typer.Option("--precision", help=PRECISION)] = None,
    tensor_parallel: Annotated[list[int] | None, typer.Option("--tp", min=1, help=TENSOR_PARALLEL)] = None,
    stages: Annotated[
        int, typer.Option("--pp", min=1, help="Stages of layers of a replica, also over several machines.")
    ] = 1,
    ranks: Annotated[
        int, typer.Option("--dp", min=1, help="Ranks that each run attention for their own requests.")
    ] = 1,
    experts: Annotated[
        bool, typer.Option("--ep", help="Experts lie whole on the GPUs of all ranks, instead of sliced.")
    ] = False,
    network: Annotated[
        float | None,
        typer.Option(
            "--network-gbit-per-s",
            min=0.001,
            help="Gbit/s of a machine's network, for replicas over several; by default, the catalog's.",
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option("--engine", help=ENGINE)] = None,
    inputs: Annotated[
        float | None,
        typer.Option("--input-tokens", "--input", min=1, help="Input tokens of a request; 1,000 by default."),
    ] = None,
    outputs: Annotated[
        float | None,
        typer.Option("--output-tokens", min=1, help="Output tokens of a request; 300 by default."),
    ] = None,
    lengths: Annotated[
        Path | None,
        typer.Option(
            "--lengths",
            metavar="FILE",
            help="Lengths of recorded requests, CSV or JSON lines, such as the Azure and Mooncake traces.",
        ),
    ] = None,
    input_lengths: Annotated[
        str | None,
        typer.Option(
            "--input-lengths", metavar="P50,P90,P99", help="How the input tokens of requests spread."
        ),
    ] = None,
    output_lengths: Annotated[
        str | None,
        typer.Option(
            "--output-lengths", metavar="P50,P90,P99", help="How the output tokens of requests spread."
        ),
    ] = None,
    engine_version: Annotated[
        str | None, typer.Option("--engine-version", help="Version of the engine, such as 0.19.0.")
    ] = None,
    memory_share: Annotated[
        float | None,
        typer.Option(
            "--gpu-memory-utilization",
            min=0.01,
            max=1,
            help="Share of the GPUs' memory that the engine takes; by default, the engine's own.",
        ),
    ] = None,
    batched_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-num-batched-tokens",
            min=1,
            help="Most tokens in a step; by default, the engine's own for the GPU.",
        ),
    ] = None,
    sequences: Annotated[
        int | None,
        typer.Option(
            "--max-num-seqs",
            min=1,
            help="Most requests that the engine runs at once; by default, its own for the GPU.",
        ),
    ] = None,
    kv_cache: Annotated[
        str | None,
        typer.Option(
            "--kv-cache-dtype",
            help="auto (the checkpoint's, else 16 bit) or fp8; by default, 8 bit beside weights at FP8.",
        ),
    ] = None,
    hybrid: Annotated[
        bool | None,
        typer.Option(
            "--hybrid-cache/--no-hybrid-cache", help="Whether layers with a window cache only that."
        ),
    ] = None,
    prefix: Annotated[
        bool | None,
        typer.Option("--prefix-cache/--no-prefix-cache", help="Whether the engine caches prefixes."),
    ] = None,
    cached: Annotated[
        str,
        typer.Option("--prefix-cache-hit-rate", help="Share of the input tokens found in the prefix cache."),
    ] = "0%",
    speculative: Annotated[
        str | None,
        typer.Option(
            "--speculative",
            help="What the engine drafts, as in a plan: 'method: mtp, tokens: 2, acceptance: 80%'.",
        ),
    ] = None,
    ttft: Annotated[
        Seconds, typer.Option("--ttft", help="Target for the time to first token, such as 2s.")
    ] = None,
    tpot: Annotated[
        Seconds, typer.Option("--tpot", help="Target for the time per token, such as 50ms.")
    ] = None,
    architectures: Architectures = None,
    calibration: Annotated[
        Path | None, typer.Option("--calibration", help="Your own constants, written by calibrate llm.")
    ] = None,
    models: Annotated[bool, typer.Option("--models", help="List the known models.")] = False,
    pareto: Annotated[bool, typer.Option("--pareto", help="Show only a chart of cost against TPOT.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every option, not the best of each.")
    ] = False,
    alternative: Alternative = None,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Find the GPUs that serve a model, their speed and cost.

    Without --gpu, --precision and --tp it looks at every GPU, every precision, and 1, 2, 4 and 8 GPUs.

    Example: capplan llm --model mistral-7b --gpu t4 --input-tokens 800 --output-tokens 300
    """
    from capplan.llm.facts import named_precisions
    from capplan.llm.settings import Told
    from capplan.llm.spread import Parallelism

    own = (architectures, calibration)
    if models:
        report = _models(catalogs, own)
    elif plan is not None and model is None:
        _refuse(
            context,
            _OF_LOOKS,
            "can be used only with --model, not with a plan",
            "Set it in the plan, or with --set.",
        )
        from capplan.ask.reports import ranking_report
        from capplan.catalog.catalog import Catalog
        from capplan.estimate import estimate
        from capplan.plan.read import read_plan

        file = read_plan(plan, sets or (), alternative, books or ())
        if not file.plan.llm:
            raise InputError(file.places.problem((), "the plan has no llm component", "Give --model."))
        report = ranking_report(estimate(file, Catalog(catalogs)), pareto, everything)
    elif model is not None and plan is None:
        _refuse(context, _OF_PLANS, "can be used only with a PLAN, not with --model", "")
        named, share = named_precisions(model), _share(cached, prefix)
        wanted = LookOptions(
            model=model,
            gpu=gpu,
            precision=precision,
            tensor_parallel=tensor_parallel,
            engine=engine or _ENGINE,
            version=engine_version,
            cached=share,
            speculative=speculative,
            told=Told(
                memory_share=memory_share,
                batched_tokens=batched_tokens,
                sequences=sequences,
                kv_cache=_kind(kv_cache),
                hybrid=hybrid,
                prefix_cache=True if share else prefix,
                stored=bool(named),
                precisions=named,
            ),
            said=LengthOptions(inputs, outputs, lengths, input_lengths, output_lengths),
            ttft=ttft,
            tpot=tpot,
            everything=everything,
            spread=Parallelism(float(stages), float(ranks), experts, network),
        )
        report = _look(wanted, catalogs, own)
    else:
        what = "needs either a PLAN or --model"
        raise InputError(Problem("capplan llm", what, "List the models with: capplan llm --models"))
    from capplan.cli.output import show

    show(report, fmt, output, force)


_ENGINE, _INPUTS, _OUTPUTS = "vllm", 1000.0, 300.0
"""What a quick look takes unless it is told."""


_OF_LOOKS = (
    "gpu",
    "precision",
    "tensor_parallel",
    "stages",
    "ranks",
    "experts",
    "network",
    "engine",
    "engine_version",
    "memory_share",
    "batched_tokens",
    "sequences",
    "kv_cache",
    "hybrid",
    "prefix",
    "cached",
    "speculative",
    "inputs",
    "outputs",
    "lengths",
    "input_lengths",
    "output_lengths",
    "ttft",
    "tpot",
    "architectures",
    "calibration",
)
_OF_PLANS = ("pareto", "alternative", "sets", "books")


def _refuse(context: typer.Context, names: tuple[str, ...], what: str, remedy: str) -> None:
    """Raise an error for each option among ``names`` that was given."""
    options = [option for option in context.command.params if option.name in names]
    given = [option.opts[0] for option in options if was_said(context, option.name or "")]
    if given:
        raise InputError(*(Problem(option, what, remedy) for option in given))


class LengthOptions(NamedTuple):
    """What the command line says of the tokens of requests: means, a file, and quantiles."""

    inputs: float | None
    outputs: float | None
    file: Path | None
    input_lengths: str | None
    output_lengths: str | None


class LookOptions(NamedTuple):
    """What a quick look is asked for, as the command line has it."""

    model: str
    gpu: list[str] | None
    precision: list[str] | None
    tensor_parallel: list[int] | None
    engine: str
    version: str | None
    cached: float
    speculative: str | None
    told: Told
    said: LengthOptions
    ttft: str | None
    tpot: str | None
    everything: bool
    spread: Parallelism


def _look(wanted: LookOptions, catalogs: Path | None, own: tuple[Path | None, Path | None]) -> Report:
    from capplan.catalog.catalog import Catalog
    from capplan.components.llm.facts import facts_of
    from capplan.components.llm.offers import by_gpu, everywhere, offers, placed
    from capplan.components.llm.speculation import speculation_of, speculative_of
    from capplan.llm.alternatives import would_fit
    from capplan.llm.facts import find_engine, find_gpu, find_model, find_precision
    from capplan.llm.lengths import described
    from capplan.llm.look import COUNTS, RequestShape, configurations, look
    from capplan.report import llm as report

    catalog = Catalog(catalogs)
    facts = facts_of(catalog, *own)
    model = find_model(wanted.model, facts, "--model")
    engine = find_engine(wanted.engine, facts, "--engine", wanted.version)
    option = "--speculative"
    said = None if wanted.speculative is None else speculative_of(wanted.speculative, option)
    drafts = speculation_of(said, model, engine, facts, lambda field: f"{option}: {field}")
    tried = configurations(
        model,
        [find_gpu(name, facts, "--gpu") for name in wanted.gpu or facts["gpus"]],
        [find_precision(name, "--precision") for name in wanted.precision or ()] or None,
        [float(count) for count in wanted.tensor_parallel or COUNTS],
        engine,
        wanted.told,
        wanted.spread,
        drafts,
    )
    lengths = _lengths(wanted.said)
    means = (_INPUTS, _OUTPUTS) if lengths is None else lengths.means
    inputs, outputs = wanted.said.inputs or float(means[0]), wanted.said.outputs or float(means[1])
    asked = RequestShape(inputs, outputs, wanted.cached, _promise(wanted), lengths)
    found = by_gpu(offers(catalog, everywhere(catalog)))
    looks: list[Priced] = []
    for configuration in tried:
        there, machine = placed(found, configuration)
        priced = None if machine is None else (f"{machine[0].name} in {machine[0].region}", machine[1])
        looks.append((look(there, asked, facts), priced))
    tokens = f"{round(inputs, 1):g} tokens in, {round(outputs, 1):g} out"
    title = (
        f"{model.name}, {model.total_parameters / 1e9:.1f} billion weights ({model.confidence}): "
        f"{tokens}{described(lengths, inputs, outputs)}, {wanted.engine}"
    ) + ("" if drafts is None else f", {drafts.tokens:g} drafted by {drafts.method}")
    shown, more = looks, ""
    if not any(one.sequences >= 1 for one, _ in looks):
        would = would_fit(looks[-1][0].configuration, asked.longest(), 0.0, facts)
        more = would and f"{would}."
    elif not (wanted.gpu or wanted.everything):
        shown = report.cheapest_of_each_gpu(looks)
        more = "These are the cheapest of each GPU; --all shows the others, and those that do not fit."
    beyond = max((one.beyond for one, _ in looks if not one.hindrance), default=0.0)
    more += f" Up to {beyond:.1%} of the requests are too long for some of them." if beyond else ""
    more = " ".join(filter(None, [more.strip(), *(_taken(name, facts) for name in wanted.gpu or ())]))
    return report.look_report(title, asked, looks, shown, more)


def _lengths(said: LengthOptions) -> RequestLengths | None:
    """Return how long requests are; None where nothing but means are said."""
    from capplan.llm.lengths import of_quantiles
    from capplan.llm.traces import read_lengths

    inputs = _quantiles("--input-lengths", said.input_lengths)
    outputs = _quantiles("--output-lengths", said.output_lengths)
    if said.file is None:
        spread = (inputs or said.inputs or _INPUTS, outputs or said.outputs or _OUTPUTS)
        return of_quantiles(*spread) if inputs or outputs else None
    if inputs or outputs:
        what = "cannot be combined with --input-lengths and --output-lengths"
        raise InputError(Problem("--lengths", what, "The file has the lengths of both."))
    return read_lengths(said.file)


def _quantiles(option: str, text: str | None) -> tuple[float, float, float] | None:
    from capplan.llm.lengths import LARGEST
    from capplan.quantities import parse_number

    if text is None:
        return None
    found = [parsed(option, parse_number, part) for part in text.split(",")]
    if len(found) != 3 or found != sorted(found) or not 0 < found[0] <= found[2] <= LARGEST:
        what = f"expected three numbers that rise, P50,P90,P99, got '{text}'"
        raise InputError(Problem(option, what, "Example: 800,4k,16k."))
    return found[0], found[1], found[2]


def _taken(name: str, facts: LlmFacts) -> str:
    """Say which GPU a name is taken for that others have too, empty where no other has it."""
    from capplan.llm.facts import find_gpu, others_meant

    others = others_meant(name, facts["gpus"])
    return f"{name} is taken for {find_gpu(name, facts).name}, not {' or '.join(others)}." if others else ""


def _kind(kv_cache: str | None) -> str | None:
    if kv_cache not in (None, "auto", "fp8"):
        raise InputError(Problem("--kv-cache-dtype", f"expected auto or fp8, got '{kv_cache}'"))
    return kv_cache


def _share(cached: str, prefix: bool | None) -> float:
    from capplan.quantities import parse_share

    share = parsed("--prefix-cache-hit-rate", parse_share, cached)
    if not 0 <= share <= 1:
        what = f"must lie between 0% and 100%, got {cached}"
        raise InputError(Problem("--prefix-cache-hit-rate", what))
    if share and prefix is False:
        what = "needs the prefix cache that --no-prefix-cache turns off"
        raise InputError(Problem("--prefix-cache-hit-rate", what))
    return share


def _promise(wanted: LookOptions) -> TokenPromise:
    from capplan.llm.capacity import TokenPromise
    from capplan.quantities import parse_duration

    def seconds(text: str | None, option: str) -> float:
        return float("inf") if text is None else parsed(option, parse_duration, text)

    return TokenPromise(seconds(wanted.tpot, "--tpot"), seconds(wanted.ttft, "--ttft"))


def _models(catalogs: Path | None, own: tuple[Path | None, Path | None]) -> Report:
    from capplan.catalog.catalog import Catalog
    from capplan.components.llm.facts import facts_of
    from capplan.llm.facts import find_model
    from capplan.report.models import models_report

    facts = facts_of(Catalog(catalogs), *own)
    return models_report([find_model(name, facts) for name in facts["models"]])
