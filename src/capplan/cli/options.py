"""Options that several commands share: declared once, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from capplan.cli.command import was_said

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date


def formats(*names: str) -> Any:
    """Return the option that chooses the format of what a command prints; the first is the default.

    What the environment or a file asks for holds for all commands, so one that cannot print it says so and
    goes on.
    """

    def checked(context: typer.Context, fmt: str) -> str:
        found = printable(context, fmt, *names)
        if found in names:
            return found
        from capplan.errors import InputError, Problem, nearest

        known = ", ".join(f"'{name}'" for name in names)
        near = nearest(fmt, names)
        remedy = near if near.startswith("Did you mean") else f"Known: {known}."
        raise InputError(Problem("--format", f"'{fmt}' is not a format of this command", remedy))

    return typer.Option(
        "--format",
        envvar="CAPPLAN_FORMAT",
        metavar=f"[{'|'.join(names)}]",
        callback=checked,
        help="Output format.",
    )


def printable(context: typer.Context, fmt: str, *names: str) -> str:
    """Return ``fmt`` if it is among ``names``, the formats that can be printed, or on the command line.

    Of formats that are set elsewhere the strongest that can be printed counts; what cannot be is said.
    """
    if fmt in names or was_said(context, "fmt"):
        return fmt
    from capplan.cli.output import note
    from capplan.cli.settings import layers

    for found in (layer["format"] for layer in layers() if "format" in layer):
        if found.value in names:
            return str(found.value)
        note(
            f"{found.origin}: format '{found.value}' is ignored, because this command prints "
            f"{', '.join(names)}"
        )
    return names[0]


PlanFile = Annotated[
    Path,
    typer.Argument(metavar="PLAN", help="Plan file, or a directory with plan.yaml; '-' reads stdin."),
]
OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write to this file instead of stdout ('-').")
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that exists.")]
Alternative = Annotated[
    str | None, typer.Option("--alternative", metavar="NAME", help="Use this alternative of the plan.")
]
SAMPLES = "Number of draws from the plan's intervals."
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the random numbers.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show more.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show less.")]
Today = Annotated[
    str | None,
    typer.Option("--today", metavar="YYYY-MM-DD", help="Day to count ages from; today by default."),
]
KubernetesVersion = Annotated[
    str, typer.Option("--kubernetes", metavar="1.N", help="Kubernetes version of the cluster.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail on findings that are otherwise only reported.")]
Catalogs = Annotated[
    Path | None,
    typer.Option(
        "--catalogs",
        envvar="CAPPLAN_CATALOGS",
        help="Directory of catalogs over the embedded ones, or several, divided as in PATH.",
    ),
]


def _from_here(books: list[str] | None) -> list[str] | None:
    """Return books with files of the working directory by their whole path; others are beside the plan."""
    from capplan.cli.settings import is_path

    return books and [
        str(Path(book).absolute()) if is_path(book) and Path(book).is_file() else book for book in books
    ]


Books = Annotated[
    list[str] | None,
    typer.Option(
        "--book",
        envvar="CAPPLAN_BOOKS",
        callback=_from_here,
        help="Price book laid over the list prices: a name or a file.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option("--base", help="Plan, saved estimate or REVISION:PATH to measure increases from."),
]
Commitments = Annotated[
    bool, typer.Option("--commitments", help="Show what to commit to, and when to look again.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a value of the plan.")
]
PROVIDER = "Cloud provider: gcp, aws or azure."
GPU = "GPU, such as L4."
PRECISION = "Precision of the weights, such as fp8."
TENSOR_PARALLEL = "GPUs for each replica."
ENGINE = "Serving engine: vllm (default), tensorrt-llm, triton, sglang, tgi, ollama or other."
Architectures = Annotated[
    Path | None, typer.Option("--architectures", help="Your own models, written by catalog import-model.")
]
Prometheus = Annotated[
    str | None, typer.Option("--prometheus", metavar="URL", help="Ask this Prometheus server, too.")
]
Labels = Annotated[
    str | None,
    typer.Option("--labels", metavar="SELECTOR", help='Labels of the service there, such as job="api".'),
]
Hours = Annotated[float, typer.Option("--hours", metavar="H", min=0.01, help="Hours of history to ask for.")]
REGION = "Region of the provider, such as us-east-1."
PlanOrNone = Annotated[
    Path | None,
    typer.Argument(metavar="PLAN", help="Plan file, or a directory with plan.yaml; '-' reads stdin."),
]
Manifests = Annotated[
    Path | None,
    typer.Option("--manifests", help="Directory or file of manifests instead of a plan; '-' reads stdin."),
]
ManifestProvider = Annotated[str | None, typer.Option("--provider", envvar="CAPPLAN_PROVIDER", help=PROVIDER)]
ManifestRegion = Annotated[str | None, typer.Option("--region", envvar="CAPPLAN_REGION", help=REGION)]
NodeTypes = Annotated[
    list[str] | None,
    typer.Option("--node-type", metavar="[POOL=]MACHINE", help="Machine type of the nodes, or of one pool."),
]
Overlay = Annotated[
    str | None,
    typer.Option("--overlay", help="Kustomize overlay to use; by default prod, if there are several."),
]
Profiles = Annotated[
    list[str] | None,
    typer.Option("--profile", help="Profile of a Compose file whose services run too; '*' for all."),
]
Period = Annotated[
    str | None,
    typer.Option(
        "--period", metavar="YYYY-MM", help="Billing month; of a bill also several, as YYYY-MM..YYYY-MM."
    ),
]
Schemas = Annotated[
    Path | None,
    typer.Option(
        "--schemas", envvar="CAPPLAN_SCHEMAS", help="Directory of JSON Schemas to check objects against."
    ),
]


def day_of(today: str | None, option: str = "--today") -> date:
    """Return the day that an option names; the calendar's where it is left out."""
    from datetime import date

    from capplan.errors import InputError, Problem

    try:
        return date.today() if today is None else date.fromisoformat(today)
    except ValueError:
        raise InputError(Problem(option, f"expected YYYY-MM-DD, got '{today}'")) from None


def parsed(option: str, parse: Callable[[object], float], text: str) -> float:
    """Return the quantity that an option was given as."""
    from capplan.errors import InputError, Problem

    try:
        return parse(text)
    except ValueError as error:
        raise InputError(Problem(option, str(error))) from None


_VERSIONED = {"--kubernetes": ("Kubernetes", "1.36"), "--keda": ("KEDA", "2.20")}


def version_of(option: str, major: int, text: str) -> tuple[int, int]:
    """Return the major and minor version that an option names."""
    from capplan.errors import InputError, Problem

    product, example = _VERSIONED[option]
    given, _, minor = text.removeprefix("v").partition(".")
    if given != str(major) or not minor.isdecimal() or len(minor) > 3:
        what = f"'{text}' is not a version of {product}"
        raise InputError(Problem(option, what, f"Example: {example}."))
    return major, int(minor)
