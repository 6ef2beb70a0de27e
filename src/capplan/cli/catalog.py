"""`capplan catalog`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.command import Command
from capplan.cli.options import (
    GPU,
    PROVIDER,
    REGION,
    Alternative,
    Books,
    Catalogs,
    Force,
    OutputFile,
    PlanFile,
    Sets,
    Strict,
    Today,
    day_of,
    formats,
)

if TYPE_CHECKING:
    from capplan.cli.price_lists import Import

catalog = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look up and check prices and machines.\n\nExample: capplan catalog list --provider gcp --vcpu 4",
)

Provider = Annotated[str | None, typer.Option("--provider", help=PROVIDER)]
Service = Annotated[str | None, typer.Option("--service", help="Service of the catalog, such as ec2.")]
Region = Annotated[str | None, typer.Option("--region", help=REGION)]
RowFormat = Annotated[str, formats("table", "json", "csv", "markdown", "html")]
Name = Annotated[str | None, typer.Option("--name", help="Part of a SKU's name.")]


@catalog.command("list", cls=Command)
def list_(
    provider: Provider = None,
    service: Service = None,
    region: Region = None,
    name: Name = None,
    vcpu: Annotated[str | None, typer.Option("--vcpu", help="vCPU: 4, 4-8, 4+ or -8.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="GiB of memory: 16, 8-32, 16+.")] = None,
    gpu: Annotated[str | None, typer.Option("--gpu", help=GPU)] = None,
    fmt: RowFormat = "table",
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """List prices, one row for each SKU and region.

    Example: capplan catalog list --provider aws --service ec2 --region us-east-1 --vcpu 4 --memory 16
    """
    from capplan.ask.reports import prices_report
    from capplan.cli.output import show as print_report

    found = prices_report(
        catalogs,
        provider=provider,
        service=service,
        region=region,
        name=name,
        vcpu=vcpu,
        memory=memory,
        gpu=gpu,
    )
    print_report(found, fmt, output, force)


@catalog.command(cls=Command)
def show(
    sku: Annotated[str, typer.Argument(help="Full name of a SKU, or provider/service/name.")],
    fmt: RowFormat = "table",
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Show everything about one SKU: every region, every way to pay, sources and dates.

    Example: capplan catalog show n1-standard-4
    """
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.query import Filter, find_rows
    from capplan.catalog.roots import PROVIDERS
    from capplan.cli.output import show as print_report
    from capplan.errors import InputError, Problem, nearest
    from capplan.report.catalog_tables import sku_report

    whole = sku.split("/", 2)
    named = len(whole) == 3 and whole[0] in PROVIDERS
    wanted = Filter(whole[0], whole[1], name=whole[2]) if named else Filter(name=sku)
    rows = find_rows(Catalog(catalogs), wanted)
    exact = [row for row in rows if row.sku == wanted.name]
    if not exact:
        known = {row.sku for row in (rows or find_rows(Catalog(catalogs), Filter()))}
        raise InputError(Problem("catalog", f"there is no SKU '{sku}'", nearest(sku, known)))
    print_report(sku_report(exact), fmt, output, force)


@catalog.command(cls=Command)
def regions(
    provider: Provider = None,
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """List regions: other names, how many machines and services have a price there, carbon intensity.

    Example: capplan catalog regions --provider gcp
    """
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.regions import known_regions
    from capplan.cli.output import show as print_report
    from capplan.report.regions import known_report

    found = Catalog(catalogs)
    source = str(found.known_facts("carbon").get("source", ""))
    print_report(known_report(known_regions(found, provider), source), fmt, output, force)


@catalog.command(cls=Command)
def compare(
    plan: PlanFile,
    regions: Annotated[
        str, typer.Option("--regions", metavar="all|A,B,...", help="Regions to compare, or all.")
    ] = "all",
    fmt: Annotated[str, formats("table", "json", "markdown", "html")] = "table",
    output: OutputFile = None,
    force: Force = False,
    sets: Sets = None,
    alternative: Alternative = None,
    books: Books = None,
    catalogs: Catalogs = None,
) -> None:
    """Compare what a plan costs in other regions of its providers, cheapest first.

    Regions in which something has no price come last.

    Example: capplan catalog compare examples/afpi --regions europe-west1,europe-west4
    """
    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import show as print_report
    from capplan.decide.regions import in_regions
    from capplan.plan.read import read_plan
    from capplan.report.regions import compared_report

    file = read_plan(plan, sets or (), alternative, books or ())
    rows = in_regions(file, Catalog(catalogs), regions.split(","))
    print_report(compared_report(file.plan.name, rows), fmt, output, force)


@catalog.command(cls=Command)
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Catalog files or directories; by default, all that ship.")
    ] = None,
    today: Today = None,
    strict: Strict = False,
    fmt: Annotated[str, formats("table", "json", "markdown", "html", "junit", "sarif", "github")] = "table",
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Check catalogs: prices that cannot be right, that nobody dated, that are old.

    With --strict the exit code is 6 where there are only warnings.

    Example: capplan catalog check --strict
    """
    from capplan.catalog.catalog import Catalog
    from capplan.catalog.lint import lint, lint_facts
    from capplan.catalog.load import read_service
    from capplan.cli.output import show as print_report
    from capplan.cli.price_lists import catalog_files
    from capplan.errors import ExitCode
    from capplan.report.catalog_tables import lint_report

    catalog = Catalog(catalogs)
    facts = lint_facts(catalog, day_of(today))
    checked = [read_service(path) for path in catalog_files(files)] if files else catalog.services()
    findings = [finding for file in checked for finding in lint(file, facts, catalog.known(file))]
    print_report(lint_report(findings, [file.file for file in checked]), fmt, output, force)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(ExitCode.INPUT)
    if strict and findings:
        raise typer.Exit(ExitCode.COVERAGE)


DiffFormat = Annotated[str, formats("table", "json", "csv", "markdown", "html")]
OutputDirectory = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output-dir", metavar="DIR", help="Directory of catalogs to write to; your own by default."
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="KEY=PATTERN", help="Only this service, region or family; * matches."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; write nothing.")]


def _finish(work: Import, fmt: str, dry_run: bool) -> None:
    """Show what an import changes, and write it if it may be and nothing about it is an error."""
    from capplan.cli.output import note, show, write_files
    from capplan.errors import ExitCode
    from capplan.quantities import counted

    show(work.report(), fmt)
    if not work.is_sound:
        note("nothing was written, because of the errors above")
        raise typer.Exit(ExitCode.INPUT)
    if not dry_run:
        write_files(work.texts(), force=True)
        note(f"wrote {counted(len(work.texts()) - 1, 'catalog')} to {work.directory}")


@catalog.command("import", cls=Command)
def import_(
    provider: Annotated[str, typer.Argument(metavar="aws|azure|gcp", help="Whose price lists they are.")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Price lists, directories of them, or - for stdin.")
    ],
    select: Select = None,
    output_dir: OutputDirectory = None,
    dry_run: DryRun = False,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="Day of lists that do not say theirs.")
    ] = None,
    today: Today = None,
    fmt: DiffFormat = "table",
    catalogs: Catalogs = None,
) -> None:
    """Turn a provider's own price lists into catalogs that add to the embedded ones.

    Reads AWS offers (CSV, JSON), Savings Plans, the spot advisor, pages of Azure Retail Prices and of the
    Cloud Billing Catalog, genai-prices, FOCUS price sheets; plain or gzipped. Shows what changes first.

    Example: capplan catalog import aws examples/prices/aws-ebs.csv --dry-run
    """
    from capplan.cli.price_lists import Import, check_provider, selection_of

    day = day_of(today)
    work = Import(check_provider(provider), selection_of(select or ()), output_dir, catalogs, day)
    work.read(files, None if as_of is None else day_of(as_of, "--as-of"))
    _finish(work, fmt, dry_run)


@catalog.command(cls=Command)
def update(
    provider: Annotated[str, typer.Argument(metavar="aws|azure|gcp", help="Whose prices to fetch.")],
    select: Select = None,
    output_dir: OutputDirectory = None,
    dry_run: DryRun = False,
    url: Annotated[str | None, typer.Option("--url", help="Server to ask instead of the provider's.")] = None,
    api_key: Annotated[
        str, typer.Option("--api-key", envvar="CAPPLAN_GCP_API_KEY", help="Key for Google's API.")
    ] = "",
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0.1, help="How long to wait for an answer.")
    ] = 30.0,
    again: Annotated[bool, typer.Option("--again", help="Fetch what the cache already has.")] = False,
    today: Today = None,
    fmt: DiffFormat = "table",
    catalogs: Catalogs = None,
) -> None:
    """Fetch a provider's price lists over the network, and import them.

    No other command opens a connection. AWS and Azure need no key. A download that stops goes on where it was
    when you run the command again. Lists are not fetched twice on one day.

    Example: capplan catalog update azure --select service=virtual-machines,region=francecentral
    """
    from capplan.catalog.imports.fetch import selected
    from capplan.cli.price_lists import Import, check_provider, fetched, selection_of

    selection = selection_of(select or ())
    day = day_of(today)
    source = (check_provider(provider), url, api_key, wait)
    files = fetched(source, selection, day, again)
    work = Import(provider, selected(provider, selection), output_dir, catalogs, day)
    work.read(files, day)
    _finish(work, fmt, dry_run)


@catalog.command("diff", cls=Command)
def diff_(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory of catalogs.")],
    today: Today = None,
    fmt: DiffFormat = "table",
    output: OutputFile = None,
    force: Force = False,
    catalogs: Catalogs = None,
) -> None:
    """Show what a directory of catalogs changes in those below it.

    Example: capplan catalog diff examples/prices/own
    """
    from capplan.cli.output import show
    from capplan.cli.price_lists import directory_report

    show(directory_report(directory, catalogs, day_of(today)), fmt, output, force)


@catalog.command("import-model", cls=Command)
def import_model(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.json", help="A Hugging Face config.json.")],
    name: Annotated[
        str | None, typer.Option("--as", help="Name of the model; by default, the name of its directory.")
    ] = None,
    output: OutputFile = None,
    force: Force = False,
) -> None:
    """Turn a model's config.json into what `architectures:` of an llm component reads.

    Example: capplan catalog import-model examples/llm-serving/config.json --as my-model
    """
    import yaml

    from capplan.catalog.catalog import Catalog
    from capplan.cli.output import emit, note
    from capplan.errors import InputError, Problem
    from capplan.llm.facts import architecture_of
    from capplan.llm.importing import row_of
    from capplan.stdin import is_stdin, name_of
    from capplan.strictjson import read_json

    remedy = "Is it a model's config.json?"
    content = read_json(config, remedy)
    if not isinstance(content, dict):
        raise InputError(Problem(name_of(config), "expected a mapping", remedy))
    if name is None and is_stdin(config):
        raise InputError(Problem("--as", "is required, because stdin does not name the model"))
    called = (name or config.resolve().parent.name).lower()
    row = row_of(_with_quantization(content, config), called, name_of(config), Catalog().facts("configs"))
    model = architecture_of(called, row)
    drafts = f"{model.drafts / 1e9:.4g} more only predict further tokens; " if model.drafts else ""
    note(
        f"{called}: {model.total_parameters / 1e9:.4g} billion weights, {model.active_parameters / 1e9:.4g} "
        f"used for a token; {drafts}"
        f"{model.stored_bytes / 1e9:.4g} GB as stored; attention: {model.kinds}; compare with its page"
    )
    emit(yaml.safe_dump({"models": {called: row}}, sort_keys=False), output, force)


def _with_quantization(content: dict[str, Any], config: Path) -> dict[str, Any]:
    """Return a config with what hf_quant_config.json beside it says, as ModelOpt writes it."""
    from capplan.stdin import is_stdin
    from capplan.strictjson import read_json

    beside = config.with_name("hf_quant_config.json")
    if is_stdin(config) or content.get("quantization_config") or not beside.is_file():
        return content
    found = read_json(beside, "Is it of ModelOpt?")
    quantization = found.get("quantization") if isinstance(found, dict) else None
    return {**content, "quantization_config": quantization} if quantization else content
